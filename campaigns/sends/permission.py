"""May this member be messaged on this channel?  Asked when planning, and again at the last moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Interval, and_, exists, false, func, literal, or_, select
from sqlalchemy.sql.elements import SQLColumnExpression

from campaigns.rules import Cap
from campaigns.sends.states import SendState
from database.tables import consents, sends, suppressions
from members.identity.following import rows_that_are

#: Reasons to suppress an address that end every kind of message; the others end marketing.
ENDS_EVERYTHING = ("hard_bounce", "gone", "complaint", "blacklist", "erased")


def consented(
    member_id: ColumnElement[int], channel: ColumnElement[str], purpose: ColumnElement[str]
) -> ColumnElement[bool]:
    """Say whether the latest word on this channel and purpose allows a message.

    Marketing needs a yes; service messages only lack of a no.
    """
    latest = (
        select(consents.c.granted)
        .where(consents.c.member_id == member_id, consents.c.channel == channel, consents.c.purpose == purpose)
        .order_by(consents.c.occurred_at.desc(), consents.c.id.desc())
        .limit(1)
        .correlate_except(consents)
        .scalar_subquery()
    )
    return func.coalesce(latest, purpose == "service")


def suppressed(
    channel: ColumnElement[str], fingerprint: SQLColumnExpression[bytes], purpose: ColumnElement[str]
) -> ColumnElement[bool]:
    """Say whether the address is on the suppression list for this purpose."""
    return (
        exists()
        .where(
            suppressions.c.channel == channel,
            suppressions.c.fingerprint == fingerprint,
            or_(purpose == "marketing", suppressions.c.reason.in_(ENDS_EVERYTHING)),
        )
        .correlate_except(suppressions)
    )


def cap_reached(
    member_id: ColumnElement[int],
    channel: ColumnElement[str],
    caps: Sequence[Cap],
    *,
    now: ColumnElement[datetime],
    with_waiting: bool,
    besides: ColumnElement[int] | None = None,
) -> ColumnElement[bool]:
    """Say whether one more marketing message would go over a frequency cap.

    Everything marked within the cap's time counts, answers lost included, and so does
    what was withheld, so that both arms meet a cap alike.  ``with_waiting`` counts what
    is planned and not yet marked too; ``besides`` is the send itself, where it may have been
    counted for a channel it left.
    """
    if not caps:
        return false()
    others = sends.alias("others")
    held = and_(others.c.counted_at.is_(None), others.c.state.in_([SendState.WAITING, SendState.CLAIMED]))

    def counts(per: timedelta) -> ColumnElement[bool]:
        marked = others.c.counted_at > now - literal(per, Interval)
        return or_(marked, held) if with_waiting else marked

    def reached(cap: Cap) -> ColumnElement[bool]:
        everywhere = cap.channel == "all"
        own = counts(cap.per) if everywhere else and_(counts(cap.per), others.c.channel == cap.channel)
        full = func.count().filter(own) >= cap.count
        return full if everywhere else and_(channel == cap.channel, full)

    # What a person got as another row, before the two were merged, counts as well.
    same = func.any(rows_that_are(member_id))
    # The member's messages are read once for all caps, as far back as the longest looks.
    longest = max(cap.per for cap in caps)
    seen = select(or_(*(reached(cap) for cap in caps))).where(
        others.c.member_id == same, others.c.purpose == "marketing", counts(longest)
    )
    if besides is not None:
        seen = seen.where(others.c.id != besides)
    return seen.correlate_except(others).scalar_subquery()
