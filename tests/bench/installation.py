"""An installation to be measured: engines, a simulator and parts of the road, each in a process of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import requests
from sqlalchemy.engine import make_url

from campaigns.rules import Cap, PlanningRules
from channels.simulator.faults import FaultRules
from channels.simulator.running import SimulatorProcess
from console.demo.stage import make_anew
from database.embedded import EmbeddedEngines
from database.engine import Database
from tests.bench.processes import family
from tests.carriers import a_simulator, account_settings
from tests.makers import SECRET

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0  #: seconds a part may take to start or to end
#: The product's own defaults, but for quiet hours: the bench may run at night.
RULES = PlanningRules(
    quiet_hours=None, caps=(Cap(count=2, per=timedelta(days=1)), Cap(count=6, per=timedelta(days=7)))
)


@dataclass(kw_only=True)
class Installation:
    """A running installation; its parts are started as a figure wants them."""

    engines: EmbeddedEngines
    database: Database
    simulator: SimulatorProcess
    environment: Mapping[str, str]
    folder: Path
    api_url: str
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *words: str) -> None:
        """Start ``python -m WORDS`` as a part of the installation; its log is NAME.log."""
        with self._log(name).open("wb") as log:
            self.parts[name] = subprocess.Popen(
                [sys.executable, "-m", *words], cwd=ROOT, env=dict(self.environment),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def start_road(self, *, workers: int) -> None:
        """Start worker processes and the scheduler, and return when all are at work."""
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        for name in names:
            self.start(name, "workers", "worker")
        self.start("scheduler", "workers", "scheduler")
        for name in names:
            self._wait_for_words(name, b"worker started")
        self._wait_for_words("scheduler", b"scheduler started")

    def start_api(self) -> None:
        """Start the public HTTP side and return when it answers."""
        self.start("api", "console.commands.running", "api")
        self.wait_for("api", self._answers)

    def start_up(self, *, workers: int) -> None:
        """Start everything as ``tidings up`` does and return when all of it is at work."""
        self.start("up", "console.commands.running", "up")
        self._wait_for_words("up", b"worker started", times=workers)
        self._wait_for_words("up", b"scheduler started")
        self.wait_for("up", self._answers)

    def wait_for(self, name: str, condition: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """Return once the condition holds.

        Raises:
            RuntimeError: the part ended meanwhile, or took too long.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if self.parts[name].poll() is not None or time.monotonic() > deadline:
                last = self._log(name).read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"{name} is not there after {seconds:.0f} s; its log ends: {last}")
            time.sleep(0.05)

    def stop_parts(self) -> None:
        """End every part and whatever it began, in order where it lets us."""
        known = [process for part in self.parts.values() for process in family(part.pid)[1:]]
        for part in self.parts.values():
            part.terminate()
        for part in self.parts.values():
            try:
                part.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                part.kill()
                part.wait()
                for process in known:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
        self.parts.clear()

    def _wait_for_words(self, name: str, words: bytes, *, times: int = 1) -> None:
        self.wait_for(name, lambda: self._log(name).read_bytes().count(words) >= times)

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.api_url}/health", timeout=2).ok
        return False

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@contextlib.contextmanager
def databases(folder: Path) -> Iterator[Callable[[str], Database]]:
    """Start engines for work without processes; what is yielded makes an empty, migrated database of a name."""
    with EmbeddedEngines(folder / "home", redis=False) as engines, contextlib.ExitStack() as held:

        def make(name: str) -> Database:
            database = Database(make_anew(engines.database_url, name))
            held.callback(database.close)
            return database

        yield make


@contextlib.contextmanager
def an_installation(folder: Path, *, workers: int = 2, latency: float = 0.0) -> Iterator[Installation]:
    """Start engines and a simulator whose every answer takes ``latency`` seconds; no part of the road runs yet."""
    with (
        EmbeddedEngines(folder / "home") as engines,
        a_simulator(folder, faults=FaultRules(latency=latency)) as simulator,
    ):
        database = Database(make_url(make_anew(engines.database_url, "bench")))
        port = _free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")},
            "TIDINGS_FILE": str(folder / "none.toml"),
            "TIDINGS_HOME": str(folder / "home"),
            "TIDINGS_DATABASE_URL": database.url.set(drivername="postgresql").render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": engines.redis_url,
            "TIDINGS_SECRET": SECRET.decode(),
            "TIDINGS_PROVIDERS": json.dumps(accounts(simulator)),
            "TIDINGS_QUIET_HOURS": "none",
            "TIDINGS_LISTEN__PORT": str(port),
            "TIDINGS_WORKERS__PROCESSES": str(workers),
        }
        running = Installation(
            engines=engines, database=database, simulator=simulator, environment=environment,
            folder=folder, api_url=f"http://127.0.0.1:{port}",
        )  # fmt: skip
        try:
            yield running
        finally:
            running.stop_parts()
            database.close()


def accounts(simulator: SimulatorProcess) -> dict[str, dict[str, object]]:
    """Return the accounts at the simulator, by channel, as patient as the product is by default."""
    return {
        channel: {name: value for name, value in account.items() if not name.endswith("_timeout")}
        for channel, account in account_settings(simulator).items()
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
