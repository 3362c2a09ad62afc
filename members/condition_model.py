"""A question about a member, as data: the one condition language of segments, triggers, branches and exits."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from members.comparisons import (
    AnyComparison,
    MomentComparison,
    NumberComparison,
    TextComparison,
    Words,
    unknown_name,
)
from members.durations import Duration
from members.mistakes import mistake

MOST_CONDITIONS = 500
DEEPEST = 20

TOO_LARGE = "a condition has at most {most} parts, {deepest} deep; this one has more"


def _one_of(*known: str) -> Callable[[object], object]:
    def checked(value: object) -> object:
        if value not in known:
            raise unknown_name(value, known)
        return value

    return checked


Channel = Annotated[Literal["sms", "email", "wechat"], BeforeValidator(_one_of("sms", "email", "wechat"))]
Purpose = Annotated[Literal["marketing", "service"], BeforeValidator(_one_of("marketing", "service"))]
Name = Annotated[Words, Field(min_length=1)]
Answers = Annotated[dict[Name, AnyComparison], Field(min_length=1, max_length=50)]


class Question(BaseModel):
    """Something asked about a member; names that are not known are refused with the nearest one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _names_are_known(cls, data: object) -> object:
        if isinstance(data, BaseModel):
            return data
        if not isinstance(data, dict) or not data:
            raise mistake("a mapping was expected; it may name {known}", known=", ".join(cls.names()))
        for name in data:
            if name not in cls.names() and name not in cls.model_fields:
                raise unknown_name(name, cls.names())
        return data

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        names = {name: field.alias or name for name, field in type(self).model_fields.items()}
        return {names.get(name, name): value for name, value in handler(self).items() if value is not None}

    @classmethod
    def names(cls) -> list[str]:
        """The names of the fields as files write them."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class MemberQuestion(Question):
    """About the member's own row; what is named must all hold."""

    key: TextComparison | None = None
    name: TextComparison | None = None
    language: TextComparison | None = None
    time_zone: TextComparison | None = None
    tier: TextComparison | None = None
    joined_at: MomentComparison | None = None
    birth_month: NumberComparison | None = None
    birth_day: NumberComparison | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not any(getattr(self, name) is not None for name in type(self).model_fields):
            raise mistake("a mapping was expected; it may name {known}", known=", ".join(self.names()))
        return self


class EventQuestion(Question):
    """About what happened to the member up to now: by default, that it happened at all.

    ``within: 30d`` looks at the last 30 × 24 hours, ``before: 7d`` leaves out the last seven.
    """

    kind: Name
    count: NumberComparison | None = None  #: how often; None with no sum: at least once
    sum: NumberComparison | None = None  #: of the events' values; events without one add nothing
    within: Duration | None = None
    before: Duration | None = None
    where: Answers | None = None  #: about the events' properties


class FactQuestion(Question):
    """About a running total; a member without such events has count 0, total 0 and no moments."""

    event: Name
    count: NumberComparison | None = None
    total: NumberComparison | None = None
    first_at: MomentComparison | None = None
    last_at: MomentComparison | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not any((self.count, self.total, self.first_at, self.last_at)):
            raise mistake("a mapping was expected; it may name {known}", known="count, total, first_at, last_at")
        return self


class ConsentQuestion(Question):
    """Whether the member's latest answer on a channel to a purpose is yes."""

    channel: Channel
    purpose: Purpose = "marketing"


class Condition(Question):
    """Exactly one question: a connective, or something about the member."""

    all: list["Condition"] | None = Field(default=None, min_length=1)
    any: list["Condition"] | None = Field(default=None, min_length=1)
    not_: "Condition | None" = Field(default=None, alias="not")
    member: MemberQuestion | None = None
    attribute: Answers | None = None
    event: EventQuestion | None = None
    fact: FactQuestion | None = None
    segment: Name | None = None
    consent: ConsentQuestion | None = None
    reachable: Channel | None = None  #: has a usable address there that is not suppressed
    clicked: Name | None = None  #: a campaign's name
    opened: Name | None = None
    received: Name | None = None  #: the provider took it or it arrived

    connectives: ClassVar[frozenset[str]] = frozenset({"all", "any", "not"})

    @model_validator(mode="before")
    @classmethod
    def _is_one_question_of_bearable_size(cls, data: object) -> object:
        if isinstance(data, dict):
            if too_large(data):
                raise mistake(TOO_LARGE, most=MOST_CONDITIONS, deepest=DEEPEST)
            asked = [name for name, value in data.items() if value is not None]
            if len(asked) > 1 and all(name in cls.names() for name in asked):
                raise mistake(
                    "one question at a time; put {names} in a list under all: or any:", names=", ".join(asked)
                )
        return data

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not any(getattr(self, name) is not None for name in type(self).model_fields):
            raise mistake("a mapping was expected; it may name {known}", known=", ".join(self.names()))
        return self


def too_large(data: object) -> bool:
    """Say whether raw data nests more conditions than anybody means; looks no further than it must."""
    seen = 0
    waiting: list[tuple[object, int]] = [(data, 1)]
    while waiting:
        node, depth = waiting.pop()
        if not isinstance(node, dict):
            continue
        seen += 1
        if seen > MOST_CONDITIONS or depth > DEEPEST:
            return True
        inner = [node.get("not"), node.get("not_")]
        for name in ("all", "any"):
            listed = node.get(name)
            if isinstance(listed, list):
                if len(listed) > MOST_CONDITIONS:
                    return True
                inner.extend(listed)
        waiting.extend((item, depth + 1) for item in inner if item is not None)
    return False
