"""Let members into journeys: from the events that arrived, and at the occasions that are due.

Both functions work in the caller's transaction: a cause is used up exactly if what it
caused is there.  Any number of callers may run at once.  Where a journey is paused its
causes are used up and nobody enters: resuming it makes up for nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from database.tables import events, members, trigger_runs, unprocessed_events
from journeys.candidates import by_anniversary, by_birthday, by_event, by_inactivity, by_schedule
from journeys.enrolments import enter, exit_on_arrived, hold_members_of_arrived, wake
from journeys.groups import arrived, insert_counted, prepare_groups
from journeys.occasions import MADE_UP_FOR, Occasion, due_occasions
from journeys.published import MOVING, Published, load_published, lock_published
from members.lifecycle import February29

#: An event that arrives later than this after it happened lets nobody in.
LATEST_ARRIVAL = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class Enrolled:
    """What one call did."""

    events: int = 0  #: looked at; as many as the limit: there may be more
    occasions: int = 0  #: due and looked at
    entered: Mapping[str, int] = field(default_factory=dict)  #: by journey
    woken: int = 0  #: waits that an event ended
    exited: int = 0  #: let out by an event


def enrol(connection: Connection, *, now: datetime, limit: int = 5000, latest: timedelta = LATEST_ARRIVAL) -> Enrolled:
    """Look at up to ``limit`` events: they end waits, let members out, and let members in.

    A member enters a journey by the earliest of several events in one batch.  Events from
    before the journey was published, or older than ``latest``, let nobody in.
    """
    prepare_groups(connection)
    taken = _take_events(connection, limit)
    if not taken:
        return Enrolled()
    kinds = set(connection.execute(select(arrived.c.kind).distinct()).scalars())
    known = load_published(connection, (*MOVING, "paused"))
    triggered = [version.id for version in known if version.state != "draining" and _event_of(version) in kinds]
    entrances = lock_published(connection, triggered) if triggered else []
    woken, exited = _move_those_inside(connection, known, kinds, now)
    entered = {
        version.name: enter(connection, version, by_event(connection, version, now=now, latest=latest), now=now)
        for version in entrances
        if version.state == "active"
    }
    connection.execute(delete(unprocessed_events).where(unprocessed_events.c.event_id == arrived.c.event_id))
    connection.execute(delete(arrived))
    return Enrolled(events=taken, entered=entered, woken=woken, exited=exited)


def _take_events(connection: Connection, limit: int) -> int:
    listed = (
        select(unprocessed_events.c.event_id)
        .order_by(unprocessed_events.c.event_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    told = select(events.c.id, events.c.member_id, events.c.kind, events.c.occurred_at).join(
        listed, listed.c.event_id == events.c.id
    )
    columns = ["event_id", "member_id", "kind", "occurred_at"]
    return insert_counted(connection, insert(arrived).from_select(columns, told))


def _event_of(version: Published) -> str | None:
    trigger = version.journey.trigger.event
    return trigger.kind if trigger else None


def _awaited(version: Published) -> set[str]:
    waits = (step.wait for step in version.steps.values() if step.wait)
    return {wait.until.event for wait in waits if wait.until}


def _move_those_inside(
    connection: Connection, known: Sequence[Published], kinds: set[str], now: datetime
) -> tuple[int, int]:
    exits = [(version.id, kind) for version in known for kind in sorted(version.journey.exit_events & kinds)]
    awaited = {kind for version in known for kind in _awaited(version)} & kinds
    if not exits and not awaited:
        return 0, 0
    hold_members_of_arrived(connection, awaited | {kind for _, kind in exits})
    exited = exit_on_arrived(connection, exits, now=now) if exits else 0
    return (wake(connection, now=now) if awaited else 0), exited


def enrol_scheduled(
    connection: Connection, *, now: datetime, february_29: February29 = "feb28", zones: Sequence[str] | None = None
) -> Enrolled:
    """See to every birthday, anniversary, silence and schedule whose local time has come.

    Each occasion is written to ``trigger_runs`` with the entries it made, and so is seen
    to once by however many schedulers.  Missed ones are made up for in order, as far back
    as ``MADE_UP_FOR``.  ``february_29`` says when those born on that day celebrate in common years;
    ``zones`` are those that members live in, None: the members are asked.
    """
    scheduled = [
        version for version in load_published(connection, ("active", "paused")) if not version.journey.trigger.event
    ]
    if not scheduled:
        return Enrolled()
    if zones is None:
        zones = list(connection.execute(select(members.c.time_zone).distinct()).scalars())
    waiting = [version.id for version in scheduled if _due(connection, version, zones, now)]
    if not waiting:
        return Enrolled()
    prepare_groups(connection)
    entered: dict[str, int] = {}
    occasions = 0
    for version in lock_published(connection, waiting):
        if version.state == "draining":
            continue
        # Asked again under the lock: another scheduler may have seen to some of them meanwhile.
        for together in _by_moment(_due(connection, version, zones, now)):
            occasions += len(together)
            count = 0
            if version.state == "active":
                candidates = _candidates(connection, version, together, february_29)
                count = enter(connection, version, candidates, now=now)
            _keep_runs(connection, version, together, count)
            entered[version.name] = entered.get(version.name, 0) + count
    return Enrolled(occasions=occasions, entered=entered)


def _due(connection: Connection, version: Published, zones: Sequence[str], now: datetime) -> list[Occasion]:
    own = zones if version.journey.time_zone == "member" else [version.journey.time_zone]
    oldest = now - max(MADE_UP_FOR.values()) - timedelta(days=2)
    done = connection.execute(
        select(trigger_runs.c.occasion).where(trigger_runs.c.journey_id == version.id, trigger_runs.c.due_at > oldest)
    ).scalars()
    return due_occasions(version, own, set(done), now=now)


def _by_moment(due: Sequence[Occasion]) -> Iterator[list[Occasion]]:
    """Put together the zones in which the same local day and time comes at the same instant."""
    ordered = sorted(due, key=lambda occasion: (occasion.due_at, occasion.label))
    for _, together in groupby(ordered, key=lambda occasion: (occasion.due_at, occasion.label)):
        yield list(together)


def _candidates(
    connection: Connection, version: Published, together: Sequence[Occasion], february_29: February29
) -> Select[Any]:
    first = together[0]
    zones = [occasion.zone for occasion in together]
    trigger = version.journey.trigger
    if trigger.inactive:
        return by_inactivity(connection, version, zones, moment=first.due_at)
    if trigger.birthday:
        return by_birthday(connection, version, zones, day=first.day, moment=first.due_at, february_29=february_29)
    if trigger.anniversary:
        return by_anniversary(connection, version, zones, day=first.day, moment=first.due_at, february_29=february_29)
    return by_schedule(connection, version, zones, label=first.label, moment=first.due_at)


def _keep_runs(connection: Connection, version: Published, together: Sequence[Occasion], entered: int) -> None:
    """Write the occasions down; the entries of zones seen to together stand with the first of them."""
    rows = [
        {
            "journey_id": version.id,
            "occasion": occasion.name,
            "due_at": occasion.due_at,
            "entered": entered if position == 0 else 0,
        }
        for position, occasion in enumerate(together)
    ]
    connection.execute(upsert(trigger_runs).on_conflict_do_nothing(), rows)
