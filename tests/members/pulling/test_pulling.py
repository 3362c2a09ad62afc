"""Rows of somebody else's database become events once, whatever happens in between."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from database.engine import Database
from database.member_tables import order_facts, pulls
from database.tables import events, members
from members.definitions import save_definitions
from members.erasure.erasing import erase_data
from members.erasure.refusing import ERASED
from members.pulling.pulling import Pulled, pull, take_due
from members.pulling.source import Source
from members.reckoning import reckon
from tests.makers import SECRET

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
MAP = {"member": "card", "kind": "order.paid", "occurred_at": "sold_at", "value": "total", "key": "id", "properties": {"category": "category"}}


def a_source(**terms: object) -> Source:
    given = {"source": "pos", "table": "sales", "cursor": ["updated_at", "id"], "map": MAP, "batch": 10, **terms}
    return Source.model_validate({name: value for name, value in given.items() if value is not None})


@dataclass
class Till:
    """A point of sale: its database, and the next receipt."""

    address: str
    path: Path
    number: int = 0

    def sell(self, *moments: datetime, total: object = "10.50", card: object = "m1", key: object = None) -> None:
        with sqlite3.connect(self.path) as theirs:
            for at in moments:
                self.number += 1
                local = f"{at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
                row = (key or self.number, card, local, total, "茶", local)
                theirs.execute("INSERT INTO sales VALUES (?, ?, ?, ?, ?, ?)", row)
        theirs.close()


@pytest.fixture
def till(tmp_path: Path) -> Till:
    path = tmp_path / "pos.db"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE sales (id, card TEXT, sold_at TEXT, total, category TEXT, updated_at TEXT)")
    theirs.close()
    return Till(address=f"sqlite:///{path}", path=path)


def keys(database: Database) -> list[str]:
    with database.transaction() as connection:
        return sorted(connection.execute(select(events.c.key)).scalars(), key=lambda key: (len(key), key))


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(1, count + 1)]


def pulled(database: Database, till: Till, source: Source | None = None, *, now: datetime = NOW, **more: Any) -> Pulled:
    return pull(database, source or a_source(), till.address, now=now, zone=ZONE, **more)


def test_rows_become_events_and_facts_once(database: Database, till: Till) -> None:
    till.sell(*(NOW - timedelta(hours=hours) for hours in range(25)))

    done = pulled(database, till)
    again = pulled(database, till)

    assert (done.stored, done.known, done.refused, done.finished) == (25, 0, 0, True)
    assert (again.stored, again.finished) == (0, True)
    with database.transaction() as connection:
        reckon(connection, now=NOW)
        row = connection.execute(select(order_facts)).one()
        event = connection.execute(select(events).where(events.c.key == "1")).one()
    assert (row.orders, row.spent, row.favourite_category) == (25, Decimal("262.50"), "茶")
    assert (event.source, event.kind, event.occurred_at, event.value, event.properties) == (
        "pos", "order.paid", NOW, Decimal("10.50"), {"category": "茶"},
    )  # fmt: skip


def test_equal_moments_over_several_pages_lose_nothing(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(hours=1)] * 35)

    assert pulled(database, till).stored == 35
    assert keys(database) == numbers(35)


def test_a_row_that_commits_late_is_found_within_the_overlap(database: Database, till: Till) -> None:
    till.sell(NOW - timedelta(minutes=1))
    pulled(database, till)
    till.sell(NOW - timedelta(minutes=9))

    assert pulled(database, till, a_source(overlap="0s")).stored == 0
    assert pulled(database, till).stored == 1


def test_a_row_dated_in_the_future_hides_no_other(database: Database, till: Till) -> None:
    till.sell(NOW + timedelta(days=900))
    pulled(database, till)
    till.sell(NOW)

    assert pulled(database, till, now=NOW + timedelta(minutes=5)).stored == 1


def test_what_came_since_is_read_beside_a_row_dated_in_the_future(database: Database, till: Till) -> None:
    till.sell(NOW + timedelta(days=900))
    pulled(database, till)
    till.sell(NOW + timedelta(minutes=1))  # Longer before the next pull than the overlap.

    assert pulled(database, till, now=NOW + timedelta(minutes=30)).stored == 1


def test_a_row_that_commits_late_to_a_pull_cut_short_is_found_however_long_the_source_is_away(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(minutes=2)] * 15)
    first = iter([False, True])
    assert pulled(database, till, stopped=lambda: next(first)).stored == 10
    till.sell(NOW - timedelta(minutes=5))
    later = NOW + timedelta(hours=3)
    till.sell(later)

    stored = [pulled(database, till, now=later + timedelta(minutes=15 * turn)).stored for turn in range(3)]

    assert stored == [6, 1, 0]
    assert keys(database) == numbers(17)


def test_a_row_among_old_ones_is_not_read_again_after_a_pull_cut_short(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(days=2)] * 15)
    first = iter([False, True])
    pulled(database, till, stopped=lambda: next(first))
    later = NOW + timedelta(hours=3)
    till.sell(later)

    turns = [pulled(database, till, now=later), pulled(database, till, now=later)]

    assert [(turn.stored, turn.known) for turn in turns] == [(6, 0), (0, 1)]


def test_rows_without_a_cursor_are_left_and_stop_nothing(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(hours=1)] * 12)
    with sqlite3.connect(till.path) as theirs:
        theirs.execute("UPDATE sales SET updated_at = NULL WHERE id <= 10")
        theirs.execute("UPDATE sales SET id = NULL WHERE id = 11")
    theirs.close()

    done = pulled(database, till)

    assert (done.problem, done.stored, done.finished) == (None, 1, True)


def test_a_row_in_another_encoding_is_refused_alone_and_quoted_nowhere(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(hours=1)] * 3)
    with sqlite3.connect(till.path) as theirs:
        theirs.execute("UPDATE sales SET category = CAST(? AS TEXT) WHERE id = 2", ("茶".encode("gbk"),))
    theirs.close()

    done = pulled(database, till)

    assert (done.problem, done.stored, done.refused) == (None, 2, 1)
    with database.transaction() as connection:
        listed = connection.execute(select(pulls.c.refusals)).scalar_one()
    assert [(each["field"], each["values"]) for each in listed] == [("category", {})]


def test_a_row_without_a_kind_is_refused(database: Database, till: Till) -> None:
    till.sell(NOW)
    with sqlite3.connect(till.path) as theirs:
        theirs.execute("UPDATE sales SET category = NULL")
    theirs.close()

    assert pulled(database, till, a_source(map={**MAP, "kind": {"column": "category"}})).refused == 1


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_a_kill_between_pages_loses_and_doubles_nothing(database: Database, till: Till, pages: int) -> None:
    till.sell(*[NOW - timedelta(hours=1)] * 35)
    seen: list[Pulled] = []

    def dies(done: Pulled) -> None:
        seen.append(done)
        if len(seen) == pages:
            raise Killed

    with pytest.raises(Killed):
        pulled(database, till, after_page=dies)
    assert len(keys(database)) == 10 * pages
    rest = pulled(database, till)

    assert (rest.stored, rest.known) == (35 - 10 * pages, 0)  # It goes on behind the last row that was kept.
    assert keys(database) == numbers(35)


@pytest.fixture
def full(database: Database) -> Iterator[None]:
    """Let the third page's transaction fail as on a full disk: after its events, at its cursor."""
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE pulls ADD CONSTRAINT full_disk CHECK (rows < 30)"))
    yield
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE pulls DROP CONSTRAINT IF EXISTS full_disk"))


def test_a_page_whose_commit_fails_is_read_again(database: Database, till: Till, full: None) -> None:
    till.sell(*(NOW - timedelta(minutes=minutes) for minutes in range(35)))
    with pytest.raises(IntegrityError):
        pulled(database, till)
    assert len(keys(database)) == 20
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE pulls DROP CONSTRAINT full_disk"))

    assert pulled(database, till).stored == 15
    assert keys(database) == numbers(35)


def test_of_two_who_pull_at_once_one_gives_way(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(hours=1)] * 35)
    inner: list[Pulled] = []

    def meanwhile(done: Pulled) -> None:
        if not inner:
            inner.append(pulled(database, till))

    outer = pulled(database, till, after_page=meanwhile)

    assert (outer.stored, outer.finished, inner[0].stored) == (10, False, 25)
    assert keys(database) == numbers(35)
    with database.transaction() as connection:
        assert connection.execute(select(pulls.c.rows)).scalar_one() == 35


def test_a_turn_that_is_over_goes_on_at_the_next_one(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(hours=1)] * 35)
    turns = [pulled(database, till, seconds=0.000_001) for _ in range(2)]  # Time for no page at all.
    assert [turn.finished for turn in turns] == [False, False]
    with database.transaction() as connection:
        assert connection.execute(select(pulls.c.next_at, pulls.c.pulled_at)).one() == (NOW, None)

    assert pulled(database, till).stored == 35


def test_a_process_that_ends_leaves_the_rest_to_the_next_turn(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(hours=1)] * 35)
    answers = iter([False, False, True])

    assert pulled(database, till, stopped=lambda: next(answers)).stored == 20
    assert pulled(database, till).stored == 15


def test_rows_that_cannot_be_used_are_listed_and_stop_nothing(database: Database, till: Till) -> None:
    at = NOW - timedelta(minutes=1)
    till.sell(at, total="ten")
    till.sell(at, card=None)
    till.sell(at, key="x" * 600)
    till.sell(at, total="1,234.5")
    till.sell(at, total="99", key="4")  # The key of the row before says something else.

    done = pulled(database, till)
    pulled(database, till)

    assert (done.stored, done.refused, done.finished) == (1, 4, True)
    with database.transaction() as connection:
        row = connection.execute(select(pulls)).one()
        assert connection.execute(select(events.c.value)).scalars().all() == [Decimal("1234.50")]
    assert (row.rows, row.refused) == (1, 4)  # Those that are read again within the overlap are not counted again.
    assert [(each["key"][:3], each["field"]) for each in row.refusals] == [("1", "total"), ("2", "card"), ("xxx", None), ("4", "id")]


def test_kinds_in_their_words_become_ours_and_others_are_refused(database: Database, till: Till) -> None:
    kinds = {"column": "category", "kinds": {"茶": "order.paid"}}
    till.sell(NOW - timedelta(minutes=1))
    with sqlite3.connect(till.path) as theirs:
        theirs.execute("INSERT INTO sales VALUES (2, 'm1', '2026-08-01', 1, 'X', '2026-08-01 09:59:00')")
    theirs.close()

    done = pulled(database, till, a_source(map={**MAP, "kind": kinds}))

    assert (done.stored, done.refused) == (1, 1)


@pytest.mark.parametrize(
    ("address", "terms", "said"),
    [
        (None, {}, "the setting sources.pos is missing"),
        ("not an address", {}, "is no address"),
        ("mysql+cymysql://u:geheim@host/db", {}, "no driver for mysql+cymysql is installed"),
        ("oracle9://u:geheim@host/db", {}, "it cannot be read: NoSuchModuleError"),
        ("sqlite:////nowhere/at/all.db", {}, "no such database file"),
        ("postgresql://reader:geheim@localhost:9/shop", {}, "it cannot be read: OperationalError"),
        (..., {"table": "no_sales"}, "table: it cannot be read: OperationalError: no such table: no_sales"),
        (..., {"query": "SELECT 1 AS one"}, "no such column"),
        (..., {"map": {**MAP, "properties": {"store": "store_no"}}}, "map.properties.store: it cannot be read"),
        (..., {"cursor": ["changed_at"]}, "cursor: it cannot be read"),
        (..., {"cursor": ["id"], "overlap": "10m"}, "the cursor is a number"),
        (..., {"overlap": 100}, "the cursor is a moment"),
    ],
)
def test_a_source_that_cannot_be_read_says_so_without_its_address(
    database: Database, till: Till, address: Any, terms: dict[str, Any], said: str
) -> None:
    if "overlap" in terms:
        till.sell(NOW)
        assert pulled(database, till, a_source(**terms)).problem is None  # The first time nothing overlaps.
    source = a_source(**{**({"table": None} if "query" in terms else {}), **terms})
    done = pull(database, source, till.address if address is ... else address, now=NOW, zone=ZONE)

    assert done.problem is not None
    assert said in str(done.problem)
    with database.transaction() as connection:
        row = connection.execute(select(pulls)).one()
    told = f"{row.problem}{done.problem}"
    assert not [secret for secret in ("geheim", "127.0.0.1", "::1", "localhost", "reader", str(till.path)) if secret in told]
    assert row.next_at == NOW + timedelta(minutes=15)


def test_a_source_that_is_well_again_has_no_problem(database: Database, till: Till) -> None:
    pull(database, a_source(), None, now=NOW, zone=ZONE)
    pulled(database, till)

    with database.transaction() as connection:
        assert connection.execute(select(pulls.c.problem, pulls.c.pulled_at)).one() == (None, NOW)


def test_each_source_has_its_turn_and_none_is_taken_twice(database: Database) -> None:
    with database.transaction() as connection:
        save_definitions(connection, [a_source(source="a"), a_source(source="b", every="2h")], now=NOW)
        taken = [take_due(connection, now=NOW + timedelta(minutes=minute)) for minute in (0, 0, 0, 1)]

    assert [each and each.name for each in taken] == ["a", "b", None, None]


def test_a_pull_that_died_is_taken_up_again_long_before_its_next_turn(database: Database) -> None:
    with database.transaction() as connection:
        save_definitions(connection, [a_source(every="24h")], now=NOW)
        taken = [take_due(connection, now=NOW + timedelta(minutes=minute)) for minute in (0, 1, 3)]

    assert [each and each.name for each in taken] == ["pos", None, "pos"]


@pytest.fixture
def shop(database: Database) -> Iterator[str]:
    """Return the address of a shop's own PostgreSQL schema, with orders of several types of column."""
    with database.transaction() as connection:
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS their_shop"))
        connection.execute(text("DROP TABLE IF EXISTS their_shop.orders"))
        connection.execute(text("""
            CREATE TABLE their_shop.orders (id bigint PRIMARY KEY, member text, paid_at timestamptz, on_day date, local timestamp,
                                            total numeric, mark uuid DEFAULT gen_random_uuid(), tags jsonb DEFAULT '["a"]')
        """))
        connection.execute(text("""
            INSERT INTO their_shop.orders
            SELECT 3000000000 + n, 'm' || n % 3, CAST(:now AS timestamptz) - n * interval '1 hour', CAST(:now AS date) - n, '2026-07-01', n
            FROM generate_series(1, 23) AS n
        """), {"now": NOW})  # fmt: skip
    yield database.url.render_as_string(hide_password=False)
    with database.transaction() as connection:
        connection.execute(text("DROP SCHEMA their_shop CASCADE"))


@pytest.mark.parametrize("cursor", [["paid_at", "id"], ["id"], ["on_day", "id"], ["local", "mark"], ["total", "id"]], ids="/".join)
def test_cursors_of_every_type_of_column_go_on_where_they_stopped(database: Database, shop: str, cursor: list[str]) -> None:
    told = {"member": "member", "kind": "order.paid", "occurred_at": "paid_at", "value": "total", "key": "id", "properties": {"tags": "tags"}}
    query = "SELECT * FROM their_shop.orders WHERE '12:30' < '12:45' AND member LIKE 'm%'"
    for source in (a_source(table="their_shop.orders", cursor=cursor, map=told), a_source(table=None, query=query, cursor=cursor, map=told)):
        with database.transaction() as connection:
            connection.execute(text("DELETE FROM unprocessed_events; DELETE FROM events; DELETE FROM pulls"))
        first = pull(database, source, shop, now=NOW, zone=ZONE)
        again = pull(database, source, shop, now=NOW, zone=ZONE)

        assert (first.problem, first.stored, first.refused, again.problem, again.stored) == (None, 23, 0, None, 0)
    with database.transaction() as connection:
        kept = connection.execute(select(func.count(), func.sum(events.c.value), func.max(events.c.occurred_at))).one()
        assert tuple(kept) == (23, 276, NOW - timedelta(hours=1))
        assert connection.execute(select(events.c.properties).limit(1)).scalar_one() == {"tags": ["a"]}


@pytest.mark.parametrize("cursor", [["paid_at", "id"], ["local", "id"], ["on_day", "id"]], ids="/".join)
def test_moments_that_never_come_and_numbers_without_end_are_refused_alone(database: Database, shop: str, cursor: list[str]) -> None:
    with database.transaction() as connection:
        strange = "paid_at = 'infinity', on_day = 'infinity', local = 'infinity'", "total = 'Infinity'", "total = 'NaN'", "paid_at = '0044-03-15 BC'"
        for place, each in enumerate(strange, 3000000001):
            connection.execute(text(f"UPDATE their_shop.orders SET {each} WHERE id = {place}"))
    told = {"member": "member", "kind": "order.paid", "occurred_at": "paid_at", "value": "total", "key": "id", "properties": {"total": "total"}}
    source = a_source(table="their_shop.orders", cursor=cursor, map=told)

    first = pull(database, source, shop, now=NOW, zone=ZONE)
    with database.transaction() as connection:
        row = "3000000099, 'm1', CAST(:now AS timestamptz), CAST(:now AS date), '2026-08-01 10:03:00', 5"
        connection.execute(text(f"INSERT INTO their_shop.orders VALUES ({row})"), {"now": NOW + timedelta(minutes=3)})
    again = pull(database, source, shop, now=NOW + timedelta(minutes=15), zone=ZONE)

    assert (first.problem, first.stored, first.refused, first.finished) == (None, 19, 4, True)
    assert (again.problem, again.stored) == (None, 1)


def test_a_session_that_is_ended_in_the_middle_loses_and_doubles_nothing(database: Database, shop: str) -> None:
    told = {"member": "member", "kind": "order.paid", "occurred_at": "paid_at", "key": "id"}
    source = a_source(table="their_shop.orders", cursor=["local", "id"], map=told)

    def ends(done: Pulled) -> None:
        with database.transaction() as connection:
            theirs = "datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%their_shop.orders%'"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {theirs}"))

    broken = pull(database, source, shop, now=NOW, zone=ZONE, after_page=ends)
    rest = pull(database, source, shop, now=NOW, zone=ZONE)

    assert (broken.stored, broken.finished, rest.problem, rest.stored, rest.known) == (10, False, None, 13, 0)
    assert str(broken.problem).startswith("it cannot be read: ")


def test_what_is_wrong_with_their_columns_is_told_by_field(database: Database, shop: str) -> None:
    told = {"member": "member", "kind": "order.paid", "occurred_at": "paid_at", "key": "id"}
    tried = [
        a_source(table="their_shop.orders", cursor=["changed_at"], map=told),
        a_source(table="their_shop.orders", cursor=["id"], map={**told, "value": "totl"}),
        a_source(table="their_shop.no_orders", cursor=["id"], map=told),
        a_source(table=None, query="SELECT * FORM their_shop.orders", cursor=["id"], map=told),
    ]

    problems = [pull(database, source, shop, now=NOW, zone=ZONE).problem for source in tried]

    assert [problem and problem.field for problem in problems] == ["cursor", "map.value", "table", "query"]


def test_nothing_can_be_written_on_their_side(database: Database, shop: str) -> None:
    query = "WITH gone AS (DELETE FROM their_shop.orders RETURNING *) SELECT * FROM gone"
    told = {"member": "member", "kind": "order.paid", "occurred_at": "paid_at", "key": "id"}

    done = pull(database, a_source(table=None, query=query, cursor=["id"], map=told), shop, now=NOW, zone=ZONE)

    assert "it cannot be read" in str(done.problem)
    with database.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM their_shop.orders")).scalar_one() == 23


def test_a_day_is_midnight_in_the_sources_zone(database: Database, shop: str) -> None:
    told = {"member": "member", "kind": "order.paid", "occurred_at": "on_day", "key": "id"}
    pull(database, a_source(table="their_shop.orders", cursor=["id"], map=told, time_zone="UTC"), shop, now=NOW, zone=ZONE)

    with database.transaction() as connection:
        latest = connection.execute(select(func.max(events.c.occurred_at))).scalar_one()
    assert latest == datetime.combine(date(2026, 7, 31), datetime.min.time(), UTC)


def test_rows_of_somebody_who_was_erased_are_refused(database: Database, till: Till) -> None:
    till.sell(NOW - timedelta(hours=1))
    pulled(database, till)
    with database.transaction() as connection:
        ids = connection.execute(select(members.c.id)).scalars().all()
        erase_data(connection, ids, reason="", secret=SECRET, now=NOW)
    till.sell(NOW - timedelta(minutes=1))
    done = pulled(database, till, secret=SECRET)

    with database.transaction() as connection:
        assert connection.execute(select(members.c.id)).scalars().all() == ids
        assert connection.execute(select(pulls.c.refusals)).scalar_one()[0]["sentence"] == ERASED
    assert (done.stored, done.refused) == (0, 2), "the row before is read once more, and nobody is found for it"


def test_equal_rows_of_a_cursor_of_one_column_stay_together_or_are_told_of(database: Database, till: Till) -> None:
    till.sell(*[NOW - timedelta(hours=2)] * 7, *[NOW - timedelta(hours=1)] * 9)
    assert pulled(database, till, a_source(cursor=["updated_at"])).stored == 16
    till.sell(*[NOW] * 35)
    done = pulled(database, till, a_source(cursor=["updated_at"]), now=NOW + timedelta(hours=3))
    assert done.problem is not None
    assert done.problem.told() == "more than 10 rows are equal in updated_at; add a second column to the cursor that tells them apart"
    assert pulled(database, till, a_source(cursor=["id"], batch=1)).finished


def test_another_table_of_the_same_columns_is_read_from_its_first_row(database: Database, till: Till) -> None:
    till.sell(NOW)
    pulled(database, till)
    with sqlite3.connect(till.path) as theirs:
        theirs.execute("CREATE TABLE sales2 AS SELECT 77 AS id, card, sold_at, total, category, '2026-01-01 00:00:00' AS updated_at FROM sales")
    theirs.close()
    assert pulled(database, till, a_source(table="sales2")).stored == 1
