"""Points are earned once, spent while there are any, expire first in first out, and every sum closes."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from database.engine import Database
from database.loyalty_tables import points
from database.tables import events, members
from language.problems import InputRefused
from members import everybody
from members.definitions import read_definitions
from members.events import NewEvent, record
from members.points.amounts import Earning, expires_at, points_for
from members.points.applying import award_everybody, drop_programme, save_programme
from members.points.earning import award_points, earn
from members.points.expiring import expire_points
from members.points.ledger import BALANCES, adjust, balance, burn, history, ledger_faults, totals
from members.points.rules import Expiry, PointsProgramme
from tests.campaigns.test_group_reports import until_somebody_waits

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "points" / "club.yaml"
SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, 4, tzinfo=UTC)  # a Monday, noon in Shanghai
DAY = timedelta(days=1)
PLAIN = {
    "points": "plain", "since": "2026-01-01", "earn": [{"rule": "purchase", "event": "order.paid", "per": 1, "points": 1}],
    "expire": {"months": 1}, "expire_soon": ["7d", "2d"], "spent_by": "points.redeemed",
}  # fmt: skip


def programme(**changes: object) -> PointsProgramme:
    return PointsProgramme.model_validate(PLAIN | changes)


def example(**changes: object) -> PointsProgramme:
    (found,) = read_definitions(EXAMPLE, PointsProgramme)
    return PointsProgramme.model_validate(found.model_dump(mode="json", by_alias=True, exclude_none=True) | changes)


class Purse:
    """One member's points, with days counted from the start."""

    keys = count(1)

    def __init__(self, database: Database, rules: PointsProgramme | None = None, member: str = "a") -> None:
        self.database, self.member, self.now = database, member, START
        self.turned: datetime | None = None
        with database.transaction() as connection:
            save_programme(connection, rules or programme(), now=START)

    def happens(self, kind: str, value: float | None, day: float, **properties: object) -> str:
        key = f"e{next(self.keys)}"
        with self.database.transaction() as connection:
            what = NewEvent(
                source="shop", key=key, member_key=self.member, kind=kind, occurred_at=START + day * DAY,
                value=None if value is None else Decimal(str(value)), properties=properties,
            )  # fmt: skip
            record(connection, [what], now=max(self.now, START + day * DAY))
            award_points(connection, [self._id(connection)], self.now)
        return key

    @property
    def id(self) -> int:
        with self.database.transaction() as connection:
            return self._id(connection)

    def _id(self, connection: Connection) -> int:
        return connection.execute(select(members.c.id).where(members.c.key == self.member)).scalar_one()

    def turn(self, day: float) -> None:
        self.now = START + day * DAY
        expire_points(self.database, since=self.turned, now=self.now)
        self.turned = self.now

    def burn(self, amount: int, day: float, key: str | None = None) -> int:
        self.now = START + day * DAY
        with self.database.transaction() as connection:
            return burn(connection, self.id, amount, key=key or f"b{next(self.keys)}", now=self.now).balance

    def balance(self, day: float | None = None) -> int:
        with self.database.transaction() as connection:
            return balance(connection, self.id, at=None if day is None else START + day * DAY)

    def entries(self) -> list[tuple[str, int]]:
        with self.database.transaction() as connection:
            found = select(points.c.kind, points.c.amount).where(points.c.member_id == self.id).order_by(points.c.id)
            return [(row.kind, row.amount) for row in connection.execute(found)]

    def told(self, kind: str) -> list[tuple[float | None, float]]:
        with self.database.transaction() as connection:
            found = connection.execute(select(events).where(events.c.kind == kind).order_by(events.c.id)).all()
        return [(None if row.value is None else float(row.value), (row.occurred_at - START) / DAY) for row in found]


@pytest.fixture
def purse(database: Database) -> Purse:
    return Purse(database)


# -------------------------------------------------------------------- earning


def earning(at: str, value: object = "100.99", **member: object) -> Earning:
    facts: dict[str, object] = {"tier": None, "birth_calendar": "solar", "birth_month": None, **member}
    moment = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)
    return Earning(occurred_at=moment, value=None if value is None else Decimal(str(value)), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (earning("2026-03-02T12:00"), 100),  # a Monday
        (earning("2026-03-04T12:00"), 200),  # a Wednesday
        (earning("2026-11-11T00:00"), 200),  # a double day, a Wednesday too: the highest counts, not their product
        (earning("2026-12-12T23:59"), 200),
        (earning("2026-03-02T12:00", tier="gold"), 150),
        (earning("2026-03-02T12:00", birth_month=3), 300),
        (earning("2026-03-31T23:00", birth_month=4), 100),
        (earning("2026-03-19T12:00", birth_calendar="lunar", birth_month=2), 300),  # the first of the second month
        (earning("2026-03-18T12:00", birth_calendar="lunar", birth_month=2), 200),  # still the first month; a Wednesday
        (earning("2026-03-02T12:00", None), 0),
        (earning("2026-03-02T12:00", -5), 0),
        (earning("2026-03-02T12:00", "0.99"), 0),
    ],
)
def test_what_an_order_earns(what: Earning, expected: int) -> None:
    assert points_for(example(), example().earn[0], what) == expected


def test_multipliers_may_be_multiplied_and_rounded_as_said() -> None:
    what = earning("2026-03-04T12:00", "33", tier="gold")

    assert points_for(example(several="all"), example().earn[0], what) == 99  # 33 x 2 x 1.5
    odd = earning("2026-03-02T12:00", "33", tier="gold")
    assert [points_for(example(rounding=how), example().earn[0], odd) for how in ("down", "nearest", "up")] == [49, 50, 50]


@pytest.mark.parametrize(
    ("expiry", "earned", "expires"),
    [
        ({"months": 12}, "2026-03-02T23:59", "2027-03-03"),
        ({"months": 1}, "2026-01-31T00:00", "2026-03-01"),  # February has no 31st: its last day, until midnight
        ({"months": 12}, "2028-02-29T12:00", "2029-03-01"),
        ({"months": 11}, "2026-01-15T12:00", "2026-12-16"),
        ({"years": 1}, "2026-12-31T23:59", "2028-01-01"),
        ({"years": 0}, "2026-06-01T12:00", "2027-01-01"),
    ],
)
def test_points_expire_at_a_local_midnight(expiry: dict[str, int], earned: str, expires: str) -> None:
    moment = datetime.fromisoformat(earned).replace(tzinfo=SHANGHAI)

    found = expires_at(Expiry(**expiry), moment, "Asia/Shanghai")

    assert found == datetime.fromisoformat(expires).replace(tzinfo=SHANGHAI)


def test_an_event_earns_once_and_a_task_once_in_a_life(database: Database) -> None:
    purse = Purse(database, example())
    for _ in range(2):
        purse.happens("order.paid", 20, 1)
        purse.happens("profile.completed", None, 1)
    with database.transaction() as connection:
        award_points(connection, [purse.id], START + DAY)

    assert award_everybody(database, now=START + DAY) == 0
    assert sorted(purse.entries()) == [("earn", 20), ("earn", 20), ("earn", 50)]


def test_what_earned_nothing_is_not_paid_by_later_rules(database: Database) -> None:
    rule = {"rule": "purchase", "event": "order.paid", "points": 1, "per": 10}
    purse = Purse(database, programme(earn=[rule]))
    purse.happens("order.paid", 9.99, 0)
    refunded = purse.happens("order.paid", 30, 0)
    purse.happens("order.refunded", 5, 0, order=refunded)
    with database.transaction() as connection:
        save_programme(connection, programme(earn=[rule], multiply=[{"times": 3, "weekdays": ["monday"]}], rounding="up"), now=START)

    assert award_everybody(database, now=START + DAY) == 0
    assert purse.balance() == 2
    purse.turn(60)
    assert [value for value, _ in purse.told("points.expired")] == [2]
    with database.transaction() as connection:
        assert [row["amount"] for row in history(connection, purse.id)] == [-2, -1, 3]
        assert ledger_faults(connection, now=purse.now) == []


def test_where_chooses_events_and_days_bound_a_rule(database: Database) -> None:
    rule = {"rule": "app", "event": "order.paid", "points": 5, "where": {"channel": {"eq": "app"}}, "since": "2026-03-03", "until": "2026-03-05"}
    purse = Purse(database, programme(earn=[rule]))
    for day, channel in ((0, "app"), (1, "app"), (2, "shop"), (3, "app")):
        purse.happens("order.paid", 9, day, channel=channel)

    assert purse.entries() == [("earn", 5)]


def test_a_refund_takes_back_its_share_whenever_it_is_told(purse: Purse) -> None:
    order = purse.happens("order.paid", 100, 1)
    purse.happens("order.refunded", 33, 2, order=order)
    purse.happens("order.refunded", 33, 3, order=order)
    assert purse.entries() == [("earn", 100), ("adjust", -33), ("adjust", -33)]
    purse.happens("order.refunded", 40, 4, order=order)
    assert purse.balance() == 0

    number = next(Purse.keys)
    purse.happens("order.refunded", 50, 5, order=f"e{number + 2}")  # Told before its order.
    assert purse.happens("order.paid", 50, 5) == f"e{number + 2}"
    assert purse.entries()[-2:] == [("earn", 50), ("adjust", -50)]
    assert purse.balance() == 0


def test_what_somebody_with_many_orders_earned_is_not_read_once_for_each_of_them(purse: Purse) -> None:
    many = 600
    orders = [
        NewEvent(source="till", key=f"many-{number}", member_key="a", kind="order.paid", occurred_at=START, value=Decimal(5))
        for number in range(many)
    ]
    with purse.database.transaction() as connection:
        record(connection, orders, now=START)
    order = purse.happens("order.paid", 10, 0)
    purse.happens("order.refunded", 5, 0, order=order)

    read = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE relname = 'points'"
    with purse.database.transaction() as connection:
        assert earn(connection, programme(), [purse.id]) == 0
        assert connection.execute(text(read)).scalar_one() < 10 * many
    assert purse.balance() == 5 * many + 5


# ------------------------------------------------------------------- spending


def test_no_more_is_spent_than_there_is_and_one_key_spends_once(purse: Purse) -> None:
    purse.happens("order.paid", 100, 1)

    assert purse.burn(60, 2, key="gift") == 40
    assert purse.burn(60, 2, key="gift") == 40
    with pytest.raises(InputRefused, match="the key gift is taken"):
        purse.burn(10, 2, key="gift")
    with pytest.raises(InputRefused, match="41 points were asked for and 40 are there"):
        purse.burn(41, 2)
    with pytest.raises(InputRefused, match="above zero"):
        purse.burn(-5, 2)
    assert purse.told("points.burned") == [(60, 2)]


def test_points_that_expired_cannot_be_spent_although_no_chore_was_done(purse: Purse) -> None:
    purse.happens("order.paid", 100, 0)

    with pytest.raises(InputRefused, match="1 points were asked for and 0 are there"):
        purse.burn(1, 40)


def test_many_at_once_never_spend_the_same_points(purse: Purse) -> None:
    purse.happens("order.paid", 50, 0)
    member_id, spent, refused = purse.id, [], []
    begin = threading.Barrier(8)

    def spend(number: int) -> None:
        begin.wait()
        try:
            with purse.database.transaction() as connection:
                burn(connection, member_id, 10, key=f"parallel {number}", now=START + DAY)
            spent.append(number)
        except InputRefused:
            refused.append(number)

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(spent), len(refused), purse.balance()) == (5, 3, 0)


def test_one_key_for_two_members_at_once_is_refused_to_the_second(purse: Purse) -> None:
    for member in ("a", "b"):
        purse.member = member
        purse.happens("order.paid", 100, 0)
    both = [Purse(purse.database, member=member).id for member in ("a", "b")]

    def spend(member_id: int) -> None:
        with purse.database.transaction() as connection:
            burn(connection, member_id, 10, key="till-1", now=START)

    with ThreadPoolExecutor(1) as worker:
        with purse.database.transaction() as first:
            burn(first, both[0], 10, key="till-1", now=START)
            second = worker.submit(spend, both[1])
            until_somebody_waits(purse.database)
        with pytest.raises(InputRefused, match="till-1"):
            second.result()
    assert purse.balance() == 100


def test_a_balance_is_put_right_and_given_points_expire_too(purse: Purse) -> None:
    purse.happens("order.paid", 1, 0)
    with purse.database.transaction() as connection:
        assert adjust(connection, purse.id, 50, key="sorry", reason="late parcel", now=START).balance == 51
        assert not adjust(connection, purse.id, 50, key="sorry", reason="late parcel", now=START).is_new
        assert adjust(connection, purse.id, -11, key="mistake", now=START).balance == 40
        with pytest.raises(InputRefused, match="41 points were asked for and 40 are there"):
            adjust(connection, purse.id, -41, key="more", now=START)
    purse.turn(40)

    assert purse.balance() == 0


# ------------------------------------------------------------------- expiring


def test_what_expires_first_is_spent_first_and_the_rest_goes_on_its_day(purse: Purse) -> None:
    purse.happens("order.paid", 100, 0)  # expires on day 31.5, midnight in Shanghai
    purse.happens("order.paid", 100, 10)
    purse.burn(70, 20)
    purse.turn(31.4)
    assert purse.balance() == 130
    purse.turn(31.6)

    assert purse.balance() == 100
    assert purse.told("points.expired") == [(30, 31.5)]
    assert purse.told("points.cleared") == []
    purse.turn(60)
    assert purse.told("points.expired") == [(30, 31.5), (100, 41.5)]
    assert purse.told("points.cleared") == [(None, 41.5)]
    assert [purse.balance(day) for day in (0, 15, 25, 31.4, 31.5, 50)] == [100, 200, 130, 130, 100, 0]


def test_nothing_is_told_of_the_points_of_the_erased(purse: Purse) -> None:
    purse.happens("order.paid", 10, 0)
    with purse.database.transaction() as connection:
        connection.execute(members.update().values(erased_at=START))
    for day in (25, 32):
        purse.turn(day)

    assert purse.told("points.expire_soon") == purse.told("points.expired") == []
    assert purse.balance() == 0, "the sums close nevertheless"


def test_points_written_while_the_chore_was_done_expire_at_its_next_turn(purse: Purse) -> None:
    purse.happens("order.paid", 10, 0)
    with purse.database.transaction() as connection:
        expires = connection.execute(select(points.c.expires_at)).scalar_one()
    days = (expires - START) / DAY
    with purse.database.transaction() as connection:
        connection.execute(points.update().values(expires_at=expires + DAY))
    purse.turn(days + 1 / 1440)
    with purse.database.transaction() as connection:
        connection.execute(points.update().values(expires_at=expires))  # As if it were committed only now.
    purse.turn(days + 16 / 1440)

    assert purse.entries() == [("earn", 10), ("expire", -10)]


def test_each_batch_of_points_expires_in_a_transaction_of_its_own(purse: Purse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everybody.in_batches, "__defaults__", (1,))
    for member in ("a", "b"):
        purse.member = member
        purse.happens("order.paid", 10, 0)
    with ThreadPoolExecutor(1) as worker:
        with purse.database.transaction() as connection:
            connection.execute(select(members.c.id).where(members.c.id == 2).with_for_update())
            turned = worker.submit(purse.turn, 40)
            until_somebody_waits(purse.database)
            connection.execute(select(members.c.id).where(members.c.id == 1).with_for_update(nowait=True))
        turned.result()

    assert purse.told("points.expired") == [(10, pytest.approx(31, abs=2))] * 2


def test_it_is_told_how_many_points_are_about_to_go_once_a_warning(purse: Purse) -> None:
    purse.happens("order.paid", 100, 0)
    purse.happens("order.paid", 10, 0.1)
    purse.burn(30, 5)
    for day in (24, 24.6, 24.7, 29.6):
        purse.turn(day)
    assert purse.told("points.expire_soon") == [(80, 24.6), (80, 29.6)]

    late = Purse(purse.database, member="late")
    late.happens("order.paid", 40, 0)
    late.turn(20)
    late.turn(30)  # Both warnings are due after the outage: the latest is still true.
    assert late.told("points.expire_soon")[-1] == (40, 30)
    assert len(late.told("points.expire_soon")) == 3


def test_chores_in_any_rhythm_write_the_same_ledger(database: Database) -> None:
    ledgers = []
    for member, days in (("often", [*range(1, 90)]), ("once", [89])):
        purse = Purse(database, member=member)
        for day in (0, 7, 7, 20):
            purse.happens("order.paid", 10 + day, day)
        purse.turned = START - DAY
        for day in days:
            purse.turn(day)
        ledgers.append(sorted(purse.entries()))

    assert ledgers[0] == ledgers[1]


def test_a_late_order_and_a_late_spending_are_made_good(purse: Purse) -> None:
    purse.happens("order.paid", 100, 0)
    purse.turn(40)
    assert purse.balance() == 0
    purse.happens("points.redeemed", 60, 30)  # A till that was offline: so only 40 should have expired.

    assert purse.entries() == [("earn", 100), ("expire", -100), ("burn", -60), ("expire", 60)]
    purse.happens("order.paid", 25, 2)  # A late order, long expired by now.
    assert purse.balance() == 0
    with purse.database.transaction() as connection:
        assert ledger_faults(connection, now=purse.now) == []


class FirstInFirstOut:
    """An independent account of lots, told everything in the order in which it happened."""

    def __init__(self) -> None:
        self.lots: list[list[object]] = []  # [expires on, what is left]
        self.debt = self.expired = 0

    def earn(self, amount: int, expires: datetime) -> None:
        paid = min(self.debt, amount)
        self.debt -= paid
        self.lots.append([expires, amount - paid])

    def spend(self, amount: int) -> None:
        for lot in self.lots:
            taken = min(lot[1], amount)
            lot[1] -= taken
            amount -= taken
        self.debt += amount

    def pass_to(self, moment: datetime) -> None:
        self.expired += sum(lot[1] for lot in self.lots if lot[0] <= moment)
        self.lots = [lot for lot in self.lots if lot[0] > moment]

    @property
    def balance(self) -> int:
        return sum(lot[1] for lot in self.lots) - self.debt


def replayed(happened: list[tuple[float, str, int]], end: float) -> FirstInFirstOut:
    account = FirstInFirstOut()
    for day, what, amount in sorted(happened, key=lambda each: each[0]):
        moment = START + day * DAY
        account.pass_to(moment)
        if what == "earn":
            expires = expires_at(Expiry(months=1), moment, "Asia/Shanghai")
            assert expires is not None
            account.earn(amount, expires)
        else:
            account.spend(amount)
    account.pass_to(START + end * DAY)
    return account


acts = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "late order", "burn", "late spending", "refund", "turn"]),
        st.integers(1, 12),
        st.integers(1, 100),
    ),
    min_size=3,
    max_size=18,
)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_the_ledger_says_what_an_account_of_lots_says_for_any_history(database: Database, told: list[tuple[str, int, int]]) -> None:
    purse = Purse(database, member=f"h{next(Purse.keys)}")
    orders: list[list[object]] = []  # [day, amount left, amount, key]
    happened: list[tuple[float, str, int]] = []
    day = 0.0
    purse.happens("order.paid", 5, 0)
    happened.append((0, "earn", 5))
    for place, (what, days, amount) in enumerate(told):
        day += days
        moment = day + place / 1000  # No two things happen at once.
        purse.now = START + moment * DAY
        if what in ("order", "late order"):
            moment = max(0.001, moment - amount % 45) if what == "late order" else moment
            orders.append([moment, amount, amount, purse.happens("order.paid", amount, moment)])
        elif what == "burn":
            try:
                purse.burn(amount, moment)
            except InputRefused:
                continue
            happened.append((moment, "spend", amount))
        elif what == "late spending":
            moment = max(0.002, moment - days)
            purse.happens("points.redeemed", amount, moment)
            happened.append((moment, "spend", amount))
        elif what == "refund" and orders:
            order = orders[amount % len(orders)]
            back = min(order[1], amount)
            if back:
                order[1] -= back
                purse.happens("order.refunded", back, moment, order=order[3])
        else:
            purse.turn(moment)
    day += 1
    purse.turned = None
    purse.turn(day)

    account = replayed(happened + [(order[0], "earn", order[1]) for order in orders], day)
    entries = purse.entries()
    assert purse.balance() == account.balance
    assert -sum(amount for kind, amount in entries if kind == "expire") == account.expired
    with database.transaction() as connection:
        assert ledger_faults(connection, now=START + 400 * DAY) == []  # Members of other histories are there too.


def test_faults_are_found(purse: Purse) -> None:
    purse.happens("order.paid", 100, 0)
    purse.turn(40)
    with purse.database.transaction() as connection:
        connection.execute(text("UPDATE points SET amount = -101 WHERE kind = 'expire'"))
        assert ledger_faults(connection, now=purse.now) == [1]


# ------------------------------------------------------------- sums and changes


def test_balances_of_all_at_any_day_and_the_sums_close(database: Database) -> None:
    purses = [Purse(database, member=f"m{number}") for number in range(5)]
    for number, purse in enumerate(purses):
        purse.happens("order.paid", 10 * number, 0)
        purse.happens("order.paid", 100, 20)
    purses[3].burn(25, 25)
    purses[0].turn(40)

    with database.transaction() as connection:
        found = {row.member_id: row.balance for row in connection.execute(text(BALANCES), {"at": START + 30 * DAY})}
        sums = totals(connection, at=START + 40 * DAY)
        entries = history(connection, purses[3].id)
    assert found == {purse.id: purse.balance(30) for purse in purses}
    assert sums.earned + sums.spent + sums.expired + sums.adjusted == sums.balance == sum(purse.balance() for purse in purses)
    assert sums.members == 5
    assert [(row["kind"], row["balance"]) for row in entries] == [("expire", 100), ("burn", 105), ("earn", 130), ("earn", 30)]


def test_rules_cannot_be_changed_over_what_was_earned(database: Database) -> None:
    purse = Purse(database)
    purse.happens("order.paid", 10, 0)
    rule = {"rule": "purchase", "event": "order.paid", "per": 1, "points": 2}
    new = {**rule, "rule": "double", "since": "2026-04-01"}
    ended = {**rule, "points": 1, "until": "2026-04-01"}
    with database.transaction() as connection:
        with pytest.raises(InputRefused, match=r"earn\[0\]: rule purchase is new or says something else"):
            save_programme(connection, programme(earn=[rule]), now=START)
        with pytest.raises(InputRefused, match="rule task is new"):
            save_programme(connection, programme(earn=[*PLAIN["earn"], {**rule, "rule": "task"}]), now=START)
        with pytest.raises(InputRefused, match="since: the programme began on 2026-01-01"):
            save_programme(connection, programme(since="2020-01-01"), now=START)
        with pytest.raises(InputRefused, match="time_zone: the programme counts days of Asia/Shanghai"):
            save_programme(connection, programme(time_zone="America/New_York"), now=START)
        with pytest.raises(InputRefused, match="a programme of points already, plain"):
            save_programme(connection, programme(points="other"), now=START)
        assert save_programme(connection, programme(earn=[ended, new]), now=START).changed == ("plain",)
    award_everybody(database, now=START + DAY)
    purse.happens("order.paid", 10, 29)
    purse.happens("order.paid", 10, 31)

    assert [amount for kind, amount in purse.entries() if kind == "earn"] == [10, 10, 20]
    with database.transaction() as connection:
        drop_programme(connection, "plain")
    purse.happens("order.paid", 10, 31)
    assert len(purse.entries()) == 3


def wrong_files() -> Iterator[tuple[str, str]]:
    earn = "earn: [{rule: purchase, event: order.paid, points: 1}]"
    yield "earn: []", "at least 1"
    yield "earn: [{rule: a, event: order.paid, points: 0}]", "more than 0 was expected; found 0"
    yield "earn: [{rule: a, event: order.paid, points: 1}, {rule: a, event: x, points: 1}]", "a is defined twice"
    yield f"{earn}\nmultiply: [{{times: 2}}]", "say when points are multiplied"
    yield f"{earn}\nmultiply: [{{times: 2, days: ['2026-02-30']}}]", "found"
    yield f"{earn}\nmultiply: [{{times: 2, weekdays: [wensday]}}]", "wednesday"
    yield f"{earn}\nmultiply: [{{times: 2, birthday_month: true, rules: [b]}}]", "b is no rule of earn"
    yield f"{earn}\nexpire: {{months: 12, years: 1}}", "either months or years"
    yield f"{earn}\nexpire_soon: [0d]", "from 1s to 366d"
    yield f"{earn}\nspent_by: order.paid", "it cannot be what spends them too"
    yield f"{earn}\nexpires: 12", "did you mean expire"


@pytest.mark.parametrize(("written", "said"), [*wrong_files()])
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "club.yaml"
    file.write_text(f"points: club\nsince: 2026-01-01\n{written}\n", encoding="utf-8")

    with pytest.raises(InputRefused, match=said) as refused:
        read_definitions(file, PointsProgramme)
    assert refused.value.problems[0].line is not None
