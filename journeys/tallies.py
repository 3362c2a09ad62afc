"""Count what a replay did, and tell one member's way through it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, Date, and_, cast, func, literal, select

from campaigns.sends.states import SendState
from database.tables import campaigns, enrolments, members, sends, step_runs
from journeys.history import timeline_of_events
from journeys.journey import Journey
from language.problems import refuse

#: States of a send that nobody was, or will be, messaged by.
NOT_SENT = (SendState.REFUSED, SendState.WITHHELD, SendState.CANCELLED)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of entries and of what was planned for them."""

    entries: Mapping[str, int]
    sends: Mapping[str, int]
    withheld: int
    refused: Mapping[str, int]
    cost: Decimal


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """One thing that happened to a member."""

    at: datetime
    what: str  #: event, entered, step, send or ended
    detail: str


def _local_day(journey: Journey) -> ColumnElement[date]:
    zone: ColumnElement[str] = members.c.time_zone if journey.time_zone == "member" else literal(journey.time_zone)
    return cast(func.timezone(zone, enrolments.c.entered_at), Date)


def count_up(connection: Connection, journey: Journey, from_day: date, to_day: date) -> Tally:
    """Count the entries of these local days, and the sends that came of them."""
    day = _local_day(journey)
    counted = and_(enrolments.c.journey_name == journey.journey, day.between(from_day, to_day))
    inside = select(enrolments.c.id).join(members, members.c.id == enrolments.c.member_id).where(counted)
    entries = connection.execute(
        select(day, func.count())
        .select_from(enrolments.join(members, members.c.id == enrolments.c.member_id))
        .where(counted)
        .group_by(day)
        .order_by(day)
    ).all()
    planned = connection.execute(
        select(sends.c.state, sends.c.channel, sends.c.reason, func.count(), func.sum(sends.c.cost))
        .where(sends.c.enrolment_id.in_(inside))
        .group_by(sends.c.state, sends.c.channel, sends.c.reason)
    ).all()
    going: dict[str, int] = {}
    refused: dict[str, int] = {}
    for state, channel, reason, count, _ in planned:
        if state == SendState.REFUSED:
            refused[reason] = refused.get(reason, 0) + count
        elif state not in NOT_SENT:
            going[channel] = going.get(channel, 0) + count
    return Tally(
        entries={day.isoformat(): count for day, count in entries},
        sends=going,
        withheld=sum(count for state, _, _, count, _ in planned if state == SendState.WITHHELD),
        refused=refused,
        cost=sum((cost for state, _, _, _, cost in planned if state not in NOT_SENT), Decimal(0)),
    )


def timeline(connection: Connection, key: str) -> list[TimelineEntry]:
    """Tell what happened to the member of this key, in order.

    Raises:
        InputRefused: there is no such member.
    """
    member = connection.execute(select(members.c.id).where(members.c.key == key)).scalar_one_or_none()
    if member is None:
        raise refuse("there is no member {key}", key=key)
    found = [
        TimelineEntry(at=moment, what="event", detail=f"{kind} {value}".strip())
        for moment, kind, value in timeline_of_events(connection, member)
    ]
    found += _ways(connection, member) + _steps(connection, member) + _sends(connection, member)
    # The sort is stable: what stands at one moment keeps the order of causes.
    return sorted(found, key=lambda entry: entry.at)


def _ways(connection: Connection, member: int) -> list[TimelineEntry]:
    rows = connection.execute(
        select(enrolments).where(enrolments.c.member_id == member).order_by(enrolments.c.id)
    ).all()
    entered = [TimelineEntry(at=row.entered_at, what="entered", detail=row.entry_key) for row in rows]
    return entered + [
        TimelineEntry(at=row.ended_at, what="ended", detail=f"{row.state}: {row.end_reason}")
        for row in rows
        if row.ended_at
    ]


def _steps(connection: Connection, member: int) -> list[TimelineEntry]:
    rows = connection.execute(
        select(step_runs)
        .join(enrolments, enrolments.c.id == step_runs.c.enrolment_id)
        .where(enrolments.c.member_id == member)
        .order_by(step_runs.c.enrolment_id, step_runs.c.visit)
    )
    return [
        TimelineEntry(at=row.run_at, what="step", detail=f"{row.step} {row.kind}: {row.result or ''}".rstrip(": "))
        for row in rows
    ]


def _sends(connection: Connection, member: int) -> list[TimelineEntry]:
    rows = connection.execute(
        select(sends, campaigns.c.name)
        .join(campaigns, campaigns.c.id == sends.c.campaign_id)
        .where(sends.c.member_id == member)
        .order_by(sends.c.id)
    )
    found = []
    for row in rows:
        words = [row.name, row.channel, row.state, row.reason]
        found.append(TimelineEntry(at=row.decided_at, what="send", detail=" ".join(word for word in words if word)))
    return found
