"""Of whom and when a condition is asked, and how rows that may be absent answer."""

import operator as arithmetic
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Alias,
    ColumnClause,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Numeric,
    Select,
    and_,
    cast,
    not_,
    or_,
    select,
    true,
)

from database.tables import members
from members.comparison_sql import Clause, comparison_clause, sure
from members.comparisons import Comparison, NumberComparison


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

    def about_the_row(self, said: Callable[[FromClause], Clause]) -> Clause:
        """Ask of the member's own row; where the query reads ``members`` already, of that very row."""
        around = self.member.table if isinstance(self.member, ColumnClause) else None
        is_members = around is members or (isinstance(around, Alias) and around.element is members)
        if around is not None and is_members and self.member.key == "id":
            return sure(said(around))
        row = members.alias()
        return self.exists(select(row.c.id).where(row.c.id == self.member, said(row)))

    def about_one_row(
        self,
        row: FromClause,
        comparisons: Mapping[str, Comparison | None],
        *also: Clause,
        zeroes: Collection[str] = (),
    ) -> Clause:
        """Ask of a row the member may lack; the columns in ``zeroes`` are 0 then, the others missing."""
        wanted = [(name, comparison) for name, comparison in comparisons.items() if comparison is not None]
        kept = select(row.c.member_id).where(row.c.member_id == self.member, *also)
        said = [compared(row.c[name], comparison, self.now) for name, comparison in wanted]
        passes = self.exists(kept.where(*said))
        if all(holds_for_zero(each) if name in zeroes else holds_for_missing(each) for name, each in wanted):
            return or_(passes, not_(self.exists(kept)))
        return passes


def compared(value: ColumnElement[Any], comparison: Comparison, now: datetime) -> Clause:
    """Compare a column's value; a whole number compared with 5.5 must not be rounded to 6."""
    exact = cast(value, Numeric) if isinstance(value.type, Integer | Double) else value
    return comparison_clause(exact, comparison, now)


def of_row(row: FromClause, comparisons: Mapping[str, Comparison | None], now: datetime) -> Clause:
    """Say whether every comparison that is made holds for the row's column of that name."""
    said: Sequence[Clause] = [
        compared(row.c[name], wanted, now) for name, wanted in comparisons.items() if wanted is not None
    ]
    return and_(true(), *said)


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


def holds_for_zero(comparison: Comparison) -> bool:
    """Say whether the comparison holds where nothing happened: a number is 0 then, a moment is missing."""
    if isinstance(comparison, NumberComparison):
        return all(_OF_ZERO[name](Decimal(0), other) for name, other in comparison.operators())
    return holds_for_missing(comparison)


def holds_for_missing(comparison: Comparison) -> bool:
    """Say whether the comparison holds for a value that is not there."""
    return all(
        name in ("ne", "not_in") or (name == "is_set" and other is False) for name, other in comparison.operators()
    )
