"""Events are stored once, however often, in whatever order and by however many they are told."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, func, select, text

from database.engine import Database
from database.tables import events, facts, members, unprocessed_events
from language.problems import InputRefused
from members.events import NewEvent, Recorded, event_problem, record
from members.facts import read_facts, rebuild

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)


def order(
    key: str, member: str = "m1", *, days_ago: float = 1, value: object = "10.00", **properties: object
) -> NewEvent:
    return NewEvent(
        source="shop",
        key=key,
        member_key=member,
        kind="order.paid",
        occurred_at=NOW - timedelta(days=days_ago),
        value=Decimal(str(value)),
        properties=properties,
    )


def all_facts(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(select(facts).order_by(facts.c.member_id, facts.c.event))]


def test_an_event_creates_its_member_its_totals_and_work_for_the_triggers(database: Database) -> None:
    with database.transaction() as connection:
        recorded = record(connection, [order("1", days_ago=3), order("2", days_ago=1, value="5.5")], now=NOW)
    with database.transaction() as connection:
        assert recorded == Recorded(stored=2, duplicates=0, mismatched=())
        assert connection.scalar(select(func.count()).select_from(unprocessed_events)) == 2
        member = connection.scalar(select(members.c.id).where(members.c.key == "m1"))
        assert member is not None
        assert read_facts(connection, member) == [
            {
                "event": "order.paid",
                "count": 2,
                "total": Decimal("15.50"),
                "first_at": NOW - timedelta(days=3),
                "last_at": NOW - timedelta(days=1),
            }
        ]


def test_telling_a_batch_again_changes_nothing(database: Database) -> None:
    batch = [order("1", city="上海"), order("2", member="m2"), replace(order("3"), value=None)]
    with database.transaction() as connection:
        record(connection, batch, now=NOW)
        before = all_facts(connection)
    with database.transaction() as connection:
        assert record(connection, batch, now=NOW + timedelta(hours=1)) == Recorded(
            stored=0, duplicates=3, mismatched=()
        )
        assert all_facts(connection) == before
        assert connection.scalar(select(func.count()).select_from(events)) == 3


@pytest.mark.parametrize(
    "other",
    [
        order("1", member="m2"),
        order("1", value="10.01"),
        order("1", days_ago=2),
        order("1", city="北京"),
        replace(order("1"), kind="order.refunded"),
        replace(order("1"), value=None),
    ],
)
def test_another_event_under_a_taken_key_is_reported_and_not_stored(database: Database, other: NewEvent) -> None:
    with database.transaction() as connection:
        record(connection, [order("1")], now=NOW)
        before = all_facts(connection)
        assert record(connection, [order("9"), other], now=NOW).mismatched == (1,)
        assert [row for row in all_facts(connection) if row[0] != before[0][0]] == []
        kept = connection.execute(select(events.c.value, events.c.kind).where(events.c.key == "1")).one()
        assert tuple(kept) == (Decimal("10.00"), "order.paid")


def test_the_same_key_twice_in_one_batch_is_stored_once_and_compared_with_the_first(database: Database) -> None:
    batch = [order("1"), order("1"), order("1", value="11"), order("2")]
    with database.transaction() as connection:
        assert record(connection, batch, now=NOW) == Recorded(stored=2, duplicates=1, mismatched=(2,))
        assert connection.scalar(select(facts.c.total)) == Decimal("20.00")


def test_the_same_key_from_two_sources_is_two_events(database: Database) -> None:
    with database.transaction() as connection:
        assert record(connection, [order("1"), replace(order("1"), source="pos")], now=NOW).stored == 2


def test_a_moment_far_ahead_becomes_now_and_says_so_but_a_little_ahead_is_kept(database: Database) -> None:
    ahead = replace(order("far"), occurred_at=NOW + timedelta(minutes=6))
    little = replace(order("near"), occurred_at=NOW + timedelta(minutes=4))
    with database.transaction() as connection:
        record(connection, [ahead, little], now=NOW)
        rows = {row.key: row for row in connection.execute(select(events))}
        assert rows["far"].occurred_at == NOW
        assert rows["far"].properties["_clamped"] is True
        assert rows["near"].occurred_at == NOW + timedelta(minutes=4)
        assert "_clamped" not in rows["near"].properties
        # Told again later, when its moment has come, it is still the same event.
        assert record(connection, [ahead], now=NOW + timedelta(hours=1)).duplicates == 1
        assert record(connection, [ahead], now=NOW).duplicates == 1


def test_totals_made_from_scratch_equal_those_kept_up_to_date(database: Database) -> None:
    chance = random.Random(7)
    told = [
        replace(
            order(str(number), member=f"m{chance.randrange(40)}", days_ago=chance.uniform(0, 400)),
            kind=chance.choice(["order.paid", "member.joined", "message.opened"]),
            value=None if chance.random() < 0.2 else Decimal(chance.randrange(-500, 99_999)) / 100,
        )
        for number in range(1500)
    ]
    with database.transaction() as connection:
        while told:
            batch, told = told[:217], told[217:]
            record(connection, batch + chance.sample(batch, 20), now=NOW)
        kept = all_facts(connection)
        assert rebuild(connection) == len(kept)
        assert all_facts(connection) == kept


def test_many_at_once_telling_the_same_events_in_every_order_neither_deadlock_nor_double(database: Database) -> None:
    told = [order(str(number), member=f"m{number % 13}", value=1) for number in range(400)]

    def tell(seed: int) -> int:
        mine = random.Random(seed).sample(told, len(told))
        stored = 0
        for start in range(0, len(mine), 50):
            with database.transaction() as connection:
                stored += record(connection, mine[start : start + 50], now=NOW).stored
        return stored

    with ThreadPoolExecutor(6) as threads:
        stored = list(threads.map(tell, range(6)))

    assert sum(stored) == 400
    with database.transaction() as connection:
        kept = all_facts(connection)
        assert sum(int(str(row[4])) for row in kept) == 400
        rebuild(connection)
        assert all_facts(connection) == kept


@pytest.mark.parametrize(
    "bad",
    [
        replace(order("1"), key=""),
        replace(order("1"), source="tidings"),  # Its keys would silence or forge what follows.
        replace(order("1"), key="k" * 501),
        replace(order("1"), member_key="m\0"),
        replace(order("1"), member_key="\ud800"),
        replace(order("1"), kind="order paid"),
        replace(order("1"), kind=""),
        replace(order("1"), occurred_at=NOW.replace(tzinfo=None)),
        replace(order("1"), occurred_at=datetime(1, 1, 1, tzinfo=UTC)),
        replace(order("1"), value=float("nan")),
        replace(order("1"), value=Decimal("1e12")),
        replace(order("1"), properties={"a": float("inf")}),
        replace(order("1"), properties={"a": "\0"}),
        replace(order("1"), properties={"a": "x" * 70_000}),
        replace(order("1"), properties={"a": object()}),
    ],
)
def test_an_event_that_cannot_be_stored_is_refused_and_the_batch_with_it(database: Database, bad: NewEvent) -> None:
    assert event_problem(bad) is not None
    with database.transaction() as connection:
        with pytest.raises(InputRefused):
            record(connection, [order("2"), bad], now=NOW)
        assert connection.scalar(select(func.count()).select_from(events)) == 0


def test_an_empty_batch_is_no_work(database: Database) -> None:
    with database.transaction() as connection:
        assert record(connection, [], now=NOW) == Recorded(stored=0, duplicates=0, mismatched=())


def test_hundreds_of_events_a_batch_are_one_round_trip_to_insert(database: Database) -> None:
    with database.transaction() as connection:
        record(connection, [order("0")], now=NOW)
        before = connection.scalar(text("SELECT pg_current_xact_id()"))
        record(connection, [order(str(number), member=f"m{number}") for number in range(1000)], now=NOW)
        assert connection.scalar(text("SELECT pg_current_xact_id()")) == before
