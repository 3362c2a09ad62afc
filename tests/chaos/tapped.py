"""``python -m tests.chaos.tapped PORT RESETS FILE``: a wire to a port of this machine that keeps what clients say.

Prints the port it listens at.  A share of what is said, ``RESETS``, cuts its connection, half of the time after it
was passed on.  Once its standard input ends, everything clients said lies in FILE, a list of byte strings, one for
each connection.
"""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]


async def _pass_on(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, kept: bytearray | None, resets: float
) -> None:
    chance = random.Random(f"{len(kept or b'')}{id(source)}")
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(1 << 16):
            if kept is not None:
                kept += piece
            cut = kept is not None and chance.random() < resets
            if cut and chance.random() < 0.5:
                break
            target.write(piece)
            await target.drain()
            if cut:
                await asyncio.sleep(0.02)
                break
    target.transport.abort() if kept is not None and not source.at_eof() else target.close()


async def tap(port: int, resets: float, file: Path) -> None:
    """Listen until standard input ends."""
    said: list[bytearray] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = bytearray()
        said.append(kept)
        try:
            inner, outer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        both = [
            asyncio.create_task(_pass_on(reader, outer, kept, resets)),
            asyncio.create_task(_pass_on(inner, writer, None, 0)),
        ]
        _, left = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for each in left:
            each.cancel()
        writer.transport.abort() if both[0].done() else writer.close()
        outer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
    file.write_bytes(msgspec.msgpack.encode([bytes(each) for each in said]))
    os._exit(0)  # What is still open is cut.


class Tap:
    """A wire in front of a port; what was said is there once the block has ended."""

    def __init__(self, port: int, folder: Path, *, resets: float = 0.0) -> None:
        self._file = folder / f"said-{port}.msgpack"
        self._words = [str(port), str(resets), str(self._file)]
        self.port = 0
        self.said: list[bytes] = []

    def __enter__(self) -> "Tap":
        command = [sys.executable, "-m", "tests.chaos.tapped", *self._words]
        self._process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)
        self.said = msgspec.msgpack.decode(self._file.read_bytes(), type=list[bytes])


@contextlib.contextmanager
def tapped(http_port: int, smtp_port: int, folder: Path, *, resets: float = 0.0) -> Iterator[tuple[Tap, Tap]]:
    """Put a wire in front of both ports of a simulator."""
    with Tap(http_port, folder, resets=resets) as http, Tap(smtp_port, folder, resets=resets) as smtp:
        yield http, smtp


if __name__ == "__main__":
    asyncio.run(tap(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
