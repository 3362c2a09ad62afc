"""What a night brought for a member, in the form ``members.derived_events.tell`` takes."""

from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Numeric, Select, Text, cast, func, literal, null, select


def occasion(
    kind: str, member_id: ColumnElement[int], properties: ColumnElement[Any], *, now: datetime, zone: tzinfo
) -> Select[Any]:
    """Return the query for an event that a member has once a local day at most; say from where, and for whom."""
    day = f":{now.astimezone(zone):%Y-%m-%d}"
    columns: tuple[Any, ...] = (
        member_id.label("member_id"),
        cast(literal(kind), Text).label("kind"),
        func.concat(f"{kind}:", cast(member_id, Text), day).label("key"),
        cast(literal(now), DateTime(timezone=True)).label("occurred_at"),
        cast(null(), Numeric).label("value"),
        properties.label("properties"),
    )
    found: Select[Any] = select(*columns)
    return found
