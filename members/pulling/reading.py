"""Their side: pages in the order of the cursor, over a session that can only read."""

from collections.abc import Iterator, Sequence
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
    tuple_,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import NullType

from members.pulling.cursors import Position
from members.pulling.failing import SourceFailed, failure_of
from members.pulling.sessions import DRIVERS, Row, backend_of, connect_arguments, prepare, rows_of, told
from members.pulling.source import Source


class Reader:
    """An open source; every failure is told as ``SourceFailed``."""

    def __init__(self, connection: Connection, source: Source, url: URL) -> None:
        self._connection = connection
        self._source = source
        self._url = url
        self._backend = backend_of(url)
        self._columns = list(dict.fromkeys([*source.cursor, *source.map.columns()]))

    def page(self, position: Position | None, limit: int) -> list[Row]:
        """Return the next rows behind a position, in the order of the cursor."""
        try:
            return rows_of(self._connection.execute(self._query(position).limit(limit)), self._backend)
        except (SQLAlchemyError, ValueError, OverflowError) as error:
            raise failure_of(error, self._url, self._source) from None

    def _query(self, position: Position | None) -> Select[Any]:
        relation = self._relation()
        cursor = [relation.c[name] for name in self._source.cursor]
        asked = select(*(relation.c[name] for name in self._columns)).order_by(*cursor)
        if position is None:
            return asked.where(*(each.is_not(None) for each in cursor))
        return asked.where(_behind(cursor, position, self._backend))

    def _relation(self) -> FromClause:
        columns: list[ColumnClause[Any]] = [column(name) for name in self._columns]
        if self._source.table is not None:
            schema, _, name = self._source.table.rpartition(".")
            return table(name, *columns, schema=schema or None)
        # A colon of theirs is no parameter of ours.
        return text((self._source.query or "").replace(":", r"\:")).columns(*columns).subquery("pulled")


def _behind(cursor: Sequence[ColumnElement[Any]], position: Position, backend: str) -> ColumnElement[bool]:
    reached = [told(value, backend) for value in position.values]
    # The values go as they came, without a type: whatever the column is, it is compared with its own.
    values: list[BindParameter[Any]] = [bindparam(None, value, type_=NullType()) for value in reached]
    filled = [each.is_not(None) for each in cursor[1:]]
    if position.inclusive:
        return and_(cursor[0] >= values[0], *filled)
    if len(cursor) == 1:
        return cursor[0] > values[0]
    if backend == "mysql":  # It makes two ranges of its index of these, and one of a pair.
        return and_(or_(cursor[0] > values[0], and_(cursor[0] == values[0], cursor[1] > values[1])), *filled)
    if backend in {"postgresql", "sqlite"}:  # They find a pair in their index, and of the other form only the first.
        return and_(tuple_(*cursor) > tuple_(*values), *filled)
    return and_(cursor[0] >= values[0], or_(cursor[0] > values[0], cursor[1] > values[1]), *filled)


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
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=connect_arguments(url))
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except ImportError:
        raise SourceFailed("no driver for {name} is installed", name=url.drivername) from None
    except (SQLAlchemyError, TypeError, ValueError) as error:
        raise failure_of(error, url, source) from None
    try:
        with connection:
            _only_read(connection, source, url)
            yield Reader(connection, source, url)
    finally:
        engine.dispose()


def _only_read(connection: Connection, source: Source, url: URL) -> None:
    try:
        prepare(connection, backend_of(url))
    except SQLAlchemyError as error:
        raise failure_of(error, url, source) from None


def _file_is_there(url: URL) -> None:
    # SQLite would make the file, and find nothing in it for ever.
    is_file = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":", "file:"))
    if is_file and not Path(str(url.database)).is_file():
        raise SourceFailed("there is no such database file")
