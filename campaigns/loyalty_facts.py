"""What templates may say of points and tiers: the fact ``loyalty``, read for many members at once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import ARRAY, BigInteger, Connection, any_, bindparam, func, select

from database.loyalty_tables import points
from members.local_days import last_instant
from members.points.expiring import next_expiring
from members.tiers.standing import standings

#: What ``loyalty`` may hold, by the names that templates use …
LOYALTY: Final = frozenset(
    {"points", "expiring", "expiring_on", "tier_until", "keep_by", "missing", "next_tier", "next_missing"}
)
#: … and what it holds for who has neither points nor a tier of a programme.
NO_LOYALTY: Final[Mapping[str, object]] = {"points": 0, "expiring": 0}

_BALANCES = (
    select(points.c.member_id, func.sum(points.c.amount))
    .where(points.c.member_id == any_(bindparam("ids", type_=ARRAY(BigInteger))), points.c.occurred_at <= bindparam("now"))
    .group_by(points.c.member_id)
)

#: Says which day a moment is on where a member lives.
LocalDay = Callable[[datetime | None, str], date | None]


def loyalty_of(
    connection: Connection, zones: Mapping[int, str], now: datetime, local_day: LocalDay
) -> dict[int, dict[str, object]]:
    """Return what may be said of the loyalty of the members whose zones are given, by id; what is not known is left out.

    Each day is the last one on which points, or a tier, are still there.
    """
    ids: Sequence[int] = list(zones)
    balances = {member: int(amount) for member, amount in connection.execute(_BALANCES, {"ids": ids, "now": now})}
    expiring = next_expiring(connection, ids, now=now)
    standing = standings(connection, ids, now=now)
    said: dict[int, dict[str, object]] = {}
    for member, zone in zones.items():
        known: dict[str, object] = dict(NO_LOYALTY)
        known["points"] = balances.get(member, 0)
        if member in expiring:
            known["expiring"], gone_at = expiring[member]
            known["expiring_on"] = local_day(last_instant(gone_at), zone)
        if member in standing:
            one = standing[member]
            known |= {"missing": one.missing, "next_tier": one.next_tier, "next_missing": one.next_missing}
            known |= {"tier_until": local_day(last_instant(one.until), zone), "keep_by": local_day(last_instant(one.lost_at), zone)}
        said[member] = {name: value for name, value in known.items() if value is not None}
    return said
