"""Questions about what follows from what was told of a member, as SQL."""

from sqlalchemy import BigInteger, ColumnElement, Numeric, Text, and_, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import BIT

from database.loyalty_tables import (
    coupons,
    member_clusters,
    member_tiers,
    points,
    predictions,
    rfm_scores,
    survey_answers,
)
from database.member_tables import channel_facts, order_facts, segment_members
from members.comparison_sql import Clause, comparison_clause
from members.comparisons import Comparison, NumberComparison, TextComparison
from members.questions import reckoned
from members.questions.asked import Asked, of_row

ORDER_ZEROES = (
    "orders",
    "spent",
    "refunded",
    *(f"{what}_{days}d" for what in ("orders", "spent") for days in (7, 30, 90, 365)),
)
SEPARATOR = "\x1f"


def _comparisons(question: object, *besides: str) -> dict[str, Comparison | None]:
    return {name: getattr(question, name) for name in type(question).model_fields if name not in besides}  # type: ignore[attr-defined]


def about_tier(question: reckoned.TierQuestion, asked: Asked) -> Clause:
    said = asked.about_the_row(lambda row: comparison_clause(row.c.tier, question, asked.now))
    if question.since is None:
        return said
    return and_(said, asked.about_one_row(member_tiers.alias(), {"since": question.since}))


def about_orders(question: reckoned.OrdersQuestion, asked: Asked) -> Clause:
    return asked.about_one_row(order_facts.alias(), _comparisons(question), zeroes=ORDER_ZEROES)


def about_channel(question: reckoned.ChannelQuestion, asked: Asked) -> Clause:
    row = channel_facts.alias()
    comparisons = _comparisons(question, "channel")
    return asked.about_one_row(row, comparisons, row.c.channel == question.channel, zeroes=("received", "answered"))


def about_rfm(question: reckoned.RfmQuestion, asked: Asked) -> Clause:
    return asked.about_one_row(rfm_scores.alias(), _comparisons(question))


def about_prediction(question: reckoned.PredictionQuestion, asked: Asked) -> Clause:
    row = predictions.alias()
    comparisons = _comparisons(question, "at_risk")
    if question.at_risk is None:
        return asked.about_one_row(row, comparisons)
    said = and_(row.c.at_risk.is_(question.at_risk), of_row(row, comparisons, asked.now))
    return asked.exists(select(row.c.member_id).where(row.c.member_id == asked.member, said))


def about_cluster(comparison: TextComparison, asked: Asked) -> Clause:
    return asked.about_one_row(member_clusters.alias(), {"cluster": comparison})


def balance(asked: Asked) -> ColumnElement[object]:
    """Return the member's points at the moment that is asked about."""
    row = points.alias()
    summed = select(func.coalesce(func.sum(row.c.amount), 0)).where(
        row.c.member_id == asked.member, row.c.occurred_at <= asked.now
    )
    return cast(asked.subquery(summed).scalar_subquery(), Numeric)


def about_points(comparison: NumberComparison, asked: Asked) -> Clause:
    return comparison_clause(balance(asked), comparison, asked.now)


def has_coupon(question: reckoned.CouponQuestion, asked: Asked) -> Clause:
    row = coupons.alias()
    used = and_(row.c.redeemed_at.is_not(None), row.c.redeemed_at <= asked.now)
    over = and_(row.c.expires_at.is_not(None), row.c.expires_at <= asked.now)
    unused = or_(row.c.redeemed_at.is_(None), row.c.redeemed_at > asked.now)
    stands = {
        "held": and_(unused, or_(row.c.expires_at.is_(None), row.c.expires_at > asked.now)),
        "redeemed": used,
        "expired": and_(unused, over),
    }[question.is_]
    found = select(row.c.id).where(row.c.member_id == asked.member, row.c.pool == question.pool)
    return asked.exists(found.where(row.c.issued_at <= asked.now, stands))


def about_survey(question: reckoned.SurveyQuestion, asked: Asked) -> Clause:
    row = survey_answers.alias()
    latest = (
        select(row.c.score, row.c.answered_at)
        .where(row.c.member_id == asked.member, row.c.survey == question.survey, row.c.answered_at <= asked.now)
        .order_by(row.c.answered_at.desc(), row.c.id.desc())
        .limit(1)
    )
    one = asked.subquery(latest).subquery()
    said = of_row(one, {"score": question.score, "answered_at": question.answered_at}, asked.now)
    return asked.exists(select(literal(1)).select_from(one).where(said))


def is_drawn(question: reckoned.SampleQuestion, asked: Asked) -> Clause:
    words = func.concat(question.seed, SEPARATOR, cast(asked.member, Text))
    digest = func.sha256(func.convert_to(words, "UTF8"))
    bits = literal("x") + func.encode(func.substring(digest, 1, 4), "hex")
    return cast(cast(bits, BIT(32)), BigInteger) < literal(round(question.share * 2**32), BigInteger)


def is_listed(name: str, asked: Asked) -> Clause:
    row = segment_members.alias()
    return asked.exists(select(row.c.member_id).where(row.c.segment == name, row.c.member_id == asked.member))
