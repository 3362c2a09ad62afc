"""The reference of whatever is stored: COPY of the same rows into a plain table."""

import time
from collections.abc import Sequence

from sqlalchemy import text

from database.engine import Database


def seconds_to_copy(database: Database, tables: Sequence[str]) -> float:
    """Copy each table's rows into one with the same columns and primary key and nothing else; return the seconds.

    The rows are in memory, ready to be sent; the commit is counted.
    """
    return sum(_copy(database, table) for table in tables)


def _copy(database: Database, table: str) -> float:
    plain = f"plain_{table}"
    with database.transaction() as connection:
        connection.execute(text(f"CREATE TABLE {plain} (LIKE {table})"))
        connection.execute(text(f"ALTER TABLE {plain} ADD PRIMARY KEY (id)"))
    taken = database.engine.raw_connection()
    try:
        cursor = taken.cursor()
        with cursor.copy(f"COPY {table} TO STDOUT") as going_out:
            rows = [bytes(block) for block in going_out]
        taken.commit()
        began = time.monotonic()
        with cursor.copy(f"COPY {plain} FROM STDIN") as coming_in:
            coming_in.write(b"".join(rows))
        taken.commit()
        return time.monotonic() - began
    finally:
        taken.close()
