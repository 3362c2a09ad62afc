"""How fast facts are made again from scratch, and how soon they follow what is told.

``python -m tests.bench.facts [MEMBERS] [EVENTS OF EACH]`` makes a database of its own beside the one that
``TIDINGS_TEST_DATABASE_URL`` names, and takes it away again.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from database.engine import Database
from database.migrations.running import upgrade
from members.facts.rebuilding import rebuild_facts
from members.reckoning import reckon_members

NOW = datetime(2026, 8, 1, tzinfo=UTC)

EVENTS = """
INSERT INTO events (source, key, member_id, kind, occurred_at, value, properties)
SELECT 'shop', n::text, 1 + n % :members,
       CASE WHEN n % 23 = 0 THEN 'order.refunded' WHEN n % 7 = 0 THEN 'message.clicked' ELSE 'order.paid' END,
       CAST(:now AS timestamptz) - random() * interval '800 days', round((random() * 300)::numeric, 2),
       jsonb_build_object('category', 'c' || (n::bigint * 7919) % 12, 'order', (n - :members)::text)
FROM generate_series(1, :events) AS n
"""


@contextmanager
def own_database() -> Iterator[Database]:
    """Make a database, migrated and empty, and drop it at the end."""
    url = make_url(os.environ["TIDINGS_TEST_DATABASE_URL"])
    admin = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    name = f"tidings_bench_facts_{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        address = url.set(database=name).render_as_string(hide_password=False)
        upgrade(address)
        database = Database(address)
        yield database
        database.close()
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def tell(what: str, seconds: float, members: int, events: int) -> None:
    load = os.getloadavg()[0]
    print(f"{what}: {seconds:.1f} s, {members / seconds:,.0f} members/s, {events / seconds:,.0f} events/s (load {load:.1f})")


def main(members: int, each: int) -> None:
    with own_database() as database:
        with database.transaction() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text("INSERT INTO members (key) SELECT 'm' || n FROM generate_series(1, :members) AS n"), {"members": members})
            connection.execute(text(EVENTS), {"members": members, "events": members * each, "now": NOW})
        with database.transaction() as connection:
            connection.execute(text("ANALYZE"))
        for what in ("rebuilt", "rebuilt again, nothing changed"):
            began = time.perf_counter()
            rebuild_facts(database, now=NOW)
            tell(what, time.perf_counter() - began, members, members * each)
        for size in (1, 100, 1_000, 5_000):
            with database.transaction() as connection:
                began = time.perf_counter()
                reckon_members(connection, list(range(1, size + 1)), now=NOW)
            tell(f"{size} touched members", time.perf_counter() - began, size, size * each)


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]]
    main(*(given or [10_000, 20]))
