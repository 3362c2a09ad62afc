"""Start the process that learns at night, once its hour has struck; any number of schedulers may look."""

import subprocess
import sys
import time
from collections.abc import Sequence

import structlog

from config.environment import supervised
from config.wiring import Application
from database.engine import read_clock
from members.insight.nights import due

log = structlog.get_logger("workers")

COMMAND = (sys.executable, "-m", "workers.nightly")

#: Seconds before a night is tried again whose process failed.
AFTER_FAILURE = 3_600.0


class Overnight:
    """Looks whether something is to be learnt, and has one process at it at a time."""

    def __init__(self, application: Application, command: Sequence[str] = COMMAND) -> None:
        self._application = application
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def look(self) -> None:
        """Start the process where a definition's hour has struck and nobody has learnt since."""
        if self.is_busy() or time.monotonic() < self._not_before:
            return
        with self._application.database.transaction() as connection:
            kinds = due(connection, now=read_clock(connection), zone=self._application.zone)
        if kinds:
            log.info("a night's learning begins", kind=", ".join(kinds))
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, env=supervised())

    def is_busy(self) -> bool:
        """Say whether a process that was started here is at work."""
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        self._process = None
        if code:
            self._not_before = time.monotonic() + AFTER_FAILURE
            log.warning("a night's learning failed", code=code)
        return False

    def end(self) -> None:
        """End the process where it is at work; the database rolls back what it began."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
