"""Lengths of time as people write them: ``90d``, ``2h``, ``30m``, ``1w``, ``45s``."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from language.problems import refuse
from members.mistakes import mistake

UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
LONGEST = timedelta(days=36_500)  #: a hundred years; more is a slip of the finger

WANTED = "a length of time such as 90d, 2h, 30m, 1w or 45s was expected; found {found}"
TOO_LONG = "{found} is longer than 36500d"


def _read(text: str) -> timedelta | None:
    matched = re.fullmatch(r"\s*(\d{1,10})\s*([smhdw])\s*", text, re.ASCII)
    return int(matched[1]) * UNITS[matched[2]] if matched else None


def parse_duration(text: str) -> timedelta:
    """Read a whole number and a unit: s, m, h, d or w.  A day is 24 hours, a week seven days.

    Raises:
        InputRefused: the text is none, or says more than a hundred years.
    """
    found = _read(text)
    if found is None:
        raise refuse(WANTED, found=repr(text)[:80])
    if found > LONGEST:
        raise refuse(TOO_LONG, found=text.strip())
    return found


def duration_text(length: timedelta) -> str:
    """Write a length of whole seconds the way ``parse_duration`` reads it, in the largest unit that fits."""
    seconds = int(length.total_seconds())
    for unit in ("d", "h", "m"):
        size = int(UNITS[unit].total_seconds())
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _validated(value: object) -> timedelta:
    if isinstance(value, timedelta):
        found: timedelta | None = value
    else:
        found = _read(value) if isinstance(value, str) else None
    if found is None:
        raise mistake(WANTED, found=repr(value)[:80])
    if not timedelta() <= found <= LONGEST:
        raise mistake(TOO_LONG, found=value)
    return found


#: A pydantic field type: written ``90d`` in files and in JSON, a timedelta in Python.
Duration = Annotated[
    timedelta,
    BeforeValidator(_validated),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+[smhdw]$", "examples": ["90d", "2h", "30m"]}),
]
