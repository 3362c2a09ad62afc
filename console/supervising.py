"""Keep a set of processes alive, and end them in order."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, sleep

from config.environment import supervised
from config.logs import log_for

log = log_for("up")

STOPPING = 15.0  #: seconds; a part that still runs so long after being asked to end is killed
WATCHING = 0.5  #: seconds between two looks at the parts
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  #: seconds before a part that ended is started again, doubling
STEADY = 60.0  #: seconds of running after which a part's earlier failures are forgotten


@dataclass
class Part:
    """One process that is kept alive."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    wait: float = 0.0  #: seconds to let pass before the next start
    since: float = 0.0  #: when it last started or ended

    def watch(self) -> None:
        """Start the part where it does not run, later and later while it keeps ending."""
        code = self.process.poll() if self.process is not None else None
        if code is not None:
            log.warning("a part ended and is started again", process=self.name, code=code)
            steady = monotonic() - self.since > STEADY
            self.wait = FIRST_WAIT if steady or not self.wait else min(self.wait * 2, LONGEST_WAIT)
            self.process, self.since = None, monotonic()
        if self.process is None and monotonic() - self.since >= self.wait:
            # In a session of its own: Ctrl-C reaches the supervisor alone, which ends the parts in order.
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, start_new_session=True, env=supervised()
            )
            self.since = monotonic()


def program(*words: str) -> list[str]:
    """Return the call of one running command in a process of its own.

    It is called without the other commands, whose charts and statistics would
    cost each process 100 MB.
    """
    return [sys.executable, "-m", "console.commands.running", *words]


def all_parts() -> list[Part]:
    """Return every process of an installation that lives on one machine; the workers are one part's children."""
    return [Part(name, program(name)) for name in ("worker", "scheduler", "api")]


def keep_alive(parts: Sequence[Part], also: Callable[[], None] = lambda: None) -> None:
    """Watch the parts, and do ``also`` at each look, until this process is asked to end; then end them."""
    try:
        while True:
            also()
            for part in parts:
                part.watch()
            sleep(WATCHING)
    finally:
        stop(parts)


def stop(parts: Sequence[Part]) -> None:
    """End every part, the last started first asked, and kill what does not end in time."""
    living = [part.process for part in reversed(parts) if part.process is not None and part.process.poll() is None]
    for process in living:
        process.terminate()
    deadline = monotonic() + STOPPING
    for process in living:
        try:
            process.wait(timeout=max(0.1, deadline - monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
