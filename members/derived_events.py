"""Events that follow from what is known: a tier reached, points about to expire, a birthday in a week.

Each has a key made of its occasion, so it happens once however often, late or by how many it is told.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Connection, DateTime, Select, Text, bindparam, cast, func, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert

from database.member_tables import touched_members
from database.tables import events, facts, members, unprocessed_events

#: Who tells these events.
SOURCE = "tidings"

_NOW = bindparam("told_now", type_=DateTime(timezone=True))


def _held(fresh: CTE) -> CTE:
    """Hold members before anything is written, as the foreign keys would after it: who merges holds members first too."""
    whose = select(members.c.id).where(members.c.id.in_(select(fresh.c.member_id)))
    return whose.order_by(members.c.id).with_for_update(read=True, key_share=True).cte("held")


def tell(connection: Connection, happened: Select[Any], *, now: datetime) -> int:
    """Store what happened, with its totals and its bell for the triggers; return how many were news.

    ``happened`` yields ``member_id``, ``kind``, ``key`` (the occasion: unique for what happened,
    to whom and when), ``occurred_at``, ``value`` (numeric or null) and ``properties`` (jsonb).
    """
    fresh = happened.cte("happened")
    held = _held(fresh)
    stored = (
        upsert(events)
        .from_select(
            ["source", "key", "member_id", "kind", "occurred_at", "received_at", "value", "properties"],
            select(
                cast(literal(SOURCE), Text), fresh.c.key, fresh.c.member_id, fresh.c.kind, fresh.c.occurred_at, _NOW,
                fresh.c.value, fresh.c.properties,
            ).join(held, held.c.id == fresh.c.member_id).order_by(fresh.c.member_id, fresh.c.key),
        )
        .on_conflict_do_nothing(index_elements=["source", "key"])
        .returning(events.c.id, events.c.member_id, events.c.kind, events.c.occurred_at, events.c.value)
        .cte("stored")
    )  # fmt: skip
    unprocessed = insert(unprocessed_events).from_select(["event_id"], select(stored.c.id)).cte("unprocessed")
    touched = (
        insert(touched_members).from_select(["member_id"], select(stored.c.member_id).distinct()).cte("touched")
    )
    sums = (
        select(
            stored.c.member_id, stored.c.kind, func.min(stored.c.occurred_at), func.max(stored.c.occurred_at),
            func.count(), func.coalesce(func.sum(stored.c.value), 0),
        )
        .group_by(stored.c.member_id, stored.c.kind)
        .order_by(stored.c.member_id, stored.c.kind)
    )  # fmt: skip
    totals = upsert(facts).from_select(["member_id", "event", "first_at", "last_at", "count", "total"], sums)
    merged = (
        totals.on_conflict_do_update(
            index_elements=["member_id", "event"],
            set_={
                "first_at": func.least(facts.c.first_at, totals.excluded.first_at),
                "last_at": func.greatest(facts.c.last_at, totals.excluded.last_at),
                "count": facts.c.count + totals.excluded.count,
                "total": facts.c.total + totals.excluded.total,
            },
        )
        .returning(facts.c.member_id)
        .cte("totals")
    )
    told = select(func.count()).select_from(stored).add_cte(unprocessed, touched, merged)
    return connection.execute(told, {"told_now": now}).scalar_one()
