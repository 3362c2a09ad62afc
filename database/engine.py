"""Open a database, hold short explicit transactions, read the database's clock."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry


class Database:
    """A pool of connections to one PostgreSQL database and, where named, one schema of it."""

    def __init__(
        self,
        url: str | URL,
        *,
        schema: str | None = None,
        pool_size: int = 10,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a pool; ``parameters`` are settings of the server that every connection begins with."""
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        self.schema = schema  #: None: the server's default search path
        settings = {"timezone": "UTC", "jit": "off", **(parameters or {})}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.engine: Engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            hide_parameters=True,  # Or an error would quote the rows it was about.
            connect_args={"connect_timeout": 10, "client_encoding": "utf8", "options": options},
        )
        if schema is not None:
            event.listen(self.engine, "connect", self._enter_schema)

    def _enter_schema(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f'SET search_path TO "{self.schema}"')
        cursor.close()
        connection.commit()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run the block in one transaction: committed at its end, rolled back if it raises."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def read_clock(connection: Connection) -> datetime:
    """Return the road's present moment, aware and in UTC: the database's clock.

    Where a demo has set ``simulated_clock`` that moment is returned instead.  Leases
    never use this clock; they run on ``clock_timestamp()`` in SQL.
    """
    found: datetime = connection.execute(
        text("SELECT coalesce((SELECT now_at FROM simulated_clock), clock_timestamp())")
    ).scalar_one()
    return found


def set_clock(connection: Connection, now: datetime | None) -> None:
    """Let the road believe it is ``now``; None gives it the database's clock back."""
    connection.execute(
        text(
            "INSERT INTO simulated_clock (one, now_at) VALUES (true, :now) "
            "ON CONFLICT (one) DO UPDATE SET now_at = excluded.now_at"
        ),
        {"now": now},
    )
