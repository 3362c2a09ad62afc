"""What is wrong with the segments and lists that journeys and campaigns name.

Asked when either is put in force: what runs meanwhile would stop at a name that nobody knows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlalchemy import Connection, select

from campaigns.audience import audience_problems
from campaigns.campaign import CampaignDefinition
from database.tables import campaigns
from journeys.checks import conditions_of
from journeys.journey import Journey
from journeys.published import load_published
from language.problems import Problem
from members.condition_model import Condition
from members.conditions import parse_condition
from members.segments.entering import ENTERED, LEFT
from members.segments.storing import KeptSegment, load_kept, naming_problems

UNKEPT = "segment {name} does not tell who enters and leaves it; its file lacks keep: true"


def segment_problems(journey: Journey, known: Mapping[str, KeptSegment]) -> list[Problem]:
    """List what is wrong with the segments that a journey's conditions ask about, and with those that let members in."""
    named = {name: one.condition for name, one in known.items()}
    found = []
    for place, condition in conditions_of(journey):
        found += [(place, problem) for problem in naming_problems(parse_condition(condition), named)]
    for name in _triggering(journey):
        unkept = [Problem(sentence=UNKEPT, values={"name": name})] if name in known and not known[name].keep else []
        problems = [*naming_problems(Condition(segment=name), named), *unkept]
        found += [(("trigger", "event", "where", "segment"), problem) for problem in problems]
    return [replace(problem, field=f"{journey.journey}: {'.'.join(map(str, place))}") for place, problem in found]


def _triggering(journey: Journey) -> Iterator[str]:
    """Yield the names of the segments whose entering or leaving lets members in."""
    event = journey.trigger.event
    asked = (event.where or {}).get("segment") if event and event.kind in (ENTERED, LEFT) else None
    for name in [asked.eq, *(asked.in_ or [])] if asked else []:
        if isinstance(name, str):
            yield name


def problems_in_force(connection: Connection) -> list[Problem]:
    """List what is wrong with the segments that anything names that runs, or is only paused."""
    known = load_kept(connection)
    running = select(campaigns.c.definition).where(campaigns.c.state != "cancelled").order_by(campaigns.c.name)
    definitions = [CampaignDefinition.model_validate(found) for found in connection.scalars(running)]
    problems = audience_problems(definitions, {name: one.condition for name, one in known.items()})
    for version in load_published(connection, ("active", "paused", "draining")):
        problems += segment_problems(version.journey, known)
    return problems
