"""Live through past days again with a journey in force, and count what it would have done.

The real engine runs: the same triggers, steps and planning, on a clock that is told.  Only
the last step differs, in that no provider hears of anything.  It all happens in a schema
of its own; live tables are read at most, never written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from sqlalchemy import Connection, func, select

from campaigns.campaign import CampaignDefinition
from campaigns.publishing import apply_campaigns
from campaigns.rules import PlanningRules
from campaigns.sends.rehearsing import accept_what_may_go
from database.engine import Database
from database.tables import enrolments, members
from journeys.advance import advance
from journeys.enrolments import IS_ACTIVE
from journeys.history import begin_at, copy_live, hold_imported, next_told, refresh_statistics, tell
from journeys.journey import Journey
from journeys.local_time import instant
from journeys.occasions import occasions_between
from journeys.published import load_published
from journeys.publishing import apply_journeys
from journeys.scratch import scratch_schema
from journeys.tallies import Tally, TimelineEntry, count_up, timeline
from journeys.triggers import enrol, enrol_scheduled
from templates.library import Library

#: Between a trigger's own times, the clock moves on by at least this much.
STRIDE = timedelta(hours=1)
EVENTS_AT_ONCE = 20_000


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """What the journey would have done in those days."""

    entries: Mapping[str, int]  #: by local day, days without one left out
    sends: Mapping[str, int]  #: by channel
    withheld: int
    refused: Mapping[str, int]  #: by reason
    cost: Decimal
    timelines: Mapping[str, Sequence[TimelineEntry]] = field(default_factory=dict)  #: by member key


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a replay is made with."""

    journey: Journey
    campaigns: Sequence[CampaignDefinition]  #: those its send steps ask
    library: Library
    rules: PlanningRules
    from_day: date
    to_day: date  #: included


def replay(
    database: Database,
    rehearsal: Rehearsal,
    *,
    load: Callable[[Database], None] | None = None,
    member_keys: Sequence[str] = (),
    told: Callable[[date], None] = lambda day: None,
) -> ReplayResult:
    """Run ``rehearsal`` in a scratch schema of ``database`` and return what came of it.

    ``load`` puts members and events into the scratch database; None copies the live ones.
    ``member_keys`` are those whose timelines are wanted; ``told`` hears of each day begun.
    """
    with scratch_schema(database) as scratch:
        if load is None:
            copy_live(database, scratch)
        else:
            load(scratch)
            hold_imported(scratch)
        start, end = _publish(scratch, rehearsal)
        _live_through(scratch, rehearsal, start, end, told)
        with scratch.transaction() as connection:
            tally = count_up(connection, rehearsal.journey, rehearsal.from_day, rehearsal.to_day)
            return _result(tally, {key: timeline(connection, key) for key in member_keys})


def _result(tally: Tally, timelines: Mapping[str, Sequence[TimelineEntry]]) -> ReplayResult:
    return ReplayResult(
        entries=tally.entries,
        sends=tally.sends,
        withheld=tally.withheld,
        refused=tally.refused,
        cost=tally.cost,
        timelines=timelines,
    )


def _publish(scratch: Database, rehearsal: Rehearsal) -> tuple[datetime, datetime]:
    """Begin before the first day anywhere a member lives, publish there, and return it with the last day's end."""
    with scratch.transaction() as connection:
        zones = _zones(connection, rehearsal)
        start = min(instant(rehearsal.from_day, time(), zone) for zone in zones)
        end = max(instant(rehearsal.to_day + timedelta(days=1), time(), zone) for zone in zones)
        begin_at(connection, start)
        apply_campaigns(connection, rehearsal.campaigns, rehearsal.library, now=start)
        apply_journeys(connection, [rehearsal.journey], now=start)
    return start, end


def _zones(connection: Connection, rehearsal: Rehearsal) -> list[str]:
    if rehearsal.journey.time_zone != "member":
        return [rehearsal.journey.time_zone]
    return [*connection.execute(select(members.c.time_zone).distinct()).scalars()] or [rehearsal.rules.default_zone]


def _live_through(
    scratch: Database, rehearsal: Rehearsal, start: datetime, end: datetime, told: Callable[[date], None]
) -> None:
    with scratch.transaction() as connection:
        (published,) = load_published(connection, ("active",))
        zones = _zones(connection, rehearsal)
        looks = occasions_between(published, zones, start, end)
    before, now = start - timedelta(microseconds=1), start
    moments = 0
    while now < end:
        with scratch.transaction() as connection:
            accept_what_may_go(connection, now=now)
            if tell(connection, after=before, until=now):
                while enrol(connection, now=now, limit=EVENTS_AT_ONCE).events == EVENTS_AT_ONCE:
                    pass
            if looks and looks[0] <= now:
                enrol_scheduled(connection, now=now, february_29=rehearsal.rules.february_29, zones=zones)
            coming = next_told(connection, now), _move_on(connection, rehearsal.rules, now)
            moments += 1
            if moments.bit_count() == 1:
                refresh_statistics(connection)
        told(now.date())
        looks = [moment for moment in looks if moment > now]
        before, now = now, _next_moment(now, coming, looks[0] if looks else None, end)


def _move_on(connection: Connection, rules: PlanningRules, now: datetime) -> datetime | None:
    """Take every step that is due, and return when the next one will be."""
    while (due := _next_due(connection)) is not None and due <= now:
        advance(connection, now=now, rules=rules)
    return due


def _next_due(connection: Connection) -> datetime | None:
    found: datetime | None = connection.execute(select(func.min(enrolments.c.due_at)).where(IS_ACTIVE)).scalar_one()
    return found


def _next_moment(now: datetime, coming: Sequence[datetime | None], look: datetime | None, end: datetime) -> datetime:
    """Return when something happens next: exactly then for a trigger's look, in strides for the rest."""
    moments = [max(moment, now + STRIDE) for moment in coming if moment is not None]
    return min([*moments, *([look] if look else []), end])
