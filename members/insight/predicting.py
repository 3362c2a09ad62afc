"""Who has left, what will be ordered and for how much: learnt once a night, kept for every member.

A file says how far to look ahead and from where on a member is at risk::

    predictions: standard
    horizon: 90d
    risk: {below: 0.3, back: 0.4}
    hour: 3

Whoever's probability of being a customer still falls below ``below`` is told as ``churn.risk_crossed``, once;
they count as at risk until it is ``back`` or more, so that nobody flutters around the line.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection, Numeric, Select, cast, column, func, table, text

from language.problems import InputRefused
from members.derived_events import tell
from members.durations import Duration
from members.insight.buying import Buying, Numbers, alive, expected_orders, fit_buying
from members.insight.histories import Known, gathered, read_histories, weeks_of
from members.insight.nights import (
    Nightly,
    definition_due,
    noting_problems,
    save_fit,
)
from members.insight.occasions import occasion
from members.insight.sending import AT_ONCE, send_lines
from members.insight.spending import Spending, expected_amount, fit_spending
from members.mistakes import mistake
from members.segments.differing import touch_differing

CROSSED = "churn.risk_crossed"

#: Members learnt from; more would take longer and say the same.
LEARNT_FROM = 200_000


class Risk(BaseModel):
    """Where the probability of being a customer still is too low, and where it is well again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    below: float = Field(0.3, gt=0, lt=1)
    back: float = Field(0.4, gt=0, le=1)

    @model_validator(mode="after")
    def _back_is_higher(self) -> Self:
        if self.back < self.below:
            raise mistake("back must not be less than below, which is {below}", below=self.below)
        return self


class Predictions(Nightly):
    """How far to look ahead, and who is at risk."""

    kind: ClassVar[str] = "predictions"

    predictions: str
    horizon: Duration = timedelta(days=90)
    risk: Risk = Risk()
    hour: int = Field(3, ge=0, le=23)

    @model_validator(mode="after")
    def _looks_ahead(self) -> Self:
        if self.horizon < timedelta(days=1):
            raise mistake("the horizon must be a day at least")
        return self


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What a night's learning brought."""

    members: int
    at_risk: int
    crossed: int  #: told as ``churn.risk_crossed``
    buying: Buying
    spending: Spending | None  #: None: amounts did not tell enough
    spending_problem: InputRefused | None  #: why


_PREPARE = text(
    """
DROP TABLE IF EXISTS predicted, fresh_predictions;
CREATE TEMPORARY TABLE predicted (member_id bigint, alive float, expected_orders float, expected_value float) ON COMMIT DROP
"""
)
_COPY = "COPY predicted FROM STDIN"
_JUDGE = text(
    """
CREATE TEMPORARY TABLE fresh_predictions ON COMMIT DROP AS
SELECT predicted.*, known.at_risk AS was_at_risk,
    predicted.alive < CASE WHEN known.at_risk THEN CAST(:back AS float) ELSE CAST(:below AS float) END AS at_risk
FROM predicted LEFT JOIN predictions AS known USING (member_id)
"""
)
_KEEP = text(
    """
WITH gone AS (
    DELETE FROM predictions
    WHERE NOT EXISTS (SELECT FROM fresh_predictions AS fresh WHERE fresh.member_id = predictions.member_id)
    RETURNING member_id
), kept AS (
    INSERT INTO predictions (member_id, alive, expected_orders, expected_value, at_risk, predicted_at)
    SELECT member_id, alive, expected_orders, expected_value, at_risk, :now
    FROM fresh_predictions AS fresh JOIN members ON members.id = fresh.member_id
    WHERE members.erased_at IS NULL AND members.merged_into IS NULL ORDER BY member_id
    ON CONFLICT (member_id) DO UPDATE
    SET (alive, expected_orders, expected_value, at_risk, predicted_at) =
        (excluded.alive, excluded.expected_orders, excluded.expected_value, excluded.at_risk, excluded.predicted_at)
), touched AS (
    INSERT INTO touched_members (member_id)
    SELECT member_id FROM gone
    UNION ALL SELECT member_id FROM fresh_predictions WHERE at_risk IS DISTINCT FROM was_at_risk
)
SELECT count(*), count(*) FILTER (WHERE at_risk) FROM fresh_predictions
"""
)

_fresh = table("fresh_predictions", *(column(name) for name in ("member_id", "alive", "was_at_risk", "at_risk")))


def predict_when_due(connection: Connection, *, since: datetime | None, now: datetime, zone: tzinfo) -> None:
    """Predict where the hour of the definition has struck since then; where nothing can be learnt, say why and keep all."""
    definition = definition_due(connection, Predictions, since=since, now=now, zone=zone)
    if definition is not None:
        with noting_problems(connection, definition, now=now):
            predict(connection, definition, now=now, zone=zone)


def predict(connection: Connection, definition: Predictions, *, now: datetime, zone: tzinfo) -> Predicted:
    """Learn from all orders, predict for everybody with an order, and tell who crossed into risk.

    Raises:
        InputRefused: the orders do not tell enough; the predictions so far stay.
    """
    known = read_histories(connection, now=now, zone=zone)
    buying, spending, problem = learn(known)
    connection.execute(_PREPARE)
    send_lines(connection, _COPY, _in_lines(_rows(known, buying, spending, weeks_of(definition.horizon))))
    connection.execute(_JUDGE, {"back": definition.risk.back, "below": definition.risk.below})
    connection.execute(text("ANALYZE fresh_predictions"))
    crossed = tell(connection, _crossings(now, zone), now=now)
    members, at_risk = connection.execute(_KEEP, {"now": now}).one()
    touch_differing(connection, lambda asked: asked.prediction is not None, now=now)
    learnt = {
        "members": members, "at_risk": at_risk, "repeaters": int((known.histories.repeats > 0).sum()),
        "horizon_weeks": weeks_of(definition.horizon), "buying": asdict(buying),
        "spending": asdict(spending) if spending else None,
    }  # fmt: skip
    save_fit(connection, Predictions.kind, definition.name, learnt, now=now)
    return Predicted(
        members=members, at_risk=at_risk, crossed=crossed, buying=buying, spending=spending, spending_problem=problem
    )


def learn(known: Known) -> tuple[Buying, Spending | None, InputRefused | None]:
    """Fit both models; amounts may tell too little, and then the reason is returned in place of the second.

    Raises:
        InputRefused: the orders themselves tell too little.
    """
    buying = fit_buying(gathered(known.histories, at_most=LEARNT_FROM))
    step = -(-len(known.mean) // LEARNT_FROM)
    try:
        return buying, fit_spending(known.histories.repeats[::step], known.mean[::step]), None
    except InputRefused as refused:
        return buying, None, refused


def _rows(known: Known, buying: Buying, spending: Spending | None, weeks: float) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    orders = expected_orders(buying, known.histories, weeks)
    amount = expected_amount(spending, known.histories.repeats, known.mean) if spending else np.full(len(orders), np.nan)
    return known.member_ids.astype(np.float64), alive(buying, known.histories), orders, orders * amount


def _in_lines(columns: tuple[Numbers, Numbers, Numbers, Numbers]) -> Iterator[str]:
    for start in range(0, len(columns[0]), AT_ONCE):
        part = [each[start : start + AT_ONCE].tolist() for each in columns]
        rows = zip(*part, strict=True)
        yield "".join(
            f"{member:.0f}\t{still!r}\t{orders!r}\t{value!r}\n" if value == value else f"{member:.0f}\t{still!r}\t{orders!r}\t\\N\n"
            for member, still, orders, value in rows
        )


def _crossings(now: datetime, zone: tzinfo) -> Select[Any]:
    """Return who was not at risk and is, one occasion a local day; whoever is new to us crossed nothing."""
    still = func.jsonb_build_object("alive", func.round(cast(_fresh.c.alive, Numeric), 4))
    told = occasion(CROSSED, _fresh.c.member_id, still, now=now, zone=zone)
    return told.where(_fresh.c.at_risk, _fresh.c.was_at_risk.is_(False))
