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


def written(columns: Sequence[str], values: Sequence[object], *, finished: bool) -> dict[str, object]:
    """Return the columns' values as JSON; ``finished`` says that nothing was left behind them."""
    return {"columns": list(columns), "values": [_written(value) for value in values], "finished": finished}


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
    earlier than it ended, and never later than ``now``: a row dated in the future must not hide all others.

    Raises:
        SourceFailed: the overlap is a length of time where the cursor is a number, or the other way round.
    """
    if kept is None:
        return None
    values = tuple(_TYPES[name][1](value) for told in kept["values"] for name, value in told.items())
    if not kept["finished"]:
        return Position(values=values)
    return Position(values=(_earlier(_at_most(values[0], now, zone), overlap),), inclusive=True)


def _at_most(value: object, now: datetime, zone: tzinfo) -> object:
    if isinstance(value, datetime):
        return min(value, now if value.tzinfo else now.astimezone(zone).replace(tzinfo=None))
    if isinstance(value, date):
        return min(value, now.astimezone(zone).date())
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
        return value - (overlap if isinstance(overlap, timedelta) else OVERLAP if overlap is None else timedelta())
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
