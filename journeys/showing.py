"""How many stand on each step of a journey, and how many passed it."""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from sqlalchemy import Connection, func, select

from database.tables import enrolments, journeys, step_runs
from journeys.journey import Journey, Step
from journeys.published import Published, load_published
from language.problems import refuse
from members.durations import duration_text


@dataclass(frozen=True, kw_only=True)
class Standings:
    """The newest version of a journey with its counts."""

    journey: Journey
    version: int
    state: str
    entered: int
    here: Mapping[str, int]  #: by path of the step they wait on
    passed: Mapping[str, int]  #: by path
    ended: Mapping[str, int]  #: by reason

    def as_json(self) -> dict[str, object]:
        """Return the same for programs."""
        paths = [*dict.fromkeys([*self.passed, *self.here])]
        return {
            "journey": self.journey.journey,
            "version": self.version,
            "state": self.state,
            "entered": self.entered,
            "ended": dict(self.ended),
            "steps": [
                {"step": path, "passed": self.passed.get(path, 0), "here": self.here.get(path, 0)}
                for path in sorted(paths)
            ],
        }


def words_of(step: Step) -> str:
    """Say in a few words, the same in every language, what a step does."""
    if step.send:
        channels = ", ".join(step.send.channels or ())
        return f"{step.send.campaign} ({channels})" if channels else step.send.campaign
    if step.wait:
        told = [duration_text(step.wait.lasts)] if step.wait.lasts else []
        told += [f"→ {step.wait.until_time:%H:%M}"] if step.wait.until_time else []
        told += [f"/ {step.wait.until.event}"] if step.wait.until else []
        return " ".join(told)
    return step.exit.reason if step.exit else ""


def way_words(step: Step, way: int) -> str:
    """Say which way out of a step this is."""
    if step.split:
        return f"{step.split[way].name} {step.split[way].share:.0%}"
    when = step.branch[way].when if step.branch else None
    return "otherwise" if when is None else f"when {in_one_line(when)}"


def in_one_line(data: object) -> str:
    """Write a part of a journey as its file would, on one line."""
    return yaml.safe_dump(data, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10_000).strip()


def standings(connection: Connection, name: str) -> Standings:
    """Count those in the newest version of a journey.

    Raises:
        InputRefused: there is no such journey.
    """
    version = _newest(connection, name)
    mine = enrolments.c.journey_id == version.id
    states = connection.execute(
        select(enrolments.c.state, enrolments.c.step, enrolments.c.end_reason, func.count())
        .where(mine)
        .group_by(enrolments.c.state, enrolments.c.step, enrolments.c.end_reason)
    ).all()
    passed = connection.execute(
        select(step_runs.c.step, func.count())
        .join(enrolments, enrolments.c.id == step_runs.c.enrolment_id)
        .where(mine)
        .group_by(step_runs.c.step)
    ).all()
    return Standings(
        journey=version.journey,
        version=version.version,
        state=version.state,
        entered=sum(count for *_, count in states),
        here={step: count for state, step, _, count in states if state == "active"},
        passed=dict(passed),
        ended={reason: count for state, _, reason, count in states if state != "active"},
    )


def _newest(connection: Connection, name: str) -> Published:
    found = [one for one in load_published(connection, ("active", "paused", "draining", "stopped")) if one.name == name]
    if not found:
        names = connection.execute(select(journeys.c.name).distinct().order_by(journeys.c.name)).scalars()
        raise refuse("there is no journey {name}; expected {known}", name=name, known=", ".join(names) or "-")
    return found[-1]
