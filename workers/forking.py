"""Worker processes born of one parent that has read the code already.

A fork takes a few milliseconds where a new interpreter takes a second or two of a
processor, so a killed worker is replaced at once; and what the code needs of memory is
shared.  The parent opens nothing and starts no thread: it only waits.
"""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

import structlog

from config.environment import is_orphan, watch_parent

log = structlog.get_logger("workers")

#: Seconds a child has to live for its successor to be born at once.
TOO_SHORT = 1.0
#: Seconds before the successor of a child that hardly lived.
PAUSE = 2.0
#: Seconds the children have to finish what they hold after the parent was asked to end.
GRACE = 20.0


def keep_workers(count: int, work: Callable[[], None]) -> None:
    """Keep ``count`` children doing ``work`` until this process is asked to end, and then end them.

    ``work`` runs in the child and returns when the child is asked to end.
    """
    ending: list[int] = []

    def end(signum: int, _frame: FrameType | None) -> None:
        ending.append(signum)
        for child in born:
            os.kill(child, signal.SIGTERM)

    born: dict[int, float] = {}
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    while not ending and not is_orphan():
        while len(born) < count and not ending:
            born[_bear(work)] = time.monotonic()
        _bury(born)
        time.sleep(0.02)
    if not ending:
        end(signal.SIGTERM, None)
    _wait(born)


def _bear(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    watch_parent()
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us in order.
        work()
        code = 0
    except Exception as error:  # noqa: BLE001 - A child has nobody above it to tell.
        log.error("a worker ended", exception=type(error).__name__)
    finally:
        os._exit(code)


def _bury(born: dict[int, float]) -> None:
    """Forget the children that ended; wait a little where one hardly lived."""
    while born:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        lived = time.monotonic() - born.pop(child)
        log.warning("a worker ended and another is born", pid=child, code=os.waitstatus_to_exitcode(status))
        if lived < TOO_SHORT:
            time.sleep(PAUSE)


def _wait(born: dict[int, float]) -> None:
    deadline = time.monotonic() + GRACE
    while born and time.monotonic() < deadline:
        child, _ = os.waitpid(-1, os.WNOHANG)
        born.pop(child, None)
        time.sleep(0.02)
    for child in born:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
