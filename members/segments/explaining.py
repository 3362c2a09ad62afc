"""The one statement a condition becomes, for whoever wants to read it or run it elsewhere."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql

from members.condition_model import Condition
from members.segments.picking import matching_members


def sql_of(condition: Condition, now: datetime, *, segments: Mapping[str, Condition]) -> str:
    """Write out the statement that picks a condition's members, its values in place."""
    picked = matching_members(condition, now, segments=segments)
    written = picked.compile(dialect=postgresql.dialect(paramstyle="named"), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    return str(written)


def plan_of(connection: Connection, statement: str, *, run: bool = False) -> list[str]:
    """Return how PostgreSQL goes about the statement, line by line; ``run``: having done it."""
    how = "EXPLAIN (ANALYZE, BUFFERS)" if run else "EXPLAIN"
    found = connection.execute(text(f"{how} {statement}".replace(":", r"\:")))
    return list(found.scalars())
