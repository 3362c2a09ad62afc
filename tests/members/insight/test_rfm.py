"""RFM agrees with a count made another way; cells cover all scores; who moves is told once a night."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError
from sqlalchemy import func, select, update

from database.engine import Database
from database.loyalty_tables import rfm_scores
from database.member_tables import touched_members
from database.tables import events, members
from members.definitions import read_definitions, save_definitions
from members.insight.nights import is_night
from members.insight.rfm import EIGHT_GROUPS, Rfm
from members.insight.rfm_scoring import score_members
from members.upkeep import keep_up
from tests.makers import make_members
from tests.order_histories import CDNOW_END, give_back, give_cdnow, give_orders, read_cdnow

NOW = datetime(2026, 8, 1, 2, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples" / "rfm"
OWN = {"recency": (30, 60, 120, 240), "frequency": (2, 3, 5, 10), "monetary": (100, 200, 500, 1000)}


def quintiles(values: np.ndarray) -> np.ndarray:
    """Score as the page says it, in another way: sorted, and how many are strictly below."""
    below = np.searchsorted(np.sort(values), values, side="left")
    return 1 + np.floor(5 * below / len(values)).astype(int)


@pytest.mark.parametrize("how", ["quintiles", "bounds"])
def test_scores_of_cdnow_agree_with_an_independent_count(database: Database, shared: Path, how: str) -> None:
    with database.transaction() as connection:
        ids = give_cdnow(connection, shared)
        own = {} if how == "quintiles" else OWN
        score_members(connection, Rfm(rfm="x", window=timedelta(days=500), **own), now=CDNOW_END, zone=ZoneInfo("UTC"))
        kept = {
            row.member_id: (row.recency, row.frequency, row.monetary) for row in connection.execute(select(rfm_scores))
        }

    within = [(ids[who], at, amount) for who, at, amount in read_cdnow(shared) if at > CDNOW_END - timedelta(days=500)]
    who = sorted({member for member, _, _ in within})
    place = {member: index for index, member in enumerate(who)}
    last, orders, money = np.full(len(who), -10_000), np.zeros(len(who)), [Decimal()] * len(who)
    for member, at, amount in within:
        last[place[member]] = max(last[place[member]], -(CDNOW_END.date() - at.date()).days)
        orders[place[member]] += 1
        money[place[member]] += amount
    spent = np.array([float(amount) for amount in money])
    if how == "quintiles":
        wanted = [quintiles(last), quintiles(orders), quintiles(spent)]
    else:
        wanted = [
            5 - np.searchsorted(OWN["recency"], -last, side="left"),
            1 + np.searchsorted(OWN["frequency"], orders, side="right"),
            1 + np.searchsorted(OWN["monetary"], spent, side="right"),
        ]
    assert len(kept) == len(who) > 1_000
    assert kept == {member: tuple(int(scores[index]) for scores in wanted) for member, index in place.items()}


def test_equals_have_one_score_and_a_refunded_order_is_none(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 10, consenting=False)
        # Eight with one order of 10, one with three, one whose only order went back.
        day = NOW - timedelta(days=3)
        give_orders(connection, [(member, day, 10, {}) for member in [*ids[:8], *[ids[8]] * 3, ids[9]]])
        give_back(connection, "o12", 10, member=ids[9], at=NOW - timedelta(days=1))
        scored = score_members(connection, Rfm(rfm="x"), now=NOW, zone=SHANGHAI)
        rows = connection.execute(select(rfm_scores).order_by(rfm_scores.c.member_id)).all()

    assert scored.members == len(rows) == 9
    assert {row.frequency for row in rows[:8]} == {1}
    assert (rows[8].frequency, rows[8].monetary) == (1 + 5 * 8 // 9, 5)
    assert {row.recency for row in rows} == {1}


def test_who_moves_is_told_once_with_from_and_to_and_who_falls_out_goes_to_nothing(database: Database) -> None:
    definition = Rfm(rfm="x", window=timedelta(days=100), recency=(10, 20, 30, 40), frequency=(2, 3, 4, 5), monetary=(20, 30, 40, 50))
    with database.transaction() as connection:
        first, second, third = make_members(connection, 3, consenting=False)
        give_orders(connection, [(first, NOW - timedelta(days=1), 100, {}), (second, NOW - timedelta(days=99), 10, {})])
        assert score_members(connection, definition, now=NOW, zone=SHANGHAI).moved == 0  # The first night tells nobody.

        later = NOW + timedelta(days=15)
        give_orders(connection, [(third, later, 5, {})], start=10)
        scored = score_members(connection, definition, now=later, zone=SHANGHAI)
        again = score_members(connection, definition, now=later, zone=SHANGHAI)
        told = connection.execute(select(events.c.member_id, events.c.properties).where(events.c.kind == "rfm.moved")).all()

    assert (scored.moved, scored.changed, scored.gone) == (1, 2, 1)
    assert (again.moved, again.changed, again.gone) == (0, 0, 0)
    assert [(member, what["from"], what["to"]) for member, what in told] == [(second, "general-win-back", None)]


def test_the_scores_of_a_row_that_was_merged_go_and_nobody_is_told_of(database: Database) -> None:
    definition = Rfm(rfm="x", window=timedelta(days=100))
    with database.transaction() as connection:
        first, second = make_members(connection, 2, consenting=False)
        give_orders(connection, [(first, NOW - timedelta(days=1), 100, {}), (second, NOW - timedelta(days=99), 10, {})])
        score_members(connection, definition, now=NOW, zone=SHANGHAI)
        connection.execute(update(members).where(members.c.id == second).values(merged_into=first))

        scored = score_members(connection, definition, now=NOW + timedelta(days=15), zone=SHANGHAI)
        assert (scored.moved, scored.gone) == (0, 1)


def test_from_one_cell_to_another_is_a_move_and_touches_its_member(database: Database) -> None:
    definition = Rfm(rfm="x", recency=(10, 20, 30, 40), frequency=(2, 3, 4, 5), monetary=(20, 30, 40, 50))
    with database.transaction() as connection:
        (member,) = make_members(connection, 1, consenting=False)
        give_orders(connection, [(member, NOW - timedelta(days=1), 100, {})])
        score_members(connection, definition, now=NOW, zone=SHANGHAI)
        connection.execute(touched_members.delete())
        score_members(connection, definition, now=NOW + timedelta(days=30), zone=SHANGHAI)
        told = connection.execute(select(events.c.properties).where(events.c.kind == "rfm.moved")).scalars().all()

        assert [(what["from"], what["to"], what["recency"]) for what in told] == [("important-growth", "important-win-back", 2)]
        assert set(connection.execute(select(touched_members.c.member_id)).scalars()) == {member}


def test_the_chore_scores_once_a_night_and_once_after_days_without_work(database: Database) -> None:
    night = datetime(2026, 8, 1, 18, 30, tzinfo=UTC)  # Half past two in Shanghai.
    with database.transaction() as connection:
        save_definitions(connection, [Rfm(rfm="x", hour=2)], now=NOW)
        (member,) = make_members(connection, 1, consenting=False)
        give_orders(connection, [(member, NOW - timedelta(days=1), 100, {})])

    scored_at = []
    for now in (NOW, NOW + timedelta(hours=10), night, night + timedelta(minutes=10), night + timedelta(days=5)):
        with database.transaction() as connection:
            connection.execute(rfm_scores.delete())
        keep_up(database, zone=SHANGHAI, now=now)
        with database.transaction() as connection:
            scored_at.append(connection.execute(select(func.count()).select_from(rfm_scores)).scalar_one())

    assert scored_at == [1, 0, 1, 0, 1]


def test_a_night_begins_at_the_local_hour() -> None:
    at_two = datetime(2026, 8, 1, 18, tzinfo=UTC)
    terms = {"zone": SHANGHAI, "hour": 2}

    assert not is_night(since=at_two - timedelta(hours=1), now=at_two - timedelta(seconds=1), **terms)
    assert is_night(since=at_two - timedelta(seconds=1), now=at_two, **terms)
    assert not is_night(since=at_two, now=at_two + timedelta(hours=23), **terms)
    assert is_night(since=None, now=at_two, **terms)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"recency": [30, 20, 10, 5]}, "must rise"),
        ({"recency": [1.5, 2, 3, 4]}, "whole days"),
        ({"frequency": [1, 2]}, "at least 4"),
        ({"cells": [{"cell": "few", "recency": [1]}]}, "no cell takes recency 2, frequency 1, monetary 1"),
        ({"cells": [{"cell": "all"}, {"cell": "never"}]}, "the cell never is never reached"),
        ({"cells": [{"cell": "all"}, {"cell": "all"}]}, "the cell all is there twice"),
        ({"cells": [{"cell": "all", "recency": [6]}]}, "less than or equal to 5"),
        ({"window": "long"}, "a length of time"),
    ],
)
def test_a_definition_that_leaves_a_hole_or_makes_no_sense_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Rfm.model_validate({"rfm": "x", **wrong})


def test_the_examples_can_be_read_and_the_eight_groups_take_every_score_once() -> None:
    assert {one.rfm for one in read_definitions(EXAMPLES, Rfm)} >= {"standard"}
    cells = [cell for _, cell in Rfm(rfm="x").cell_of_scores()]
    assert {cell.cell for cell in EIGHT_GROUPS} == set(cells)
    assert sum(cell.takes((4, 1, 5)) for cell in EIGHT_GROUPS) == 1
