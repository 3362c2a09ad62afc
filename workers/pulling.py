"""Pull from the source that is due."""

import structlog

from config.wiring import Application
from database.engine import read_clock
from members.pulling.pulling import pull, take_due

log = structlog.get_logger("workers")


def pull_next(application: Application) -> bool:
    """Read what is new at the source that has been due longest; return whether there was one."""
    with application.database.transaction() as connection:
        now = read_clock(connection)
        source = take_due(connection, now=now)
    if source is None:
        return False
    address = application.source_address(source.setting)
    done = pull(application.database, source, address, now=now, zone=application.zone)
    if done.problem is not None:
        log.warning("a source could not be read", source=source.name)
    return True
