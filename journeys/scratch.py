"""A schema of its own for each replay, gone when the replay is."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from database.engine import Database
from database.migrations.running import upgrade
from database.tables import metadata

#: Schemas of replays that were killed are dropped by the next replay after this many seconds.
LEFT_OVER_AFTER = 86_400


@contextmanager
def scratch_schema(database: Database) -> Iterator[Database]:
    """Open the same database with an empty, migrated schema of its own, which is dropped at the end."""
    _drop_left_over(database)
    with database.transaction() as connection:
        begun = connection.execute(text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS bigint)")).scalar_one()
        name = f"replay_{begun}_{secrets.token_hex(4)}"
        connection.execute(text(f'CREATE SCHEMA "{name}"'))
    url = database.url.render_as_string(hide_password=False)
    scratch = Database(url, schema=name)
    try:
        upgrade(url, schema=name)
        _forgo_durability(scratch)
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


def _forgo_durability(scratch: Database) -> None:
    """Keep the tables out of the write-ahead log; a table may refer to logged ones only after it, so children first."""
    with scratch.transaction() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(text(f'ALTER TABLE "{table.name}" SET UNLOGGED'))
