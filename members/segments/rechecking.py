"""When may the answer about a member change by time alone?  Never later than it does; sometimes sooner.

Each question says in SQL from which moment on it may be answered differently.  A question that says
nothing changes only when something new is told of the member, and then the member is touched.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Interval,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    select,
)

from database.loyalty_tables import coupons, member_tiers, points, stores, survey_answers
from database.member_tables import channel_facts, order_facts
from database.tables import events, facts, members
from members.comparisons import DEFAULT_ZONE, AnyComparison
from members.condition_model import Condition
from members.condition_sql import question_of
from members.questions.asked import Asked
from members.questions.near_sql import is_near
from members.questions.nearness import NearQuestion
from members.questions.told import EventQuestion

Moment = ColumnElement[Any]

#: Words that begin with what may be a day; what comes after the tenth letter counts for nothing.
_DAY = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"


def next_change(condition: Condition, asked: Asked) -> Moment | None:
    """Return the earliest moment after ``asked.now`` at which the answer may differ; None: time changes nothing.

    ``condition`` is one with every segment's own condition in place of its name.  The moment is null
    where there is none for the member.
    """
    moments = list(_changes(condition, asked))
    return func.least(*moments) if moments else None


def _changes(condition: Condition, asked: Asked) -> Iterator[Moment]:
    inner = condition.all or condition.any or ([condition.not_] if condition.not_ else [])
    for part in inner:
        yield from _changes(part, asked)
    if not inner:
        name, question = question_of(condition)
        if name in CHANGES:
            yield from CHANGES[name](question, asked)


def _lengths(comparison: Any) -> list[timedelta]:
    """Return the ages a comparison speaks of."""
    if comparison is None:
        return []
    return [length for name in ("older_than", "newer_than") if (length := getattr(comparison, name, None)) is not None]


def _later(value: ColumnElement[Any], asked: Asked) -> Moment:
    """Return the moment where it is still to come, else null."""
    return case((value > asked.now, value))


def _ages(question: Any, row: FromClause, asked: Asked) -> list[Moment]:
    """Return when moments of a row reach the ages they are compared with."""
    return [
        _later(row.c[name] + literal(length, Interval), asked)
        for name in type(question).model_fields
        if name in row.c
        for length in _lengths(getattr(question, name))
    ]


def _scalar(what: Select[Any], asked: Asked) -> Moment:
    return asked.subquery(what).scalar_subquery()


def _of_rows(table: FromClause, *own: str) -> Callable[[Any, Asked], Iterator[Moment]]:
    """Return the changes of a question whose moments stand in at most one row of ``table`` for each value of ``own``."""

    def changes(question: Any, asked: Asked) -> Iterator[Moment]:
        row = table.alias()
        ages = _ages(question, row, asked)
        if ages:
            keys = [row.c[name] == getattr(question, name) for name in own]
            key = row.c.id if table is members else row.c.member_id
            yield _scalar(select(func.min(func.least(*ages))).where(key == asked.member, *keys), asked)

    return changes


def _first_after(row: FromClause, moment: str, asked: Asked, *which: ColumnElement[bool]) -> Moment:
    value = row.c[moment]
    return _scalar(select(func.min(value)).where(row.c.member_id == asked.member, value > asked.now, *which), asked)


def _of_events(question: EventQuestion, asked: Asked) -> Iterator[Moment]:
    edges = {question.before or timedelta(), *([question.within] if question.within else [])}
    for edge in sorted(edges):
        row = events.alias()
        found = select(func.min(row.c.occurred_at) + literal(edge, Interval)).where(
            row.c.member_id == asked.member, row.c.kind == question.kind, row.c.occurred_at > asked.now - edge
        )
        yield _scalar(found, asked)
    for length in _ages_of_answers(question.where or {}):
        row = events.alias()
        of_kind = select(row.c.id).where(row.c.member_id == asked.member, row.c.kind == question.kind)
        yield case((asked.exists(of_kind), literal(_next_turn(asked.now, length), DateTime(timezone=True))))


def _ages_of_answers(answers: Mapping[str, AnyComparison]) -> list[timedelta]:
    return [length for comparison in answers.values() for length in _lengths(comparison)]


def _next_turn(now: datetime, length: timedelta) -> datetime:
    """Return when the day that lies ``length`` back turns next, where days without an hour begin."""
    day: date = (now - length).astimezone(DEFAULT_ZONE).date()
    return datetime.combine(day + timedelta(days=1), time(), DEFAULT_ZONE) + length


def _of_attributes(answers: Mapping[str, AnyComparison], asked: Asked) -> Iterator[Moment]:
    for name, comparison in answers.items():
        for length in _lengths(comparison):
            row = members.alias()
            words = row.c.attributes.op("->>", return_type=Text())(literal(name, Text))
            reached = _midnight_of(words) + literal(length, Interval)
            known = and_(words.regexp_match(_DAY), func.left(words, 4) > "0000")
            moment = case(
                (known, _later(reached, asked)),
                (words.regexp_match("^[0-9]{4}-"), literal(_next_turn(asked.now, length), DateTime(timezone=True))),
            )
            yield _scalar(select(moment).where(row.c.id == asked.member), asked)


def _midnight_of(words: ColumnElement[Any]) -> Moment:
    """Return when the day begins that the words name; 31 June is 1 July, as it is among words."""
    year, month, day = (cast(func.substr(words, start, size), Integer) for start, size in ((1, 4), (6, 2), (9, 2)))
    first = func.make_date(year, month, 1, type_=Date)
    following = cast(first + cast("1 month", Interval), Date)
    return func.timezone(DEFAULT_ZONE.key, cast(func.least(first + (day - 1), following), DateTime))


def _of_points(_question: object, asked: Asked) -> Iterator[Moment]:
    yield _first_after(points.alias(), "occurred_at", asked)


def _of_coupons(question: Any, asked: Asked) -> Iterator[Moment]:
    for moment in ("issued_at", "redeemed_at", "expires_at"):
        row = coupons.alias()
        yield _first_after(row, moment, asked, row.c.pool == question.pool)


def _of_surveys(question: Any, asked: Asked) -> Iterator[Moment]:
    row = survey_answers.alias()
    yield _first_after(row, "answered_at", asked, row.c.survey == question.survey)
    yield from _of_rows(survey_answers, "survey")(question, asked)


def _of_answers(kind: str) -> Callable[[str, Asked], Iterator[Moment]]:
    def changes(_campaign: str, asked: Asked) -> Iterator[Moment]:
        row = events.alias()
        yield _first_after(row, "occurred_at", asked, row.c.kind == kind)

    return changes


def _of_stores(question: NearQuestion, asked: Asked) -> Iterator[Moment]:
    if question.store is not None:
        shop = stores.alias()
        closed = func.timezone(DEFAULT_ZONE.key, cast(shop.c.closed_on, DateTime))
        closes = select(closed).where(shop.c.key == question.store, closed > asked.now).scalar_subquery()
        yield case((is_near(question, asked), closes))


CHANGES: Mapping[str, Callable[[Any, Asked], Iterator[Moment]]] = {
    "member": _of_rows(members),
    "attribute": _of_attributes,
    "event": _of_events,
    "fact": _of_rows(facts, "event"),
    "tier": _of_rows(member_tiers),
    "orders": _of_rows(order_facts),
    "channel": _of_rows(channel_facts, "channel"),
    "points": _of_points,
    "coupon": _of_coupons,
    "survey": _of_surveys,
    "near": _of_stores,
    "clicked": _of_answers("message.clicked"),
    "opened": _of_answers("message.opened"),
}
