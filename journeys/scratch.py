"""A schema of its own for each replay, gone when the replay is."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from database.engine import Database
from database.every_table import metadata
from database.migrations.revisions import bring_up_to_date

#: Schemas of replays that were killed are dropped by the next replay after this many seconds.
LEFT_OVER_AFTER = 86_400

#: A crash may take a replay with it, and its tables are small and always of the same shape.
HASTE = {"synchronous_commit": "off", "plan_cache_mode": "force_generic_plan"}

FOREIGN_KEYS = """
SELECT relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE contype = 'f' AND connamespace = CAST(:schema AS regnamespace)
"""


@contextmanager
def scratch_schema(database: Database) -> Iterator[Database]:
    """Open the same database with an empty, migrated schema of its own, which is dropped at the end."""
    _drop_left_over(database)
    with database.transaction() as connection:
        begun = connection.execute(text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS bigint)")).scalar_one()
        name = f"replay_{begun}_{secrets.token_hex(4)}"
        connection.execute(text(f'CREATE SCHEMA "{name}"'))
    url = database.url.render_as_string(hide_password=False)
    scratch = Database(url, schema=name, parameters=HASTE)
    try:
        bring_up_to_date(url, schema=name)
        _forgo_safeguards(scratch)
        yield scratch
    finally:
        scratch.close()
        with database.transaction() as connection:
            connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))


def _drop_left_over(database: Database) -> None:
    with database.transaction() as connection:
        names = connection.execute(
            text(
                "SELECT nspname FROM pg_namespace WHERE nspname ~ '^replay_[0-9]+_[0-9a-f]+$' AND "
                "CAST(split_part(nspname, '_', 2) AS bigint) < extract(epoch FROM clock_timestamp()) - :age"
            ),
            {"age": LEFT_OVER_AFTER},
        ).scalars()
        for name in list(names):
            connection.execute(text(f'DROP SCHEMA "{name}" CASCADE'))


def _forgo_safeguards(scratch: Database) -> None:
    """Keep the tables out of the write-ahead log, and drop the foreign keys.

    The statements that fill these tables are those that fill the live ones, where every
    key is checked; here a check per row would only cost time.
    """
    with scratch.transaction() as connection:
        keys = connection.execute(text(FOREIGN_KEYS), {"schema": scratch.schema}).all()
        for table, name in keys:
            connection.execute(text(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"'))
        for table in metadata.sorted_tables:
            connection.execute(text(f'ALTER TABLE "{table.name}" SET UNLOGGED'))
