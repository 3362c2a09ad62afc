"""Who enters and leaves a kept segment is told once, and equals a full count whatever happened."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from database.engine import Database
from database.member_tables import segment_members, segment_rechecks
from database.tables import events, members
from members.conditions import parse_condition
from members.events import NewEvent, record
from members.reckoning import reckon
from members.segments.storing import KeptSegment, store_segments

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)


def keep(connection: Connection, **conditions: Any) -> None:
    kept = [KeptSegment(name=name, condition=parse_condition(asked), keep=True) for name, asked in conditions.items()]
    store_segments(connection, kept, now=NOW)


def buy(connection: Connection, key: str, at: datetime, **properties: object) -> None:
    told = NewEvent(source="shop", key=f"{key}-{at.isoformat()}", member_key=key, kind="order.paid", occurred_at=at, properties=properties)
    record(connection, [told], now=at)


def reckon_all(connection: Connection, now: datetime) -> None:
    while reckon(connection, now=now):
        pass


def told_of(connection: Connection) -> Sequence[tuple[str, str, str]]:
    found = connection.execute(
        select(members.c.key, events.c.kind, events.c.properties["segment"].astext)
        .join(members, members.c.id == events.c.member_id)
        .where(events.c.kind.like("segment.%"))
        .order_by(events.c.id)
    )
    return [(key, kind, segment) for key, kind, segment in found]


def test_whoever_enters_and_leaves_is_told_of_once_and_time_alone_is_enough(database: Database) -> None:
    with database.transaction() as connection:
        keep(connection, lately={"event": {"kind": "order.paid", "within": "30d"}})
        buy(connection, "1", NOW)
        reckon_all(connection, NOW)
        reckon_all(connection, NOW)
        assert told_of(connection) == [("1", "segment.entered", "lately")]
        due = connection.execute(select(segment_rechecks.c.due_at)).scalar_one()
        assert due == NOW + timedelta(days=30)

        reckon_all(connection, due - timedelta(seconds=1))
        assert len(told_of(connection)) == 1
        reckon_all(connection, due)
        assert told_of(connection)[1:] == [("1", "segment.left", "lately")]
        assert connection.execute(select(segment_members)).all() == []

        buy(connection, "1", due + timedelta(days=1))
        reckon_all(connection, due + timedelta(days=1))
        assert [kind for _, kind, _ in told_of(connection)] == ["segment.entered", "segment.left", "segment.entered"]
