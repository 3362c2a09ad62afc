"""Whose occasion a local day is: birthdays, anniversaries of joining, days of silence, one SELECT each."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Numeric,
    Select,
    Text,
    and_,
    cast,
    extract,
    false,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from database.tables import facts, members
from members.lifecycle import February29, birthday_clause, joined_days
from members.local_days import instant
from members.occasions.choice import Occasions

Day = tuple[date, datetime, str]  #: a local day, the instant at which it is told, its zone


def occasions_on(
    connection: Connection, chosen: Occasions, day: Day, *, february_29: February29
) -> Iterator[tuple[str, Select[Any]]]:
    """Yield each kind of occasion with those members of the zone who have it on this day."""
    today = day[0]
    if chosen.birthday_today:
        yield "birthday.today", _birthday("birthday.today", day, 0, february_29)
    for days in sorted(set(chosen.birthday_soon)):
        yield "birthday.soon", _birthday("birthday.soon", day, days, february_29)
    if chosen.anniversary:
        yield "membership.anniversary", _anniversary(connection, day, february_29)
    for days in sorted(set(chosen.quiet)):
        yield "member.quiet", _quiet(chosen.quiet_event, day, days, today - timedelta(days=days))


def _told(kind: str, occasion: str, day: Day, properties: dict[str, Any], *who: ColumnElement[bool]) -> Select[Any]:
    """Select members of the day's zone in the form in which derived events are told."""
    pairs = [part for name, value in properties.items() for part in (literal(name, Text), value)]
    return select(
        members.c.id.label("member_id"),
        literal(kind, Text).label("kind"),
        func.concat(f"{kind}:", members.c.id, f":{occasion}").label("key"),
        literal(day[1], DateTime(timezone=True)).label("occurred_at"),
        cast(null(), Numeric).label("value"),
        func.jsonb_build_object(*pairs, type_=JSONB).label("properties"),
    ).where(members.c.time_zone == day[2], members.c.erased_at.is_(None), members.c.merged_into.is_(None), *who)


def _birthday(kind: str, day: Day, days: int, february_29: February29) -> Select[Any]:
    celebrated = day[0] + timedelta(days=days)
    said = {
        "date": literal(celebrated.isoformat(), Text),
        "days": literal(days, Integer),
        "calendar": members.c.birth_calendar,
    }
    occasion = f"{celebrated}" if days == 0 else f"{celebrated}:{days}d"
    return _told(kind, occasion, day, said, birthday_clause(celebrated, february_29=february_29))


def _anniversary(connection: Connection, day: Day, february_29: February29) -> Select[Any]:
    """Ask for each earlier year's day as a range of moments, which an index answers."""
    today, _, zone = day
    first = connection.execute(select(func.min(members.c.joined_at))).scalar_one()
    joined = [
        _within(members.c.joined_at, earlier, zone)
        for year in range(first.year - 1 if first else today.year, today.year)
        for earlier in joined_days(today, year, february_29=february_29)
    ]
    years = today.year - cast(extract("year", func.timezone(zone, members.c.joined_at)), Integer)
    said = {"date": literal(today.isoformat(), Text), "years": years}
    return _told("membership.anniversary", f"{today}", day, said, or_(false(), *joined))


def _quiet(event: str, day: Day, days: int, last_day: date) -> Select[Any]:
    said = {"days": literal(days, Integer), "since": literal(last_day.isoformat(), Text), "event": literal(event, Text)}
    silent = select(facts.c.member_id).where(facts.c.event == event, _within(facts.c.last_at, last_day, day[2]))
    return _told("member.quiet", f"{event}:{last_day}:{days}d", day, said, members.c.id.in_(silent))


def _within(column: ColumnElement[Any], day: date, zone: str) -> ColumnElement[bool]:
    return and_(column >= instant(day, time(), zone), column < instant(day + timedelta(days=1), time(), zone))
