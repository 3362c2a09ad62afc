"""Conditions as one SQL clause about the column that holds a member's id."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_

from members.comparison_sql import Clause
from members.condition_model import Condition
from members.expansion import expanded
from members.questions import near_sql, reckoned_sql, told_sql
from members.questions.asked import Asked

__all__ = ["QUESTIONS", "Asked", "clause", "question_of"]


def clause(
    condition: Condition,
    *,
    member: ColumnElement[int],
    now: datetime,
    segments: Mapping[str, Condition] | None = None,
    of_everybody: bool = False,
) -> Clause:
    """Say in SQL whether the condition holds, at ``now``, for the member whose id is in column ``member``.

    The clause is true or false, never null.  Segments are looked up by name in ``segments``.  With
    ``of_everybody`` it is written for a question put to the whole base at once rather than to a batch:
    the answer is the same.

    Raises:
        InputRefused: a segment is not known, asks about itself, or all parts together are too many.
    """
    whole = expanded(condition, segments or {})
    return _clause(whole, Asked(member=member, now=now, of_everybody=of_everybody))


def question_of(condition: Condition) -> tuple[str, Any]:
    """Return the name of the one question a condition asks about the member, and the question."""
    return next((name, asked) for name in QUESTIONS if (asked := getattr(condition, name)) is not None)


def _clause(condition: Condition, asked: Asked) -> Clause:
    if condition.all is not None:
        return and_(*(_clause(inner, asked) for inner in condition.all))
    if condition.any is not None:
        return or_(*(_clause(inner, asked) for inner in condition.any))
    if condition.not_ is not None:
        return not_(_clause(condition.not_, asked))
    name, question = question_of(condition)
    return QUESTIONS[name](question, asked)


QUESTIONS: Mapping[str, Callable[[Any, Asked], Clause]] = {
    "member": told_sql.about_member,
    "attribute": told_sql.about_attributes,
    "tags": told_sql.about_tags,
    "event": told_sql.about_events,
    "fact": told_sql.about_facts,
    "consent": told_sql.about_consent,
    "reachable": told_sql.is_reachable,
    "clicked": told_sql.answered_by("message.clicked"),
    "opened": told_sql.answered_by("message.opened"),
    "received": told_sql.has_received,
    "tier": reckoned_sql.about_tier,
    "points": reckoned_sql.about_points,
    "orders": reckoned_sql.about_orders,
    "channel": reckoned_sql.about_channel,
    "rfm": reckoned_sql.about_rfm,
    "prediction": reckoned_sql.about_prediction,
    "cluster": reckoned_sql.about_cluster,
    "coupon": reckoned_sql.has_coupon,
    "survey": reckoned_sql.about_survey,
    "near": near_sql.is_near,
    "sample": reckoned_sql.is_drawn,
    "listed": reckoned_sql.is_listed,
}
