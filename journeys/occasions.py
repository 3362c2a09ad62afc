"""At which local days and times a journey's trigger looks for members, and which of them are due."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cronsim import CronSim

from journeys.journey import Trigger
from journeys.local_time import instant, local_day
from journeys.published import Published

#: How long after its time a missed occasion is still made up for, by trigger.  A birthday wish that
#: comes a week late is worse than none; a silence goes on and its check may as well be late.
MADE_UP_FOR: Mapping[str, timedelta] = {
    "inactive": timedelta(days=31),
    "schedule": timedelta(days=31),
    "birthday": timedelta(days=2),
    "anniversary": timedelta(days=2),
}


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """One local time, in one zone, at which a trigger looks for members."""

    day: date
    label: str  #: the local day, with the time where a day may have several
    zone: str
    due_at: datetime

    @property
    def name(self) -> str:
        """Return its key in ``trigger_runs``, such as ``2026-08-01 Asia/Shanghai``."""
        return f"{self.label} {self.zone}"


def kind_of(trigger: Trigger) -> str:
    """Return ``event``, ``inactive``, ``birthday``, ``anniversary`` or ``schedule``."""
    return next(name for name in type(trigger).model_fields if getattr(trigger, name) is not None)


def times_on(trigger: Trigger, day: date) -> Sequence[time]:
    """Return the local times of ``day`` at which the trigger looks, earliest first; none for events."""
    daily = trigger.inactive or trigger.birthday or trigger.anniversary
    if daily:
        return (daily.at,)
    if trigger.schedule is None:
        return ()
    if trigger.schedule.at is not None:
        return (trigger.schedule.at.time(),) if trigger.schedule.at.date() == day else ()
    assert trigger.schedule.cron is not None
    return tuple(_cron_times(trigger.schedule.cron, day))


def _cron_times(cron: str, day: date) -> Iterator[time]:
    # The iterator starts after the moment it is given.  In UTC no clock change skips or doubles a local time;
    # ``instant`` sees to that for each zone.
    for moment in CronSim(cron, datetime.combine(day, time(), UTC) - timedelta(minutes=1)):
        if moment.date() != day:
            return
        yield moment.time()


def _on_day(trigger: Trigger, day: date, zone: str) -> list[Occasion]:
    several = trigger.schedule is not None
    return [
        Occasion(day=day, label=f"{day}T{at:%H:%M}" if several else f"{day}", zone=zone, due_at=instant(day, at, zone))
        for at in times_on(trigger, day)
    ]


def due_occasions(
    published: Published, zones: Collection[str], done: Collection[str], *, now: datetime
) -> list[Occasion]:
    """List the occasions whose time has come and that are not ``done``, earliest first.

    Only those since the version was published count, and only as far back as is made up
    for.  A zone that has just got its first member has nothing to make up for.
    """
    trigger = published.journey.trigger
    oldest = max(published.published_at, now - MADE_UP_FOR[kind_of(trigger)])
    known = {name.rpartition(" ")[2] for name in done}
    due: list[Occasion] = []
    for zone in zones:
        missed = _missed(trigger, zone, set(done), oldest, now)
        due += missed if zone in known or not known else missed[:1]
    return sorted(due, key=lambda occasion: (occasion.due_at, occasion.zone))


def _missed(trigger: Trigger, zone: str, done: set[str], oldest: datetime, now: datetime) -> list[Occasion]:
    """List missed occasions of one zone, latest first, back to the last one that was seen to."""
    missed: list[Occasion] = []
    day, first_day = local_day(now, zone), local_day(oldest, zone)
    while day >= first_day:
        for occasion in reversed(_on_day(trigger, day, zone)):
            if occasion.name in done or occasion.due_at < oldest:
                return missed
            if occasion.due_at <= now:
                missed.append(occasion)
        day -= timedelta(days=1)
    return missed


def occasions_between(published: Published, zones: Collection[str], start: datetime, end: datetime) -> list[datetime]:
    """Return the instants from ``start`` to ``end`` at which the trigger looks in any of ``zones``."""
    found: set[datetime] = set()
    for zone in zones:
        day = local_day(start, zone)
        while day <= local_day(end, zone):
            found.update(occasion.due_at for occasion in _on_day(published.journey.trigger, day, zone))
            day += timedelta(days=1)
    return sorted(moment for moment in found if start <= moment <= end)
