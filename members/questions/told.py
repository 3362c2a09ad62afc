"""Questions about what was told of a member: who it is, what happened, what was agreed to."""

from typing import Self

from pydantic import Field, model_validator

from members.comparisons import Comparison, MomentComparison, NumberComparison, TextComparison, Words
from members.durations import Duration
from members.mistakes import mistake
from members.questions.question import Answers, AskingQuestion, Channel, Name, Purpose, Question


class MemberQuestion(AskingQuestion):
    """About the member's own row; what is named must all hold."""

    key: TextComparison | None = None
    name: TextComparison | None = None
    language: TextComparison | None = None
    time_zone: TextComparison | None = None
    tier: TextComparison | None = None
    joined_at: MomentComparison | None = None
    birth_month: NumberComparison | None = None
    birth_day: NumberComparison | None = None


class TagsQuestion(Comparison):
    """About the list of words kept as the attribute ``tags``; one word by itself is a list of one."""

    example = "{has: vip}"

    has: Words | None = None
    has_any: list[Words] | None = Field(default=None, min_length=1, max_length=100)
    has_all: list[Words] | None = Field(default=None, min_length=1, max_length=100)
    has_none: list[Words] | None = Field(default=None, min_length=1, max_length=100)


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
