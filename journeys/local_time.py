"""From a local day and time to the one instant they mean."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, DateTime, literal


def instant(day: date, at: time, zone: str) -> datetime:
    """Return the UTC instant of the local time, exactly one for every local day.

    Where clocks go forward over it, the first instant after the gap; where they go back
    over it, the first of the two.
    """
    local = datetime.combine(day, at, ZoneInfo(zone))
    found = local.astimezone(UTC)
    if found.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    return _end_of_gap(local)


def _end_of_gap(local: datetime) -> datetime:
    # In a gap, fold=1 reads the time by the later offset and so lands before the change, fold=0 after it.
    before, after = local.replace(fold=1).astimezone(UTC), local.replace(fold=0).astimezone(UTC)
    offset = before.astimezone(local.tzinfo).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(local.tzinfo).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def next_instant(after: datetime, at: time, zone: str) -> datetime:
    """Return the first instant at or after ``after`` at which it is ``at`` in ``zone``."""
    day = after.astimezone(ZoneInfo(zone)).date()
    today = instant(day, at, zone)
    return today if today >= after else instant(day + timedelta(days=1), at, zone)


def local_day(moment: datetime, zone: str) -> date:
    """Return the calendar day it is in ``zone`` at ``moment``."""
    return moment.astimezone(ZoneInfo(zone)).date()


def in_sql(moment: datetime) -> ColumnElement[datetime]:
    """Return the moment as a value in SQL that keeps its zone, which a bare literal would lose."""
    return literal(moment, DateTime(timezone=True))
