"""Tell events that were worked out row by row, and say all rows of a batch to one statement."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Connection, DateTime, Numeric, Text, cast, column, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB

from members.derived_events import tell

_NAMED = (
    column("member_id", BigInteger),
    column("kind", Text),
    column("key", Text),
    column("occurred_at", DateTime(timezone=True)),
    column("value", Numeric),
    column("properties", JSONB),
)


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Something that follows for one member; its key is made of its occasion."""

    member_id: int
    kind: str
    key: str
    occurred_at: datetime
    value: int | Decimal | None = None
    properties: Mapping[str, object] = field(default_factory=dict)


def tell_happenings(connection: Connection, happenings: Iterable[Happening], *, now: datetime) -> int:
    """Tell all of them in one statement; return how many were news."""
    rows = as_json(map(vars, happenings))
    if rows == "[]":
        return 0
    told = func.jsonb_to_recordset(cast(literal(rows, Text), JSONB))
    return tell(connection, select(told.table_valued(*_NAMED, name="rows").render_derived(with_types=True)), now=now)


def as_json(rows: Iterable[Mapping[str, object]]) -> str:
    """Write rows as one JSON text, which PostgreSQL reads faster than an array per column."""
    return json.dumps([dict(row) for row in rows], ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
