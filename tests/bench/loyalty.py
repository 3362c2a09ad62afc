"""What tiers and points cost: ``python -m tests.bench.loyalty [--members 1000000] [--placed 100000]``.

Wants a PostgreSQL in TIDINGS_TEST_DATABASE_URL, in which it makes a database of its own and drops it again.
"""

import argparse
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from database.engine import Database
from database.migrations.running import upgrade
from members.definitions import read_definitions, save_definitions
from members.occasions.choice import Occasions
from members.occasions.telling import tell_days
from members.points.applying import award_everybody
from members.points.applying import save_programme as save_points
from members.points.expiring import expire_points
from members.points.ledger import BALANCES, ledger_faults, totals
from members.points.rules import PointsProgramme
from members.tiers.applying import place_everybody, preview, save_programme
from members.tiers.programme import TierProgramme

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
NOW = datetime(2026, 8, 3, 4, tzinfo=UTC)

PEOPLE = """
INSERT INTO members (key, joined_at, birth_month, birth_day, created_at)
SELECT 'b' || n, :now - n % 1500 * interval '1 day', n % 12 + 1, n % 28 + 1, :now - interval '400 days'
FROM generate_series(1, :members) AS n
"""
ENTRIES = """
INSERT INTO points (member_id, kind, amount, source, key, occurred_at, expires_at)
SELECT n, CASE place WHEN 5 THEN 'burn' ELSE 'earn' END, CASE place WHEN 5 THEN -30 ELSE 20 + n % 50 END, 'bench', n || ':' || place,
       at, CASE place WHEN 5 THEN NULL ELSE at + interval '365 days' END
FROM generate_series(1, :members) AS n CROSS JOIN generate_series(1, 5) AS place,
     LATERAL (SELECT :now - interval '300 days' + (place * 50 + n % 40) * interval '1 day' AS at) AS moments
"""
ORDERS = """
INSERT INTO events (source, key, member_id, kind, occurred_at, received_at, value)
SELECT 'bench', n || ':' || place, n, 'order.paid', :now - (place * 60 + n % 50) * interval '1 day', :now, 50 + n * place % 2000
FROM generate_series(1, :members) AS n CROSS JOIN generate_series(1, 5) AS place
"""
FACTS = """
INSERT INTO facts (member_id, event, first_at, last_at, count, total)
SELECT member_id, kind, min(occurred_at), max(occurred_at), count(*), sum(value) FROM events GROUP BY member_id, kind
"""


def timed(what: str, do: Callable[[], object]) -> None:
    """Do it, and say how long it took."""
    begun = time.perf_counter()
    found = do()
    print(f"{what:58} {time.perf_counter() - begun:9.3f} s   {found}")


def main() -> None:
    """Fill a database of our own and measure."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--members", type=int, default=1_000_000, help="members with five entries in the ledger each")
    given.add_argument("--placed", type=int, default=100_000, help="members with five orders each")
    wanted = given.parse_args()
    for measure, members in ((ledger, wanted.members), (programmes, wanted.placed)):
        name = f"tidings_bench_{os.getpid()}"
        url = make_url(os.environ["TIDINGS_TEST_DATABASE_URL"])
        admin = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        own = url.set(database=name).render_as_string(hide_password=False)
        try:
            upgrade(own)
            database = Database(own)
            measure(database, members)
            database.close()
        finally:
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def run(database: Database, statement: str, **values: object) -> int:
    with database.transaction() as connection:
        return connection.execute(text(statement), values).rowcount


def balances_of_all(database: Database, at: datetime) -> object:
    with database.transaction() as connection:
        count = f"SELECT count(*), sum(balance) FROM ({BALANCES}) AS balances"
        return connection.execute(text(count), {"at": at}).one()


def ledger(database: Database, members: int) -> None:
    """Ask a ledger of five entries a member."""
    timed(f"{members} members made", lambda: run(database, PEOPLE, members=members, now=NOW))
    timed("five entries each written", lambda: run(database, ENTRIES, members=members, now=NOW))
    with create_engine(database.url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE points"))
    for back in (0, 100, 200, 100):
        timed(f"balances of all, {back} days ago", lambda back=back: balances_of_all(database, NOW - timedelta(days=back)))
    with database.transaction() as connection:
        timed("totals", lambda: totals(connection, at=NOW))
        timed("does it close", lambda: ledger_faults(connection, now=NOW))
        one = "SELECT sum(amount) FROM points WHERE member_id = 4711 AND occurred_at <= :at"
        timed("one member's balance", lambda: connection.execute(text(one), {"at": NOW}).scalar())
        (rules,) = read_definitions(EXAMPLES / "points" / "club.yaml", PointsProgramme)
        save_points(connection, rules, now=NOW)
    for days in (66, 67):
        now = NOW + timedelta(days=days + 58)

        def expire(now: datetime = now) -> object:
            expire_points(database, since=now - timedelta(days=1), now=now)
            with database.transaction() as connection:
                return connection.execute(text("SELECT kind, count(*) FROM points GROUP BY kind")).all()

        timed("a day on which points of some expire", expire)


def programmes(database: Database, members: int) -> None:
    """Apply the examples over members with five orders each."""
    run(database, PEOPLE, members=members, now=NOW)
    run(database, ORDERS, members=members, now=NOW)
    run(database, FACTS)
    run(database, "ANALYZE")
    (tiers,) = read_definitions(EXAMPLES / "tiers" / "club.yaml", TierProgramme)
    with database.transaction() as connection:
        timed(f"tiers of {members} members previewed", lambda: preview(connection, tiers, now=NOW).counts)
    save_programme(database, tiers, now=NOW)
    timed("the same placed", lambda: place_everybody(database, now=NOW))
    timed("and looked at again", lambda: place_everybody(database, now=NOW))
    (rules,) = read_definitions(EXAMPLES / "points" / "club.yaml", PointsProgramme)
    with database.transaction() as connection:
        save_points(connection, rules, now=NOW)
        save_definitions(connection, read_definitions(EXAMPLES / "occasions" / "life.yaml", Occasions), now=NOW)
    timed("points of their orders awarded", lambda: award_everybody(database, now=NOW))
    timed("and looked at again", lambda: award_everybody(database, now=NOW))

    def day() -> object:
        with database.transaction() as connection:
            tell_days(connection, since=NOW, now=NOW + timedelta(days=1), february_29="feb28")
            return connection.execute(text("SELECT kind, count(*) FROM events WHERE source = 'tidings' GROUP BY kind")).all()

    timed("a day's occasions told", day)


if __name__ == "__main__":
    main()
