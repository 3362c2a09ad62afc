"""Running the simulator: in this process until it is told to stop, or in a process of its own."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import uvicorn

from channels.simulator import smtp_server
from channels.simulator.control import build
from channels.simulator.faults import Faults
from channels.simulator.misbehaving import BreakableProtocol
from channels.simulator.receipts import Receipts
from channels.simulator.record import Record
from channels.simulator.settings import SimulatorSettings
from channels.simulator.smtp_session import SmtpServerSettings
from channels.simulator.world import World

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  #: seconds a simulator may take to start or to stop

#: Called with the two ports, HTTP and SMTP, as soon as both listen.
Ready = Callable[[int, int], None]


class _Server(uvicorn.Server):
    """The HTTP server without signal handlers of its own, so that everything else can be closed, too."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_simulator(settings: SimulatorSettings, *, ready: Ready | None = None, parent: int | None = None) -> None:
    """Run until SIGTERM or SIGINT, or until ``parent`` is gone, then close the record and return.

    ``parent`` is the id of the process that started this one for itself; None: nobody did.

    Raises:
        OSError: a port is taken, or the record cannot be written.
    """
    fastest = uvicorn.Config("", loop="auto").get_loop_factory()
    with asyncio.Runner(loop_factory=fastest) as runner:
        runner.run(_run(settings, ready or (lambda http_port, smtp_port: None), parent))


async def _run(settings: SimulatorSettings, ready: Ready, parent: int | None) -> None:
    record = Record(settings.record)
    try:
        faults = Faults(settings.faults, seed=settings.seed)
        receipts = Receipts(settings.receipts, seed=settings.seed)
        world = World(settings=settings, record=record, faults=faults, receipts=receipts)
        mail = await smtp_server.start(SmtpServerSettings(host=settings.host, port=settings.smtp_port), record, faults)
        try:
            await _serve(world, mail.port, ready, parent)
        finally:
            receipts.close()
            await mail.close()
    finally:
        record.close()


async def _serve(world: World, smtp_port: int, ready: Ready, parent: int | None) -> None:
    listening = socket.create_server((world.settings.host, world.settings.http_port), backlog=1024)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Or each answer waits 40 ms for its own head.
    server = _Server(
        uvicorn.Config(
            build(world),
            http=BreakableProtocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
    )
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, lambda: setattr(server, "should_exit", True))
    telling, watching = asyncio.create_task(world.receipts.run()), asyncio.create_task(_end_with(parent, server))
    loop.call_soon(ready, listening.getsockname()[1], smtp_port)
    try:
        await server.serve(sockets=[listening])
    finally:
        telling.cancel()
        watching.cancel()
        listening.close()


async def _end_with(parent: int | None, server: _Server) -> None:
    while parent is None or os.getppid() == parent:
        await asyncio.sleep(1)
    server.should_exit = True


class SimulatorProcess:
    """A simulator in a process of its own, ready once entered."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.record_path = settings.record
        self.http_url = ""
        self.smtp_port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int | None:
        """The running process, for those who want to watch or kill it; None: it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: it ended instead.
        """
        settings = msgspec.json.encode(self.settings, enc_hook=str).decode()
        command = [sys.executable, "-m", "channels.simulator", settings]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the simulator ended with {self._process.wait()} before it was ready")
        ports = json.loads(line)
        self.http_url = f"http://{self.settings.host}:{ports['http_port']}"
        self.smtp_port = ports["smtp_port"]
        return self

    def stop(self) -> None:
        """Ask it to end, and wait until its record is closed."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
