"""``python -m workers.nightly``: learn from members' orders once a night, apart from the workers.

The libraries this takes would cost every worker 100 MB.  The process is started by a scheduler
(``workers/overnight.py``), works with low priority and ends by itself.
"""

import os
import signal
import time
from types import FrameType

import structlog

from config.environment import is_orphan
from config.logs import set_up_logs
from config.settings import read_settings
from config.wiring import Application, open_application
from members.insight.nightly import NIGHTLY
from members.upkeep import keep_up

log = structlog.get_logger("workers")

#: Added to the niceness of the process: whoever delivers messages goes first.
NICENESS = 10

#: Seconds after which a night's learning is given up; what was not finished is rolled back.
LIMIT = 7_200

#: Seconds between two looks whether the limit is reached or the scheduler is gone.
LOOK = 5


def learn(application: Application) -> list[str]:
    """Do what is due; a process that is at the same is left to it.  Return what was looked at."""
    return keep_up(application.database, zone=application.zone, chores=NIGHTLY)


def end_in_time(limit: float = LIMIT) -> None:
    """Let this process end itself at the limit, or when the scheduler that started it is gone."""
    deadline = time.monotonic() + limit

    def look(_signal: int, _frame: FrameType | None) -> None:
        if time.monotonic() > deadline or is_orphan():
            os._exit(1)  # The database rolls back what was begun.

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, min(LOOK, limit), LOOK)


def main() -> None:
    """Learn, and end."""
    os.nice(NICENESS)
    end_in_time()
    settings = read_settings()
    set_up_logs(settings.log_level)
    with open_application(settings) as application:
        log.info("learnt from orders", kind=", ".join(learn(application)))
    signal.setitimer(signal.ITIMER_REAL, 0)  # While Python ends nobody answers it any more, and a tick would kill us.


if __name__ == "__main__":
    main()
