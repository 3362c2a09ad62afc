"""Segments as they are kept: a condition by its name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, or_, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from database.member_tables import segments
from language.problems import InputRefused, Problem, refuse
from members.condition_model import Condition
from members.conditions import expanded, parse_condition


@dataclass(frozen=True, kw_only=True)
class KeptSegment:
    """A segment as it is kept."""

    name: str
    condition: Condition
    kind: str = "condition"  #: condition, list or sample
    keep: bool = False  #: who enters and leaves is noted and told
    title: Mapping[str, str] = field(default_factory=dict)


def store_segments(connection: Connection, wanted: list[KeptSegment], *, now: datetime) -> None:
    """Store segments with everything there is to say of them; those not named stay as they are.

    Who is in them is not looked at: that is applying's.

    Raises:
        InputRefused: a name is none, or with those kept already one asks about itself or about a
            segment nobody knows; nothing is stored.
    """
    for name in (one.name for one in wanted):
        if not name or len(name) > 100 or not name.replace("-", "").replace("_", "").isalnum():
            raise refuse("{name} is no name for a segment; expected letters, digits and dashes", name=repr(name)[:120])
    together = {**load_segments(connection), **{one.name: one.condition for one in wanted}}
    for name in together:  # Those kept already, too: what they ask about may be no list any more.
        expanded(Condition(segment=name), together)
    rows = [
        {
            "name": one.name, "condition": one.condition.model_dump(mode="json"), "title": dict(one.title),
            "kind": one.kind, "keep": one.keep, "updated_at": now,
        }
        for one in sorted(wanted, key=lambda one: one.name)
    ]  # fmt: skip
    if rows:
        told = upsert(segments)
        new = {name: told.excluded[name] for name in ("condition", "title", "kind", "keep")}
        changed = told.on_conflict_do_update(
            index_elements=["name"],
            set_={**new, "updated_at": told.excluded.updated_at},
            where=or_(*(segments.c[name].is_distinct_from(value) for name, value in new.items())),
        )
        connection.execute(changed, rows)


def hold_definitions(connection: Connection) -> None:
    """Wait for whoever applies segments, and keep them waiting until the transaction ends.

    Whoever locks rows of members FOR UPDATE and then writes who is in segments begins with this.
    """
    connection.execute(text("LOCK TABLE segments IN ROW SHARE MODE"))


def load_segments(connection: Connection) -> dict[str, Condition]:
    """Return every segment's condition by its name."""
    return {name: one.condition for name, one in load_kept(connection).items()}


def named_segment(name: str, known: Mapping[str, Condition]) -> Condition:
    """Return the condition of the segment of this name.

    Raises:
        InputRefused: there is none, with the nearest name that there is.
    """
    expanded(Condition(segment=name), known)
    return known[name]


def naming_problems(condition: Condition, known: Mapping[str, Condition]) -> list[Problem]:
    """Say what is wrong with the segments and lists that a condition names."""
    try:
        expanded(condition, known)
    except InputRefused as refused:
        return list(refused.problems)
    return []


def load_kept(connection: Connection) -> dict[str, KeptSegment]:
    """Return every segment by its name."""
    found = connection.execute(select(segments).order_by(segments.c.name))
    return {
        row.name: KeptSegment(
            name=row.name,
            condition=parse_condition(row.condition, field=f"segments.{row.name}"),
            kind=row.kind,
            keep=row.keep,
            title=row.title,
        )
        for row in found
    }
