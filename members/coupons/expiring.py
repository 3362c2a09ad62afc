"""What time brings to coupons: that they are about to end, and that they ended unused."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, DateTime, Numeric, Select, Text, column, select, text
from sqlalchemy.dialects.postgresql import JSONB

from members.coupons.definition import Coupon
from members.definitions import load_definitions
from members.derived_events import tell
from members.durations import duration_text
from members.events import EARLIEST

#: Looked at again, for a coupon may have been issued by a transaction that was under way at the last turn.
OVERLAP = timedelta(hours=1)

# After days down several are due for one coupon: the latest is told, for the others are not true any more.
_SOON = """
SELECT DISTINCT ON (coupons.id)
       coalesce(members.merged_into, members.id) AS member_id, 'coupon.expire_soon' AS kind, concat_ws(':', 'coupon.expire_soon', coupons.id, told.said) AS key,
       coupons.expires_at - told.before AS occurred_at, CAST(NULL AS numeric) AS value,
       jsonb_build_object('coupon', coupons.pool, 'code', coupons.code, 'occasion', coupons.occasion,
                          'before', told.said, 'expires_at', coupons.expires_at) AS properties
FROM unnest(CAST(:pools AS text[]), CAST(:befores AS interval[]), CAST(:said AS text[])) AS told (pool, before, said)
JOIN coupons ON coupons.pool = told.pool JOIN members ON members.id = coupons.member_id
WHERE coupons.issued_at IS NOT NULL AND coupons.redeemed_at IS NULL
  AND coupons.expires_at > :now AND coupons.expires_at <= :now + told.before
  AND coupons.expires_at > CAST(:since AS timestamptz) + told.before
  AND coupons.expires_at - told.before > coupons.issued_at AND erased_at IS NULL
ORDER BY coupons.id, told.before
"""

_ENDED = """
SELECT coalesce(merged_into, member_id) AS member_id, 'coupon.expired' AS kind,
       concat_ws(':', 'coupon.expired', coupons.id) AS key, expires_at AS occurred_at,
       CAST(NULL AS numeric) AS value,
       jsonb_build_object('coupon', pool, 'code', code, 'occasion', occasion, 'expires_at', expires_at) AS properties
FROM coupons JOIN members ON members.id = coupons.member_id
WHERE erased_at IS NULL AND issued_at IS NOT NULL AND redeemed_at IS NULL AND expires_at > :since AND expires_at <= :now
"""


def tell_ending(connection: Connection, *, since: datetime | None, now: datetime) -> None:
    """Tell which coupons will soon be of no use, as long before as their definitions say, and which ended.

    ``since`` is up to where that was told before; None: it never was.
    """
    since = EARLIEST if since is None else since - OVERLAP
    told = [(one.pool, before) for one in load_definitions(connection, Coupon).values() for before in one.expire_soon]
    if told:
        terms: dict[str, object] = {
            "pools": [pool for pool, _ in told],
            "befores": [before for _, before in told],
            "said": [duration_text(before) for _, before in told],
        }
        tell(connection, _happened(_SOON, terms, since, now), now=now)
    tell(connection, _happened(_ENDED, {}, since, now), now=now)


def _happened(statement: str, terms: Mapping[str, object], since: datetime, now: datetime) -> Select[tuple[object, ...]]:
    found = text(statement).bindparams(since=since, now=now, **terms).columns(
        column("member_id", BigInteger), column("kind", Text), column("key", Text),
        column("occurred_at", DateTime(timezone=True)), column("value", Numeric), column("properties", JSONB),
    )  # fmt: skip
    return select(found.subquery("ending"))
