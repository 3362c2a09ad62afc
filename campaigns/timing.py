"""When a send may go: outside the member's quiet hours, in the member's own time zone."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, DateTime, Interval, Time, and_, case, cast, func, literal, or_
from sqlalchemy.sql.elements import ColumnElement as Expression

from campaigns.rules import QuietHours

#: How far clocks are set back in autumn: an hour, or half of one on Lord Howe Island.
CLOCK_SHIFTS = (timedelta(hours=1), timedelta(minutes=30))


def seconds(amount: ColumnElement[Any] | float) -> ColumnElement[timedelta]:
    """Return a length of time of so many seconds, worked out by PostgreSQL."""
    return func.make_interval(0, 0, 0, 0, 0, 0, amount, type_=Interval())


def local_time(moment: Expression[datetime], zone: ColumnElement[str]) -> Expression[datetime]:
    """Return the wall clock's reading in ``zone`` at ``moment``."""
    return func.timezone(zone, moment, type_=DateTime())


def instant_of(local: Expression[datetime], zone: ColumnElement[str]) -> Expression[datetime]:
    """Return the moment at which the wall clock of ``zone`` first reads ``local``.

    A reading that a clock change skips is moved on by the length of the gap; one
    that comes twice means its first time, which PostgreSQL would take for its second.
    """
    moment = func.timezone(zone, local, type_=DateTime(timezone=True))
    earlier = [moment - shift for shift in CLOCK_SHIFTS]
    return case(*((local_time(first, zone) == local, first) for first in earlier), else_=moment)


def is_quiet(moment: Expression[datetime], zone: ColumnElement[str], quiet: QuietHours) -> ColumnElement[bool]:
    """Say whether ``moment`` lies in the quiet hours of ``zone``."""
    at = cast(local_time(moment, zone), Time)
    after_start, before_end = at >= literal(quiet.start, Time), at < literal(quiet.end, Time)
    return or_(after_start, before_end) if quiet.start > quiet.end else and_(after_start, before_end)


def end_of_quiet(moment: Expression[datetime], zone: ColumnElement[str], quiet: QuietHours) -> Expression[datetime]:
    """Return the moment at which the quiet hours that hold ``moment`` end."""
    local = local_time(moment, zone)
    today: ColumnElement[Any] = cast(local, Date)
    evening = cast(local, Time) >= literal(quiet.start, Time)
    day = case((evening, cast(today + 1, Date)), else_=today) if quiet.start > quiet.end else today
    return instant_of(cast(day + literal(quiet.end, Time), DateTime()), zone)


def earliest_time(
    moment: Expression[datetime], zone: ColumnElement[str], quiet: QuietHours | None
) -> Expression[datetime]:
    """Return the first moment from ``moment`` on at which something may be sent."""
    if quiet is None:
        return moment
    return case((is_quiet(moment, zone, quiet), end_of_quiet(moment, zone, quiet)), else_=moment)
