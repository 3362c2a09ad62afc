"""Happenings: what followed for single members, told as events, many in one statement."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Connection, DateTime, Numeric, Text, column, select, text
from sqlalchemy.dialects.postgresql import JSONB

from members.derived_events import tell

_ROWS = """
SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (
    member_id bigint, kind text, key text, occurred_at timestamptz, value numeric, properties jsonb
)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """Something that happened to one member."""

    member_id: int
    kind: str
    key: str  #: the occasion; the same again is the same event
    occurred_at: datetime
    value: Decimal | None = None
    properties: Mapping[str, object] = field(default_factory=dict)


def tell_all(connection: Connection, happened: Iterable[Happening], *, now: datetime) -> int:
    """Tell all of these as events of source ``tidings``; return how many were news."""
    rows = [
        {
            "member_id": one.member_id,
            "kind": one.kind,
            "key": one.key,
            "occurred_at": one.occurred_at.isoformat(),
            "value": None if one.value is None else str(one.value),
            "properties": {name: value for name, value in one.properties.items() if value is not None},
        }
        for one in happened
    ]
    if not rows:
        return 0
    told = text(_ROWS).bindparams(rows=json.dumps(rows, ensure_ascii=False, default=str))
    columns = told.columns(
        column("member_id", BigInteger), column("kind", Text), column("key", Text),
        column("occurred_at", DateTime(timezone=True)), column("value", Numeric), column("properties", JSONB),
    )  # fmt: skip
    return tell(connection, select(columns.subquery("told")), now=now)
