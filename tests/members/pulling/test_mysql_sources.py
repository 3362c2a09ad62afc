"""Against a real MariaDB or MySQL: its types, its ties, its failures and its sudden end."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from private_mariadb import PASSWORD, Server, private_server, why_not
from sqlalchemy import select, text

from database.engine import Database
from database.member_tables import order_facts, pulls
from database.tables import events, members
from members.pulling.pulling import Pulled, pull
from members.pulling.source import Source
from members.reckoning import reckon

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)  # 10:00 at the tills
ZONE = ZoneInfo("Asia/Shanghai")
MAP = {"member": "card_no", "kind": {"column": "type", "kinds": {"S": "order.paid", "R": "order.refunded"}}}
MAP |= {"occurred_at": "sold_at", "value": "total", "key": "id", "properties": {"category": "品类", "order": "order"}}
TABLE = """
CREATE TABLE sales (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, card_no VARCHAR(40), type CHAR(1) DEFAULT 'S', `order` BIGINT, `品类` VARCHAR(80),
    total DECIMAL(12, 2) DEFAULT 10.50, sold_at DATETIME, on_day DATE DEFAULT '2026-07-31', member TINYINT(1), giro BIT(1), opened TIME,
    paid_at TIMESTAMP(3) NULL, weight DOUBLE, mark BINARY(4) DEFAULT '\\0zzz', updated_at DATETIME(6) NOT NULL, KEY (updated_at, id)
)"""


def a_source(**terms: object) -> Source:
    given = {"source": "pos", "table": "sales", "cursor": ["updated_at", "id"], "map": MAP, "batch": 10, **terms}
    return Source.model_validate({name: value for name, value in given.items() if value is not None})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with private_server() as running:
        yield running


@pytest.fixture
def till(server: Server) -> Server:
    server.run("DROP TABLE IF EXISTS sales", TABLE, database="shop")
    return server


def sell(till: Server, count: int = 1, *, ago: timedelta = timedelta(hours=1), apart: timedelta = timedelta(), **columns: object) -> None:
    """Let a till sell so often, the last one so long ago."""
    told = {"card_no": "m1", "品类": "龙井🍵", **columns}
    named = ", ".join(f"`{name}`" for name in [*told, "sold_at", "updated_at"])
    marks = ", ".join(f":v{place}" for place in range(len(told)))
    values = {f"v{place}": value for place, value in enumerate(told.values())}
    moments = [(NOW - ago - apart * each).astimezone(ZONE).replace(tzinfo=None) for each in range(count - 1, -1, -1)]
    with till.owner("shop") as connection:
        insert = text(f"INSERT INTO sales ({named}) VALUES ({marks}, :at, :at)")
        connection.execute(insert, [{**values, "at": at} for at in moments])


def pulled(database: Database, till: Server, source: Source | None = None, *, now: datetime = NOW, **more: Any) -> Pulled:
    return pull(database, source or a_source(), till.address(), now=now, zone=ZONE, **more)


def keys(database: Database) -> list[int]:
    with database.transaction() as connection:
        return sorted(map(int, connection.execute(select(events.c.key)).scalars()))


def only_event(database: Database) -> Any:
    with database.transaction() as connection:
        return connection.execute(select(events)).one()


def test_orders_and_refunds_become_events_and_facts_once(database: Database, till: Server) -> None:
    sell(till, 25, apart=timedelta(minutes=1))
    sell(till, type="R", order=25, total=Decimal("0.49"))

    done, again = pulled(database, till), pulled(database, till)

    assert (done.problem, done.stored, done.refused, done.finished, again.stored) == (None, 26, 0, True, 0)
    with database.transaction() as connection:
        reckon(connection, now=NOW)
        row = connection.execute(select(order_facts)).one()
        refund = connection.execute(select(events).where(events.c.key == "26")).one()
    assert (row.orders, row.spent, row.favourite_category) == (25, Decimal("262.01"), "龙井🍵")
    assert (refund.kind, refund.value, refund.occurred_at) == ("order.refunded", Decimal("0.49"), NOW - timedelta(hours=1))


def test_every_type_of_column_becomes_what_it_means(database: Database, till: Server) -> None:
    sell(till, member=1, giro=1, opened="-26:30:05", weight=1.25, order=None)
    names = ("member", "giro", "opened", "weight", "order", "on_day", "paid_at", "updated_at")
    till.run("SET time_zone = '+00:00'", "UPDATE sales SET paid_at = '2026-08-01 01:59:59.250'", database="shop")

    done = pulled(database, till, a_source(map={**MAP, "properties": {name: name for name in names}}))

    assert (done.problem, done.stored) == (None, 1)
    assert only_event(database).properties == {
        "member": 1, "giro": 1, "opened": "-26:30:05", "weight": 1.25, "on_day": "2026-07-31",
        "paid_at": "2026-08-01T01:59:59.250000+00:00", "updated_at": "2026-08-01T09:00:00",
    }  # fmt: skip


def test_a_timestamp_is_exact_whatever_the_zones_of_server_and_source(database: Database, till: Server) -> None:
    till.run("SET time_zone = '+00:00'", f"INSERT INTO sales (card_no, paid_at, updated_at) VALUES ('m1', '{NOW:%F %T}', '{NOW:%F %T}')", database="shop")

    pulled(database, till, a_source(map={**MAP, "occurred_at": "paid_at"}))

    assert only_event(database).occurred_at == NOW


@pytest.mark.parametrize("cursor", [["updated_at", "id"], ["paid_at", "id"], ["id"], ["on_day", "id"], ["total", "id"], ["品类", "id"]], ids="/".join)
def test_equal_values_of_every_cursor_over_several_pages_lose_nothing(database: Database, till: Server, cursor: list[str]) -> None:
    sell(till, 35, paid_at="2026-07-31 23:00:00.125")

    done, again = pulled(database, till, a_source(cursor=cursor)), pulled(database, till, a_source(cursor=cursor))

    assert (done.problem, done.stored, done.known, again.problem, again.stored) == (None, 35, 0, None, 0)


def test_fractions_of_a_second_keep_their_order(database: Database, till: Server) -> None:
    sell(till, 35, apart=timedelta(microseconds=1))

    assert (pulled(database, till).stored, len(keys(database))) == (35, 35)


def test_rows_that_change_or_come_or_go_while_they_are_pulled_are_told_once(database: Database, till: Server) -> None:
    sell(till, 25, apart=timedelta(minutes=1))
    done: list[Pulled] = []

    def meanwhile(after: Pulled) -> None:
        if not done:
            changed = "UPDATE sales SET updated_at = updated_at + INTERVAL 1 HOUR, member = 1 WHERE id IN (3, 24)"
            till.run(changed, "DELETE FROM sales WHERE id = 10", database="shop")
            sell(till, ago=timedelta(minutes=1))
        done.append(after)

    end = pulled(database, till, after_page=meanwhile)

    assert (end.problem, end.stored, end.known, end.refused) == (None, 26, 1, 0)
    assert keys(database) == list(range(1, 27))


def test_a_row_that_commits_late_is_found_within_the_overlap(database: Database, till: Server) -> None:
    sell(till, ago=timedelta(minutes=1))
    pulled(database, till)
    sell(till, ago=timedelta(minutes=9))

    assert pulled(database, till, now=NOW + timedelta(minutes=15)).stored == 1


def test_rows_without_a_cursor_are_left_and_stop_nothing(database: Database, till: Server) -> None:
    till.run("ALTER TABLE sales MODIFY updated_at DATETIME(6) NULL", database="shop")
    sell(till, 12)
    till.run("UPDATE sales SET updated_at = NULL WHERE id <= 11", database="shop")

    done = pulled(database, till)

    assert (done.problem, done.stored, done.finished) == (None, 1, True)


def test_a_server_killed_in_the_middle_loses_and_doubles_nothing(database: Database, till: Server) -> None:
    sell(till, 35)
    seen: list[Pulled] = []

    def dies(done: Pulled) -> None:
        seen.append(done)
        if len(seen) == 2:
            till.kill()

    try:
        broken = pulled(database, till, after_page=dies)
        away = pulled(database, till)
    finally:
        till.start()
    rest = pulled(database, till)

    assert (broken.stored, broken.finished, "2013" in str(broken.problem), "2003" in str(away.problem)) == (20, False, True, True)
    assert (rest.problem, rest.stored, rest.known) == (None, 15, 0)
    assert keys(database) == list(range(1, 36))


@pytest.mark.parametrize(
    ("columns", "terms", "said"),
    [
        ({}, {"map": {**MAP, "value": "品类"}}, ("品类", "a number was expected; found '龙井🍵'")),
        ({}, {"map": {**MAP, "occurred_at": "id"}}, ("id", "a day or moment")),
        ({}, {"map": {**MAP, "member": "mark"}}, ("mark", "bytes were found")),
        ({}, {"map": {**MAP, "key": "mark"}}, ("mark", "bytes were found")),
        ({}, {"map": {**MAP, "kind": {"column": "order"}}}, ("order", "order is missing")),
        ({"card_no": None}, {}, ("card_no", "card_no is missing")),
        ({}, {"map": {**MAP, "occurred_at": "zero"}}, ("zero", "a day or moment")),
    ],
)
def test_rows_that_cannot_be_used_are_listed_by_field(
    database: Database, till: Server, columns: dict[str, object], terms: dict[str, Any], said: tuple[str, str]
) -> None:
    sell(till, 2, **columns)
    query = "SELECT *, CAST('0000-00-00' AS DATETIME) AS zero FROM sales"

    done = pulled(database, till, a_source(table=None, query=query, **terms))

    assert (done.problem, done.stored, done.refused, done.finished) == (None, 0, 2, True)
    with database.transaction() as connection:
        listed = connection.execute(select(pulls.c.refusals)).scalar_one()
        assert not connection.execute(select(members.c.key)).all()
    assert said[0] == listed[0]["field"]
    assert said[1] in listed[0]["sentence"].format(**listed[0]["values"])


@pytest.mark.parametrize(
    ("address", "terms", "said"),
    [
        ({"password": "falsch-geheim"}, {}, "it cannot be read: OperationalError: 1045 Access denied for user"),
        ({"database": "laden"}, {}, "it cannot be read: OperationalError: 1044 Access denied"),
        ({}, {"table": "no_sales"}, "table: it cannot be read: ProgrammingError: 1146"),
        ({}, {"map": {**MAP, "value": "totl"}}, "map.value: it cannot be read: OperationalError: 1054 Unknown column"),
        ({}, {"map": {**MAP, "kind": {"column": "typ"}}}, "map.kind: it cannot be read"),
        ({}, {"map": {**MAP, "properties": {"store": "laden-nr"}}}, "map.properties.store: it cannot be read"),
        ({}, {"cursor": ["changed_at", "id"]}, "cursor: it cannot be read: OperationalError: 1054 Unknown column"),
        ({}, {"cursor": ["mark"]}, "a column of the cursor holds bytes"),
        ({}, {"query": "SELECT * FORM sales"}, "query: it cannot be read: ProgrammingError: 1064"),
        ({"collation": "no_such"}, {}, "it cannot be read: OperationalError: 1273"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_without_the_address(
    database: Database, till: Server, address: dict[str, str], terms: dict[str, Any], said: str
) -> None:
    sell(till)
    source = a_source(**{**({"table": None} if "query" in terms else {}), **terms})

    done = pull(database, source, till.address(**address), now=NOW, zone=ZONE)

    assert str(done.problem).startswith(said)
    with database.transaction() as connection:
        told = f"{connection.execute(select(pulls.c.problem)).scalar_one()}{done.problem}"
    assert not [secret for secret in (PASSWORD, "geheim", "127.0.0.1", "reader", "shop", str(till.port)) if secret in told]


def test_the_session_cannot_write_is_in_utc_and_ends_slow_statements(database: Database, till: Server) -> None:
    sell(till)
    with till.owner("shop") as connection:
        connection.execute(text("DROP FUNCTION IF EXISTS gone"))
        connection.execute(text("CREATE FUNCTION gone() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM sales; RETURN 1; END"))
        limit = "@@max_statement_time" if connection.dialect.is_mariadb else "@@max_execution_time / 1000"  # type: ignore[attr-defined]
    query = "SELECT sales.*, {} FROM sales WHERE '12:30%' LIKE '12:3_\\%'"
    shown = a_source(table=None, query=query.format(f"@@time_zone AS zone, {limit} AS seconds"), map={**MAP, "properties": {"a": "zone", "b": "seconds"}})

    writes = pulled(database, till, a_source(table=None, query=query.format("gone() AS gone"), map={**MAP, "properties": {"a": "gone"}}))
    reads = pulled(database, till, shown)

    assert "1792" in str(writes.problem)
    assert (reads.problem, only_event(database).properties) == (None, {"a": "+00:00", "b": 60})


def test_a_server_that_says_nothing_is_given_up(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"mysql://reader:geheim@127.0.0.1:{silent.getsockname()[1]}/shop?read_timeout=1"
        began = time.monotonic()
        done = pull(database, a_source(), address, now=NOW, zone=ZONE)

    assert "it cannot be read: OperationalError: 2013" in str(done.problem)
    assert time.monotonic() - began < 5
