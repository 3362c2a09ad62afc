"""What an order is worth after what was given back for it is one rule: facts, tiers, points and occasions agree on it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as drawn
from sqlalchemy import select

from database.engine import Database
from database.loyalty_tables import member_tiers
from database.tables import events, members
from members.definitions import save_definitions
from members.events import NewEvent, record
from members.facts.reckoned import read_order_facts
from members.occasions.choice import Occasions
from members.points.applying import save_programme as save_points
from members.points.ledger import balance, ledger_faults
from members.points.rules import PointsProgramme
from members.reckoning import reckon
from members.tiers.applying import save_programme as save_tiers
from members.tiers.programme import TierProgramme

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PLAIN = {"points": "plain", "since": "2020-01-01", "earn": [{"rule": "purchase", "event": "order.paid", "per": 1, "points": 1}]}


@dataclass(frozen=True)
class Told:
    """An order of a random history, or a refund that may name one."""

    days_ago: int
    value: int | None
    of: int | None  #: None: an order; else the place of the order that is given back, which may be none or come later
    elsewhere: bool  #: whether another source tells it, for whom the keys mean other orders


HISTORY = drawn.lists(
    drawn.builds(
        Told,
        days_ago=drawn.sampled_from([0, 1, 89, 90, 91, 300]),
        value=drawn.sampled_from([None, 0, 10, 25, 25, 40, 100, -15]),
        of=drawn.sampled_from([None, None, 0, 1, 2, 3, 9]),
        elsewhere=drawn.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=9,
)


def happening(key: str, told: Told, member: str) -> NewEvent:
    return NewEvent(
        source=f"{'till' if told.elsewhere else 'shop'}-{member}", key=key, member_key=member,
        kind="order.paid" if told.of is None else "order.refunded", occurred_at=NOW - told.days_ago * DAY,
        value=None if told.value is None else Decimal(told.value), properties={} if told.of is None else {"order": str(told.of)},
    )  # fmt: skip


def tiers(measure: str, period: str) -> TierProgramme:
    """Return a programme whose second tier nobody reaches, so that what is measured is told of the present period."""
    levels = [{"name": "member", "from": 0}, {"name": "never", "from": 1_000_000}]
    return TierProgramme.model_validate({"tiers": "club", "measure": measure, "period": period, "levels": levels})


def live(database: Database, member: str, history: list[Told]) -> int:
    """Tell a history in two pieces, let what follows follow each time, and return the member's id."""
    batch = [happening(str(place), each, member) for place, each in enumerate(history)]
    half = len(batch) - len(batch) // 2
    for piece in filter(None, (batch[:half], batch[half:])):
        with database.transaction() as connection:
            record(connection, piece, now=NOW)
            reckon(connection, now=NOW)
    with database.transaction() as connection:
        return int(connection.execute(select(members.c.id).where(members.c.key == member)).scalar_one())


@pytest.mark.parametrize(
    ("measure", "period", "fact"),
    [("spent", "3660d", "spent"), ("spent", "90d", "spent_90d"), ("orders", "90d", "orders_90d")],
)
def test_tiers_measure_what_facts_say_for_any_history(database: Database, measure: str, period: str, fact: str) -> None:
    save_tiers(database, tiers(measure, period), now=NOW - 1000 * DAY)
    keys = count()

    @settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(history=HISTORY)
    def agree(history: list[Told]) -> None:
        one = live(database, f"m{next(keys)}", history)
        with database.transaction() as connection:
            measured = connection.execute(select(member_tiers.c.measured).where(member_tiers.c.member_id == one)).scalar_one()
            assert measured == read_order_facts(connection, one).get(fact, 0)

    agree()


def test_points_are_left_for_what_orders_are_worth_for_any_history(database: Database) -> None:
    with database.transaction() as connection:
        save_points(connection, PointsProgramme.model_validate(PLAIN), now=NOW)
    keys = count()

    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(history=HISTORY)
    def agree(history: list[Told]) -> None:
        one = live(database, f"m{next(keys)}", history)
        given_for_nothing = sum(each.value for each in history if each.of is None and each.value and each.value < 0)
        with database.transaction() as connection:
            spent = read_order_facts(connection, one).get("spent", 0)
            # Money given back for nobody knows what lowers what was spent; the points of no order are taken for it.
            assert balance(connection, one, at=NOW) == spent - given_for_nothing
            assert ledger_faults(connection, now=NOW) == []

    agree()


def test_a_refund_without_an_amount_takes_back_tier_and_points_and_the_sign_does_not_matter(database: Database) -> None:
    levels = [{"name": "member", "from": 0}, {"name": "gold", "from": 100}]
    save_tiers(database, TierProgramme.model_validate({"tiers": "club", "levels": levels}), now=NOW - 1000 * DAY)
    with database.transaction() as connection:
        save_points(connection, PointsProgramme.model_validate(PLAIN), now=NOW)

    for member, value, points in (("whole", None, 0), ("below", -30, 90)):
        one = live(database, member, [Told(1, 120, None, False), Told(0, value, 0, False)])
        with database.transaction() as connection:
            tier = connection.execute(select(members.c.tier).where(members.c.id == one)).scalar_one()
            assert (tier, balance(connection, one, at=NOW)) == ("member", points)


def test_who_was_given_back_more_than_they_spent_stands_in_the_lowest_tier(database: Database) -> None:
    save_tiers(database, tiers("spent", "365d"), now=NOW - 1000 * DAY)
    one = live(database, "a", [Told(2, 10, None, False), Told(1, -15, None, False)])

    with database.transaction() as connection:
        found = connection.execute(select(member_tiers).where(member_tiers.c.member_id == one)).one()
        assert (found.tier, found.measured) == ("member", -5)


def test_flat_points_of_an_event_that_is_no_order_are_taken_back(database: Database) -> None:
    flat = PLAIN | {"earn": [{"rule": "visit", "event": "order.paid", "points": 5}]}
    with database.transaction() as connection:
        save_points(connection, PointsProgramme.model_validate(flat), now=NOW)
    one = live(database, "a", [Told(3, 0, None, False), Told(2, -15, None, False), Told(1, 0, None, False), Told(0, None, 2, False)])

    with database.transaction() as connection:
        assert balance(connection, one, at=NOW) == 5  # Of the first alone: the others are no orders.


def test_money_given_back_is_nobodys_first_order(database: Database) -> None:
    with database.transaction() as connection:
        chosen = Occasions.model_validate({"occasions": "life", "first_order": True, "second_order": True})
        save_definitions(connection, [chosen], now=NOW)
    live(database, "a", [Told(3, -15, None, False), Told(2, 10, None, False), Told(1, 10, None, False)])

    with database.transaction() as connection:
        found = connection.execute(select(events).where(events.c.source == "tidings").order_by(events.c.id)).all()
    assert [(row.kind, row.properties["order"]) for row in found] == [("order.first", "1"), ("order.second", "2")]
