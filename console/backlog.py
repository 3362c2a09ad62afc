"""How far the workers are behind the events that come in."""

from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import Connection, func, select

from database.tables import events, unprocessed_events

LOOK_EVERY = 0.5  #: seconds


def oldest_unprocessed(connection: Connection) -> datetime | None:
    """Return when the oldest event that no trigger has looked at arrived; None: all were looked at."""
    first = select(func.min(unprocessed_events.c.event_id)).scalar_subquery()
    return connection.execute(select(events.c.received_at).where(events.c.id == first)).scalar_one_or_none()


class Backlog:
    """Says whether the workers are behind, looking at most twice a second."""

    def __init__(self, allowed: timedelta) -> None:
        self._allowed = allowed
        self._looked_at = -LOOK_EVERY
        self._is_behind = False

    def is_behind(self, connection: Connection) -> bool:
        """Say whether the oldest event not yet looked at waits longer than allowed."""
        if monotonic() - self._looked_at >= LOOK_EVERY:
            oldest = oldest_unprocessed(connection)
            clock = connection.execute(select(func.clock_timestamp())).scalar_one()
            self._is_behind = oldest is not None and clock - oldest > self._allowed
            self._looked_at = monotonic()
        return self._is_behind
