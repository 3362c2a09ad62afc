"""Comparisons as SQL: true where they hold, false or null where they do not.

Null is left standing for the sake of the indexes; ``sure`` settles it where somebody may say not.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Text,
    and_,
    any_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from members.comparisons import DEFAULT_ZONE, AnyComparison, Comparison

Clause = ColumnElement[bool]
Value = ColumnElement[Any]

NUMERAL = r"^-?[0-9]{1,30}([.][0-9]{1,30})?$"  #: words that are a number, beyond doubt and in bounds
ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"


def sure(clause: Clause) -> Clause:
    """Make null false."""
    return func.coalesce(clause, false())


def _in(value: Value, listed: Sequence[object]) -> Clause:
    return value == any_(literal(list(listed), ARRAY(value.type)))


#: How an operator is said of one typed column; the two about age are added where there is a ``now``.
PLAIN: Mapping[str, Callable[[Value, Any], Clause]] = {
    "eq": lambda value, other: value == other,
    "ne": lambda value, other: not_(sure(value == other)),
    "in": _in,
    "not_in": lambda value, listed: not_(sure(_in(value, listed))),
    "lt": lambda value, other: value < other,
    "le": lambda value, other: value <= other,
    "gt": lambda value, other: value > other,
    "ge": lambda value, other: value >= other,
    "between": lambda value, pair: and_(value >= pair[0], value <= pair[1]),
    "contains": lambda value, words: func.strpos(value, literal(words, Text)) > 0,
    "starts_with": lambda value, words: func.starts_with(value, literal(words, Text)),
    "is_set": lambda value, wanted: value.is_not(None) if wanted else value.is_(None),
}


def comparison_clause(value: Value, comparison: Comparison, now: datetime) -> Clause:
    """Say whether a column's value passes every operator of the comparison at ``now``."""
    return and_(true(), *(_typed(value, operator, other, now) for operator, other in comparison.operators()))


def _typed(value: Value, operator: str, other: object, now: datetime) -> Clause:
    if operator in ("older_than", "newer_than"):
        assert isinstance(other, timedelta)
        since = now - other
        return value <= since if operator == "older_than" else value > since
    return PLAIN[operator](value, other)


def json_clause(holder: Value, name: str, comparison: AnyComparison, now: datetime) -> Clause:
    """Say whether the value under ``name`` of a JSON object passes every operator at ``now``."""
    found = _Found(holder, name)
    return and_(true(), *(_of_json(found, operator, other, now) for operator, other in comparison.operators()))


class _Found:
    """One member of a JSON object, as words, as a number and as itself."""

    def __init__(self, holder: Value, name: str) -> None:
        self.itself = holder.op("->", return_type=JSONB())(literal(name, Text))
        #: null where there is no value; collated by code point, so that order is the same everywhere
        self.words: Value = holder.op("->>", return_type=Text())(literal(name, Text)).collate("C")
        #: null where the value is no number and not written like one
        self.number: Value = case(
            (self.words.regexp_match(NUMERAL), cast(self.words, Numeric)), else_=cast(None, Numeric)
        )


def _of_json(found: _Found, operator: str, other: Any, now: datetime) -> Clause:
    if operator in ("older_than", "newer_than"):
        return _age(found, operator, now - other)
    if operator in ("ne", "not_in"):
        return not_(sure(_of_json(found, {"ne": "eq", "not_in": "in"}[operator], other, now)))
    if operator == "in":
        return or_(*(_in(_side(found, kind), listed) for kind, listed in _by_kind(other).items()))
    if operator == "contains":
        is_list = func.jsonb_typeof(found.itself) == "array"
        return case(
            (is_list, found.itself.bool_op("?")(literal(other, Text))), else_=PLAIN["contains"](found.words, other)
        )
    if operator == "between":
        return PLAIN["between"](_side(found, type(other[0])), other)
    if operator in ("is_set", "starts_with"):
        return PLAIN[operator](found.words, other)
    return PLAIN[operator](_side(found, type(other)), _as_kept(other))


def _age(found: _Found, operator: str, since: datetime) -> Clause:
    """Compare a day kept as words with the day ``since`` falls on; other words pass neither operator."""
    day = func.left(found.words, 10).collate("C")
    limit = since.astimezone(DEFAULT_ZONE).date().isoformat()
    passes = day <= limit if operator == "older_than" else day > limit
    return and_(found.words.regexp_match(ISO_DAY), passes)


def _side(found: _Found, kind: type) -> Value:
    return found.number if kind is Decimal else found.words


def _as_kept(other: object) -> object:
    """Return true and false as JSON writes them."""
    return {True: "true", False: "false"}[other] if isinstance(other, bool) else other


def _by_kind(listed: Sequence[object]) -> dict[type, list[object]]:
    kinds: dict[type, list[object]] = {}
    for item in map(_as_kept, listed):
        kinds.setdefault(type(item), []).append(item)
    return kinds
