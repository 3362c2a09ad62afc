"""Events made of rows."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from language.problems import Problem
from members.dates import read_moment
from members.events import NewEvent, event_problem
from members.pulling.source import KindByColumn, Source

NO_MOMENT = "a day or moment such as 2026-08-01 or 2026-08-01 10:00 was expected"

BYTES = "bytes were found, which could be anything; let a query make a text of them, such as HEX(column) or CONVERT(column USING gbk)"


def event_of(source: Source, row: Mapping[str, Any], zone: tzinfo) -> NewEvent | Problem:
    """Make an event of a row, or say which field of it is unusable; moments without an offset are in ``zone``."""
    told = source.map
    for field in told.columns():
        if isinstance(row[field], bytes | memoryview):
            return Problem(sentence=BYTES, field=field)
    kind = _kind(told.kind, row)
    if isinstance(kind, Problem):
        return kind
    occurred_at = _moment(row[told.occurred_at], zone)
    if occurred_at is None:
        return Problem(sentence=NO_MOMENT, field=told.occurred_at)
    try:
        value = _value(row[told.value]) if told.value else None
    except InvalidOperation:
        found = repr(row[told.value or ""])[:80]
        return Problem(sentence="a number was expected; found {found}", values={"found": found}, field=told.value)
    for field in (told.member, told.key):
        if row[field] in (None, ""):
            return Problem(sentence="{name} is missing", values={"name": field}, field=field)
    event = NewEvent(
        source=source.name,
        key=str(row[told.key]),
        member_key=str(row[told.member]).strip(),
        kind=kind,
        occurred_at=occurred_at,
        value=value,
        properties={name: _plain(row[place]) for name, place in told.properties.items() if row[place] not in (None, "")},
    )
    return event_problem(event) or event


def _kind(told: str | KindByColumn, row: Mapping[str, Any]) -> str | Problem:
    if isinstance(told, str):
        return told
    if row[told.column] in (None, ""):
        return Problem(sentence="{name} is missing", values={"name": told.column}, field=told.column)
    found = str(row[told.column]).strip()
    kind = told.kinds.get(found) if told.kinds else found
    if kind is None:
        listed = ", ".join(told.kinds)[:300]
        values = {"found": repr(found)[:80], "name": told.column, "listed": listed}
        return Problem(sentence="{found} is none of the values of {name}: {listed}", values=values, field=told.column)
    return kind


def _moment(value: object, zone: tzinfo) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, date):
        return datetime.combine(value, time(), zone)
    return read_moment(value, zone) if isinstance(value, str) else None


def _value(value: object) -> Decimal | None:
    if value in (None, "") or isinstance(value, bool):
        return None
    return Decimal(str(value).replace(",", "").strip())


def _plain(value: object) -> object:
    """Return a value as JSON can hold it; what it cannot is left to be refused with the event."""
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _clock(value)
    return str(value) if isinstance(value, uuid.UUID) else value


def _clock(length: timedelta) -> str:
    """Write MySQL's TIME, which may be an hour of the day or a length, as the server does: 08:30:00."""
    minutes, seconds = divmod(abs(length) // timedelta(seconds=1), 60)
    return f"{'-' if length < timedelta() else ''}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
