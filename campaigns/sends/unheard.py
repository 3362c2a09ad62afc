"""Accepted messages of which nothing has been heard, for providers that tell what became of them only when asked."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, and_, func, select, update

from campaigns.sends.states import SendState
from campaigns.timing import seconds
from database.tables import attempts, sends

#: How long after the hand-over there is any use in asking.
ASKED_FOR: Final = timedelta(days=14)
#: Seconds from the hand-over to the first question; each next one doubles it, so many times.
FIRST_WAIT, DOUBLINGS = 60, 8
#: Seconds between two questions from then on.
LATER_WAIT: Final = 6 * 3600


def take_unheard(connection: Connection, provider: str, *, limit: int = 10_000) -> Sequence[str]:
    """Return the provider's ids of accepted messages to ask about now, and note that they are being asked about.

    Each is asked about a minute after its hand-over and then ever more seldom, every six hours
    in the end, and no more after two weeks; those asked about least come first, so that none
    is forgotten.
    """
    doubled = FIRST_WAIT * func.power(2, func.least(attempts.c.looks, DOUBLINGS))
    due_at = attempts.c.marked_at + seconds(doubled + LATER_WAIT * func.greatest(attempts.c.looks - DOUBLINGS, 0))
    due = (
        select(attempts.c.send_id, attempts.c.number)
        .join(sends, sends.c.id == attempts.c.send_id)
        .where(attempts.c.provider == provider, attempts.c.provider_ref.is_not(None), attempts.c.outcome == "accepted")
        .where(attempts.c.marked_at > func.clock_timestamp() - ASKED_FOR, due_at <= func.clock_timestamp())
        .where(sends.c.state == SendState.ACCEPTED)
        .order_by(attempts.c.looks, attempts.c.marked_at)
        .limit(limit)
        .with_for_update(of=attempts, skip_locked=True)
        .cte("due")
    )
    asked = (
        update(attempts)
        .where(and_(attempts.c.send_id == due.c.send_id, attempts.c.number == due.c.number))
        .values(looks=attempts.c.looks + 1)
        .returning(attempts.c.provider_ref, attempts.c.looks, attempts.c.marked_at)
        .cte("asked")
    )
    refs = connection.execute(select(asked.c.provider_ref).order_by(asked.c.looks, asked.c.marked_at)).scalars()
    return list(dict.fromkeys(ref for ref in refs if ref is not None))
