"""What follows from one member's life so far, gathered for the person who asks: everything that was worked out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from database.loyalty_tables import member_clusters, member_tiers, points, predictions, rfm_scores, survey_answers
from database.member_tables import segment_members
from members.coupons.showing import CodeStanding, coupons_of
from members.facts.reckoned import read_channel_facts, read_order_facts

Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Life:
    """One member's life; what was never worked out is empty or None."""

    tier: dict[str, Any] | None
    points: int | None  #: the balance; None: there never were any
    coupons: list[CodeStanding]  #: every one ever given, the newest first
    orders: dict[str, Any]
    channels: Rows
    rfm: dict[str, Any] | None
    prediction: dict[str, Any] | None
    cluster: dict[str, Any] | None
    segments: Rows  #: those that are kept
    answers: Rows  #: to surveys, the newest first


def read_life(connection: Connection, member_id: int, *, now: datetime) -> Life:
    """Read what was worked out about the member with this id."""
    balance = select(func.sum(points.c.amount)).where(points.c.member_id == member_id, points.c.occurred_at <= now)
    inside = select(segment_members.c.segment, segment_members.c.entered_at)
    said = select(
        survey_answers.c.survey, survey_answers.c.score, survey_answers.c.comment, survey_answers.c.occasion,
        survey_answers.c.answered_at,
    )  # fmt: skip
    return Life(
        tier=_only(connection, select(member_tiers).where(member_tiers.c.member_id == member_id)),
        points=connection.execute(balance).scalar_one(),
        coupons=list(coupons_of(connection, member_id, now=now)),
        orders=read_order_facts(connection, member_id),
        channels=read_channel_facts(connection, member_id),
        rfm=_only(connection, select(rfm_scores).where(rfm_scores.c.member_id == member_id)),
        prediction=_only(connection, select(predictions).where(predictions.c.member_id == member_id)),
        cluster=_only(connection, select(member_clusters).where(member_clusters.c.member_id == member_id)),
        segments=_rows(
            connection, inside.where(segment_members.c.member_id == member_id).order_by(segment_members.c.segment)
        ),
        answers=_rows(
            connection, said.where(survey_answers.c.member_id == member_id).order_by(survey_answers.c.id.desc())
        ),
    )


def _rows(connection: Connection, query: Select[Any]) -> Rows:
    return [dict(row) for row in connection.execute(query).mappings()]


def _only(connection: Connection, query: Select[Any]) -> dict[str, Any] | None:
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else {name: value for name, value in row.items() if name != "member_id"}
