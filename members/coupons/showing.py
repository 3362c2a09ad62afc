"""Coupons as people look at them: how a pool stands, and what became of one code."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from database.loyalty_tables import coupons
from database.tables import members


class PoolStanding(NamedTuple):
    """How many of a pool's codes are where; each is in one of the first four."""

    pool: str
    free: int
    open: int  #: a member has it and may use it
    redeemed: int
    expired: int  #: ended unused
    cost: Decimal  #: of all that were redeemed


class CodeStanding(NamedTuple):
    """What became of one code of one pool."""

    pool: str
    code: str
    state: str  #: free, open, redeemed or expired
    member: str | None
    occasion: str | None
    issued_at: datetime | None
    expires_at: datetime | None
    redeemed_at: datetime | None
    redeemed_event_id: int | None
    cost: Decimal | None


def pool_standings(connection: Connection, *, now: datetime) -> list[PoolStanding]:
    """Return how every pool that has codes stands, by name."""
    is_free, is_redeemed = coupons.c.issued_at.is_(None), coupons.c.redeemed_at.is_not(None)
    is_over = coupons.c.expires_at <= now
    is_open = coupons.c.issued_at.is_not(None) & ~is_redeemed & or_(coupons.c.expires_at.is_(None), ~is_over)
    found = connection.execute(
        select(
            coupons.c.pool,
            *(func.count().filter(each) for each in (is_free, is_open, is_redeemed, ~is_redeemed & is_over)),
            func.coalesce(func.sum(coupons.c.cost), 0),
        )
        .group_by(coupons.c.pool)
        .order_by(coupons.c.pool)
    )
    return [PoolStanding(*row) for row in found]


def code_standings(connection: Connection, code: str, *, now: datetime) -> list[CodeStanding]:
    """Return what became of a code, in each pool that has it."""
    return _standings(connection, coupons.c.code == code, now)


def coupons_of(connection: Connection, member_id: int, *, now: datetime) -> Sequence[CodeStanding]:
    """Return every coupon a member ever got, as any row of theirs, the newest first."""
    rows = select(members.c.id).where(or_(members.c.id == member_id, members.c.merged_into == member_id))
    return _standings(connection, coupons.c.member_id.in_(rows), now)


def _standings(connection: Connection, wanted: ColumnElement[bool], now: datetime) -> list[CodeStanding]:
    state = case(
        (coupons.c.issued_at.is_(None), "free"),
        (coupons.c.redeemed_at.is_not(None), "redeemed"),
        (coupons.c.expires_at <= now, "expired"),
        else_="open",
    )
    found = connection.execute(
        select(
            coupons.c.pool, coupons.c.code, state, members.c.key, coupons.c.occasion, coupons.c.issued_at,
            coupons.c.expires_at, coupons.c.redeemed_at, coupons.c.redeemed_event_id, coupons.c.cost,
        )
        .select_from(coupons.outerjoin(members, members.c.id == coupons.c.member_id))
        .where(wanted)
        .order_by(coupons.c.issued_at.desc().nulls_last(), coupons.c.pool)
    )  # fmt: skip
    return [CodeStanding._make(row) for row in found]
