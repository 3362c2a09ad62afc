"""Do again what PostgreSQL gave up because two transactions waited for each other."""

from collections.abc import Callable
from typing import TypeVar

from psycopg.errors import DeadlockDetected
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from database.engine import Database

TIMES = 4
Answer = TypeVar("Answer")


def in_transaction(database: Database, do: Callable[[Connection], Answer]) -> Answer:
    """Do something in a transaction of its own, and all of it again, a few times, where that ended in a deadlock."""
    for _ in range(TIMES - 1):
        try:
            with database.transaction() as connection:
                return do(connection)
        except OperationalError as error:
            if not isinstance(error.orig, DeadlockDetected):
                raise
    with database.transaction() as connection:
        return do(connection)
