"""Questions about what follows from what was told: tier, orders, scores, coupons, answers."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from members.comparisons import MomentComparison, NumberComparison, TextComparison
from members.questions.question import AskingQuestion, Channel, Name, Question, one_of

Held = Annotated[Literal["held", "redeemed", "expired"], BeforeValidator(one_of("held", "redeemed", "expired"))]


class TierQuestion(TextComparison):
    """About the tier the member has, and since when; a tier that was only imported has no since."""

    since: MomentComparison | None = None

    def operators(self) -> list[tuple[str, object]]:
        """Return the operators about the tier itself."""
        return [(name, value) for name, value in super().operators() if name != "since"]


class OrdersQuestion(AskingQuestion):
    """About the facts of orders; who never ordered has 0 of each number that counts or sums, the rest is missing."""

    orders: NumberComparison | None = None
    spent: NumberComparison | None = None
    refunded: NumberComparison | None = None
    orders_7d: NumberComparison | None = None
    orders_30d: NumberComparison | None = None
    orders_90d: NumberComparison | None = None
    orders_365d: NumberComparison | None = None
    spent_7d: NumberComparison | None = None
    spent_30d: NumberComparison | None = None
    spent_90d: NumberComparison | None = None
    spent_365d: NumberComparison | None = None
    average_order: NumberComparison | None = None
    days_between_orders: NumberComparison | None = None
    first_order_at: MomentComparison | None = None
    last_order_at: MomentComparison | None = None
    favourite_category: TextComparison | None = None
    last_category: TextComparison | None = None
    next_category: TextComparison | None = None


class ChannelQuestion(AskingQuestion):
    """About how the member answers on one channel; where nothing was received, the counts are 0, the rest is missing."""

    channel: Channel = Field(alias="name")
    received: NumberComparison | None = None
    answered: NumberComparison | None = None
    response_rate: NumberComparison | None = None
    last_received_at: MomentComparison | None = None
    last_opened_at: MomentComparison | None = None
    last_clicked_at: MomentComparison | None = None
    last_replied_at: MomentComparison | None = None


class RfmQuestion(AskingQuestion):
    """About the RFM scores, 1 to 5, and their cell; a member without scores has none of them."""

    cell: TextComparison | None = None
    recency: NumberComparison | None = None
    frequency: NumberComparison | None = None
    monetary: NumberComparison | None = None


class PredictionQuestion(AskingQuestion):
    """About what is predicted; where nothing is predicted, a member is neither at risk nor not at risk."""

    alive: NumberComparison | None = None
    expected_orders: NumberComparison | None = None
    expected_value: NumberComparison | None = None
    at_risk: bool | None = Field(default=None, strict=True)


class CouponQuestion(Question):
    """Whether the member has a coupon of a pool that can be used, was used, or ran out unused."""

    pool: Name
    is_: Held = Field(default="held", alias="is")


class SurveyQuestion(Question):
    """About the member's latest answer to a survey; by default, that there is one."""

    survey: Name = Field(alias="name")
    score: NumberComparison | None = None
    answered_at: MomentComparison | None = None


class SampleQuestion(Question):
    """A share of members drawn by hash: the same members every time, others with another seed."""

    share: float = Field(gt=0, le=1)
    seed: Name
