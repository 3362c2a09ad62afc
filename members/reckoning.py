"""What follows for members of whom something new was told: facts, points, tiers, coupons, and in the end segments.

Whoever writes something about members touches them (``touch``) in the same transaction; whoever reckons
takes touched members in batches, so that each is looked at once however much was told.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Connection, DateTime, bindparam, delete, func, insert, select
from sqlalchemy.exc import DataError

from database.engine import Database, read_clock
from database.member_tables import segment_rechecks, touched_members
from database.tables import members
from members.coupons.redeeming import redeem_by_events
from members.everybody import hold
from members.facts.reckoned import reckon_channels, reckon_orders
from members.identity.strays import bring_strays
from members.occasions.telling import tell_first_orders
from members.points.earning import award_points
from members.segments.entering import follow_segments
from members.tiers.moving import review_tiers

#: Works out one thing anew for the members with these ids, who are held until the transaction ends.
Step = Callable[[Connection, Sequence[int], datetime], None]

#: In this order, for each builds on those before it; segments, which may ask about anything, follow them all.
STEPS: tuple[Step, ...] = (reckon_orders, reckon_channels, award_points, review_tiers, tell_first_orders, redeem_by_events)

#: What is said of data that no column or number has room for.
UNRECKONABLE = (DataError, ArithmeticError)

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
# An array: found once.  As a set PostgreSQL might look for it anew beside every row, each time behind those taken already.
_TAKE = delete(touched_members).where(touched_members.c.id == func.any(func.array(_OLDEST))).returning(touched_members.c.member_id)

# The answer about these may have changed by time alone.  They are only looked at: whoever changes or merges
# members, or definitions, takes rechecks away while holding those, and so nobody may lock rechecks before them.
_IS_DUE = segment_rechecks.c.due_at <= bindparam("due_now", type_=DateTime(timezone=True))
_DUE = (
    select(segment_rechecks.c.member_id)
    .where(_IS_DUE)
    .order_by(segment_rechecks.c.due_at)
    .limit(bindparam("at_most", type_=BigInteger))
)
_SEEN_TO = delete(segment_rechecks).where(segment_rechecks.c.member_id == func.any(_IDS), _IS_DUE)
#: The advisory lock of whoever sees to what is due: a second one would only do the same again.
DUE = 7_205_759_405
_ALONE = select(func.pg_try_advisory_xact_lock(DUE))

# Rows rather than advisory locks, of which PostgreSQL has room for few thousand.
_STANDS = members.c.erased_at.is_(None) & members.c.merged_into.is_(None)
_HOLD = (
    select(members.c.id, _STANDS.label("stands"))
    .where(members.c.id == func.any(_IDS))
    .order_by(members.c.id)
    .with_for_update(key_share=True)
)


def touch(connection: Connection, member_ids: Collection[int]) -> None:
    """Note that something new is known about these members."""
    if member_ids:
        connection.execute(_TOUCH, {"touched_ids": list(member_ids)})


def is_touched(connection: Connection, member_id: int) -> bool:
    """Say whether something new is known about a member that nothing has followed from yet."""
    waiting = select(touched_members.c.id).where(touched_members.c.member_id == member_id).limit(1)
    return connection.execute(waiting).first() is not None


def reckon(connection: Connection, *, now: datetime, limit: int = 5_000) -> int:
    """Work out what follows for up to ``limit`` touches, and for members whose time has come.

    Returns how many were taken, less than ``limit`` where none is left.
    """
    touched, due = _take(connection, limit, now)
    _follow(connection, touched, due, now)
    return len(touched) + len(due)


def _take(connection: Connection, limit: int, now: datetime) -> tuple[Sequence[int], Sequence[int]]:
    """Take touches, and a tenth as many whose time has come besides: those would else wait out a long import."""
    touched = connection.execute(_TAKE, {"at_most": limit}).scalars().all()
    most_due = max(limit - len(touched), -(-limit // 10))
    due = connection.execute(_DUE, {"at_most": most_due, "due_now": now}).scalars().all()
    return touched, due if due and connection.scalar(_ALONE) else []


def _follow(connection: Connection, touched: Sequence[int], due: Sequence[int], now: datetime) -> None:
    if member_ids := sorted({*touched, *due}):
        bring_strays(connection, member_ids)
        reckon_members(connection, member_ids, now=now)
        _see_to(connection, due, now)


def _see_to(connection: Connection, due: Sequence[int], now: datetime) -> None:
    """Take away what is due about these members, who are held."""
    if due:
        connection.execute(_SEEN_TO, {"touched_ids": list(due), "due_now": now})


def reckon_next(database: Database, *, limit: int = 5_000, refused: Callable[[int], None] = lambda _: None) -> bool:
    """Reckon in a transaction of its own; return whether more may be left.

    A batch that cannot be reckoned is tried again by halves, down to the one member whose data have no place
    in the tables: they are told to ``refused`` and let go until something new is told of them, for nobody else is to wait.
    """
    wanted = limit
    while wanted > 1:
        try:
            with database.transaction() as connection:
                return reckon(connection, now=read_clock(connection), limit=wanted) >= wanted or wanted < limit
        except UNRECKONABLE:
            wanted //= 2
    with database.transaction() as connection:
        now = read_clock(connection)
        touched, due = _take(connection, 1, now)
        for member_id in sorted({*touched, *due}):
            its = [member_id] if member_id in due else []
            try:
                with connection.begin_nested():
                    _follow(connection, [member_id], its, now)
            except UNRECKONABLE:
                hold(connection, its)
                _see_to(connection, its, now)
                refused(member_id)
    return bool(touched or due)


def reckon_members(connection: Connection, member_ids: Sequence[int], *, now: datetime) -> None:
    """Hold these members and take every step for those who stand for somebody; then all enter and leave segments."""
    held = connection.execute(_HOLD, {"touched_ids": list(member_ids)}).all()
    standing = [row.id for row in held if row.stands]
    for step in STEPS:
        step(connection, standing, now)
    follow_segments(connection, [row.id for row in held], now)  # Whoever was erased or merged leaves.
