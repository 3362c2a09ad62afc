"""A process ends with the one that watches over it, and with nobody else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Starts a waiting process, tells its number, and then is killed or sleeps.
SUPERVISOR = """
import subprocess, sys, time
from config.environment import supervised
environment = supervised() if sys.argv[1] == "watched" else None
child = subprocess.Popen([sys.executable, "-c", "from workers.ending import wait_for_end; wait_for_end()"], env=environment, start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


def start(how: str) -> tuple[subprocess.Popen[str], int]:
    environment = {name: value for name, value in os.environ.items() if name != "TIDINGS_SUPERVISOR"}
    parent = subprocess.Popen([sys.executable, "-c", SUPERVISOR, how], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(1.0)  # The child has read its imports.
    return parent, child


def lives(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except OSError:
        return False


def ends_within(process: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while lives(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not lives(process)


def kill(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    parent.wait()
    assert parent.stdout is not None
    parent.stdout.close()


def test_a_part_ends_when_its_supervisor_was_killed() -> None:
    parent, child = start("watched")
    assert lives(child)
    kill(parent)

    assert ends_within(child, 10)


def test_a_process_started_by_hand_outlives_its_shell_and_ends_when_asked() -> None:
    parent, child = start("by hand")
    kill(parent)

    assert not ends_within(child, 3)
    os.kill(child, signal.SIGTERM)
    assert ends_within(child, 10)
