"""What may be said about members is read for many of them at once, in each one's own days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import insert

from campaigns.rendering_facts import COUNTED, KNOWN_OF_ORDERS, facts_for
from database.engine import Database
from database.tables import facts, members
from members.events import NewEvent, record
from members.reckoning import reckon
from templates.known_facts import SAMPLE_FACTS

NOW = datetime(2026, 3, 4, 18, 30, tzinfo=UTC)


def test_a_members_facts_are_those_of_their_own_days(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(members).values(
                id=7, key="a", name="王小明", tier="gold", language="zh", time_zone="Asia/Shanghai", birth_month=3,
                birth_day=5, joined_at=datetime(2025, 12, 31, 20, tzinfo=UTC), attributes={"city": "上海"},
            )
        )  # fmt: skip
        purchase = {"event": "order.paid", "count": 3, "total": Decimal("120.50")}
        moments = {"first_at": datetime(2026, 1, 1, tzinfo=UTC), "last_at": datetime(2026, 2, 1, 17, tzinfo=UTC)}
        connection.execute(insert(facts).values(member_id=7, **purchase, **moments))
        connection.execute(
            insert(facts).values(member_id=7, **{**purchase, "event": "app.opened", "count": 99}, **moments)
        )

        known = facts_for(connection, [7], NOW)

    assert known == {
        7: {
            "name": "王小明",
            "tier": "gold",
            "language": "zh",
            "joined_on": date(2026, 1, 1),
            "birth_month": 3,
            "birth_day": 5,
            "today": date(2026, 3, 5),
            "purchases": 3,
            "spend": Decimal("120.50"),
            "last_purchase_on": date(2026, 2, 2),
            "attributes": {"city": "上海"},
        }
    }


def test_a_member_without_events_has_no_purchases_and_unknown_days(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members).values(id=1, key="a", time_zone="America/New_York"))

        known = facts_for(connection, [1], NOW)[1]

    assert (known["purchases"], known["spend"]) == (0, Decimal(0))
    assert known["last_purchase_on"] is None and known["joined_on"] is None and known["tier"] is None
    assert known["today"] == date(2026, 3, 4)


def test_an_unknown_time_zone_costs_nobody_else_their_words(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members).values(id=1, key="a", time_zone="Mars/Olympus"))

        assert facts_for(connection, [1], NOW)[1]["today"] == date(2026, 3, 5)


def test_erased_and_unknown_members_are_not_in_the_answer(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members).values(id=1, key="a", erased_at=NOW))

        assert facts_for(connection, [1, 2], NOW) == {}
        assert facts_for(connection, [], NOW) == {}


def test_five_hundred_members_are_read_in_one_statement(database: Database) -> None:
    with database.transaction() as connection:
        people = [{"id": n, "key": str(n), "joined_at": NOW, "attributes": {"points": n}} for n in range(1, 2001)]
        connection.execute(insert(members), people)
        connection.execute(
            insert(facts),
            [
                {"member_id": n, "event": "order.paid", "first_at": NOW, "last_at": NOW, "count": 1, "total": 5}
                for n in range(1, 2001)
            ],
        )
        known = facts_for(connection, range(1, 501), NOW)

    assert len(known) == 500
    assert {known[number]["spend"] for number in known} == {5}


def test_what_was_bought_is_told_where_somebody_asks(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members), [{"id": number, "key": key} for number, key in ((1, "a"), (2, "b"))])
        given_back = {"properties": {"order": "1"}, "kind": "order.refunded", "value": Decimal(5)}
        paid = {"kind": "order.paid", "value": Decimal(20), "occurred_at": NOW - timedelta(days=3)}
        for number, told in enumerate(({**paid, "properties": {"category": "茶"}}, paid, given_back), 1):
            event = NewEvent(**{"source": "shop", "key": str(number), "member_key": "a", "occurred_at": NOW, **told})
            record(connection, [event], now=NOW)
        reckon(connection, now=NOW)

        known = facts_for(connection, [1, 2], NOW, orders=True)

    bought = known[1]["orders"]
    assert bought == {
        "count": 2, "spent": 35, "refunded": 5, "average": Decimal("17.5"), "first_on": date(2026, 3, 2),
        "last_on": date(2026, 3, 2), "days_between": 0, "favourite_category": "茶", "last_category": "茶",
        **{f"count_{days}d": 2 for days in (7, 30, 90, 365)}, **{f"spent_{days}d": 35 for days in (7, 30, 90, 365)},
    }  # fmt: skip
    assert known[2]["orders"] == dict.fromkeys(COUNTED, 0)
    assert set(SAMPLE_FACTS["orders"]) == {*COUNTED, *KNOWN_OF_ORDERS, "first_on", "last_on"}
