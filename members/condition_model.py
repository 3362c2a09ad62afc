"""A question about a member, as data: the one condition language of segments, triggers, branches and exits."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from members.comparisons import NumberComparison, TextComparison
from members.mistakes import mistake
from members.questions.nearness import NearQuestion
from members.questions.question import Answers, Channel, Name, Question
from members.questions.reckoned import (
    ChannelQuestion,
    CouponQuestion,
    OrdersQuestion,
    PredictionQuestion,
    RfmQuestion,
    SampleQuestion,
    SurveyQuestion,
    TierQuestion,
)
from members.questions.told import ConsentQuestion, EventQuestion, FactQuestion, MemberQuestion, TagsQuestion

__all__ = ["DEEPEST", "MOST_CONDITIONS", "TOO_LARGE", "Answers", "Condition", "Name", "Question", "too_large"]

MOST_CONDITIONS = 500
DEEPEST = 20

TOO_LARGE = "a condition has at most {most} parts, {deepest} deep; this one has more"


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
    tier: TierQuestion | None = None
    tags: TagsQuestion | None = None
    points: NumberComparison | None = None  #: the balance; 0 for whoever never had any
    orders: OrdersQuestion | None = None
    channel: ChannelQuestion | None = None
    rfm: RfmQuestion | None = None
    prediction: PredictionQuestion | None = None
    cluster: TextComparison | None = None
    coupon: CouponQuestion | None = None
    near: NearQuestion | None = None
    survey: SurveyQuestion | None = None
    sample: SampleQuestion | None = None
    listed: Name | None = None  #: is on the uploaded list of this name

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
