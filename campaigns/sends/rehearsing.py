"""What stands in for a provider in a rehearsal: it takes every message the moment it may go."""

from datetime import datetime

from sqlalchemy import Connection, update

from campaigns.sends.states import SendState, found_in
from database.tables import sends


def accept_what_may_go(connection: Connection, *, now: datetime) -> int:
    """Move every waiting send whose time has come straight to ACCEPTED; return how many.

    Only for the scratch schema of a replay, where there is no provider to claim, mark and
    call for.  The moves left out on the way are those that exist for the sake of the call.
    """
    taken = (
        update(sends)
        .where(found_in(SendState.WAITING), sends.c.not_before <= now)
        .values(state=SendState.ACCEPTED, accepted_at=sends.c.not_before, counted_at=sends.c.not_before, state_at=now)
    )
    return connection.execute(taken).rowcount
