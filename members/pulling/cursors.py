"""How far a source has been read: values of its cursor's columns, kept as JSON and read back as they were."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from members.pulling.failing import SourceFailed

#: How far before the cursor is read again where nobody said otherwise.
OVERLAP = timedelta(minutes=10)

#: What PostgreSQL calls a moment after all others.
ENDLESS = "infinity"

_TYPES: Mapping[str, tuple[type, Any]] = {
    "moment": (datetime, datetime.fromisoformat),
    "day": (date, date.fromisoformat),
    "number": (int, int),
    "decimal": (Decimal, Decimal),
    "float": (float, float),
    "uuid": (uuid.UUID, uuid.UUID),
    "text": (str, str),
}


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where reading goes on: behind these values, or at them where ``inclusive``."""

    values: tuple[object, ...]
    inclusive: bool = False


def written(columns: Sequence[str], values: Sequence[object], *, finished: bool, seen_at: datetime) -> dict[str, object]:
    """Return the columns' values as JSON; ``finished`` says that nothing was left behind them when they were seen."""
    told = [_written(value) for value in values]
    return {"columns": list(columns), "values": told, "finished": finished, "seen_at": seen_at.isoformat()}


def _written(value: object) -> dict[str, str]:
    for name, (form, _) in _TYPES.items():
        if type(value) is form:
            told = value.isoformat() if isinstance(value, date) else repr(value) if isinstance(value, float) else str(value)
            return {name: told}
    raise SourceFailed("a column of the cursor holds {found}; expected moments, days, numbers or texts", found=type(value).__name__)


def beginning(
    kept: Mapping[str, Any] | None, overlap: timedelta | int | None, *, now: datetime, zone: tzinfo
) -> Position | None:
    """Return where the next pull begins; None: with the first row.

    One that was cut short goes on behind its last row.  After one that was finished reading begins a little
    earlier than it ended, and than it was: a row dated in the future must not hide those that came after it.

    Raises:
        SourceFailed: the overlap is a length of time where the cursor is a number, or the other way round.
    """
    if kept is None:
        return None
    values = _read_back(kept)
    if not kept["finished"]:
        return Position(values=values)
    seen_at = min(datetime.fromisoformat(kept.get("seen_at", now.isoformat())), now)
    return Position(values=(_earlier(_at_most(values[0], seen_at, zone), overlap),), inclusive=True)


def seen_since(kept: Mapping[str, Any] | None, overlap: timedelta | int | None, *, now: datetime, zone: tzinfo) -> datetime:
    """Return the moment from which on rows may have come late to what was read and is read on at ``now``.

    It is ``now``, but earlier where a pull was cut short among rows younger than the overlap: what came late
    to those is behind its place, and the pull after the next end has to begin there.
    """
    if kept is None or kept["finished"] or "seen_at" not in kept:
        return now
    seen_at = datetime.fromisoformat(kept["seen_at"])
    settled = seen_at - (overlap if isinstance(overlap, timedelta) else OVERLAP)
    return min(seen_at, now) if _is_behind(_read_back(kept)[0], settled, zone) else now


def _is_behind(value: object, limit: datetime, zone: tzinfo) -> bool:
    moment = _moment_in(value) if isinstance(value, str) else value
    if isinstance(moment, datetime):
        return _at_most(moment, limit, zone) != moment
    return isinstance(moment, date) and moment >= limit.astimezone(zone).date()


def _read_back(kept: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_TYPES[name][1](value) for told in kept["values"] for name, value in told.items())


def _at_most(value: object, now: datetime, zone: tzinfo) -> object:
    if isinstance(value, datetime):
        return min(value, now if value.tzinfo else now.astimezone(zone).replace(tzinfo=None))
    if isinstance(value, date):
        return min(value, now.astimezone(zone).date())
    if value == ENDLESS:
        return now - timedelta(days=1)  # It may be a wall clock's, in any zone.
    if isinstance(value, str) and (moment := _moment_in(value)) is not None:
        return _like(value, _at_most(moment, now, zone))
    return value


def _earlier(value: object, overlap: timedelta | int | None) -> object:
    if isinstance(value, str):
        moment = _moment_in(value)
        if moment is not None:
            return _like(value, _earlier(moment, overlap))
        if overlap:
            raise SourceFailed("the cursor is a text that is no moment, so nothing can overlap; take overlap away")
        return value
    if isinstance(value, date):
        if isinstance(overlap, int) and overlap:
            raise SourceFailed("the cursor is a moment; expected an overlap such as 10m")
        try:
            return value - (overlap if isinstance(overlap, timedelta) else OVERLAP if overlap is None else timedelta())
        except OverflowError:  # Nothing is before the year 1.
            return value
    if isinstance(value, int | float | Decimal):
        if isinstance(overlap, timedelta) and overlap:
            raise SourceFailed("the cursor is a number; expected an overlap such as 1000")
        return value - (overlap or 0)  # type: ignore[operator]
    return value


def _moment_in(told: str) -> datetime | None:
    """Return the moment that a text of a database without moments holds; None: it is another text."""
    try:
        return datetime.fromisoformat(told) if len(told) > len("2026-08-01") else None
    except ValueError:
        return None


def _like(told: str, moment: object) -> str:
    """Write a moment in the form of the text, so that the two compare."""
    assert isinstance(moment, datetime)
    spec = "microseconds" if "." in told else "seconds"
    said = moment.isoformat(sep="T" if "T" in told else " ", timespec=spec)
    return said.replace("+00:00", "Z") if told.endswith("Z") else said
