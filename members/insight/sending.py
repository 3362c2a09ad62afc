"""Send many computed rows to the database at once."""

from collections.abc import Iterable

import psycopg
from sqlalchemy import Connection

#: Rows that are written out at once.
AT_ONCE = 50_000


def send_lines(connection: Connection, statement: str, parts: Iterable[str]) -> None:
    """Send parts of the text form of COPY: columns parted by tabs, rows by line ends."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for part in parts:
            copy.write(part)
