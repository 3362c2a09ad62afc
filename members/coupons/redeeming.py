"""Coupons are redeemed by what their members buy; a code that does not count is told, with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, text

from language.problems import refuse
from members.coupons.definition import Coupon
from members.definitions import load_definitions
from members.events import AHEAD
from members.happenings import Happening, tell_happenings

_POOLS = """
WITH pools AS (
    SELECT * FROM unnest(
        CAST(:pools AS text[]), CAST(:kinds AS text[]), CAST(:properties AS text[]),
        CAST(:fixed AS numeric[]), CAST(:shares AS numeric[])
    ) AS pools (pool, kind, property, fixed, share)
), shown AS ("""

#: What the members' events show: every code in the property, be it one text or a list.
_BY_EVENTS = """
    SELECT events.id AS event_id, events.member_id, events.occurred_at AS shown_at, events.value, pools.*,
           btrim(codes.code) AS code
    FROM events JOIN pools ON pools.kind = events.kind
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(events.properties -> pools.property)
            WHEN 'array' THEN events.properties -> pools.property
            WHEN 'string' THEN jsonb_build_array(events.properties -> pools.property)
            WHEN 'number' THEN jsonb_build_array(events.properties -> pools.property)
            ELSE '[]' END
    ) AS codes (code)
    WHERE events.member_id = ANY(CAST(:ids AS bigint[]))
"""

#: What somebody shows at the till, with the order's amount where it is known.
_BY_HAND = """
    SELECT CAST(NULL AS bigint) AS event_id, CAST(:member_id AS bigint) AS member_id,
           CAST(:now AS timestamptz) AS shown_at, CAST(:value AS numeric) AS value, pools.*, btrim(:code) AS code
    FROM pools
"""

# A code may be in several pools: where it does not count in one, it may in another.
_REDEEM = """
), judged AS (
    SELECT shown.*, coupons.id AS coupon_id, coupons.occasion,
           CASE WHEN coupons.redeemed_event_id = shown.event_id THEN 'done'
                WHEN coupons.member_id IS NULL OR shown.shown_at < coupons.issued_at - :skew THEN 'not_issued'
                WHEN coalesce(owner.merged_into, owner.id) <> shown.member_id THEN 'other_member'
                WHEN coupons.redeemed_at IS NOT NULL THEN 'used'
                WHEN shown.shown_at >= coupons.expires_at THEN 'expired'
                ELSE 'redeemed' END AS verdict
    FROM shown JOIN coupons ON coupons.pool = shown.pool AND coupons.code = shown.code
    LEFT JOIN members AS owner ON owner.id = coupons.member_id
), chosen AS (
    SELECT DISTINCT ON (event_id, code) * FROM judged
    ORDER BY event_id, code,
             array_position(ARRAY['done', 'redeemed', 'used', 'expired', 'other_member', 'not_issued'], verdict), pool
), settled AS (
    SELECT *, CASE WHEN verdict = 'redeemed' AND row_number() OVER (
            PARTITION BY coupon_id, verdict ORDER BY shown_at, event_id
        ) > 1 THEN 'used' ELSE verdict END AS outcome
    FROM chosen WHERE verdict <> 'done'
), redeemed AS (
    UPDATE coupons SET redeemed_at = settled.shown_at, redeemed_event_id = settled.event_id,
           cost = coalesce(settled.fixed, settled.share * greatest(settled.value, 0), 0)
    FROM settled
    WHERE coupons.id = settled.coupon_id AND settled.outcome = 'redeemed' AND coupons.redeemed_at IS NULL
    RETURNING coupons.id, coupons.cost
)
SELECT settled.coupon_id, settled.pool, settled.code, settled.occasion, settled.member_id, settled.event_id,
       settled.shown_at, settled.value, settled.outcome, redeemed.cost
FROM settled LEFT JOIN redeemed ON redeemed.id = settled.coupon_id AND settled.outcome = 'redeemed'
WHERE CASE WHEN settled.outcome = 'redeemed' THEN redeemed.id IS NOT NULL ELSE NOT EXISTS (
    SELECT FROM events WHERE source = 'tidings' AND key = concat_ws(':', 'coupon.refused', coupon_id, event_id)
) END
"""
_FROM_EVENTS = text(_POOLS + _BY_EVENTS + _REDEEM)
_FROM_HAND = text(_POOLS + _BY_HAND + _REDEEM)
_HOLD = text("SELECT id FROM members WHERE id = :member_id FOR NO KEY UPDATE")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What became of a code that somebody showed."""

    pool: str
    code: str
    outcome: str  #: redeemed, used, expired, other_member or not_issued
    cost: Decimal | None


def redeem_by_events(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """Redeem what these members' events show and tell what came of each code, once; a step of the reckoning.

    An event's codes are looked at whenever its member is reckoned, and say the same each time: a coupon
    is redeemed by the first event told that shows it within its time.  A code that is in no pool is
    somebody else's and says nothing.
    """
    pools = load_definitions(connection, Coupon)
    if not pools or not member_ids:
        return
    terms = _terms(pools) | {"ids": list(member_ids)}
    _tell(connection, connection.execute(_FROM_EVENTS, terms).all(), now)


def redeem_by_hand(
    connection: Connection, code: str, member_id: int, *, now: datetime, value: Decimal | None = None
) -> Shown:
    """Redeem a code that a member shows where no event will tell of it.

    Raises:
        InputRefused: no pool has this code.
    """
    connection.execute(_HOLD, {"member_id": member_id})
    terms = _terms(load_definitions(connection, Coupon)) | {"member_id": member_id, "code": code, "value": value, "now": now}
    found = connection.execute(_FROM_HAND, terms).one_or_none()
    if found is None:
        raise refuse("no pool has the code {code}", code=code)
    _tell(connection, [found], now)
    return Shown(pool=found.pool, code=found.code, outcome=found.outcome, cost=found.cost)


def _terms(pools: Mapping[str, Coupon]) -> dict[str, object]:
    each = list(pools.values())
    return {
        "pools": [one.pool for one in each],
        "kinds": [one.redeem.event for one in each],
        "properties": [one.redeem.property for one in each],
        "fixed": [one.cost.fixed if one.cost else None for one in each],
        "shares": [one.cost.share_of_order if one.cost else None for one in each],
        "skew": AHEAD,
    }


def _tell(connection: Connection, rows: Sequence[Row[Any]], now: datetime) -> None:
    tell_happenings(connection, (_redeemed(row) if row.outcome == "redeemed" else _refused(row, now) for row in rows), now=now)


def _redeemed(row: Row[Any]) -> Happening:
    return Happening(
        member_id=row.member_id,
        kind="coupon.redeemed",
        key=f"coupon.redeemed:{row.coupon_id}",
        occurred_at=row.shown_at,
        value=row.value,
        properties=_said(row) | {"cost": float(row.cost)},
    )


def _refused(row: Row[Any], now: datetime) -> Happening:
    by = row.event_id if row.event_id is not None else now.isoformat()
    return Happening(
        member_id=row.member_id,
        kind="coupon.refused",
        key=f"coupon.refused:{row.coupon_id}:{by}",
        occurred_at=row.shown_at,
        properties=_said(row) | {"reason": row.outcome},
    )


def _said(row: Row[Any]) -> dict[str, object]:
    said = {"coupon": row.pool, "code": row.code, "occasion": row.occasion, "event": row.event_id}
    if row.outcome in ("other_member", "not_issued"):
        del said["occasion"]  # Another member's is not this one's to know.
    return {name: value for name, value in said.items() if value is not None}
