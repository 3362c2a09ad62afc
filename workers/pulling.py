"""Pull from the source that is due."""

from collections.abc import Callable

import structlog

from config.wiring import Application
from database.engine import read_clock
from members.pulling.pulling import pull, take_due

log = structlog.get_logger("workers")


def pull_next(application: Application, *, stopped: Callable[[], bool] | None = None) -> bool:
    """Read what is new at the source that has been due longest; return whether there was one.

    When ``stopped`` says yes the rest is left to the next turn.
    """
    with application.database.transaction() as connection:
        now = read_clock(connection)
        source = take_due(connection, now=now)
    if source is None:
        return False
    address = application.source_address(source.setting)
    done = pull(
        application.database,
        source,
        address,
        now=now,
        zone=application.zone,
        secret=application.secret,
        stopped=stopped,
    )
    if done.problem is not None:
        log.warning("a source could not be read", source=source.name)
    return True
