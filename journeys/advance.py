"""Move members through their journeys: claim those who are due, run each step on its whole group."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from campaigns.rules import PlanningRules
from journeys.enrolments import (
    claim_due,
    end_those_who_are_through,
    exit_before_moving,
    record_steps,
    settle_into_wait,
)
from journeys.groups import moving, prepare_groups
from journeys.published import MOVING, Published, load_published
from journeys.steps.branching import run_branch
from journeys.steps.leaving import run_exit
from journeys.steps.sending import run_send
from journeys.steps.splitting import run_split
from journeys.steps.standing import Standing
from journeys.steps.waiting import run_wait

STEPS: Mapping[str, Callable[[Standing], None]] = {
    "send": run_send,
    "wait": run_wait,
    "branch": run_branch,
    "split": run_split,
    "exit": run_exit,
}


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """What one call did."""

    claimed: int = 0  #: enrolments that were due; as many as the limit: there may be more
    steps: int = 0
    ended: int = 0  #: came to the end, or to an exit step
    exited: int = 0  #: let out by an exit event before they moved


def advance(
    connection: Connection, *, now: datetime, limit: int = 20_000, rules: PlanningRules | None = None
) -> Advanced:
    """Move up to ``limit`` due enrolments on until each waits or is through.

    All of it happens in the caller's transaction: what a step caused is there exactly if
    the step is recorded.  Any number of workers may call this at once.
    """
    versions = {version.id: version for version in movable(connection)}
    if not versions:
        return Advanced()
    prepare_groups(connection)
    claimed = claim_due(connection, versions, now=now, limit=limit)
    if not claimed:
        return Advanced()
    groups = _groups(connection)
    exited = sum(
        exit_before_moving(connection, versions[journey], now=now) for journey in {journey for journey, _ in groups}
    )
    if exited:
        groups = _groups(connection)
    steps = ended = 0
    while groups:
        for journey, path in groups:
            version = versions[journey]
            standing = Standing(
                connection=connection, published=version, path=path, now=now, rules=rules or PlanningRules()
            )
            STEPS[standing.step.kind](standing)
        steps += record_steps(connection, now=now)
        over, groups = _settle(connection, versions, now)
        ended += over
    return Advanced(claimed=claimed, steps=steps, ended=ended, exited=exited)


def movable(connection: Connection) -> list[Published]:
    """Return the versions whose people move: not stopped, and no version of their name paused."""
    found = load_published(connection, (*MOVING, "paused"))
    held = {version.name for version in found if version.state == "paused"}
    return [version for version in found if version.name not in held]


#: Statements that are the same every time are built once, which takes longer than to run them on a small group.
_STANDING = select(moving.c.journey_id, moving.c.step).distinct().order_by(moving.c.journey_id, moving.c.step)
_ARRIVING = select(moving.c.journey_id, moving.c.next_step, moving.c.kind).distinct()
_ONWARDS = update(moving).values(step=moving.c.next_step, visit=moving.c.visit + 1, next_step=None)


def _groups(connection: Connection) -> list[tuple[int, str]]:
    return [(row.journey_id, row.step) for row in connection.execute(_STANDING)]


def _settle(
    connection: Connection, versions: Mapping[int, Published], now: datetime
) -> tuple[int, list[tuple[int, str]]]:
    """End those who are through, leave those who arrived at a wait, and say how many ended and who goes on."""
    arriving = connection.execute(_ARRIVING).all()
    over = {kind for _, path, kind in arriving if path == ""}
    ended = end_those_who_are_through(connection, over, now=now) if over else 0
    going = sorted({(journey, path) for journey, path, _ in arriving if path != ""})
    waits = [place for place in going if versions[place[0]].steps[place[1]].kind == "wait"]
    for journey, path in waits:
        settle_into_wait(connection, versions[journey], path, now=now)
    onwards = [place for place in going if place not in waits]
    if onwards:
        connection.execute(_ONWARDS)
    return ended, onwards
