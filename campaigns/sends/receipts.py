"""Keep delivery reports once as they came, and let them move sends up, in whatever order they come."""

import json
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
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningUpdate

from campaigns.sends.reference import send_of
from campaigns.sends.states import SendState, may_become
from channels.message import DeliveryReport
from database.holding import hold_members
from database.tables import addresses, attempts, receipts, sends, suppressions

#: How long a report that fits no send is kept and tried: it may be ahead of our own commit.
KEPT_FOR = timedelta(hours=72)
TRIED_EVERY = timedelta(seconds=5)

_STORE = text("""
INSERT INTO receipts (provider, key, send_id, provider_ref, status, code, occurred_at, received_at, raw)
SELECT provider, key, send_id, provider_ref, status, code, occurred_at, :now, raw
FROM json_to_recordset(CAST(:rows AS json)) AS told (
    provider text, key text, send_id bigint, provider_ref text, status text, code text, occurred_at timestamptz, raw jsonb
) ORDER BY provider, key
ON CONFLICT DO NOTHING
""")

_NOW = bindparam("receipt_now", type_=DateTime(timezone=True))
_IDS = bindparam("receipt_ids", type_=ARRAY(BigInteger))


def store_reports(
    connection: Connection, reports: Sequence[DeliveryReport], *, installation: str, now: datetime
) -> int:
    """Store each report once; return how many were new.  Nothing else happens before the answer to the provider."""
    rows = [
        {
            "provider": report.provider,
            "key": report.key,
            "send_id": send_of(report.reference, installation),
            "provider_ref": report.provider_ref,
            "status": report.status.value,
            "code": report.code,
            "occurred_at": report.occurred_at.isoformat() if report.occurred_at else None,
            "raw": dict(report.raw),
        }
        for report in reports
    ]
    if not rows:
        return 0
    told = {"rows": json.dumps(rows, ensure_ascii=False), "now": now}
    return connection.execute(_STORE, told).rowcount


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
    """Find each report's send: by our own reference, else by the provider's, which may stand for a group of sends."""
    is_ours = exists().where(sends.c.id == pending.c.send_id)
    carried = (
        select(func.min(attempts.c.send_id).label("first"), func.count(attempts.c.send_id.distinct()).label("members"))
        .where(or_(pending.c.send_id.is_(None), ~is_ours))
        .where(attempts.c.provider == pending.c.provider, attempts.c.provider_ref == pending.c.provider_ref)
        .lateral("carried")
    )
    found = func.coalesce(carried.c.first, case((is_ours, pending.c.send_id)))
    asked = select(*pending.c, found.label("found"), (carried.c.members > 1).label("is_group"))
    return asked.select_from(pending.join(carried, true())).cte("matched").prefix_with("MATERIALIZED")


def _known() -> CTE:
    """The applied reports, each beside every send it is about; one about a group names none of them itself."""
    of_these = receipts.c.id == func.any(_IDS)
    one = select(receipts.c.send_id.label("found"), receipts.c.status, receipts.c.code).where(of_these)
    group = (
        select(attempts.c.send_id.label("found"), receipts.c.status, receipts.c.code)
        .join(
            attempts,
            and_(attempts.c.provider == receipts.c.provider, attempts.c.provider_ref == receipts.c.provider_ref),
        )
        .where(of_these, receipts.c.send_id.is_(None))
    )
    return union_all(one.where(receipts.c.send_id.is_not(None)), group).cte("matched")


def _verdicts(matched: CTE) -> CTE:
    """What all of a send's reports in this batch together prove: delivered outweighs failed."""
    status = matched.c.status
    return (
        select(
            matched.c.found,
            func.bool_or(status.in_(["delivered", "complained"])).label("delivered"),
            func.bool_or(status.in_(["failed", "bounced"])).label("failed"),
            func.bool_or(status == "bounced").label("bounced"),
            func.bool_or(status == "complained").label("complained"),
            func.max(case((status.in_(["failed", "bounced"]), matched.c.code))).label("code"),
        )
        .where(matched.c.found.is_not(None))
        .group_by(matched.c.found)
        .cte("verdicts")
    )


@cache
def _move() -> Update:
    verdicts = _verdicts(_known())
    state = case(
        (verdicts.c.delivered, SendState.DELIVERED), (verdicts.c.failed, SendState.FAILED), else_=SendState.ACCEPTED
    )
    allowed = or_(
        and_(verdicts.c.delivered, may_become(SendState.DELIVERED)),
        and_(~verdicts.c.delivered, verdicts.c.failed, may_become(SendState.FAILED), sends.c.state != SendState.CLAIMED),
        and_(
            ~verdicts.c.delivered, ~verdicts.c.failed,
            sends.c.state.in_([SendState.IN_DOUBT, SendState.UNKNOWN, SendState.SUBMITTING]),
        ),
    )  # fmt: skip
    return (
        update(sends)
        .where(sends.c.id == verdicts.c.found, case((allowed, True), else_=False))
        .values(
            state=state,
            reason=case(
                (verdicts.c.delivered, null()),
                (verdicts.c.failed, func.coalesce(verdicts.c.code, "undelivered")),
                else_=null(),
            ),
            accepted_at=func.coalesce(sends.c.accepted_at, _NOW),
            delivered_at=case((verdicts.c.delivered, _NOW), else_=sends.c.delivered_at),
            token=null(),
            lease_until=null(),
            state_at=func.clock_timestamp(),
        )
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
        .join(addresses, addresses.c.id == sends.c.address_id)
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
def _apply() -> ReturningUpdate[tuple[int, datetime | None, int | None]]:
    matched = _matched(_pending())
    over = or_(matched.c.found.is_not(None), matched.c.received_at < _NOW - literal(KEPT_FOR))
    return (
        update(receipts)
        .where(receipts.c.id == matched.c.id)
        .values(
            applied_at=case((over, _NOW), else_=null()),
            send_id=case((matched.c.is_group, null()), else_=func.coalesce(matched.c.found, receipts.c.send_id)),
            try_at=func.clock_timestamp() + TRIED_EVERY,
        )
        .returning(receipts.c.id, receipts.c.applied_at, matched.c.found)
    )


def apply_reports(connection: Connection, *, now: datetime, limit: int = 2000) -> int:
    """Apply stored reports that are not applied yet; return how many were.

    States only rise: a delivery outweighs a failure whichever comes first, and a copy
    changes nothing.  A report may settle a send in doubt, and one that comes ahead of
    our own record of the call is applied at once.  One that comes under an id which
    several sends share moves them all; it stays nobody's own, so that no address is
    suppressed for it.  Reports that fit no send stay for three days and are tried again.
    """
    tried = connection.execute(_apply(), {"receipt_limit": limit, "receipt_now": now}).all()
    applied = [row.id for row in tried if row.applied_at is not None]
    ids = [row.id for row in tried if row.found is not None]
    if ids:
        connection.execute(_move(), {"receipt_ids": ids, "receipt_now": now})
        _suppress(connection, ids, now)
    return len(applied)
