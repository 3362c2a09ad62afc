"""Predictions from events: histories as published, risk told once per crossing, and nothing lost where nothing is learnt."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, func, select

from database.engine import Database
from database.loyalty_tables import predictions
from database.member_tables import segment_members, touched_members
from database.tables import events
from language.problems import InputRefused
from members.definitions import read_definitions, save_definitions
from members.insight.histories import read_histories
from members.insight.holding_out import hold_out
from members.insight.nightly import NIGHTLY
from members.insight.nights import due, load_fit
from members.insight.predicting import Predictions, predict
from members.reckoning import reckon
from members.segments.applying import apply_segments
from members.segments.definition import Segment, SegmentFiles
from members.upkeep import keep_up
from tests.makers import make_members
from tests.order_histories import CDNOW_END, give_cdnow, give_orders

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 8, 1, 2, tzinfo=UTC)
EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples" / "predictions"


def test_histories_from_events_are_those_published_for_cdnow(database: Database, shared: Path) -> None:
    with database.transaction() as connection:
        give_cdnow(connection, shared)
        known = read_histories(connection, cut=date(1997, 9, 30), now=CDNOW_END - timedelta(hours=1), zone=UTC_ZONE)
    with (shared / "data" / "cdnow" / "cdnow_customers_summary_with_transactions.csv").open() as lines:
        published = np.array([[float(row[name]) for name in ("x", "t_x", "T")] for row in csv.DictReader(lines)])

    found = np.stack([known.histories.repeats, known.histories.last, known.histories.age], axis=1)
    assert found.shape == published.shape == (2357, 3)
    assert np.abs(np.sort(found, axis=0) - np.sort(published, axis=0)).max() < 0.006  # Published in hundredths of a week.


def test_half_of_cdnow_foretells_the_other_half(database: Database, shared: Path) -> None:
    with database.transaction() as connection:
        give_cdnow(connection, shared)
        found = hold_out(connection, weeks=39, now=CDNOW_END - timedelta(hours=1), zone=UTC_ZONE)

    assert found.buying.r == pytest.approx(0.243, rel=0.01)
    assert found.buying.alpha == pytest.approx(4.414, rel=0.01)
    assert sum(row.members for row in found.rows) == 2357
    assert (found.actual, round(found.expected)) == (1882, 1653)  # 12 % too few.
    for row in found.rows:
        assert row.expected == pytest.approx(row.actual, abs=0.45)
    assert found.actual_by_week[-1] > found.actual_by_week[38] > 0
    assert found.expected_by_week[-1] == pytest.approx(found.actual_by_week[-1], rel=0.06)


def lively(connection: Connection) -> list[int]:
    """Give 150 members orders of a dozen rhythms, so that there is something to learn; return their ids."""
    ids = make_members(connection, 150, consenting=False)
    chance = np.random.default_rng(3)
    orders = []
    for member in ids:
        at, wait = NOW - timedelta(days=float(chance.uniform(60, 300))), float(chance.gamma(1.0, 30.0)) + 3
        while at < NOW - timedelta(days=1):
            orders.append((member, at, round(float(chance.gamma(4.0, 12.0)) + 1, 2), {}))
            at += timedelta(days=float(chance.exponential(wait)) + 1)
            if chance.uniform() < 0.2:
                break
    give_orders(connection, orders)
    return ids


def told(connection: Connection) -> dict[int, int]:
    found = select(events.c.member_id, func.count()).where(events.c.kind == "churn.risk_crossed").group_by(events.c.member_id)
    return {row[0]: row[1] for row in connection.execute(found)}


def at_risk(connection: Connection) -> set[int]:
    return set(connection.execute(select(predictions.c.member_id).where(predictions.c.at_risk)).scalars())


def test_a_crossing_is_told_once_and_nobody_flutters_around_the_line(database: Database) -> None:
    strict, hasty = ({"predictions": "x", "risk": {"below": 0.5, "back": back}} for back in (0.95, 0.5))
    with database.transaction() as connection:
        lively(connection)
        first = predict(connection, Predictions.model_validate(strict), now=NOW, zone=UTC_ZONE)
        assert (first.crossed, told(connection)) == (0, {})  # Whoever is new to us crossed nothing.
        began = at_risk(connection)

        for days in (20, 20, 21, 40):
            predict(connection, Predictions.model_validate(strict), now=NOW + timedelta(days=days), zone=UTC_ZONE)
        crossed = at_risk(connection) - began
        assert crossed
        assert told(connection) == dict.fromkeys(crossed, 1)

        chances = dict(connection.execute(select(predictions.c.member_id, predictions.c.alive)).all())
        assert all(chances[member] < 0.95 for member in at_risk(connection))
        assert all(chances[member] >= 0.5 for member in chances.keys() - at_risk(connection))
        connection.execute(touched_members.delete())
        predict(connection, Predictions.model_validate(hasty), now=NOW + timedelta(days=41), zone=UTC_ZONE)
        assert all(chances[member] < 0.6 for member in at_risk(connection))


def test_a_kept_segment_follows_chances_that_change_without_a_crossing(database: Database) -> None:
    alive = Segment.model_validate({"segment": "alive", "keep": True, "condition": {"prediction": {"alive": {"ge": 0.5}}}})
    never_at_risk = Predictions.model_validate({"predictions": "x", "risk": {"below": 0.0001, "back": 0.0001}})
    with database.transaction() as connection:
        lively(connection)
        apply_segments(connection, SegmentFiles(segments=(alive,), lists={}), now=NOW)
        sizes = set()
        for days in (0, 60, 61):
            now = NOW + timedelta(days=days)
            while reckon(connection, now=now):
                pass
            predict(connection, never_at_risk, now=now, zone=UTC_ZONE)
            touched = set(connection.scalars(select(touched_members.c.member_id)))
            while reckon(connection, now=now):
                pass
            full = set(connection.scalars(select(predictions.c.member_id).where(predictions.c.alive >= 0.5)))
            assert set(connection.scalars(select(segment_members.c.member_id))) == full
            sizes.add(len(full))
        assert len(sizes) > 1
        assert len(touched) < 150  # Only whose answer differs.


def test_values_are_orders_times_amounts_and_every_member_with_orders_has_one(database: Database) -> None:
    with database.transaction() as connection:
        ids = lively(connection)
        done = predict(connection, Predictions(predictions="x", horizon=timedelta(days=70)), now=NOW, zone=UTC_ZONE)
        rows = connection.execute(select(predictions)).all()
        fit = load_fit(connection, "predictions")

    assert {row.member_id for row in rows} == set(ids)
    assert (done.members, done.at_risk) == (150, sum(row.at_risk for row in rows))
    assert all(0 <= row.alive <= 1 and row.expected_orders >= 0 for row in rows)
    assert all(row.expected_value == pytest.approx(row.expected_orders * 48, rel=0.8) for row in rows if row.expected_orders)
    assert fit is not None
    assert fit.parameters["horizon_weeks"] == 10


def test_where_nothing_can_be_learnt_it_is_said_and_predictions_stay(database: Database) -> None:
    definition = Predictions(predictions="x")
    with database.transaction() as connection:
        save_definitions(connection, [definition], now=NOW)
        lively(connection)
        predict(connection, definition, now=NOW, zone=UTC_ZONE)
        connection.execute(events.delete())
        with pytest.raises(InputRefused, match="too little to learn from: 0 members"):
            predict(connection, definition, now=NOW, zone=UTC_ZONE)

    keep_up(database, zone=UTC_ZONE, now=NOW + timedelta(days=1), chores=NIGHTLY)

    with database.transaction() as connection:
        fit = load_fit(connection, "predictions")
        assert connection.execute(select(func.count()).select_from(predictions)).scalar_one() == 150
        assert fit is not None
        assert fit.parameters["problem"]["values"]["members"] == 0
        assert fit.parameters["buying"]["r"] > 0
        assert due(connection, now=NOW + timedelta(days=1), zone=UTC_ZONE) == []  # It is not tried again before the next night.
        assert due(connection, now=NOW + timedelta(days=2), zone=UTC_ZONE) == ["predictions"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"horizon": "1h"}, "a day at least"),
        ({"risk": {"below": 0.5, "back": 0.2}}, "must not be less than below"),
        ({"risk": {"below": 0}}, "greater than 0"),
        ({"hour": 24}, "less than or equal to 23"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Predictions.model_validate({"predictions": "x", **wrong})


def test_the_example_can_be_read() -> None:
    assert [one.predictions for one in read_definitions(EXAMPLES, Predictions)] == ["standard"]
