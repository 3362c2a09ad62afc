"""Every fact made again from events and ledger, for all members: the same rows as those kept as events arrive."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, bindparam, func, select, text

from database.engine import Database
from database.tables import members
from members.facts.channels_sql import channels_statement
from members.facts.orders_sql import orders_statement
from members.facts.totals import MEND
from members.reckoning import touch

AT_ONCE = 20_000  #: ids; the members among them are held together

_RANGE = "member_id BETWEEN :low AND :high"
_LOW, _HIGH = bindparam("low", type_=BigInteger), bindparam("high", type_=BigInteger)
_ORDERS = text(orders_statement(_RANGE)).bindparams(_LOW, _HIGH, bindparam("now", type_=DateTime(timezone=True)))
_CHANNELS = text(channels_statement(_RANGE)).bindparams(_LOW, _HIGH)
_TOTALS = text(MEND).bindparams(_LOW, _HIGH)
_COUNT = text("SELECT count(*) FROM facts WHERE member_id BETWEEN :low AND :high")
# Whoever tells an event holds its member as a foreign key does, and adds to the totals after.
_HOLD = text("SELECT count(*) FROM (SELECT FROM members WHERE id BETWEEN :low AND :high ORDER BY id FOR UPDATE) AS held")

#: Called after every stretch of members with how far it is, and how far it will go.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class FactsRebuilt:
    """What a rebuild found: totals there are, members looked at, and those of whom something was otherwise."""

    totals: int
    members: int
    changed: int


def rebuild_facts(database: Database, *, now: datetime, progress: Progress | None = None) -> FactsRebuilt:
    """Make totals, facts of orders and facts of channels again, stretch by stretch of members, each in a transaction.

    Members whose facts were otherwise are touched, so that tiers and segments follow.
    """
    with database.transaction() as connection:
        last = connection.execute(select(func.coalesce(func.max(members.c.id), 0))).scalar_one()
    totals = looked_at = changed = 0
    for low in range(1, last + 1, AT_ONCE):
        stretch = {"low": low, "high": low + AT_ONCE - 1}
        with database.transaction() as connection:
            looked_at += connection.execute(_HOLD, stretch).scalar_one()
            differing = set(connection.execute(_TOTALS, stretch).scalars())
            totals += connection.execute(_COUNT, stretch).scalar_one()
            differing.update(connection.execute(_ORDERS, {**stretch, "now": now}).scalars())
            differing.update(connection.execute(_CHANNELS, stretch).scalars())
            touch(connection, sorted(differing))
        changed += len(differing)
        if progress:
            progress(min(low + AT_ONCE - 1, last), last)
    return FactsRebuilt(totals=totals, members=looked_at, changed=changed)
