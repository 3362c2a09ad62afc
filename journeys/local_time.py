"""From a local day and time to the one instant they mean."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, DateTime, literal

from members.local_days import instant as instant
from members.local_days import local_day as local_day


def next_instant(after: datetime, at: time, zone: str) -> datetime:
    """Return the first instant at or after ``after`` at which it is ``at`` in ``zone``."""
    day = after.astimezone(ZoneInfo(zone)).date()
    today = instant(day, at, zone)
    return today if today >= after else instant(day + timedelta(days=1), at, zone)


def in_sql(moment: datetime) -> ColumnElement[datetime]:
    """Return the moment as a value in SQL that keeps its zone, which a bare literal would lose."""
    return literal(moment, DateTime(timezone=True))
