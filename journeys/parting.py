"""Members leave: everything under way for them ends, and what is kept about them goes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from campaigns.sends.cancelling import cancel_for_members
from campaigns.sends.states import SendState
from database.tables import enrolments, sends
from journeys.enrolments import IS_ACTIVE, OVER
from members.erasure.erasing import erase_data, whole_persons
from members.erasure.log import Erasure
from members.identity.merging import hold_rows

#: Why their enrolments and sends ended.
ERASED = "erased"


def erase_members(
    connection: Connection, member_ids: Sequence[int], *, reason: str, secret: bytes, now: datetime
) -> list[Erasure]:
    """Erase these members and the rows merged with theirs; return the new entries of the log.

    Whoever is about to hand over a message to one of them waits for this transaction and is then
    refused; what was handed over before is ``being_handed_over`` and cleared once it is settled.
    """
    everyone = _hold_whole_persons(connection, member_ids)
    stop_for_members(connection, everyone, reason=ERASED, now=now)
    cancel_for_members(connection, everyone, reason=ERASED)
    return erase_data(connection, everyone, reason=reason, secret=secret, now=now)


def _hold_whole_persons(connection: Connection, member_ids: Sequence[int]) -> list[int]:
    """Hold all rows of these persons, also against whoever tells something of them; a merge that was committed while they were waited for has made them more."""
    everyone: list[int] = []
    found = whole_persons(connection, member_ids)
    while set(found) - set(everyone):
        everyone = found
        hold_rows(connection, everyone)
        found = whole_persons(connection, everyone)
    return everyone


def stop_for_members(connection: Connection, member_ids: Sequence[int], *, reason: str, now: datetime) -> int:
    """End every journey these members are in; return how many."""
    inside = (enrolments.c.member_id.in_(member_ids), IS_ACTIVE)
    ended = update(enrolments).values(state="stopped", ended_at=now, end_reason=reason, **OVER).where(*inside)
    return connection.execute(ended).rowcount


def being_handed_over(connection: Connection, member_ids: Sequence[int]) -> int:
    """Count the messages to these members that a provider may be hearing of right now."""
    under_way = select(func.count()).where(
        sends.c.member_id.in_(member_ids), sends.c.state.in_([SendState.CLAIMED, SendState.SUBMITTING])
    )
    return connection.execute(under_way).scalar_one()
