"""What each kind of database needs: its driver, an end to every wait, a session that only reads, its values as ours.

A MySQL server tells a TIMESTAMP in the session's zone and without an offset, so the session is in UTC and the
column's type says which moments are exact; a DATETIME stays the wall clock of the source's zone.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection as PostgresConnection
from psycopg import DataError
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from sqlalchemy import Connection, CursorResult, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

Row = Mapping[str, Any]

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60
#: Silence after which a server is given up: later than it would itself have ended the statement and said so.
SILENT_SECONDS = STATEMENT_SECONDS + 5

#: The drivers that come with us, for addresses that name none.
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}

_CONNECT: Mapping[str, Mapping[str, object]] = {
    "postgresql": {"connect_timeout": CONNECT_SECONDS},
    "mysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": SILENT_SECONDS, "write_timeout": CONNECT_SECONDS},
    "sqlite": {"timeout": CONNECT_SECONDS},
}

#: What makes a session one that only reads, in UTC.
_SESSION: Mapping[str, Sequence[str]] = {
    "postgresql": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        f"SET statement_timeout = {STATEMENT_SECONDS * 1000}",
        "SET timezone = 'UTC'",
    ),
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"),
    "sqlite": ("PRAGMA query_only = ON",),
}

#: What ends a statement on their side: MariaDB's, and MySQL's; a server that knows neither is left to our own patience.
_MARIADB_ENDS = f"SET max_statement_time = {STATEMENT_SECONDS}"
_MYSQL_ENDS = f"SET max_execution_time = {STATEMENT_SECONDS * 1000}"

#: The numbers by which MySQL's protocol names its types of columns.
_TIMESTAMP, _BIT = 7, 16


def backend_of(url: URL) -> str:
    """Return the kind of database an address names; MariaDB is a MySQL here."""
    name = url.get_backend_name()
    return "mysql" if name == "mariadb" else name


def connect_arguments(url: URL) -> dict[str, Any]:
    """Return what the driver is told besides the address; what the address says itself holds."""
    arguments: dict[str, Any] = {name: value for name, value in _CONNECT.get(backend_of(url), {}).items() if name not in url.query}
    if url.drivername.endswith("+pymysql") and url.password:
        arguments["password"] = str(url.password).encode()  # Told as a text it could hold no Chinese.
    return arguments


def prepare(connection: Connection, backend: str) -> None:
    """Make the session one that cannot write, is in UTC, and ends a statement after a minute."""
    for statement in _SESSION.get(backend, ()):
        connection.execute(text(statement))
    driver: Any = connection.connection.driver_connection
    if backend == "mysql":
        with contextlib.suppress(SQLAlchemyError):
            connection.execute(text(_MARIADB_ENDS if getattr(connection.dialect, "is_mariadb", False) else _MYSQL_ENDS))
    elif backend == "sqlite":
        driver.text_factory = _text_or_bytes
    elif isinstance(driver, PostgresConnection):
        for name, loader in (("date", _Day), ("timestamp", _Moment), ("timestamptz", _MomentInZone)):
            driver.adapters.register_loader(name, loader)


def _text_or_bytes(raw: bytes) -> str | bytes:
    """Return a text, or the bytes where they are none: one row in another encoding must not stop the others."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _or_text(load: Callable[[Any], Any], raw: Any) -> Any:
    try:
        return load(raw)
    except DataError:
        return bytes(raw).decode()


class _Day(DateLoader):
    """Days; as texts those before the year 1 or after 9999, and infinity."""

    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class _Moment(TimestampLoader):
    """Moments without an offset; as texts those that Python has not."""

    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class _MomentInZone(TimestamptzLoader):
    """Moments; as texts those that Python has not."""

    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


def told(value: object, backend: str) -> object:
    """Return a value of a cursor as the session compares it."""
    if backend == "mysql" and isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def rows_of(result: CursorResult[Any], backend: str) -> list[Row]:
    """Return a result's rows, with MySQL's timestamps as moments and its bits as numbers."""
    special: list[tuple[str, Callable[[Any], Any]]] = []
    if backend == "mysql" and result.cursor is not None:
        kinds = [each[1] for each in result.cursor.description or ()]
        read = {_TIMESTAMP: _in_utc, _BIT: _number}
        special = [(name, read[kind]) for name, kind in zip(result.keys(), kinds, strict=True) if kind in read]
    rows = [dict(row) for row in result.mappings()]
    for name, reading in special:
        for row in rows:
            row[name] = reading(row[name])
    return list(rows)


def _in_utc(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _number(value: object) -> object:
    return int.from_bytes(value, "big") if isinstance(value, bytes) else value
