"""A coupon is redeemed once, by its member, in its time; what else is shown is told with its reason."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from database.engine import Database
from database.loyalty_tables import coupons
from database.member_tables import touched_members
from database.tables import events, members
from language.problems import InputRefused
from members import reckoning, upkeep
from members.coupons.definition import Coupon
from members.coupons.issuing import Wanted, issue
from members.coupons.redeeming import redeem_by_events, redeem_by_hand
from members.coupons.showing import coupons_of
from members.definitions import save_definitions
from members.events import NewEvent, record
from members.reckoning import reckon
from members.upkeep import keep_up
from tests.conftest import empty
from tests.makers import make_members

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
TERMS = {"coupon": "spring-20", "valid_for": "30d", "expire_soon": ["7d", "1d"], "cost": {"fixed": 20}}
SPRING = Coupon.model_validate(TERMS)


@pytest.fixture(autouse=True)
def nothing_but_coupons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what else follows for members."""
    monkeypatch.setattr(reckoning, "STEPS", tuple(step for step in reckoning.STEPS if step is redeem_by_events))
    monkeypatch.setattr(upkeep, "CHORES", tuple(chore for chore in upkeep.CHORES if chore.name == "coupons"))


def one_coupon_each(connection: Connection, count: int = 2, coupon: Coupon = SPRING) -> list[int]:
    """Let members m1, m2, … have the codes C1, C2, …; two codes more are free."""
    ids = make_members(connection, count, channels=(), consenting=False)
    save_definitions(connection, [coupon], now=NOW)
    rows = [{"pool": coupon.pool, "code": f"C{number}"} for number in range(1, count + 3)]
    connection.execute(insert(coupons), rows)
    issue(connection, coupon, [Wanted(member_id=member_id, occasion="spring") for member_id in ids], now=NOW)
    return ids


def order(number: int, member: str, code: object, at: datetime, value: int = 200) -> NewEvent:
    return NewEvent(
        source="shop", key=f"o{number}", member_key=member, kind="order.paid", occurred_at=at, value=value,
        properties={"coupon": code},
    )  # fmt: skip


def reckoned(connection: Connection, *told: NewEvent, now: datetime) -> None:
    """Store events one by one, and reckon after each until nothing is touched any more."""
    for event in told:
        record(connection, [event], now=now)
        while reckon(connection, now=now):
            pass


def told(connection: Connection) -> list[tuple[int, str, object]]:
    """Return what was told: whom, what happened, and why where it was a refusal."""
    rows = connection.execute(
        select(events.c.member_id, events.c.kind, events.c.properties["reason"].astext)
        .where(events.c.source == "tidings", events.c.kind.startswith("coupon."))
        .order_by(events.c.id)
    )
    return [tuple(row) for row in rows]


def test_an_order_with_the_code_redeems_it_at_its_moment_and_price(database: Database) -> None:
    with database.transaction() as connection:
        first, _ = one_coupon_each(connection)
        reckoned(connection, order(1, "m1", " C1 ", NOW + timedelta(days=1)), now=NOW + timedelta(days=2))
        row = connection.execute(select(coupons).where(coupons.c.code == "C1")).one()
        event = connection.execute(select(events).where(events.c.kind == "coupon.redeemed")).one()

    assert (row.redeemed_at, row.cost) == (NOW + timedelta(days=1), Decimal(20))
    assert (event.member_id, event.value) == (first, 200)
    assert event.properties == {
        "coupon": "spring-20", "code": "C1", "occasion": "spring", "cost": 20, "event": row.redeemed_event_id,
    }  # fmt: skip


def test_what_does_not_count_is_told_once_with_its_reason(database: Database) -> None:
    day = timedelta(days=1)
    with database.transaction() as connection:
        one, two = one_coupon_each(connection)
        shown = [
            order(1, "m1", "C2", NOW + day), order(2, "m1", "C3", NOW + day), order(3, "m1", "nobody's", NOW + day),
            order(4, "m2", "C2", NOW + 30 * day), order(5, "m1", "C1", NOW + day), order(6, "m1", "C1", NOW + 2 * day),
            order(7, "m2", "C2", NOW - day),
        ]  # fmt: skip
        reckoned(connection, *shown, now=NOW + 40 * day)
        once = told(connection)
        reckoned(connection, order(8, "m1", None, NOW), order(9, "m2", {"a": "C2"}, NOW), now=NOW + 41 * day)
        codes = connection.execute(
            select(events.c.properties["occasion"].astext).where(events.c.properties["reason"].astext == "other_member")
        ).scalars()

        assert once == told(connection) == [
            (one, "coupon.refused", "other_member"), (one, "coupon.refused", "not_issued"),
            (two, "coupon.refused", "expired"), (one, "coupon.redeemed", None), (one, "coupon.refused", "used"),
            (two, "coupon.refused", "not_issued"),
        ]  # fmt: skip
        assert list(codes) == [None], "whose it is and for what is not said to another"


def test_a_code_issued_after_the_order_is_not_redeemed_by_it(database: Database) -> None:
    with database.transaction() as connection:
        ids = one_coupon_each(connection)
        reckoned(connection, order(1, "m1", "C3", NOW), now=NOW)
        later = NOW + timedelta(days=1)
        issue(connection, SPRING, [Wanted(member_id=ids[0], occasion="autumn")], now=later)
        while reckon(connection, now=later):
            pass

        row = connection.execute(select(coupons).where(coupons.c.code == "C3")).one()
        assert (row.member_id, row.redeemed_at) == (ids[0], None)


def test_an_order_may_show_several_codes_and_a_code_may_be_in_several_pools(database: Database) -> None:
    share = Coupon.model_validate({"coupon": "tenth", "cost": {"share_of_order": "0.1"}})
    with database.transaction() as connection:
        ids = one_coupon_each(connection)
        save_definitions(connection, [share], now=NOW)
        connection.execute(insert(coupons), [{"pool": "tenth", "code": code} for code in ("7", "C2")])
        issue(connection, share, [Wanted(member_id=ids[0], occasion=each) for each in "ab"], now=NOW)
        reckoned(connection, order(1, "m1", ["C1", 7, "C2"], NOW, value=99), now=NOW)
        rows = connection.execute(
            select(coupons.c.pool, coupons.c.code, coupons.c.cost).where(coupons.c.redeemed_at.is_not(None))
        ).all()

    assert sorted(rows) == [("spring-20", "C1", 20), ("tenth", "7", Decimal("9.9")), ("tenth", "C2", Decimal("9.9"))]


def test_a_code_shown_by_hand_counts_once_and_only_for_its_member(database: Database) -> None:
    with database.transaction() as connection:
        one, two = one_coupon_each(connection)

        assert redeem_by_hand(connection, "C1", two, now=NOW).outcome == "other_member"
        done = redeem_by_hand(connection, "C1", one, now=NOW)
        assert (done.outcome, done.pool, done.cost) == ("redeemed", "spring-20", 20)
        assert redeem_by_hand(connection, "C1", one, now=NOW).outcome == "used"
        reckoned(connection, order(1, "m1", "C1", NOW), now=NOW)
        with pytest.raises(InputRefused, match="no pool has the code X"):
            redeem_by_hand(connection, "X", one, now=NOW)

        assert [kind for _, kind, _ in told(connection)].count("coupon.redeemed") == 1
        assert told(connection)[-1] == (one, "coupon.refused", "used")


def test_without_coupons_nothing_is_looked_at(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 1, channels=(), consenting=False)
        reckoned(connection, order(1, "m1", "C1", NOW), now=NOW)

        assert told(connection) == []
        assert connection.execute(select(touched_members)).all() == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shown=st.lists(st.tuples(st.sampled_from(["m1", "m2"]), st.sampled_from(["C1", "C2", "C3", "no"]), st.integers(-2, 40)), max_size=8), batch=st.integers(1, 8))
def test_in_whatever_order_codes_are_shown_each_counts_at_most_once_and_for_its_own(
    database: Database, shown: Sequence[tuple[str, str, int]], batch: int
) -> None:
    empty(database)
    orders = [order(number, member, code, NOW + timedelta(days=day)) for number, (member, code, day) in enumerate(shown)]
    with database.transaction() as connection:
        ids = one_coupon_each(connection)
        for first in range(0, len(orders), batch):
            record(connection, orders[first : first + batch], now=NOW + timedelta(days=50))
            while reckon(connection, now=NOW + timedelta(days=50)):
                pass
        rows = connection.execute(select(coupons).where(coupons.c.redeemed_at.is_not(None))).all()
        counted = [kind for _, kind, _ in told(connection)]

    fit = {(member, code) for member, code, day in shown if (member, code) in {("m1", "C1"), ("m2", "C2")} and 0 <= day < 30}
    assert {(row.member_id, row.code) for row in rows} == {(ids[int(member[1]) - 1], code) for member, code in fit}
    assert counted.count("coupon.redeemed") == len(rows)
    assert counted.count("coupon.refused") == sum(code != "no" for _, code, _ in shown) - len(rows)


def reminders(database: Database) -> list[tuple[str, str | None, datetime]]:
    with database.transaction() as connection:
        rows = connection.execute(
            select(events.c.kind, events.c.properties["before"].astext, events.c.occurred_at)
            .where(events.c.kind.in_(["coupon.expire_soon", "coupon.expired"]))
            .order_by(events.c.id)
        )
        return [tuple(row) for row in rows]


def test_that_a_coupon_ends_is_told_before_and_after_once_each(database: Database) -> None:
    day = timedelta(days=1)
    with database.transaction() as connection:
        one_coupon_each(connection)
        redeem_by_hand(connection, "C2", 2, now=NOW)
    for hours in range(0, 32 * 24, 5):
        keep_up(database, zone=ZONE, now=NOW + timedelta(hours=hours))

    assert reminders(database) == [
        ("coupon.expire_soon", "7d", NOW + 23 * day), ("coupon.expire_soon", "1d", NOW + 29 * day),
        ("coupon.expired", None, NOW + 30 * day),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("down", "expected"),
    [((22, 29.5), ["1d"]), ((22, 28), ["7d"]), ((0, 31), ["expired"]), ((None, 29.5), ["1d"])],
)
def test_after_days_down_only_what_is_still_true_is_told(
    database: Database, down: tuple[float | None, float], expected: list[str]
) -> None:
    with database.transaction() as connection:
        one_coupon_each(connection, 1)
    before, after = down
    for days in (before, after, after + 0.2):
        if days is not None:
            keep_up(database, zone=ZONE, now=NOW + timedelta(days=days))

    assert [before or kind.partition(".")[2] for kind, before, _ in reminders(database)] == expected


def test_three_schedulers_two_of_them_on_wrong_clocks_tell_it_once(database: Database) -> None:
    with database.transaction() as connection:
        one_coupon_each(connection, 1)
    for days in range(21, 40):
        for wrong in (timedelta(), timedelta(hours=5), timedelta(hours=-9)):
            keep_up(database, zone=ZONE, now=NOW + timedelta(days=days) + wrong)

    assert [before for _, before, _ in reminders(database)] == ["7d", "1d", None]


def test_a_coupon_that_began_with_less_time_than_a_reminder_is_not_reminded_of(database: Database) -> None:
    short = Coupon.model_validate({"coupon": "spring-20", "until": (NOW + timedelta(days=3)).isoformat(), "expire_soon": ["7d", "1d"]})
    with database.transaction() as connection:
        one_coupon_each(connection, 1, short)
    for hours in range(1, 96, 6):
        keep_up(database, zone=ZONE, now=NOW + timedelta(hours=hours))

    assert [before for _, before, _ in reminders(database)] == ["1d", None]


def test_the_cost_of_the_dearest_order_there_may_be_is_kept(database: Database) -> None:
    dear = Coupon.model_validate({"coupon": "half", "cost": {"share_of_order": 1}})
    with database.transaction() as connection:
        one_coupon_each(connection, 1, dear)
        reckoned(connection, order(1, "m1", "C1", NOW, value=999_999_999_999), now=NOW)

        assert connection.execute(select(coupons.c.cost).where(coupons.c.code == "C1")).scalar_one() == 999_999_999_999


def test_a_coupon_of_a_row_that_was_merged_is_its_persons(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone = one_coupon_each(connection)
        connection.execute(members.update().where(members.c.id == gone).values(merged_into=kept))
        assert {one.code for one in coupons_of(connection, kept, now=NOW)} == {"C1", "C2"}
        reckoned(connection, order(1, "m1", "C2", NOW + timedelta(days=1)), now=NOW + timedelta(days=2))

        assert told(connection) == [(kept, "coupon.redeemed", None)]


def test_nothing_is_told_of_coupons_of_the_erased_and_of_the_merged_to_their_person(database: Database) -> None:
    with database.transaction() as connection:
        kept, gone, erased = one_coupon_each(connection, 3)
        connection.execute(members.update().where(members.c.id == gone).values(merged_into=kept))
        connection.execute(members.update().where(members.c.id == erased).values(erased_at=NOW))
    keep_up(database, zone=ZONE, now=NOW + timedelta(days=41))

    with database.transaction() as connection:
        assert told(connection) == [(kept, "coupon.expired", None)] * 2
