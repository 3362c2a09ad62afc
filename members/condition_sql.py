"""Conditions as one SQL clause about the column that holds a member's id."""

import operator as arithmetic
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Alias,
    ColumnClause,
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    and_,
    cast,
    func,
    not_,
    or_,
    select,
)

from database.tables import addresses, campaigns, consents, events, facts, members, sends, suppressions
from members.comparison_sql import Clause, comparison_clause, json_clause, sure
from members.comparisons import AnyComparison, Comparison, NumberComparison
from members.condition_model import Condition, ConsentQuestion, EventQuestion, FactQuestion, MemberQuestion
from members.expansion import expanded


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Of whom and when a condition is asked."""

    member: ColumnElement[int]
    now: datetime
    of_everybody: bool

    def subquery(self, what: Select[Any]) -> Select[Any]:
        """Tie a subquery to the row around it, however deep it stands."""
        around = self.member.table if isinstance(self.member, ColumnClause) else None
        return what if around is None else what.correlate(around)

    def exists(self, what: Select[Any]) -> Clause:
        """Say whether the subquery has a row."""
        return self.subquery(what).exists()


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


def _clause(condition: Condition, asked: Asked) -> Clause:
    if condition.all is not None:
        return and_(*(_clause(inner, asked) for inner in condition.all))
    if condition.any is not None:
        return or_(*(_clause(inner, asked) for inner in condition.any))
    if condition.not_ is not None:
        return not_(_clause(condition.not_, asked))
    name, question = next((n, q) for n in QUESTIONS if (q := getattr(condition, n)) is not None)
    return QUESTIONS[name](question, asked)


def _about_the_row(asked: Asked, said: Callable[[FromClause], Clause]) -> Clause:
    """Ask of the member's own row; where the query reads ``members`` already, of that very row."""
    around = asked.member.table if isinstance(asked.member, ColumnClause) else None
    is_members = around is members or (isinstance(around, Alias) and around.element is members)
    if around is not None and is_members and asked.member.key == "id":
        return sure(said(around))
    row = members.alias()
    return asked.exists(select(row.c.id).where(row.c.id == asked.member, said(row)))


def _member(question: MemberQuestion, asked: Asked) -> Clause:
    def said(row: FromClause) -> Clause:
        comparisons = {name: getattr(question, name) for name in MemberQuestion.model_fields}
        return and_(
            *(
                # A month compared with 5.5 must not be rounded to 6.
                comparison_clause(cast(row.c[name], Numeric) if name in NUMBERS else row.c[name], asked_of, asked.now)
                for name, asked_of in comparisons.items()
                if asked_of is not None
            )
        )

    return _about_the_row(asked, said)


NUMBERS = frozenset({"birth_month", "birth_day"})


def _attribute(answers: Mapping[str, AnyComparison], asked: Asked) -> Clause:
    return _about_the_row(
        asked,
        lambda row: and_(*(json_clause(row.c.attributes, name, wanted, asked.now) for name, wanted in answers.items())),
    )


def _event(question: EventQuestion, asked: Asked) -> Clause:
    row = events.alias()
    found = select(row.c.member_id).where(row.c.kind == question.kind, row.c.occurred_at <= asked.now)
    if question.within is not None:
        found = found.where(row.c.occurred_at > asked.now - question.within)
    if question.before is not None:
        found = found.where(row.c.occurred_at <= asked.now - question.before)
    for name, wanted in (question.where or {}).items():
        found = found.where(json_clause(row.c.properties, name, wanted, asked.now))
    measures = {
        cast(func.count(), Numeric): question.count,
        func.coalesce(func.sum(row.c.value), 0): question.sum,
    }
    counted = [
        comparison_clause(measure, wanted, asked.now) for measure, wanted in measures.items() if wanted is not None
    ]
    if not counted:
        return asked.exists(found.where(row.c.member_id == asked.member))
    if asked.of_everybody and not all(_holds_for_none(wanted) for wanted in measures.values() if wanted is not None):
        return asked.member.in_(found.group_by(row.c.member_id).having(and_(*counted)))
    return asked.exists(
        found.where(row.c.member_id == asked.member).with_only_columns(func.count()).having(and_(*counted))
    )


def _fact(question: FactQuestion, asked: Asked) -> Clause:
    row = facts.alias()
    kept = select(row.c.member_id).where(row.c.member_id == asked.member, row.c.event == question.event)
    comparisons = {
        cast(row.c.count, Numeric): question.count,
        row.c.total: question.total,
        row.c.first_at: question.first_at,
        row.c.last_at: question.last_at,
    }
    wanted = [(value, comparison) for value, comparison in comparisons.items() if comparison is not None]
    passes = asked.exists(
        kept.where(*(comparison_clause(value, comparison, asked.now) for value, comparison in wanted))
    )
    if all(_holds_for_none(comparison) for _, comparison in wanted):
        return or_(passes, not_(asked.exists(kept)))
    return passes


_OF_ZERO: Mapping[str, Callable[[Decimal, Any], bool]] = {
    "eq": arithmetic.eq,
    "ne": arithmetic.ne,
    "in": lambda zero, listed: zero in listed,
    "not_in": lambda zero, listed: zero not in listed,
    "lt": arithmetic.lt,
    "le": arithmetic.le,
    "gt": arithmetic.gt,
    "ge": arithmetic.ge,
    "between": lambda zero, pair: bool(pair[0] <= zero <= pair[1]),
    "is_set": lambda _zero, wanted: bool(wanted),
}


def _holds_for_none(comparison: Comparison) -> bool:
    """Say whether the comparison holds where there was no event: a number is 0 then, a moment is missing."""
    if isinstance(comparison, NumberComparison):
        return all(_OF_ZERO[name](Decimal(0), other) for name, other in comparison.operators())
    return comparison.operators() == [("is_set", False)]


def _consent(question: ConsentQuestion, asked: Asked) -> Clause:
    row = consents.alias()
    latest = (
        select(row.c.granted)
        .where(row.c.member_id == asked.member, row.c.channel == question.channel, row.c.purpose == question.purpose)
        .order_by(row.c.occurred_at.desc(), row.c.id.desc())
        .limit(1)
    )
    return func.coalesce(asked.subquery(latest).scalar_subquery(), False)


def _reachable(channel: str, asked: Asked) -> Clause:
    row = addresses.alias()
    stopped = select(suppressions.c.channel).where(
        suppressions.c.channel == row.c.channel, suppressions.c.fingerprint == row.c.fingerprint
    )
    usable = and_(row.c.is_current, row.c.problem.is_(None), not_(stopped.correlate(row).exists()))
    return asked.exists(select(row.c.id).where(row.c.member_id == asked.member, row.c.channel == channel, usable))


def _answered(kind: str) -> Callable[[str, Asked], Clause]:
    def said(campaign: str, asked: Asked) -> Clause:
        row = events.alias()
        return asked.exists(
            select(row.c.id).where(
                row.c.member_id == asked.member,
                row.c.kind == kind,
                row.c.occurred_at <= asked.now,
                row.c.properties["campaign"].astext == campaign,
            )
        )

    return said


def _received(campaign: str, asked: Asked) -> Clause:
    row, named = sends.alias(), campaigns.alias()
    return asked.exists(
        select(row.c.id).where(
            row.c.member_id == asked.member,
            row.c.campaign_id == named.c.id,
            named.c.name == campaign,
            row.c.state.in_(("accepted", "delivered")),
        )
    )


QUESTIONS: Mapping[str, Callable[[Any, Asked], Clause]] = {
    "member": _member,
    "attribute": _attribute,
    "event": _event,
    "fact": _fact,
    "consent": _consent,
    "reachable": _reachable,
    "clicked": _answered("message.clicked"),
    "opened": _answered("message.opened"),
    "received": _received,
}
