"""Who enters a journey: one SELECT for each kind of trigger."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import distinct_on

from database.tables import enrolments, events, facts, members
from journeys.asking import holds
from journeys.enrolments import IS_ACTIVE
from journeys.groups import arrived
from journeys.journey import EventTrigger, Reentry
from journeys.local_time import in_sql, instant
from journeys.published import Published
from members.comparison_sql import comparison_clause, json_clause
from members.lifecycle import February29, birthdays_on, joined_days


def _been_here(
    published: Published, member: ColumnElement[int], moment: ColumnElement[datetime], *also: ColumnElement[bool]
) -> list[ColumnElement[bool]]:
    """Say that an earlier enrolment keeps ``member`` out at ``moment``, their own or that of a row merged with theirs.

    Nobody is in the same journey twice at once, whatever the rule for coming back.
    ``also`` are further reasons, asked of each earlier enrolment, to stay out.  The two answers
    are apart, for the planner makes less of one of them or the other.
    """
    rule = published.journey.reentry_rule
    reasons = [IS_ACTIVE, *also]
    if isinstance(rule, Reentry):
        reasons.append(enrolments.c.entered_at > moment - rule.after)
    gone = members.alias("gone")
    here = [enrolments.c.journey_name == published.name, *([] if rule == "never" else [or_(*reasons)])]
    mine = exists().where(enrolments.c.member_id == member, *here)
    merged = exists().where(gone.c.id == enrolments.c.member_id, gone.c.merged_into == member, *here)
    return [mine, merged]


def _in_audience(
    connection: Connection, published: Published, member: ColumnElement[int], *, asked_at: datetime
) -> list[ColumnElement[bool]]:
    audience = published.journey.audience
    if audience is None:
        return []
    everybody = published.journey.trigger.event is None
    return [holds(connection, audience, member=member, now=asked_at, of_everybody=everybody)]


def _may_enter(
    connection: Connection,
    published: Published,
    member: ColumnElement[int],
    moment: ColumnElement[datetime],
    *,
    asked_at: datetime,
) -> list[ColumnElement[bool]]:
    """List what must hold for ``member``, whose row is joined, to enter at ``moment``."""
    return [
        *(~been for been in _been_here(published, member, moment)),
        members.c.erased_at.is_(None),
        members.c.merged_into.is_(None),
        *_in_audience(connection, published, member, asked_at=asked_at),
    ]


def _key(published: Published, cause: ColumnElement[str]) -> ColumnElement[str]:
    # With one entry for ever, the unique key on (journey, member, entry key) is the rule itself.
    return literal("once") if published.journey.reentry_rule == "never" else cause


def by_event(connection: Connection, published: Published, *, now: datetime, latest: timedelta) -> Select[Any]:
    """Select the members to whom the trigger's event has arrived, by the earliest of each."""
    trigger = published.journey.trigger.event
    assert trigger is not None
    query = (
        select(
            arrived.c.member_id,
            _key(published, literal("event:") + cast(arrived.c.event_id, String)),
            func.least(arrived.c.occurred_at, in_sql(now)),
            arrived.c.event_id,
        )
        .ext(distinct_on(arrived.c.member_id))
        .join(members, members.c.id == arrived.c.member_id)
        .where(
            arrived.c.kind == trigger.kind,
            arrived.c.occurred_at >= max(published.published_at, now - latest),
            *_may_enter(connection, published, arrived.c.member_id, arrived.c.occurred_at, asked_at=now),
        )
        .order_by(arrived.c.member_id, arrived.c.occurred_at, arrived.c.event_id)
    )
    if trigger.first:
        own = and_(facts.c.member_id == arrived.c.member_id, facts.c.event == arrived.c.kind)
        query = query.join(facts, own).where(facts.c.first_at == arrived.c.occurred_at)
    return query.where(*_event_is(trigger, now)) if trigger.value or trigger.where else query


def _event_is(trigger: EventTrigger, now: datetime) -> list[ColumnElement[bool]]:
    wanted = [json_clause(events.c.properties, name, answer, now) for name, answer in (trigger.where or {}).items()]
    if trigger.value is not None:
        wanted.append(comparison_clause(events.c.value, trigger.value, now))
    return [events.c.id == arrived.c.event_id, *wanted]


def _in_zones(published: Published, zones: Sequence[str]) -> list[ColumnElement[bool]]:
    return [members.c.time_zone.in_(zones)] if published.journey.time_zone == "member" else []


def by_inactivity(
    connection: Connection, published: Published, zones: Sequence[str], *, moment: datetime
) -> Select[Any]:
    """Select the members of ``zones`` whose last event is long enough ago at ``moment``.

    A silence lets a member in once: whoever entered since their last event stays out.
    """
    trigger = published.journey.trigger.inactive
    assert trigger is not None
    since = enrolments.c.entered_at >= facts.c.last_at
    silent = (
        select(facts.c.member_id, facts.c.last_at)
        .where(
            facts.c.event == trigger.event,
            facts.c.last_at <= moment - trigger.lasts,
            *(~been for been in _been_here(published, facts.c.member_id, in_sql(moment), since)),
        )
        .cte("silent")
        .prefix_with("MATERIALIZED")
    )
    # On most days nearly all of the long silent have been here already, which the planner cannot
    # know: so it is told to find the few first, and their rows one by one.
    alive = (
        select(members.c.id)
        .where(members.c.id == silent.c.member_id, members.c.erased_at.is_(None), members.c.merged_into.is_(None))
        .where(*_in_zones(published, zones))
        .offset(0)
        .lateral()
    )
    last_at = func.to_char(func.timezone("UTC", silent.c.last_at), 'YYYY-MM-DD"T"HH24:MI:SS')
    return (
        select(
            silent.c.member_id,
            _key(published, literal("inactive:") + last_at),
            in_sql(moment),
            cast(null(), BigInteger),
        )
        .join(alive, true())
        .where(*_in_audience(connection, published, silent.c.member_id, asked_at=moment))
    )


def _of_members(
    connection: Connection,
    published: Published,
    zones: Sequence[str],
    cause: str,
    who: ColumnElement[bool],
    moment: datetime,
) -> Select[Any]:
    return select(members.c.id, _key(published, literal(cause)), in_sql(moment), cast(null(), BigInteger)).where(
        who,
        *_in_zones(published, zones),
        *_may_enter(connection, published, members.c.id, in_sql(moment), asked_at=moment),
    )


def by_birthday(
    connection: Connection,
    published: Published,
    zones: Sequence[str],
    *,
    day: date,
    moment: datetime,
    february_29: February29,
) -> Select[Any]:
    """Select the members of ``zones`` whose birthday, solar or lunar, ``day`` is before or after as the trigger says."""
    trigger = published.journey.trigger.birthday
    assert trigger is not None
    celebrated = day + timedelta(days=trigger.days_before)
    born = [
        and_(
            members.c.birth_calendar == birthday.calendar,
            members.c.birth_month == birthday.month,
            members.c.birth_day == birthday.day,
            members.c.birth_leap_month == birthday.leap_month,
        )
        for birthday in birthdays_on(celebrated, february_29=february_29)
    ]
    return _of_members(connection, published, zones, f"birthday:{celebrated}", or_(false(), *born), moment)


def by_anniversary(
    connection: Connection,
    published: Published,
    zones: Sequence[str],
    *,
    day: date,
    moment: datetime,
    february_29: February29,
) -> Select[Any]:
    """Select the members of ``zones`` who joined on this day of an earlier year.

    Each earlier year's day is asked for as a range of moments, which an index answers.
    """
    trigger = published.journey.trigger.anniversary
    assert trigger is not None
    celebrated = day + timedelta(days=trigger.days_before)
    first = connection.execute(select(func.min(members.c.joined_at))).scalar_one()
    joined: list[ColumnElement[bool]] = [false()]
    for year in range(first.year - 1 if first else celebrated.year, celebrated.year):
        for joined_day in joined_days(celebrated, year, february_29=february_29):
            joined += [_joined_on(joined_day, zone, published) for zone in zones]
    return _of_members(connection, published, zones, f"anniversary:{celebrated}", or_(*joined), moment)


def _joined_on(day: date, zone: str, published: Published) -> ColumnElement[bool]:
    start, end = instant(day, datetime.min.time(), zone), instant(day + timedelta(days=1), datetime.min.time(), zone)
    own = members.c.time_zone == zone if published.journey.time_zone == "member" else literal(True)
    return and_(members.c.joined_at >= start, members.c.joined_at < end, own)


def by_schedule(
    connection: Connection, published: Published, zones: Sequence[str], *, label: str, moment: datetime
) -> Select[Any]:
    """Select everybody of ``zones`` who is in the journey's audience; ``label`` is the local day and time."""
    return _of_members(connection, published, zones, f"schedule:{label}", literal(True), moment)
