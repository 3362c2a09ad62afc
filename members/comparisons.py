"""What may be asked of one value: ``{ge: 2}``, ``{in: [gold, platinum]}``, ``{older_than: 90d}``.

Several operators in one comparison must all hold.  A missing value is equal to nothing: ``ne`` and
``not_in`` hold for it, everything else but ``{is_set: false}`` does not.
"""

import difflib
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from members.durations import Duration
from members.mistakes import mistake
from members.person import is_text

#: A day written without an hour is its midnight here.
DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")
NO_MOMENT = "a moment such as 2026-08-01 or 2026-08-01T10:00+08:00 was expected; found {found}"
LONGEST_LIST = 1000
LONGEST_WORDS = 1000
LARGEST_NUMBER = Decimal(10) ** 15


def unknown_name(name: object, known: Iterable[str]) -> Exception:
    """Make the mistake for a name nobody knows, with the nearest known one where there is one."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return mistake("{name} is not known here; did you mean {near}?", name=str(name)[:80], near=near[0])
    return mistake("{name} is not known here; expected one of {known}", name=str(name)[:80], known=", ".join(names))


def _words(value: object) -> str:
    if isinstance(value, date):
        # YAML reads 2026-08-01 as a day; as an attribute it is kept the way it is written.
        value = value.isoformat()
    if not isinstance(value, str):
        raise mistake("a text was expected; write it in quotes; found {found}", found=repr(value)[:80])
    if len(value) > LONGEST_WORDS or not is_text(value):
        raise mistake("a text is too long or has characters no text has")
    return value


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise mistake("a number was expected; found {found}", found=repr(value)[:80])
    exact = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite() or abs(exact) > LARGEST_NUMBER or exact.as_tuple().exponent < -10:  # type: ignore[operator]
        raise mistake("the number is too large, too fine or no number at all")
    return exact


def _moment(value: object) -> datetime:
    found = value
    if isinstance(value, str):
        with suppress(ValueError):
            found = datetime.fromisoformat(value)
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime.combine(found, time())
    if not isinstance(found, datetime) or not 1 < found.year < 9999:
        raise mistake(NO_MOMENT, found=repr(value)[:80])
    return (found if found.tzinfo else found.replace(tzinfo=DEFAULT_ZONE)).astimezone(UTC)


def _scalar(value: object) -> str | bool | Decimal:
    if isinstance(value, bool):
        return value
    return _number(value) if isinstance(value, int | float | Decimal) else _words(value)


def _in_order(pair: list[object]) -> list[object]:
    if len(pair) != 2 or type(pair[0]) is not type(pair[1]) or pair[0] > pair[1]:  # type: ignore[operator]
        raise mistake("between takes two values of one kind, the smaller first")
    return pair


def _plain(value: str | bool | Decimal) -> str | bool | int | float:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


Words = Annotated[str, BeforeValidator(_words)]
Number = Annotated[Decimal, BeforeValidator(_number), PlainSerializer(_plain)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Scalar = Annotated[str | bool | Decimal, BeforeValidator(_scalar), PlainSerializer(_plain)]
Many = Field(default=None, min_length=1, max_length=LONGEST_LIST)
Listed = Field(default=None, alias="in", min_length=1, max_length=LONGEST_LIST)


class Comparison(BaseModel):
    """One or more operators with what they compare to; strict, and silent about operators not used."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    example: ClassVar[str] = "{eq: gold}"

    is_set: bool | None = Field(default=None, strict=True)  #: whether there is a value at all

    @model_validator(mode="before")
    @classmethod
    def _operators_are_known(cls, data: object) -> object:
        if isinstance(data, Comparison):
            return data
        if not isinstance(data, dict) or not data:
            raise mistake("an operator with its value was expected, such as {example}", example=cls.example)
        operators = [field.alias or name for name, field in cls.model_fields.items()]
        for name, value in data.items():
            if name not in operators and name not in cls.model_fields:
                raise unknown_name(name, operators)
            if value is None:
                raise mistake("{operator} needs a value", operator=name)
        return data

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        written = {name: value for name, value in handler(self).items() if value is not None}
        if "in_" in written:
            written["in"] = written.pop("in_")
        return written

    def operators(self) -> list[tuple[str, object]]:
        """Return the operators that were given, by their names in files, with their values."""
        return [
            (field.alias or name, value)
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) is not None
        ]


class TextComparison(Comparison):
    """Operators for words; ``contains`` and ``starts_with`` mind case."""

    eq: Words | None = None
    ne: Words | None = None
    in_: list[Words] | None = Listed
    not_in: list[Words] | None = Many
    contains: Words | None = None
    starts_with: Words | None = None


class NumberComparison(Comparison):
    """Operators for numbers."""

    example: ClassVar[str] = "{ge: 2}"

    eq: Number | None = None
    ne: Number | None = None
    in_: list[Number] | None = Listed
    not_in: list[Number] | None = Many
    lt: Number | None = None
    le: Number | None = None
    gt: Number | None = None
    ge: Number | None = None
    between: Annotated[list[Number], AfterValidator(_in_order)] | None = None  #: both ends included


class MomentComparison(Comparison):
    """Operators for moments: older_than 90d is "90 × 24 hours ago or earlier", newer_than is "later than that"."""

    example: ClassVar[str] = "{older_than: 90d}"

    lt: Moment | None = None
    le: Moment | None = None
    gt: Moment | None = None
    ge: Moment | None = None
    between: Annotated[list[Moment], AfterValidator(_in_order)] | None = None
    older_than: Duration | None = None
    newer_than: Duration | None = None


class AnyComparison(Comparison):
    """Operators for a member's attribute or an event's property, which may hold anything JSON can.

    Compared with a number, a value counts where it is a number or is written like one; compared
    with words, its own words count.  Days written 2026-08-01 compare as words, and by day with
    older_than and newer_than.  ``contains`` also finds an item of a list.
    """

    example: ClassVar[str] = "{eq: 上海}"

    eq: Scalar | None = None
    ne: Scalar | None = None
    in_: list[Scalar] | None = Listed
    not_in: list[Scalar] | None = Many
    lt: Scalar | None = None
    le: Scalar | None = None
    gt: Scalar | None = None
    ge: Scalar | None = None
    between: Annotated[list[Scalar], AfterValidator(_in_order)] | None = None
    contains: Words | None = None
    starts_with: Words | None = None
    older_than: Duration | None = None
    newer_than: Duration | None = None

    @model_validator(mode="after")
    def _order_needs_an_order(self) -> Self:
        if any(isinstance(value, bool) for value in (self.lt, self.le, self.gt, self.ge)):
            raise mistake("true and false have no order; use eq")
        return self
