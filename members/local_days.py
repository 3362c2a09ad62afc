"""The days of a place: which one it is there, and the one instant a local day and time mean."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


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


def last_instant(end: datetime | None) -> datetime | None:
    """Return the last instant before an end: what ends at midnight had its last day before it; None: it never ends."""
    return None if end is None else end - timedelta(microseconds=1)


def local_day(moment: datetime, zone: str) -> date:
    """Return the calendar day it is in ``zone`` at ``moment``."""
    return moment.astimezone(ZoneInfo(zone)).date()


def days_due(at: time, zone: str, since: datetime, until: datetime) -> Iterator[tuple[date, datetime]]:
    """Yield each local day whose time ``at`` came after ``since`` and up to ``until``, with its instant.

    However a stretch of time is cut into turns, every local day is in exactly one of them.
    """
    day = local_day(since, zone) - timedelta(days=1)
    while day <= local_day(until, zone):
        moment = instant(day, at, zone)
        if since < moment <= until:
            yield day, moment
        day += timedelta(days=1)
