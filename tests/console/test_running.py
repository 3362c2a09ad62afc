"""``tidings up`` starts every part, keeps it alive, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from console.supervising import Part, stop

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in told.split()]


def wait_until(true: object, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=2).json() == {"status": "ok"}
    except requests.RequestException:
        return False


def test_up_runs_every_part_replaces_a_killed_one_and_ends_cleanly(tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | {"TIDINGS_HOME": str(tmp_path / "home"), "TIDINGS_LISTEN__PORT": str(port), "TIDINGS_WORKERS__PROCESSES": "1"}
    up = subprocess.Popen([sys.executable, "-m", "console.command", "up"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}"), 120)
        before = children(up.pid)
        assert len(before) == 3, "a worker, the scheduler and the HTTP side"

        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(children(up.pid)) == 3 and before[0] not in children(up.pid), 60)
        parts = children(up.pid)
    finally:
        begun = time.monotonic()
        up.terminate()
        assert up.wait(timeout=40) == 0

    assert time.monotonic() - begun < 25
    assert not any(Path(f"/proc/{part}").exists() and Path(f"/proc/{part}/cmdline").read_bytes() for part in parts)
    # The killed worker's child ends by itself, as an orphan, and is then the last one out.
    wait_until(lambda: list((tmp_path / "home" / "holders").glob("*.holder")) == [], 30)


def test_a_part_that_keeps_ending_is_started_later_and_later() -> None:
    part = Part("always ending", [sys.executable, "-c", ""])
    waits = []
    for _ in range(3):
        part.watch()
        assert part.process is not None
        part.process.wait()
        part.watch()
        waits.append(part.wait)
        part.since -= 60  # As if the wait were over.

    assert waits == [0.5, 1.0, 2.0]
    stop([part])
