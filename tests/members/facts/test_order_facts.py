"""What members bought follows from their events alone, whatever the order in which they were told."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as drawn
from sqlalchemy import Connection, insert, select, text

from database.engine import Database
from database.loyalty_tables import bought_together
from database.member_tables import order_facts, touched_members
from database.tables import members
from members.events import NewEvent, record
from members.facts.reckoned import read_order_facts, touch_changing
from members.reckoning import reckon, touch
from tests.conftest import empty

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CENT = Decimal("0.01")


def order(key: str, *, days_ago: float = 1, value: object = "10", member: str = "m1", **properties: object) -> NewEvent:
    worth = None if value is None else Decimal(str(value))
    at = NOW - timedelta(days=days_ago)
    return NewEvent(source="shop", key=key, member_key=member, kind="order.paid", occurred_at=at, value=worth, properties=properties)


def refund(key: str, of: object, *, days_ago: float = 0, value: object = "10", source: str = "shop", member: str = "m1") -> NewEvent:
    worth = None if value is None else Decimal(str(value))
    at = NOW - timedelta(days=days_ago)
    told = {"order": of}
    return NewEvent(source=source, key=key, member_key=member, kind="order.refunded", occurred_at=at, value=worth, properties=told)


def told(connection: Connection, *batch: NewEvent, now: datetime = NOW) -> dict[str, Any]:
    """Record a batch, let it be reckoned, and return the facts of m1."""
    record(connection, batch, now=now)
    reckon(connection, now=now)
    return read_order_facts(connection, connection.execute(select(members.c.id).where(members.c.key == "m1")).scalar_one())


def test_orders_are_counted_and_summed_for_life_and_by_window(database: Database) -> None:
    with database.transaction() as connection:
        known = told(
            connection,
            order("1", days_ago=400, value="100"), order("2", days_ago=60, value="50"), order("3", days_ago=3, value="30.5"),
            order("4", days_ago=0, value=None),
        )  # fmt: skip

    assert (known["orders"], known["spent"], known["refunded"]) == (4, Decimal("180.50"), 0)
    assert (known["first_order_at"], known["last_order_at"]) == (NOW - 400 * DAY, NOW)
    assert (known["average_order"], known["days_between_orders"]) == (Decimal("45.13"), Decimal("133.33"))
    assert [known[f"orders_{days}d"] for days in (7, 30, 90, 365)] == [2, 2, 3, 3]
    assert [known[f"spent_{days}d"] for days in (7, 30, 90, 365)] == [Decimal(each) for each in ("30.5", "30.5", "80.5", "80.5")]
    assert known["changes_at"] == NOW + 4 * DAY


def test_a_refund_lowers_what_was_spent_by_the_day_of_its_order(database: Database) -> None:
    with database.transaction() as connection:
        known = told(connection, order("1", days_ago=40, value="100"), order("2", days_ago=3), refund("r", "1", value="30"))

    assert (known["orders"], known["spent"], known["refunded"], known["average_order"]) == (2, 80, 30, 40)
    assert (known["spent_7d"], known["spent_30d"], known["spent_90d"]) == (10, 10, 80)


@pytest.mark.parametrize(
    "given_back", [("100",), ("60", "40"), (None,), ("-100",), ("250",)],
    ids=["at once", "in two parts", "without an amount", "told below zero", "more than was paid"],
)  # fmt: skip
def test_an_order_given_back_whole_is_no_order(database: Database, given_back: Sequence[str | None]) -> None:
    with database.transaction() as connection:
        refunds = [refund(f"r{number}", "1", value=value) for number, value in enumerate(given_back)]
        known = told(connection, order("1", value="100", days_ago=2, category="茶"), order("2", days_ago=5), *refunds)

    assert (known["orders"], known["spent"], known["refunded"]) == (1, 10, 100)
    assert (known["last_order_at"], known["last_category"]) == (NOW - 5 * DAY, None)


def test_a_refund_ahead_of_its_order_counts_once_the_order_is_there(database: Database) -> None:
    with database.transaction() as connection:
        assert told(connection, refund("r", "1", value="4")) == {}
        known = told(connection, order("1", value="10"))

    assert (known["orders"], known["spent"], known["refunded"]) == (1, 6, 4)


def test_a_refund_of_another_source_member_or_no_order_is_not_of_this_order(database: Database) -> None:
    with database.transaction() as connection:
        known = told(
            connection,
            order("1", value="10"), refund("r1", "1", source="pos"), refund("r2", "1", member="m2"), refund("r3", None), refund("r4", 2),
        )  # fmt: skip

    assert (known["orders"], known["spent"], known["refunded"]) == (1, 10, 0)


def test_an_order_below_zero_is_money_given_back_on_its_own_day(database: Database) -> None:
    with database.transaction() as connection:
        known = told(connection, order("1", value="50", days_ago=40), order("2", value="-20", days_ago=2, category="茶"))

    assert (known["orders"], known["spent"], known["refunded"], known["spent_7d"]) == (1, 30, 20, -20)
    assert (known["favourite_category"], known["changes_at"]) == (None, NOW + 5 * DAY)


def test_the_favourite_is_of_most_orders_then_of_the_latest(database: Database) -> None:
    bought = [
        order("1", days_ago=9, category="茶"), order("2", days_ago=8, items=[{"category": "咖啡"}, {"category": "茶"}, {"category": "茶"}]),
        order("3", days_ago=7, category=" 咖啡 "), order("4", days_ago=6, items=[{"category": "糖"}, "?", {"category": {}}]),
        order("5", days_ago=5, category=["x"], items="none"),
    ]  # fmt: skip
    with database.transaction() as connection:
        known = told(connection, *bought)
        assert (known["favourite_category"], known["last_category"], known["next_category"]) == ("咖啡", "糖", None)

        known = told(connection, refund("r", "3"))
        assert known["favourite_category"] == "茶"


def test_the_next_category_is_the_likeliest_after_the_last_one(database: Database) -> None:
    rows = [("茶", "杯", 0.4, 2.0), ("茶", "糖", 0.4, 3.0), ("茶", "书", 0.3, 9.0), ("咖啡", "奶", 0.9, 9.0)]
    made = [
        {"relation": "next", "item": item, "other": other, "orders": 1, "support": 0.1, "confidence": sure, "lift": lift}
        for item, other, sure, lift in rows
    ]
    with database.transaction() as connection:
        told(connection, order("1", category="茶"))
        connection.execute(insert(bought_together), made)
        touch(connection, connection.execute(select(members.c.id)).scalars().all())
        assert told(connection)["next_category"] == "糖"
        assert told(connection, order("2", days_ago=0, category="咖啡"))["next_category"] == "奶"


def test_an_order_leaves_its_window_when_its_time_is_up_and_not_before(database: Database) -> None:
    with database.transaction() as connection:
        told(connection, order("1", days_ago=6), order("2", days_ago=100))
        assert touch_changing(connection, now=NOW + DAY - timedelta(seconds=1)) == 0

        later = NOW + 9 * DAY
        assert touch_changing(connection, now=later) == 1
        reckon(connection, now=later)
        known = told(connection)
        assert (known["orders_7d"], known["orders_30d"], known["orders"]) == (0, 1, 2)
        assert known["changes_at"] == NOW + 24 * DAY
        assert touch_changing(connection, now=later) == 0


def test_a_member_whose_window_moved_is_touched_once_until_reckoned(database: Database) -> None:
    with database.transaction() as connection:
        record(connection, [order("1", days_ago=29), order("2", days_ago=1)], now=NOW)
        while reckon(connection, now=NOW):
            pass
        later = NOW + 2 * DAY
        assert [touch_changing(connection, now=later), touch_changing(connection, now=later)] == [1, 0]
        while reckon(connection, now=later):
            pass
        assert read_order_facts(connection, 1)["changes_at"] > later


def test_members_whose_events_are_gone_have_no_row(database: Database) -> None:
    with database.transaction() as connection:
        told(connection, order("1"))
        connection.execute(text("DELETE FROM unprocessed_events; DELETE FROM events; INSERT INTO touched_members (member_id) VALUES (1)"))

        assert told(connection) == {}


def test_a_row_that_stays_the_same_is_not_written_again(database: Database) -> None:
    with database.transaction() as connection:
        told(connection, order("1", days_ago=400))
        before = connection.execute(select(order_facts.c.reckoned_at)).scalar_one()
        connection.execute(insert(touched_members), {"member_id": 1})
        reckon(connection, now=NOW + DAY)

        assert connection.execute(select(order_facts.c.reckoned_at)).scalar_one() == before


@dataclass(frozen=True)
class Bought:
    """One order of a random history: its day, its price, what of it was given back, and what it was of."""

    days_ago: int
    value: int
    given_back: tuple[int, ...]
    category: str | None


HISTORY = drawn.lists(
    drawn.builds(
        Bought,
        days_ago=drawn.integers(0, 400),
        value=drawn.integers(0, 90),
        given_back=drawn.lists(drawn.integers(1, 60), max_size=2).map(tuple),
        category=drawn.sampled_from(["茶", "咖啡", "糖", None]),
    ),
    min_size=1,
    max_size=12,
)


def expected(history: Sequence[Bought]) -> dict[str, Any]:
    """Work the facts out in plain Python, one order after the other."""
    kept = []
    for number, each in enumerate(history):
        back = min(sum(each.given_back), each.value)
        if not each.given_back or back < each.value:
            kept.append((NOW - each.days_ago * DAY, str(number), each.value - back, each.category))
    kept.sort(key=lambda row: row[:2])
    counts = Counter(category for *_, category in kept if category)
    latest = {category: at for at, _, _, category in kept if category}
    best = sorted(counts, key=lambda name: name.encode())
    best.sort(key=lambda name: (counts[name], latest[name]), reverse=True)
    windows = (7, 30, 90, 365)
    inside = {days: [row for row in kept if row[0] > NOW - days * DAY] for days in windows}
    spread = (kept[-1][0] - kept[0][0]) / DAY if kept else 0
    return {
        "orders": len(kept),
        "spent": sum(net for _, _, net, _ in kept),
        "refunded": sum(min(sum(each.given_back), each.value) for each in history),
        "first_order_at": kept[0][0] if kept else None,
        "last_order_at": kept[-1][0] if kept else None,
        "average_order": _round(sum(net for _, _, net, _ in kept), len(kept)) if kept else None,
        "days_between_orders": _round(int(spread), len(kept) - 1) if len(kept) > 1 else None,
        **{f"orders_{days}d": len(inside[days]) for days in windows},
        **{f"spent_{days}d": sum(net for _, _, net, _ in inside[days]) for days in windows},
        "favourite_category": best[0] if best else None,
        "last_category": next((category for *_, category in reversed(kept) if category), None),
        "next_category": None,
        "changes_at": min((rows[0][0] + days * DAY for days, rows in inside.items() if rows), default=None),
    }


def _round(amount: int, count: int) -> Decimal:
    return (Decimal(amount) / count).quantize(CENT, ROUND_HALF_UP)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY, seed=drawn.integers(0, 10_000))
def test_a_history_told_in_any_order_gives_the_facts_of_the_sorted_one(database: Database, history: list[Bought], seed: int) -> None:
    batch: list[NewEvent] = []
    for number, each in enumerate(history):
        properties = {"category": each.category} if each.category else {}
        batch.append(order(str(number), days_ago=each.days_ago, value=each.value, **properties))
        batch += [refund(f"{number}-{part}", str(number), value=value) for part, value in enumerate(each.given_back)]
    chance = random.Random(seed)
    chance.shuffle(batch)
    empty(database)
    with database.transaction() as connection:
        while batch:
            several = [batch.pop() for _ in range(min(len(batch), chance.randint(1, 5)))]
            known = told(connection, *several)

    known.pop("reckoned_at")
    assert known == expected(history)
