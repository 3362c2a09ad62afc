"""Segments: conditions with a name, and the members a condition picks."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from database.member_tables import segments
from database.tables import members
from language.problems import refuse
from members.conditions import Condition, clause, expanded, parse_condition


def save_segments(connection: Connection, named: Mapping[str, Condition], *, now: datetime) -> None:
    """Store segments by name; those not named stay as they are.

    Raises:
        InputRefused: a name is none, or with those kept already one asks about itself or about a
            segment nobody knows; nothing is stored.
    """
    for name in named:
        if not name or len(name) > 100 or not name.replace("-", "").replace("_", "").isalnum():
            raise refuse("{name} is no name for a segment; expected letters, digits and dashes", name=repr(name)[:120])
    together = {**load_segments(connection), **named}
    for name in sorted(named):
        expanded(Condition(segment=name), together)
    rows = [
        {"name": name, "condition": named[name].model_dump(mode="json"), "updated_at": now} for name in sorted(named)
    ]
    if rows:
        told = upsert(segments)
        changed = told.on_conflict_do_update(
            index_elements=["name"],
            set_={"condition": told.excluded.condition, "updated_at": told.excluded.updated_at},
            where=segments.c.condition.is_distinct_from(told.excluded.condition),
        )
        connection.execute(changed, rows)


def load_segments(connection: Connection) -> dict[str, Condition]:
    """Return every segment's condition by its name."""
    found = connection.execute(select(segments.c.name, segments.c.condition).order_by(segments.c.name))
    return {row.name: parse_condition(row.condition, field=f"segments.{row.name}") for row in found}


def matching_members(
    condition: Condition, now: datetime, *, segments: Mapping[str, Condition] | None = None
) -> Select[tuple[int]]:
    """Return the query for the ids (``member_id``) of those, neither erased nor merged into another, for whom the condition holds at ``now``."""
    holds = clause(condition, member=members.c.id, now=now, segments=segments, of_everybody=True)
    return select(members.c.id.label("member_id")).where(
        members.c.erased_at.is_(None), members.c.merged_into.is_(None), holds
    )


def count_matching(
    connection: Connection, condition: Condition, now: datetime, *, segments: Mapping[str, Condition] | None = None
) -> int:
    """Count the members the condition picks at ``now``."""
    picked = matching_members(condition, now, segments=segments).subquery()
    return connection.scalar(select(func.count()).select_from(picked)) or 0
