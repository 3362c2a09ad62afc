"""Who enters and leaves the segments that are kept: found for the members that were touched, told once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    true,
    union_all,
)

from database.member_tables import segment_members, segment_rechecks, segments
from database.tables import members
from members.condition_model import Condition
from members.condition_sql import clause
from members.conditions import expanded
from members.derived_events import tell
from members.questions.asked import Asked
from members.segments.picking import IS_SOMEBODY
from members.segments.rechecking import next_change
from members.segments.storing import KeptSegment, load_kept

ENTERED, LEFT = "segment.entered", "segment.left"

_TOUCHED = func.any(bindparam("touched_ids", type_=ARRAY(BigInteger)))
#: Whoever reckons shares the definitions; whoever changes one waits for those at work, and they for it.
_SHARE = select(segments.c.keep).order_by(segments.c.name).with_for_update(read=True)


def follow_segments(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """Let these members enter and leave every segment that is kept, and note when time may change that."""
    any_is_kept = any(connection.execute(_SHARE).scalars().all())
    touched = {"touched_ids": list(member_ids)}
    _drop_the_gone(connection, touched)
    known = load_kept(connection) if any_is_kept else {}
    named = {name: one.condition for name, one in known.items()}
    for name, one in known.items():
        if one.keep:
            whole = expanded(one.condition, named)
            move(connection, name, _inside(whole, named, now, touched), now=now, told=True, touched=touched)
            _note_rechecks(connection, name, whole, now, touched)


def recount(
    connection: Connection, one: KeptSegment, named: Mapping[str, Condition], *, now: datetime, told: bool
) -> None:
    """Find out anew who is in a kept segment, of everybody at once; ``told``: whoever enters or leaves is told of."""
    whole = expanded(one.condition, named)
    move(connection, one.name, _inside(whole, named, now, None), now=now, told=told)
    _note_rechecks(connection, one.name, whole, now, None)


def forget_kept(connection: Connection, name: str, *, is_list: bool) -> None:
    """Note no longer who is in a segment; whoever is on an uploaded list stays on it."""
    connection.execute(delete(segment_rechecks).where(segment_rechecks.c.segment == name))
    if not is_list:
        connection.execute(delete(segment_members).where(segment_members.c.segment == name))


def sizes(connection: Connection) -> dict[str, int]:
    """Return how many are in each list, and in each segment that is kept."""
    row = segment_members
    kept = select(segments.c.name).where(segments.c.keep | (segments.c.kind == "list"))
    counted = select(row.c.segment, func.count()).group_by(row.c.segment)
    inside = {str(row[0]): int(row[1]) for row in connection.execute(counted)}
    return dict.fromkeys(connection.scalars(kept), 0) | inside


def _drop_the_gone(connection: Connection, touched: Mapping[str, object]) -> None:
    """Take whoever is erased or merged off the lists that are not kept; the kept ones tell that they left."""
    kept = select(segments.c.name).where(segments.c.keep)
    gone = select(members.c.id).where(members.c.id == _TOUCHED, ~IS_SOMEBODY)
    connection.execute(
        delete(segment_members).where(segment_members.c.member_id.in_(gone), segment_members.c.segment.not_in(kept)),
        touched,
    )


def move(
    connection: Connection,
    name: str,
    inside: Select[tuple[int]],
    *,
    now: datetime,
    told: bool,
    touched: Mapping[str, object] | None = None,
) -> None:
    """Let those of ``inside`` (one column, member ids) be in the segment, and of the touched nobody else.

    With ``touched`` None nobody else at all is.  ``told``: events say who entered and who left.
    """
    moved = _moves(name, inside, now, of_everybody=touched is None).subquery("moved")
    given = touched or {}
    if not told:
        connection.execute(select(func.count()).select_from(moved), given)
        return
    happened = select(
        moved.c.member_id,
        moved.c.kind,
        func.concat("segment:", name, ":", moved.c.kind, ":", moved.c.visit).label("key"),
        cast(literal(now), DateTime(timezone=True)).label("occurred_at"),
        cast(null(), Numeric).label("value"),
        func.jsonb_build_object("segment", cast(literal(name), Text)).label("properties"),
    )
    tell(connection, happened.params(**given) if given else happened, now=now)


def _inside(
    whole: Condition, named: Mapping[str, Condition], now: datetime, touched: object
) -> Select[tuple[int]]:
    """Return the query for those, of the touched or of everybody, for whom the condition holds."""
    holds = clause(whole, member=members.c.id, now=now, segments=named, of_everybody=touched is None)
    return select(members.c.id).where(_considered(touched), IS_SOMEBODY, holds)


def _considered(touched: object) -> ColumnElement[bool]:
    return true() if touched is None else members.c.id == _TOUCHED


def _moves(name: str, picked: Select[tuple[int]], now: datetime, *, of_everybody: bool) -> Select[Any]:
    """Write down who entered and who left, and select (member_id, kind, visit) of them."""
    row = segment_members
    inside = picked.cte("inside").prefix_with("MATERIALIZED")
    was_in = select(row.c.member_id).where(row.c.segment == name, row.c.member_id == inside.c.id)
    news = select(literal(name), inside.c.id, cast(literal(now), DateTime(timezone=True))).where(~was_in.exists())
    entered = (
        insert(row)
        .from_select(["segment", "member_id", "entered_at"], news.order_by(inside.c.id))
        .returning(row.c.member_id, row.c.visit)
        .cte("entered")
    )
    is_in = select(inside.c.id).where(inside.c.id == row.c.member_id)
    of_them = true() if of_everybody else row.c.member_id == _TOUCHED
    left = (
        delete(row)
        .where(row.c.segment == name, of_them, ~is_in.exists())
        .returning(row.c.member_id, row.c.visit)
        .cte("left")
    )
    moved = ((entered, ENTERED), (left, LEFT))
    both = union_all(*(select(who.c.member_id, literal(kind).label("kind"), who.c.visit) for who, kind in moved))
    return select(both.subquery())


def _note_rechecks(
    connection: Connection, name: str, whole: Condition, now: datetime, touched: Mapping[str, object] | None
) -> None:
    """Note for each member when time alone may change the answer."""
    row = segment_rechecks
    which = row.c.segment == name
    given = touched or {}
    connection.execute(delete(row).where(which if touched is None else and_(which, row.c.member_id == _TOUCHED)), given)
    moment = next_change(whole, Asked(member=members.c.id, now=now, of_everybody=touched is None))
    if moment is None:
        return
    found = select(members.c.id, moment.label("due_at")).where(_considered(touched), IS_SOMEBODY).offset(0).subquery()
    due = select(literal(name), found.c.id, found.c.due_at).where(found.c.due_at.is_not(None))
    connection.execute(insert(row).from_select(["segment", "member_id", "due_at"], due), given)
