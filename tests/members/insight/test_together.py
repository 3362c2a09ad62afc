"""What is bought together and next agrees with a plain count, on drawn orders and on Complete Journey."""

import csv
import lzma
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from pydantic import ValidationError
from sqlalchemy import Connection, insert, select

from database.engine import Database
from database.loyalty_tables import bought_together
from database.member_tables import order_facts, touched_members
from database.tables import events, members
from members.definitions import read_definitions
from members.insight.together import LARGEST_BASKET, Together, count_pairs
from members.reckoning import reckon, touch
from tests.conftest import empty
from tests.makers import make_members
from tests.order_histories import give_back, give_orders

NOW = datetime(2026, 8, 1, 2, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples" / "together"
Rules = dict[tuple[str, str, str], tuple[int, float, float, float]]
#: (member, moment, items), a member's earlier orders first
Baskets = Sequence[tuple[int, datetime, Sequence[str]]]


def counted_plainly(baskets: Baskets, *, fewest: int, repeats: bool = False) -> Rules:
    """Count as a person would, order by order."""
    bought = [(member, set(items)) for member, _, items in baskets if items]
    singles = Counter(item for _, items in bought for item in items)
    pairs = Counter(pair for _, items in bought for pair in permutations(sorted(items), 2))
    by_member = defaultdict(list)
    for member, items in bought:
        by_member[member].append(items)
    steps = [step for orders in by_member.values() for step in pairwise(orders)]
    before = Counter(item for one, _ in steps for item in one)
    after = Counter(item for _, two in steps for item in two)
    nexts = Counter((a, b) for one, two in steps for a in one for b in two if repeats or a != b)
    frequent = {item for item, count in singles.items() if count >= fewest}
    rules: Rules = {}
    for (a, b), count in pairs.items():
        if count >= fewest:
            rules["together", a, b] = (count, count / len(bought), count / singles[a], count * len(bought) / singles[a] / singles[b])
    for (a, b), count in nexts.items():
        if count >= fewest and {a, b} <= frequent:
            rules["next", a, b] = (count, count / len(steps), count / before[a], count * len(steps) / before[a] / after[b])
    return rules


def kept(connection: Connection) -> Rules:
    return {
        (row.relation, row.item, row.other): (row.orders, row.support, row.confidence, row.lift)
        for row in connection.execute(select(bought_together))
    }


def check(found: Rules, wanted: Rules) -> None:
    assert found.keys() == wanted.keys()
    for rule, numbers in wanted.items():
        assert found[rule] == pytest.approx(numbers)


def as_items(items: Sequence[str]) -> Mapping[str, object]:
    return {"items": [{"sku": item, "category": f"c{item}"} for item in items]}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=some.lists(some.tuples(some.integers(0, 4), some.lists(some.sampled_from("abcdef"), max_size=4)), max_size=40),
    fewest=some.integers(1, 4),
    repeats=some.booleans(),
)
def test_any_orders_give_the_rules_a_plain_count_gives(
    database: Database, drawn: list[tuple[int, list[str]]], fewest: int, repeats: bool
) -> None:
    empty(database)
    with database.transaction() as connection:
        ids = make_members(connection, 5, consenting=False)
        baskets = [(ids[member], NOW - timedelta(hours=99 - place), items) for place, (member, items) in enumerate(drawn)]
        if baskets:
            give_orders(connection, [(member, at, 10, as_items(items)) for member, at, items in baskets])
        definition = Together(together="x", item=("items[].sku",), fewest=fewest, repeats=repeats, keep=1000)
        count_pairs(connection, definition, now=NOW, zone=ZONE)
        check(kept(connection), counted_plainly(baskets, fewest=fewest, repeats=repeats))


def read_journey(shared: Path, orders: int) -> Baskets:
    """Return the first baskets of Complete Journey, with the store of each as its item."""
    with lzma.open(shared / "data" / "completejourney" / "baskets.csv.xz", "rt") as lines:
        rows = [row for row, _ in zip(csv.DictReader(lines), range(orders), strict=False)]
    told = [
        (int(row["household_id"]), datetime.fromisoformat(row["ts"] + "+00:00"), int(row["basket_id"]), row["store_id"]) for row in rows
    ]
    return [(household, at, [store]) for household, at, _, store in sorted(told)]


def test_the_next_store_of_complete_journey_s_households_agrees_with_a_plain_count(database: Database, shared: Path) -> None:
    baskets = read_journey(shared, 10_000)
    end = datetime(2018, 1, 2, tzinfo=UTC)
    with database.transaction() as connection:
        households = sorted({household for household, _, _ in baskets})
        connection.execute(insert(members), [{"key": str(household)} for household in households])
        ids = {int(key): member for member, key in connection.execute(select(members.c.id, members.c.key))}
        give_orders(connection, [(ids[who], at, 1, {"store": items[0]}) for who, at, items in baskets])
        done = count_pairs(connection, Together(together="x", item=("store",), repeats=True, keep=1000, window=timedelta(days=400)), now=end, zone=ZONE)

        assert done.orders == 10_000
        assert done.next > 100
        check(kept(connection), counted_plainly(baskets, fewest=5, repeats=True))


def test_coupons_of_complete_journey_redeemed_on_one_day_agree_with_a_plain_count(database: Database, shared: Path) -> None:
    with (shared / "data" / "completejourney" / "coupon_redemptions.csv").open() as lines:
        days = defaultdict(set)
        for row in csv.DictReader(lines):
            days[int(row["household_id"]), datetime.fromisoformat(row["redemption_date"] + "T12:00+00:00")].add(row["coupon_upc"])
    baskets = [(who, at, sorted(items)) for (who, at), items in sorted(days.items())]
    with database.transaction() as connection:
        connection.execute(insert(members), [{"key": str(who)} for who in sorted({who for who, _, _ in baskets})])
        ids = {int(key): member for member, key in connection.execute(select(members.c.id, members.c.key))}
        give_orders(connection, [(ids[who], at, 1, as_items(items)) for who, at, items in baskets])
        definition = Together(together="x", item=("items[].sku",), fewest=2, keep=1000, window=timedelta(days=400))
        done = count_pairs(connection, definition, now=datetime(2018, 1, 2, tzinfo=UTC), zone=ZONE)

        assert done.together > 100
        check(kept(connection), counted_plainly(baskets, fewest=2))


def test_the_first_path_that_says_something_counts_and_refunded_or_huge_orders_do_not(database: Database) -> None:
    huge = as_items([str(number) for number in range(LARGEST_BASKET + 1)])
    told: list[Mapping[str, object]] = [
        {"category": "tea", "items": [{"category": "cup"}]},
        {"category": None, "items": [{"category": " cup "}, {"category": 7}, {"category": ["no"]}, "no"]},
        {"items": "none"}, {"category": "", "items": [{"category": "tea"}]}, {"category": "gone"}, huge,
    ]  # fmt: skip
    with database.transaction() as connection:
        (member,) = make_members(connection, 1, consenting=False)
        give_orders(connection, [(member, NOW - timedelta(days=9 - place), 10, what) for place, what in enumerate(told)])
        give_back(connection, "o5", 10, member=member, at=NOW)
        done = count_pairs(connection, Together(together="x", fewest=1), now=NOW, zone=ZONE)

        assert (done.orders, done.items, done.followed) == (3, 3, 2)
        assert set(kept(connection)) == {
            ("together", "cup", "7"), ("together", "7", "cup"),
            ("next", "tea", "cup"), ("next", "tea", "7"), ("next", "cup", "tea"), ("next", "7", "tea"),
        }  # fmt: skip


def facts_of(member: int, last: str) -> Mapping[str, object]:
    zeros = {f"{what}_{days}d": 0 for what in ("orders", "spent") for days in (7, 30, 90, 365)}
    return {"member_id": member, "orders": 1, "spent": 1, "refunded": 0, "last_category": last, "reckoned_at": NOW, **zeros}


def test_only_members_whose_best_next_category_turned_are_touched(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 6, consenting=False)
        connection.execute(insert(order_facts), [facts_of(ids[0], "a"), facts_of(ids[1], "b"), facts_of(ids[2], "z")])
        way = [(ids[3], 30, "a"), (ids[3], 20, "b"), (ids[4], 30, "b"), (ids[4], 20, "c")]
        give_orders(connection, [(member, NOW - timedelta(days=days), 1, {"category": what}) for member, days, what in way])
        connection.execute(touched_members.delete())

        def touched_by_counting() -> set[int]:
            count_pairs(connection, Together(together="x", fewest=1), now=NOW, zone=ZONE)
            found = set(connection.execute(select(touched_members.c.member_id)).scalars())
            connection.execute(touched_members.delete())
            return found

        assert touched_by_counting() == {ids[0], ids[1]}
        assert touched_by_counting() == set()
        more = [(ids[5], 9, "b"), (ids[5], 8, "d"), (ids[5], 7, "b"), (ids[5], 6, "d")]
        give_orders(connection, [(member, NOW - timedelta(days=days), 1, {"category": what}) for member, days, what in more], start=50)
        assert touched_by_counting() == {ids[1]}
        connection.execute(events.delete())
        assert touched_by_counting() == {ids[0], ids[1]}
        assert kept(connection) == {}


def test_what_follows_best_becomes_a_fact_of_the_member(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 3, consenting=False)
        way = [(ids[0], 30, "tea"), (ids[0], 20, "pot"), (ids[1], 30, "tea"), (ids[1], 20, "pot"), (ids[2], 1, "tea")]
        give_orders(connection, [(member, NOW - timedelta(days=days), 1, {"category": what}) for member, days, what in way])
        touch(connection, ids)
        reckon(connection, now=NOW)
        count_pairs(connection, Together(together="x", fewest=1), now=NOW, zone=ZONE)
        reckon(connection, now=NOW)

        known = dict(connection.execute(select(order_facts.c.member_id, order_facts.c.next_category)).all())
        assert known == {ids[0]: None, ids[1]: None, ids[2]: "pot"}


def test_only_the_best_are_kept_of_each_item(database: Database) -> None:
    chance = random.Random(5)
    with database.transaction() as connection:
        ids = make_members(connection, 30, consenting=False)
        baskets = [(chance.choice(ids), NOW - timedelta(hours=900 - n), chance.sample("abcdefgh", 3)) for n in range(600)]
        give_orders(connection, [(member, at, 1, as_items(items)) for member, at, items in baskets])
        count_pairs(connection, Together(together="x", item=("items[].sku",), keep=2, support=0.05), now=NOW, zone=ZONE)
        found = kept(connection)

    wanted = {rule: told for rule, told in counted_plainly(baskets, fewest=5).items() if told[1] >= 0.05}
    for relation in ("together", "next"):
        for item in "abcdefgh":
            best = sorted((-told[2], -told[3], rule[2]) for rule, told in wanted.items() if rule[:2] == (relation, item))[:2]
            assert {rule[2] for rule in found if rule[:2] == (relation, item)} == {other for _, _, other in best}


@pytest.mark.parametrize("wrong", [{"item": ["items.sku"]}, {"item": []}, {"support": 2}, {"fewest": 0}, {"keep": 0}])
def test_a_definition_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Together.model_validate({"together": "x", **wrong})


def test_the_examples_can_be_read() -> None:
    assert {one.together for one in read_definitions(EXAMPLES, Together)} == {"categories", "articles"}
