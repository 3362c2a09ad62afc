"""Their side: a session that can only read, pages in the order of the cursor, an end to every wait."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnClause,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    column,
    create_engine,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import NullType

from members.pulling.cursors import Position
from members.pulling.failing import SourceFailed, failure_of
from members.pulling.source import Source

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60

Row = Mapping[str, Any]

#: The drivers that come with us, for addresses that name none.
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}

_CONNECT: Mapping[str, Mapping[str, object]] = {
    "postgresql": {"connect_timeout": CONNECT_SECONDS},
    "mysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": STATEMENT_SECONDS, "write_timeout": CONNECT_SECONDS},
    "sqlite": {"timeout": CONNECT_SECONDS},
}

#: What makes a session one that only reads, and ends statements that take too long.
_SESSION: Mapping[str, Sequence[str]] = {
    "postgresql": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        f"SET statement_timeout = {STATEMENT_SECONDS * 1000}",
        "SET timezone = 'UTC'",
    ),
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
    "sqlite": ("PRAGMA query_only = ON",),
}


class Reader:
    """An open source; every failure is told as ``SourceFailed``."""

    def __init__(self, connection: Connection, source: Source, url: URL) -> None:
        self._connection = connection
        self._source = source
        self._url = url
        self._columns = list(dict.fromkeys([*source.cursor, *source.map.columns()]))

    def page(self, position: Position | None, limit: int) -> list[Row]:
        """Return the next rows behind a position, in the order of the cursor."""
        try:
            return [dict(row) for row in self._connection.execute(self._query(position).limit(limit)).mappings()]
        except SQLAlchemyError as error:
            raise failure_of(error, self._url) from None

    def _query(self, position: Position | None) -> Select[Any]:
        relation = self._relation()
        cursor = [relation.c[name] for name in self._source.cursor]
        asked = select(*(relation.c[name] for name in self._columns)).order_by(*cursor)
        return asked if position is None else asked.where(_behind(cursor, position))

    def _relation(self) -> FromClause:
        columns: list[ColumnClause[Any]] = [column(name) for name in self._columns]
        if self._source.table is not None:
            schema, _, name = self._source.table.rpartition(".")
            return table(name, *columns, schema=schema or None)
        # A colon of theirs is no parameter of ours.
        return text((self._source.query or "").replace(":", r"\:")).columns(*columns).subquery("pulled")


def _behind(cursor: Sequence[ColumnElement[Any]], position: Position) -> ColumnElement[bool]:
    # The values go as they came, without a type: whatever the column is, it is compared with its own.
    values: list[BindParameter[Any]] = [bindparam(None, value, type_=NullType()) for value in position.values]
    if position.inclusive:
        return cursor[0] >= values[0]
    if len(cursor) == 1:
        return cursor[0] > values[0]
    return and_(cursor[0] >= values[0], or_(cursor[0] > values[0], cursor[1] > values[1]))


@contextmanager
def open_source(source: Source, address: str | None) -> Iterator[Reader]:
    """Connect to a source; the session cannot write, and no statement may take longer than a minute.

    Raises:
        SourceFailed: there is no address, no driver for it, or nobody answers.
    """
    if address is None:
        raise SourceFailed("the setting sources.{name} is missing; it holds the address of the database", name=source.setting)
    try:
        url = make_url(address)
        url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    except (SQLAlchemyError, ValueError):
        raise SourceFailed("the setting sources.{name} is no address such as mysql://user:password@host/database", name=source.setting) from None
    _file_is_there(url)
    backend = "mysql" if url.get_backend_name() == "mariadb" else url.get_backend_name()
    try:
        arguments = dict(_CONNECT.get(backend, {}))
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except ImportError:
        raise SourceFailed("no driver for {name} is installed", name=url.drivername) from None
    except (SQLAlchemyError, TypeError, ValueError) as error:
        raise failure_of(error, url) from None
    try:
        with connection:
            _only_read(connection, backend, url)
            yield Reader(connection, source, url)
    finally:
        engine.dispose()


def _only_read(connection: Connection, backend: str, url: URL) -> None:
    try:
        for statement in _SESSION.get(backend, ()):
            connection.execute(text(statement))
    except SQLAlchemyError as error:
        raise failure_of(error, url) from None


def _file_is_there(url: URL) -> None:
    # SQLite would make the file, and find nothing in it for ever.
    is_file = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":", "file:"))
    if is_file and not Path(str(url.database)).is_file():
        raise SourceFailed("there is no such database file")
