"""Ring for the work that is there to do."""

from collections.abc import Collection

from config.wiring import Application
from database.engine import read_clock
from workers.bells import Work, ring_all
from workers.work import find_work


def ring_due(application: Application, kinds: Collection[Work]) -> None:
    """Ask which of ``kinds`` are due, and ring for each in every worker."""
    with application.database.transaction() as connection:
        due = find_work(connection, now=read_clock(connection))
    for kind in due:
        if kind in kinds:
            ring_all(kind, lanes=application.settings.workers.processes)
