"""What follows for members of whom something new was told: facts, then tier, then segments, in that order.

Whoever writes something about members touches them (``touch``) in the same transaction; whoever reckons
takes touched members in batches, so that each is looked at once however much was told.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Connection, bindparam, delete, func, insert, select

from database.member_tables import touched_members
from database.tables import members
from members.coupons.redeeming import redeem_by_events

#: Works out one thing anew for the members with these ids, who are held until the transaction ends.
Step = Callable[[Connection, Sequence[int], datetime], None]

#: In this order, for each builds on those before it.
STEPS: tuple[Step, ...] = (redeem_by_events,)

_IDS = bindparam("touched_ids", type_=ARRAY(BigInteger))
_wanted = func.unnest(_IDS).column_valued("member_id")
_TOUCH = insert(touched_members).from_select(["member_id"], select(_wanted))

_OLDEST = (
    select(touched_members.c.id)
    .order_by(touched_members.c.id)
    .limit(bindparam("at_most", type_=BigInteger))
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_TAKE = delete(touched_members).where(touched_members.c.id.in_(_OLDEST)).returning(touched_members.c.member_id)

# Rows rather than advisory locks, of which PostgreSQL has room for few thousand.
_HOLD = (
    select(members.c.id).where(members.c.id == func.any(_IDS)).order_by(members.c.id).with_for_update(key_share=True)
)


def touch(connection: Connection, member_ids: Collection[int]) -> None:
    """Note that something new is known about these members."""
    if member_ids:
        connection.execute(_TOUCH, {"touched_ids": list(member_ids)})


def reckon(connection: Connection, *, now: datetime, limit: int = 5_000) -> int:
    """Work out what follows for up to ``limit`` touches; return how many were taken, 0 where none is left."""
    touched = connection.execute(_TAKE, {"at_most": limit}).scalars().all()
    if touched:
        reckon_members(connection, sorted(set(touched)), now=now)
    return len(touched)


def reckon_members(connection: Connection, member_ids: Sequence[int], *, now: datetime) -> None:
    """Hold these members and take every step for them."""
    held = connection.execute(_HOLD, {"touched_ids": list(member_ids)}).scalars().all()
    for step in STEPS:
        step(connection, held, now)
