"""What counts as a response, read from a campaign's or journey's stored definition."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

#: Lengths of time as definitions write them.
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """The event that is a response, and the half-open window [decided, decided + within) it must fall in."""

    event: str
    within: timedelta
    counts_value: bool  #: whether the event's value is summed as revenue


def goal_of(definition: Mapping[str, object]) -> Goal | None:
    """Read the goal out of a stored definition; None: it has none, so nothing is a response.

    Raises:
        ValueError: the stored goal cannot be read.
    """
    given = definition.get("goal")
    if not isinstance(given, Mapping):
        return None
    written = str(given.get("within", ""))
    matched = re.fullmatch(r"(\d{1,10})([smhdw])", written)
    if matched is None or not isinstance(given.get("event"), str):
        raise ValueError(f"the stored goal {dict(given)!r} cannot be read")
    return Goal(
        event=str(given["event"]),
        within=int(matched[1]) * _UNITS[matched[2]],
        counts_value=given.get("value") is not None,
    )
