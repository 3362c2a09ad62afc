"""Questions about what was told of a member, as SQL."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Text,
    and_,
    cast,
    func,
    literal,
    not_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY

from database.tables import addresses, campaigns, consents, events, facts, sends, suppressions
from members.comparison_sql import Clause, comparison_clause, json_clause, sure
from members.comparisons import AnyComparison, NumberComparison
from members.questions.asked import Asked, holds_for_zero, of_row
from members.questions.told import ConsentQuestion, EventQuestion, FactQuestion, MemberQuestion, TagsQuestion


def about_member(question: MemberQuestion, asked: Asked) -> Clause:
    comparisons = {name: getattr(question, name) for name in MemberQuestion.model_fields}
    return asked.about_the_row(lambda row: of_row(row, comparisons, asked.now))


def about_attributes(answers: Mapping[str, AnyComparison], asked: Asked) -> Clause:
    return asked.about_the_row(
        lambda row: and_(*(json_clause(row.c.attributes, name, wanted, asked.now) for name, wanted in answers.items()))
    )


def about_tags(question: TagsQuestion, asked: Asked) -> Clause:
    return asked.about_the_row(
        lambda row: and_(
            true(), *(_tagged(row.c.attributes["tags"], name, wanted) for name, wanted in question.operators())
        )
    )


_TAG_OPERATORS = {"has": "?", "has_any": "?|", "has_all": "?&", "has_none": "?|"}


def _tagged(tags: ColumnElement[Any], operator: str, wanted: Any) -> Clause:
    kind = func.coalesce(func.jsonb_typeof(tags), "null")
    if operator == "is_set":
        return kind != "null" if wanted else kind == "null"
    words = literal(wanted, Text if isinstance(wanted, str) else ARRAY(Text))
    # A name of a JSON object is no tag, though PostgreSQL's operators find it.
    found = and_(kind.in_(["array", "string"]), sure(tags.bool_op(_TAG_OPERATORS[operator])(words)))
    return not_(found) if operator == "has_none" else found


def about_events(question: EventQuestion, asked: Asked) -> Clause:
    row = events.alias()
    found = select(row.c.member_id).where(row.c.kind == question.kind, row.c.occurred_at <= asked.now)
    if question.within is not None:
        found = found.where(row.c.occurred_at > asked.now - question.within)
    if question.before is not None:
        found = found.where(row.c.occurred_at <= asked.now - question.before)
    for name, wanted in (question.where or {}).items():
        found = found.where(json_clause(row.c.properties, name, wanted, asked.now))
    measures = {
        _count_for(question.count): question.count,
        func.coalesce(func.sum(row.c.value), 0): question.sum,
    }
    counted = [
        comparison_clause(measure, wanted, asked.now) for measure, wanted in measures.items() if wanted is not None
    ]
    if not counted:
        return asked.exists(found.where(row.c.member_id == asked.member))
    if asked.of_everybody and not all(holds_for_zero(wanted) for wanted in measures.values() if wanted is not None):
        return asked.member.in_(found.group_by(row.c.member_id).having(and_(*counted)))
    return asked.exists(
        found.where(row.c.member_id == asked.member).with_only_columns(func.count()).having(and_(*counted))
    )


def _count_for(wanted: NumberComparison | None) -> ColumnElement[Any]:
    """Return the count of rows as what it is compared with: a decimal of every group's count costs a fifth more."""
    told: list[Any] = [value for _, value in wanted.operators()] if wanted else []
    numbers = [Decimal(each) for value in told for each in (value if isinstance(value, list) else [value])]
    is_whole = all(number % 1 == 0 for number in numbers)
    return type_coerce(func.count(), BigInteger) if is_whole else cast(func.count(), Numeric)


def about_facts(question: FactQuestion, asked: Asked) -> Clause:
    row = facts.alias()
    comparisons = {name: getattr(question, name) for name in ("count", "total", "first_at", "last_at")}
    return asked.about_one_row(row, comparisons, row.c.event == question.event, zeroes=("count", "total"))


def about_consent(question: ConsentQuestion, asked: Asked) -> Clause:
    row = consents.alias()
    latest = (
        select(row.c.granted)
        .where(row.c.member_id == asked.member, row.c.channel == question.channel, row.c.purpose == question.purpose)
        .order_by(row.c.occurred_at.desc(), row.c.id.desc())
        .limit(1)
    )
    return func.coalesce(asked.subquery(latest).scalar_subquery(), False)


def is_reachable(channel: str, asked: Asked) -> Clause:
    row = addresses.alias()
    stopped = select(suppressions.c.channel).where(
        suppressions.c.channel == row.c.channel, suppressions.c.fingerprint == row.c.fingerprint
    )
    usable = and_(row.c.is_current, row.c.problem.is_(None), not_(stopped.correlate(row).exists()))
    return asked.exists(select(row.c.id).where(row.c.member_id == asked.member, row.c.channel == channel, usable))


def answered_by(kind: str) -> Callable[[str, Asked], Clause]:
    """Return the question whether an event of this kind tells of a campaign."""

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


def has_received(campaign: str, asked: Asked) -> Clause:
    row, named = sends.alias(), campaigns.alias()
    return asked.exists(
        select(row.c.id).where(
            row.c.member_id == asked.member,
            row.c.campaign_id == named.c.id,
            named.c.name == campaign,
            row.c.state.in_(("accepted", "delivered")),
        )
    )
