"""The history a replay lives through: held aside, and told again up to each moment."""

from datetime import datetime

from sqlalchemy import Connection, Text, cast, func, select, text

from database.engine import Database
from database.member_tables import segments
from database.tables import addresses, consents, events, members, suppressions
from members.facts import MERGE, TOTALS, rebuild

#: What a replay of live data copies; what it may change itself stays behind.
COPIED = (members, addresses, consents, suppressions, segments)

COLUMNS = "source, key, member_id, kind, occurred_at, received_at, value, properties"

HOLD = "CREATE UNLOGGED TABLE held_events AS SELECT " + COLUMNS + " FROM {source}"  # noqa: S608 - names of our own tables only

# The same statement that records events, with the history in place of what a client tells.
TELL = f"""
WITH stored AS (
    INSERT INTO events ({COLUMNS})
    SELECT {COLUMNS} FROM held_events WHERE occurred_at > :after AND occurred_at <= :until ORDER BY occurred_at, key
    RETURNING id, member_id, kind, occurred_at, value
), unprocessed AS (
    INSERT INTO unprocessed_events (event_id) SELECT id FROM stored
), fresh AS ({TOTALS.format(events="stored")}
), totals AS ({MERGE})
SELECT count(*) FROM stored
"""  # noqa: S608 - fixed text and names of our own tables only

TELL_EARLIER = f"INSERT INTO events ({COLUMNS}) SELECT {COLUMNS} FROM held_events WHERE occurred_at < :start"  # noqa: S608


def copy_live(live: Database, scratch: Database) -> None:
    """Copy members, addresses, consents and segments of the live tables, and hold their events aside."""
    source = live.schema or "public"
    with scratch.transaction() as connection:
        for table in COPIED:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            copied = f'SELECT {names} FROM "{source}"."{table.name}"'  # noqa: S608 - names of our own tables only
            connection.execute(text(f'INSERT INTO "{table.name}" ({names}) OVERRIDING SYSTEM VALUE {copied}'))
        connection.execute(text(HOLD.format(source=f'"{source}".events')))


def hold_imported(scratch: Database) -> None:
    """Take the events that were imported into the scratch tables and hold them aside."""
    with scratch.transaction() as connection:
        connection.execute(text(HOLD.format(source="events")))
        connection.execute(text("TRUNCATE events, facts, unprocessed_events CASCADE"))


def begin_at(connection: Connection, start: datetime) -> None:
    """Let everything before ``start`` have happened already, its totals made, its triggers past."""
    connection.execute(text("CREATE INDEX ON held_events (occurred_at)"))
    connection.execute(text(TELL_EARLIER), {"start": start})
    rebuild(connection)
    connection.execute(text("ANALYZE members, addresses, consents, events, facts, held_events"))


def refresh_statistics(connection: Connection) -> None:
    """Let PostgreSQL look at the tables that grow from nothing, which it would plan for as if they were empty."""
    connection.execute(text("ANALYZE enrolments, step_runs, sends, assignments, trigger_runs, facts, events"))


def tell(connection: Connection, *, after: datetime, until: datetime) -> int:
    """Record what happened later than ``after`` and not later than ``until``; return how many events."""
    told: int = connection.execute(text(TELL), {"after": after, "until": until}).scalar_one()
    return told


def next_told(connection: Connection, after: datetime) -> datetime | None:
    """Return the moment of the first event later than ``after``; None: there is none."""
    found: datetime | None = connection.execute(
        text("SELECT min(occurred_at) FROM held_events WHERE occurred_at > :after"), {"after": after}
    ).scalar_one()
    return found


def timeline_of_events(connection: Connection, member_id: int) -> list[tuple[datetime, str, str]]:
    """Return (moment, kind, value) of every event of a member that has been told, earliest first."""
    rows = connection.execute(
        select(events.c.occurred_at, events.c.kind, func.coalesce(cast(events.c.value, Text), ""))
        .where(events.c.member_id == member_id)
        .order_by(events.c.occurred_at, events.c.id)
    )
    return [(row[0], row[1], row[2]) for row in rows]
