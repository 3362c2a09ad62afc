"""Touch whoever a changed score, store or cluster should let enter or leave a kept segment, and nobody else."""

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import Connection, insert, select, union

from database.member_tables import segment_members, touched_members
from members.condition_model import Condition
from members.expansion import expanded
from members.segments.picking import matching_members
from members.segments.storing import load_kept


def touch_differing(connection: Connection, asks: Callable[[Condition], bool], *, now: datetime) -> None:
    """Touch whoever is in a kept segment and should not be, or the reverse, where the segment asks such a question."""
    known = load_kept(connection)
    named = {name: one.condition for name, one in known.items()}
    for name, one in known.items():
        if one.keep and any(asks(question) for question in _questions(expanded(one.condition, named))):
            right = matching_members(one.condition, now, segments=named)
            stands = select(segment_members.c.member_id).where(segment_members.c.segment == name)
            differing = union(
                select(right.except_(stands).subquery()), select(stands.except_(right).subquery())
            ).subquery()
            connection.execute(insert(touched_members).from_select(["member_id"], select(differing.c.member_id)))


def _questions(condition: Condition) -> Iterator[Condition]:
    inner = condition.all or condition.any or ([condition.not_] if condition.not_ else [])
    for part in inner:
        yield from _questions(part)
    if not inner:
        yield condition
