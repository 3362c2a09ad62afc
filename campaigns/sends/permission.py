"""May this member be messaged on this channel?  Asked when planning, and again at the last moment."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Interval, and_, exists, false, func, literal, or_, select
from sqlalchemy.sql.elements import SQLColumnExpression

from campaigns.rules import Cap
from campaigns.sends.states import SendState
from database.tables import consents, sends, suppressions

#: Reasons to suppress an address that end every kind of message; the others end marketing.
ENDS_EVERYTHING = ("hard_bounce", "gone", "complaint", "blacklist")


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
) -> ColumnElement[bool]:
    """Say whether one more marketing message would go over a frequency cap.

    Everything marked within the cap's time counts, answers lost included, and so does
    what was withheld, so that both arms meet a cap alike.  ``with_waiting`` counts what
    is planned and not yet marked too.
    """
    reached: list[ColumnElement[bool]] = []
    others = sends.alias("others")
    for cap in caps:
        counts = others.c.counted_at > now - literal(cap.per, Interval)
        if with_waiting:
            held = others.c.state.in_([SendState.WAITING, SendState.CLAIMED])
            counts = or_(counts, and_(others.c.counted_at.is_(None), held))
        used = select(func.count()).where(others.c.member_id == member_id, others.c.purpose == "marketing", counts)
        if cap.channel != "all":
            used = used.where(others.c.channel == cap.channel)
        applies = literal(True) if cap.channel == "all" else channel == cap.channel
        reached.append(and_(applies, used.correlate_except(others).scalar_subquery() >= cap.count))
    return or_(false(), *reached)
