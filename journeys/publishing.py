"""Publish journeys, and pause, resume and stop them.

A published version never changes.  A changed file becomes the next version; people inside
the one before walk it to its end (it is *draining*), and only the new one lets people in.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, func, insert, select, update

from campaigns.control import ensure_experiment
from database.tables import campaigns, enrolments, journeys
from journeys.checks import journey_problems
from journeys.enrolments import stop_enrolments
from journeys.journey import Journey
from journeys.naming import segment_problems
from language.problems import InputRefused, Problem, refuse
from members.segments.storing import hold_definitions, load_kept


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What publishing a set of journeys changed, by name."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


def apply_journeys(connection: Connection, wanted: Sequence[Journey], *, now: datetime) -> Applied:
    """Publish these journeys; one that already stands as it is here stays the version it is.

    Raises:
        InputRefused: a journey cannot be published; nothing was, if the caller rolls back.
    """
    hold_definitions(connection)  # A segment that is being changed is found changed.
    problems = _problems(connection, wanted)
    if problems:
        raise InputRefused(problems)
    new: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    for journey in wanted:
        current = _current(connection, journey.journey)
        definition = definition_of(journey)
        if current is not None and current.definition == definition:
            unchanged.append(journey.journey)
            continue
        (new if current is None else changed).append(journey.journey)
        if current is not None:
            connection.execute(update(journeys).where(journeys.c.id == current.id).values(state="draining"))
        _publish(connection, journey, definition, now)
    return Applied(new=tuple(new), changed=tuple(changed), unchanged=tuple(unchanged))


def definition_of(journey: Journey) -> dict[str, object]:
    """Return the journey as it is kept: defaults spelled out, ready for JSON."""
    return journey.model_dump(mode="json", by_alias=True, exclude_none=True)


def _problems(connection: Connection, wanted: Sequence[Journey]) -> list[Problem]:
    names = set(connection.execute(select(campaigns.c.name)).scalars())
    found = [
        Problem(
            sentence=wrong.sentence, values=wrong.values, field=f"{journey.journey}: {'.'.join(map(str, wrong.place))}"
        )
        for journey in wanted
        for wrong in journey_problems(journey, names)
    ]
    known = load_kept(connection)
    for journey in wanted:
        found += segment_problems(journey, known)
        current = _current(connection, journey.journey)
        if current is not None and current.state == "paused" and current.definition != definition_of(journey):
            sentence = "journey {name} is paused; resume or stop it before publishing a changed version"
            found.append(Problem(sentence=sentence, values={"name": journey.journey}))
    return found


def _publish(connection: Connection, journey: Journey, definition: dict[str, object], now: datetime) -> None:
    name = journey.journey
    last = connection.execute(select(func.max(journeys.c.version)).where(journeys.c.name == name)).scalar_one()
    version = (last or 0) + 1
    experiment = None
    if journey.control.share > 0:
        title = f"journey:{name}@{version}"
        experiment = ensure_experiment(connection, title, salt=title, control_share=journey.control.share)
    connection.execute(
        insert(journeys).values(
            name=name,
            version=version,
            definition=definition,
            state="active",
            experiment_id=experiment,
            published_at=now,
        )
    )


def _current(connection: Connection, name: str) -> Row[tuple[object, ...]] | None:
    """Hold and return the version that lets people in, active or paused; None: there is none."""
    return connection.execute(
        select(journeys)
        .where(journeys.c.name == name, journeys.c.state.in_(("active", "paused")))
        .with_for_update(key_share=True)
    ).one_or_none()


def _expect(connection: Connection, name: str) -> Row[tuple[object, ...]]:
    found = _current(connection, name)
    if found is not None:
        return found
    names = list(
        connection.execute(
            select(journeys.c.name).distinct().where(journeys.c.state.in_(("active", "paused")))
        ).scalars()
    )
    near = difflib.get_close_matches(name, names, n=1)
    known = near[0] if near else ", ".join(sorted(names)) or "-"
    raise refuse("there is no running journey {name}; expected {known}", name=name, known=known)


def pause_journey(connection: Connection, name: str) -> None:
    """Let nobody in and hold everybody inside where they stand; timers that fall due wait for ``resume_journey``.

    What happens to let members in meanwhile is not made up for.

    Raises:
        InputRefused: no such journey is running.
    """
    _set_state(connection, _expect(connection, name), "paused")


def resume_journey(connection: Connection, name: str) -> None:
    """Let a paused journey go on; steps whose time came in the pause are taken now.

    Raises:
        InputRefused: no such journey is running.
    """
    _set_state(connection, _expect(connection, name), "active")


def _set_state(connection: Connection, row: Row[tuple[object, ...]], state: str) -> None:
    connection.execute(update(journeys).where(journeys.c.id == row.id).values(state=state))


def stop_journey(connection: Connection, name: str, *, now: datetime) -> int:
    """End the journey for good, for everybody inside any version of it; return how many were inside.

    Messages that have not left are cancelled.  Publishing the file again begins a new version.

    Raises:
        InputRefused: no such journey is running.
    """
    _expect(connection, name)
    versions = list(
        connection.execute(
            update(journeys)
            .where(journeys.c.name == name, journeys.c.state != "stopped")
            .values(state="stopped")
            .returning(journeys.c.id)
        ).scalars()
    )
    return stop_enrolments(connection, versions, reason="stopped", now=now)


@dataclass(frozen=True, kw_only=True)
class JourneyState:
    """One version of a journey and how many are in it."""

    id: int
    name: str
    version: int
    state: str
    published_at: datetime
    inside: int
    entered: int


def list_journeys(connection: Connection) -> list[JourneyState]:
    """Return every version, newest first within its name, with its counts."""
    inside = func.count(enrolments.c.id).filter(enrolments.c.state == "active")
    rows = connection.execute(
        select(
            journeys.c.id, journeys.c.name, journeys.c.version, journeys.c.state, journeys.c.published_at,
            inside.label("inside"), func.count(enrolments.c.id).label("entered"),
        )
        .outerjoin(enrolments, enrolments.c.journey_id == journeys.c.id)
        .group_by(journeys.c.id)
        .order_by(journeys.c.name, journeys.c.version.desc())
    )  # fmt: skip
    return [JourneyState(**row._mapping) for row in rows]
