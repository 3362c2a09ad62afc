"""What is wrong with a journey although every field of it is well formed."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from journeys.journey import BranchArm, ConditionText, Journey, SplitArm, Step
from language.documents import Place

#: How deep branches and splits may lie inside each other; nobody could follow more, and paths stay short.
DEEPEST = 8


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """One thing that is wrong, and its place in the file."""

    sentence: str
    place: Place
    values: Mapping[str, object] = field(default_factory=dict)


def _ways(step: Step, place: Place) -> Iterator[tuple[tuple[Step, ...], Place]]:
    for number, arm in enumerate(step.branch or ()):
        if arm.otherwise is not None:
            yield arm.otherwise, (*place, "branch", number, "otherwise")
        else:
            yield arm.steps or (), (*place, "branch", number, "steps")
    for number, share in enumerate(step.split or ()):
        yield share.steps, (*place, "split", number, "steps")


def placed_steps(steps: tuple[Step, ...], place: Place = ("steps",)) -> Iterator[tuple[Step, Place]]:
    """Yield every step with its place in the file, outer steps before the steps inside them."""
    for number, step in enumerate(steps):
        here = (*place, number)
        yield step, here
        for inner, inner_place in _ways(step, here):
            yield from placed_steps(inner, inner_place)


def _depth(place: Place) -> int:
    """Say inside how many branches and splits a step lies."""
    return len([part for part in place if part in {"branch", "split"}])


def conditions_of(journey: Journey) -> Iterator[tuple[Place, ConditionText]]:
    """Yield every condition of the journey with its place in the file."""
    if journey.audience is not None:
        yield ("audience",), journey.audience
    for step, place in placed_steps(journey.steps):
        for number, arm in enumerate(step.branch or ()):
            if arm.when is not None:
                yield (*place, "branch", number, "when"), arm.when


def journey_problems(journey: Journey, campaigns: Collection[str] | None) -> list[Wrong]:
    """List what cannot be meant: unknown campaigns, steps nobody reaches, shares that do not add up, …

    ``campaigns`` None: which campaigns there are is not known, and not checked.
    """
    found = [*_trigger_problems(journey), *_unreachable(journey.steps, ("steps",))]
    for step, place in placed_steps(journey.steps):
        if _depth(place) == DEEPEST + 1:
            found.append(
                Wrong(sentence="ways lie inside ways {most} deep at most", place=place, values={"most": DEEPEST})
            )
        if step.send and campaigns is not None and step.send.campaign not in campaigns:
            found.append(_unknown_campaign(step.send.campaign, (*place, "send", "campaign"), campaigns))
        if step.branch is not None:
            found += _branch_problems(step.branch, (*place, "branch"))
        if step.split is not None:
            found += _split_problems(step.split, (*place, "split"))
        for inner, inner_place in _ways(step, place):
            found += _unreachable(inner, inner_place)
    return found


def _unknown_campaign(name: str, place: Place, campaigns: Collection[str]) -> Wrong:
    if not campaigns:
        sentence = "there is no campaign {name}, nor any other; campaigns are applied before journeys"
        return Wrong(sentence=sentence, place=place, values={"name": name})
    near = difflib.get_close_matches(name, campaigns, n=1)
    known = near[0] if near else ", ".join(sorted(campaigns))
    return Wrong(
        sentence="there is no campaign {name}; expected {known}", place=place, values={"name": name, "known": known}
    )


def _trigger_problems(journey: Journey) -> Iterator[Wrong]:
    trigger = journey.trigger
    if trigger.inactive and trigger.inactive.lasts <= timedelta(0):
        yield Wrong(sentence="a silence lasts longer than nothing, such as 90d", place=("trigger", "inactive", "for"))
    if trigger.event and not trigger.event.first and trigger.event.kind in journey.exit_events:
        number = [rule.event for rule in journey.exit].index(trigger.event.kind)
        yield Wrong(
            sentence="{event} lets members in and out again; name another event, or enter on the first one only",
            place=("exit", number, "event"),
            values={"event": trigger.event.kind},
        )
    if journey.goal and journey.goal.within <= timedelta(0):
        yield Wrong(sentence="a goal is reached within some time, such as 14d", place=("goal", "within"))


def _branch_problems(arms: tuple[BranchArm, ...], place: Place) -> Iterator[Wrong]:
    if not any(arm.when is not None for arm in arms):
        yield Wrong(sentence="a branch needs at least one arm with when", place=place)
    for number, arm in enumerate(arms):
        if arm.otherwise is not None and number < len(arms) - 1:
            yield Wrong(sentence="otherwise takes everybody; it must be the last arm", place=(*place, number))
        if not (arm.steps or arm.otherwise):
            yield Wrong(sentence="this arm has no steps; leave it out, or say what happens", place=(*place, number))


def _split_problems(arms: tuple[SplitArm, ...], place: Place) -> Iterator[Wrong]:
    total = sum((arm.share for arm in arms), Decimal(0))
    if total != 1:
        yield Wrong(sentence="the shares of a split add up to 1, not {total}", place=place, values={"total": total})
    names = [arm.name for arm in arms]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield Wrong(sentence="two shares are named {name}", place=(*place, number, "name"), values={"name": name})


def _ends(step: Step) -> bool:
    """Say whether nobody comes out of this step."""
    if step.exit:
        return True
    if step.branch and not any(arm.otherwise is not None for arm in step.branch):
        return False
    return bool(step.ways) and all(inner and _ends(inner[-1]) for inner in step.ways)


def _unreachable(steps: tuple[Step, ...], place: Place) -> Iterator[Wrong]:
    for number, step in enumerate(steps[:-1]):
        if _ends(step):
            yield Wrong(sentence="nobody reaches this step: everybody has left before it", place=(*place, number + 1))
            return
