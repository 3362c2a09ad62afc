"""Why one member is in a segment or not: the condition as a tree, with what holds and what the member has."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from database.tables import members
from members.condition_model import Condition
from members.condition_sql import QUESTIONS, question_of
from members.expansion import expanded
from members.questions.asked import Asked
from members.segments.found_sql import FOUND
from members.segments.picking import IS_SOMEBODY


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One part of a condition, whether it holds for the member, and what decided it."""

    name: str  #: all, any, not, segment, or the question's name
    asked: object  #: what is asked, as files write it; None for all, any and not
    holds: bool
    found: Mapping[str, object]  #: what the member has, where the question is about something of theirs
    parts: tuple["Reason", ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the tree for programs."""
        return asdict(self)


def reasons_of(
    connection: Connection, condition: Condition, member_id: int, now: datetime, *, segments: Mapping[str, Condition]
) -> Reason:
    """Say for one member, in one statement, which parts of a condition hold and which do not.

    Raises:
        InputRefused: a segment is not known or asks about itself.
    """
    expanded(condition, segments)
    leaves = list(_leaves(condition, segments))
    asked = Asked(member=members.c.id, now=now, of_everybody=False)
    columns: list[ColumnElement[Any]] = []
    for place, leaf in enumerate(leaves):
        name, question = question_of(leaf)
        found = [part for each in FOUND[name](question, asked).items() for part in each]
        columns.append(QUESTIONS[name](question, asked).label(f"holds_{place}"))
        columns.append(cast(func.jsonb_build_object(*found), JSONB).label(f"found_{place}"))
    somebody = IS_SOMEBODY.label("is_somebody")
    row = connection.execute(select(somebody, *columns).where(members.c.id == member_id)).mappings().one()
    answers = iter([(bool(row[f"holds_{place}"]), row[f"found_{place}"]) for place in range(len(leaves))])
    tree = _tree(condition, segments, answers)
    if row["is_somebody"]:
        return tree
    # Whatever is asked: whoever is erased or merged is in no segment.
    nobody = Reason(name="erased or merged", asked=None, holds=False, found={})
    return Reason(name="all", asked=None, holds=False, found={}, parts=(nobody, tree))


def _inner(condition: Condition, segments: Mapping[str, Condition]) -> list[Condition]:
    if condition.segment is not None:
        return [segments[condition.segment]]
    return condition.all or condition.any or ([condition.not_] if condition.not_ else [])


def _leaves(condition: Condition, segments: Mapping[str, Condition]) -> list[Condition]:
    inner = _inner(condition, segments)
    return [leaf for part in inner for leaf in _leaves(part, segments)] if inner else [condition]


def _tree(condition: Condition, segments: Mapping[str, Condition], answers: Any) -> Reason:
    parts = tuple(_tree(part, segments, answers) for part in _inner(condition, segments))
    if not parts:
        holds, found = next(answers)
        name, _ = question_of(condition)
        return Reason(name=name, asked=condition.model_dump(mode="json")[name], holds=holds, found=found)
    truths = [part.holds for part in parts]
    if condition.segment is not None:
        return Reason(name="segment", asked=condition.segment, holds=truths[0], found={}, parts=parts)
    if condition.not_ is not None:
        return Reason(name="not", asked=None, holds=not truths[0], found={}, parts=parts)
    name, holds = ("all", all(truths)) if condition.all is not None else ("any", any(truths))
    return Reason(name=name, asked=None, holds=holds, found={}, parts=parts)
