"""The one condition language: read it, ask it of members.

A condition is a mapping with one name::

    all: [condition, …]   any: [condition, …]   not: condition
    member: {tier: {in: [gold, platinum]}}        attribute: {city: {eq: 上海}}
    event: {kind: order.paid, count: {ge: 2}, sum: {ge: 100}, within: 30d, before: 7d, where: {city: {eq: 上海}}}
    fact: {event: order.paid, total: {ge: 1000}, last_at: {older_than: 90d}}
    segment: staff        consent: {channel: sms, purpose: marketing}        reachable: sms
    clicked: a-campaign   opened: a-campaign                                 received: a-campaign

What the operators mean stands in ``members/comparisons.py``.
"""

from pydantic import ValidationError

from language.problems import InputRefused
from members.condition_model import Condition
from members.condition_sql import clause
from members.expansion import expanded
from members.mistakes import problem_from

__all__ = ["Condition", "clause", "expanded", "parse_condition"]


def parse_condition(
    data: object, *, file: str | None = None, line: int | None = None, field: str | None = None
) -> Condition:
    """Make a condition of what a YAML or JSON file holds; the place is for the messages.

    Raises:
        InputRefused: every mistake found, with its path below ``field``.
    """
    try:
        return Condition.model_validate(data)
    except ValidationError as failed:
        raise InputRefused(
            [
                problem_from(error, file=file, line=line, field=_path(field, error["loc"]))
                for error in failed.errors(include_url=False)
            ]
        ) from None


def _path(field: str | None, place: tuple[int | str, ...]) -> str | None:
    """Write a place the way people read it: ``audience.all[1].member.tier``."""
    text = field or ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or None
