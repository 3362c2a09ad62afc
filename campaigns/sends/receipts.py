"""Let delivery reports move sends up, in whatever order they come."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Connection,
    DateTime,
    Integer,
    Select,
    Update,
    all_,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.sql.dml import ReturningUpdate

from campaigns.sends.earlier import NO_ATTEMPTS, confirm_by, with_channel_left
from campaigns.sends.states import SendState, may_become
from database.holding import hold_members
from database.tables import addresses, attempts, receipts, sends, suppressions
from members.reckoning import touch

#: How long a report that fits no send is kept and tried: it may be ahead of our own commit.
KEPT_FOR = timedelta(hours=72)
TRIED_EVERY = timedelta(seconds=5)

#: What is said of a message that will not arrive.
_FAILED = ("failed", "bounced")

_NOW = bindparam("receipt_now", type_=DateTime(timezone=True))
_IDS = bindparam("receipt_ids", type_=ARRAY(BigInteger))


def _pending() -> CTE:
    return (
        select(receipts.c.id, receipts.c.provider, receipts.c.provider_ref, receipts.c.send_id, receipts.c.status,
               receipts.c.code, receipts.c.received_at)
        .where(receipts.c.applied_at.is_(None), receipts.c.try_at <= func.clock_timestamp())
        .order_by(receipts.c.try_at)
        .limit(bindparam("receipt_limit", type_=Integer))
        .with_for_update(skip_locked=True)
        .cte("pending")
    )  # fmt: skip


def _matched(pending: CTE) -> CTE:
    """Find each report's hand-over: the last to its account, or else on its channel, by our own reference, else by the
    provider's, which may stand for a group of sends.
    """
    channel = func.split_part(pending.c.provider, ".", 1)
    own = and_(attempts.c.send_id == pending.c.send_id, func.split_part(attempts.c.provider, ".", 1) == channel)
    nearest = (
        case((attempts.c.provider == pending.c.provider, 0), else_=1),
        case((attempts.c.provider_ref == pending.c.provider_ref, 0), else_=1),
        attempts.c.number.desc(),
    )
    ours = select(attempts.c.send_id, attempts.c.number).where(own).order_by(*nearest).limit(1).lateral("ours")
    other = (
        select(
            func.min(attempts.c.send_id).label("send_id"),
            func.max(attempts.c.number).label("number"),
            (func.count(attempts.c.send_id.distinct()) > 1).label("is_group"),
        )
        .where(attempts.c.provider == pending.c.provider, attempts.c.provider_ref == pending.c.provider_ref)
        .lateral("other")
    )
    return (
        select(
            *pending.c,
            func.coalesce(ours.c.send_id, other.c.send_id).label("found"),
            func.coalesce(ours.c.number, other.c.number).label("number"),
            other.c.is_group,
        )
        .select_from(pending.outerjoin(ours, true()).outerjoin(other, ours.c.send_id.is_(None)))
        .cte("matched")
        .prefix_with("MATERIALIZED")
    )


def _heard() -> CTE:
    """The applied reports, each beside every hand-over it is about; one about a group names none of them itself."""
    of_these = receipts.c.id == func.any(_IDS)
    one = select(receipts.c.send_id, receipts.c.attempt, receipts.c.status, receipts.c.code)
    group = select(attempts.c.send_id, attempts.c.number, receipts.c.status, receipts.c.code).join(
        attempts, and_(attempts.c.provider == receipts.c.provider, attempts.c.provider_ref == receipts.c.provider_ref)
    )
    return union_all(
        one.where(of_these, receipts.c.attempt.is_not(None)),
        group.where(of_these, receipts.c.attempt.is_(None), receipts.c.send_id.is_(None)),
    ).cte("heard")


def _verdicts() -> CTE:
    """What all reports of this batch on one hand-over together prove: delivered outweighs failed.

    Of a send's hand-overs one is told: the first that was delivered, else the one on its present channel.
    """
    heard = _heard()
    failed = heard.c.status.in_(_FAILED)
    told = (
        select(
            heard.c.send_id,
            heard.c.attempt,
            func.bool_or(heard.c.status.in_(["delivered", "complained"])).label("delivered"),
            func.bool_or(failed).label("failed"),
            func.max(case((failed, heard.c.code))).label("code"),
        )
        .group_by(heard.c.send_id, heard.c.attempt)
        .cte("told")
    )
    where = func.coalesce(attempts.c.address_id, sends.c.address_id)
    present = where.is_not_distinct_from(sends.c.address_id)
    return (
        select(told, addresses.c.channel, where.label("address_id"), attempts.c.provider)
        .select_from(told)
        .join(sends, sends.c.id == told.c.send_id)
        .join(attempts, and_(attempts.c.send_id == told.c.send_id, attempts.c.number == told.c.attempt))
        .outerjoin(addresses, addresses.c.id == where)
        .where(or_(told.c.delivered, present))
        .ext(distinct_on(told.c.send_id))
        .order_by(told.c.send_id, told.c.delivered.desc(), told.c.failed.desc(), told.c.attempt)
        .cte("verdicts")
    )


@cache
def _move() -> ReturningUpdate[tuple[int, datetime | None]]:
    verdicts = _verdicts()
    delivered, failed = verdicts.c.delivered, verdicts.c.failed
    here = verdicts.c.address_id.is_not_distinct_from(sends.c.address_id)
    state = case((delivered, SendState.DELIVERED), (failed, SendState.FAILED), else_=SendState.ACCEPTED)
    allowed = or_(
        and_(delivered, may_become(SendState.DELIVERED)),
        and_(~delivered, failed, here, may_become(SendState.FAILED), sends.c.state != SendState.CLAIMED),
        and_(
            ~delivered, ~failed, here,
            sends.c.state.in_([SendState.IN_DOUBT, SendState.UNKNOWN, SendState.SUBMITTING]),
        ),
    )  # fmt: skip
    unspent = and_(~here, sends.c.state.in_([SendState.WAITING, SendState.CLAIMED]))
    return (
        update(sends)
        .where(sends.c.id == verdicts.c.send_id, case((allowed, True), else_=False))
        .values(
            state=state,
            reason=case((delivered, null()), (failed, func.coalesce(verdicts.c.code, "undelivered")), else_=null()),
            channel=func.coalesce(verdicts.c.channel, sends.c.channel),
            address_id=verdicts.c.address_id,
            provider=verdicts.c.provider,
            left_channels=case((here, sends.c.left_channels), else_=with_channel_left(literal("delivered_before"))),
            cost=case((unspent, sends.c.spent), else_=sends.c.cost),
            accepted_at=func.coalesce(sends.c.accepted_at, _NOW),
            confirm_by=confirm_by(_NOW),
            delivered_at=case((delivered, _NOW), else_=sends.c.delivered_at),
            token=null(),
            lease_until=null(),
            state_at=func.clock_timestamp(),
        )
        .returning(sends.c.member_id, sends.c.accepted_at)
    )


@cache
def _hold() -> Select[int, bool]:
    """Hold every send that is told of, in the order of their ids, as whoever writes answers does; tell which failed."""
    heard = _heard()
    told = (
        select(heard.c.send_id, func.bool_or(heard.c.status.in_(_FAILED)).label("failed"))
        .group_by(heard.c.send_id)
        .subquery("told")
    )
    return (
        select(sends.c.member_id, told.c.failed)
        .join(told, told.c.send_id == sends.c.id)
        .order_by(sends.c.id)
        .with_for_update(of=sends)
    )


@cache
def _forget_failed() -> Update:
    """No longer take what was accepted on a channel that a send left for a message that may have arrived."""
    heard = _heard()
    told = (
        select(heard.c.send_id, func.array_agg(heard.c.attempt).label("numbers"))
        .where(heard.c.status.in_(_FAILED))
        .group_by(heard.c.send_id)
        .cte("told")
    )
    number = func.unnest(sends.c.unconfirmed).column_valued("number")
    left = select(number).where(number != all_(told.c.numbers)).order_by(number)
    return (
        update(sends)
        .where(sends.c.id == told.c.send_id, sends.c.unconfirmed.overlap(told.c.numbers))
        .values(unconfirmed=func.nullif(func.array(left.scalar_subquery()), NO_ATTEMPTS))
    )


@cache
def _bad_addresses() -> Select[tuple[str, bytes, str, int]]:
    return (
        select(
            addresses.c.channel,
            addresses.c.fingerprint,
            func.min(receipts.c.status).label("status"),
            func.min(sends.c.member_id).label("member_id"),
        )
        .join(sends, sends.c.id == receipts.c.send_id)
        .join(attempts, and_(attempts.c.send_id == receipts.c.send_id, attempts.c.number == receipts.c.attempt))
        .join(addresses, addresses.c.id == func.coalesce(attempts.c.address_id, sends.c.address_id))
        .where(receipts.c.id == func.any(_IDS), receipts.c.status.in_(["bounced", "complained"]))
        .group_by(addresses.c.channel, addresses.c.fingerprint)
    )


def _suppress(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    found = connection.execute(_bad_addresses(), {"receipt_ids": ids}).all()
    if not found:
        return
    hold_members(connection, [row.member_id for row in found])
    reasons = {"bounced": "hard_bounce", "complained": "complaint"}
    rows = [
        {
            "channel": row.channel,
            "fingerprint": row.fingerprint,
            "reason": reasons[row.status],
            "source": "receipt",
            "created_at": now,
        }
        for row in found
    ]
    connection.execute(insert(suppressions).values(rows).on_conflict_do_nothing())


@cache
def _apply() -> ReturningUpdate[tuple[int, datetime | None, str, int | None]]:
    matched = _matched(_pending())
    over = or_(matched.c.found.is_not(None), matched.c.received_at < _NOW - literal(KEPT_FOR))
    return (
        update(receipts)
        .where(receipts.c.id == matched.c.id)
        .values(
            applied_at=case((over, _NOW), else_=null()),
            send_id=case((matched.c.is_group, null()), else_=func.coalesce(matched.c.found, receipts.c.send_id)),
            attempt=case((matched.c.is_group, null()), else_=matched.c.number),
            try_at=func.clock_timestamp() + TRIED_EVERY,
        )
        .returning(receipts.c.id, receipts.c.applied_at, receipts.c.status, matched.c.found)
    )


def apply_reports(connection: Connection, *, now: datetime, limit: int = 2000) -> int:
    """Apply stored reports that are not applied yet; return how many were.

    States only rise: a delivery outweighs a failure whichever comes first, and a copy
    changes nothing.  A report may settle a send in doubt, and one that comes ahead of
    our own record of the call is applied at once.  What a channel that the send has left
    reports is heard when it is a delivery; its failure only speaks of its own address.
    One that comes under an id which several sends share moves them all; it stays nobody's
    own, so that no address is suppressed for it.  Reports that fit no hand-over stay for
    three days and are tried again.
    """
    tried = connection.execute(_apply(), {"receipt_limit": limit, "receipt_now": now}).all()
    applied = [row.id for row in tried if row.applied_at is not None]
    ids = [row.id for row in tried if row.found is not None]
    if not ids:
        return len(applied)

    _suppress(connection, ids, now)  # Members are held before any send's row, so that nobody waits in a ring.
    # Sends may be falling back at this very moment; what follows must see them on one channel or the other.
    held = connection.execute(_hold(), {"receipt_ids": ids}).all()
    if failed := {row.member_id for row in held if row.failed}:
        touch(connection, failed)  # A message that did not arrive after all was not received.
        connection.execute(_forget_failed(), {"receipt_ids": ids})
    moved = connection.execute(_move(), {"receipt_ids": ids, "receipt_now": now}).all()
    touch(connection, {row.member_id for row in moved if row.accepted_at == now})  # It was in doubt, or unheard of.
    return len(applied)
