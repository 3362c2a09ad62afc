"""Groups of members a statement works on: tables that live as long as one transaction.

They keep sets inside PostgreSQL from one statement to the next, where a list of ids
would travel back and forth.  Every commit empties them, at a price: a table whose rows
may grow past 2 kB has a second one for what overflows, and to empty that takes ten times as
long as all the rest.  So words have bounds here, whose sum stays below it.
"""

from collections.abc import Mapping

from sqlalchemy import BigInteger, Column, Connection, DateTime, Integer, MetaData, String, Table, text
from sqlalchemy.sql.dml import Insert

_metadata = MetaData()

#: Characters, of up to four bytes each: paths of steps, kinds of events, names, the causes of entries.
LONGEST = 100
SHORT = 20  #: the same, for the words of our own: arms and kinds of steps

#: Events taken from the list of those no trigger has looked at.
arrived = Table(
    "arrived",
    _metadata,
    Column("event_id", BigInteger),
    Column("member_id", BigInteger),
    Column("kind", String(LONGEST)),
    Column("occurred_at", DateTime(timezone=True)),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)

#: Members about to enter one journey.
entering = Table(
    "entering",
    _metadata,
    Column("member_id", BigInteger),
    Column("entry_key", String(LONGEST)),
    Column("entered_at", DateTime(timezone=True)),
    Column("trigger_event_id", BigInteger),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)

#: Enrolments whose time has come, and what their step decides for them.
moving = Table(
    "moving",
    _metadata,
    Column("enrolment_id", BigInteger),
    Column("member_id", BigInteger),
    Column("journey_id", BigInteger),
    Column("step", String(LONGEST)),
    Column("visit", Integer),
    Column("step_since", DateTime(timezone=True)),
    Column("waiting_for", String(LONGEST)),
    Column("entered_at", DateTime(timezone=True)),
    Column("experiment_id", BigInteger),
    Column("arm", String(SHORT)),
    Column("kind", String(SHORT)),
    Column("next_step", String(LONGEST)),  # None: not decided yet; empty: the journey is over
    Column("result", String(LONGEST)),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)


def prepare_groups(connection: Connection) -> None:
    """Make the tables where this connection has none yet.

    A commit empties them; whoever fills one empties it again when done with it.
    """
    if not _is_prepared(connection):
        _metadata.create_all(connection, checkfirst=False)


def _is_prepared(connection: Connection) -> bool:
    found: bool = connection.execute(text("SELECT to_regclass('pg_temp.moving') IS NOT NULL")).scalar_one()
    return found


def insert_counted(connection: Connection, statement: Insert, parameters: Mapping[str, object] | None = None) -> int:
    """Run an INSERT … SELECT and return how many rows it wrote, which SQLAlchemy keeps only when asked."""
    written: int = connection.execute(
        statement, parameters or {}, execution_options={"preserve_rowcount": True}
    ).rowcount
    return written
