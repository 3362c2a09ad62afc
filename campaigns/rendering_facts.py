"""What templates may say about members, read for many of them at once."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, BigInteger, Connection, Text, any_, bindparam, cast, func, select, true

from campaigns.loyalty_facts import loyalty_of
from database.member_tables import WINDOWS, order_facts
from database.tables import facts, members

PURCHASE = "order.paid"  #: the kind of event that purchases, spend and last_purchase_on count
DEFAULT_ZONE = "Asia/Shanghai"

# Looked up member by member inside the one statement: a join would leave the planner, before the tables have
# statistics, free to compare every member of the batch with every row of facts.
_BOUGHT = (
    select(facts.c.last_at, facts.c.count, facts.c.total)
    .where(facts.c.member_id == members.c.id, facts.c.event == PURCHASE)
    .limit(1)
    .lateral("bought")
)

#: Attributes come as text, since decoding all of them at once is much cheaper.
_READ = (
    select(
        members.c.id,
        members.c.time_zone,
        members.c.joined_at,
        _BOUGHT.c.last_at,
        cast(members.c.attributes, Text),
        members.c.name,
        members.c.tier,
        members.c.language,
        members.c.birth_month,
        members.c.birth_day,
        func.coalesce(_BOUGHT.c.count, 0),
        func.coalesce(_BOUGHT.c.total, 0),
    )
    .select_from(members.outerjoin(_BOUGHT, true()))
    .where(members.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))), members.c.erased_at.is_(None))
)

#: What ``orders`` holds, by the names that templates use: counts and sums, which are 0 for who never bought …
COUNTED = {
    "count": order_facts.c.orders,
    "spent": order_facts.c.spent,
    "refunded": order_facts.c.refunded,
    **{f"count_{days}d": order_facts.c[f"orders_{days}d"] for days in WINDOWS},
    **{f"spent_{days}d": order_facts.c[f"spent_{days}d"] for days in WINDOWS},
}
#: … and what is not there where it is not known.
KNOWN_OF_ORDERS = {
    "average": order_facts.c.average_order,
    "days_between": order_facts.c.days_between_orders,
    "favourite_category": order_facts.c.favourite_category,
    "last_category": order_facts.c.last_category,
    "next_category": order_facts.c.next_category,
}
_NOTHING_BOUGHT: Mapping[str, object] = dict.fromkeys(COUNTED, 0)
_READ_ORDERS = select(
    order_facts.c.member_id,
    order_facts.c.first_order_at,
    order_facts.c.last_order_at,
    *(column.label(name) for name, column in {**COUNTED, **KNOWN_OF_ORDERS}.items()),
).where(order_facts.c.member_id == any_(bindparam("ids", type_=ARRAY(BigInteger))))


def facts_for(
    connection: Connection, member_ids: Sequence[int], now: datetime, *, orders: bool = False, loyalty: bool = False
) -> dict[int, dict[str, object]]:
    """Return what may be said about each member, by member id, in one statement and those that the groups ask for.

    Days are those of the member's own time zone.  A fact that is None is not known; what is
    said instead is the template's matter.  An erased or unknown member is not in the answer.
    ``orders`` says whether somebody wants to speak of what was bought, ``loyalty``: of points and tiers.
    """
    bought = _orders_of(connection, member_ids) if orders else {}
    rows = connection.execute(_READ, {"ids": list(member_ids)}).all()
    attributes = json.loads(f"[{','.join(row[4] for row in rows)}]")
    today = {zone: now.astimezone(_zone(zone)).date() for zone in {row[1] for row in rows}}
    known: dict[int, dict[str, object]] = {}
    for row, own in zip(rows, attributes, strict=True):
        member, zone, joined_at, last_at, _own, name, tier, language, month, day, purchases, spend = row
        known[member] = {
            "name": name,
            "tier": tier,
            "language": language,
            "joined_on": local_day(joined_at, zone),
            "birth_month": month,
            "birth_day": day,
            "today": today[zone],
            "purchases": purchases,
            "spend": spend,
            "last_purchase_on": local_day(last_at, zone),
            "attributes": own,
        }
        if orders:
            known[member]["orders"] = _orders_said(bought.get(member), zone)
    if loyalty:
        for member, standing in loyalty_of(connection, {row[0]: row[1] for row in rows}, now, local_day).items():
            known[member]["loyalty"] = standing
    return known


def _orders_of(connection: Connection, member_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    rows = connection.execute(_READ_ORDERS, {"ids": list(member_ids)}).mappings()
    return {row["member_id"]: dict(row) for row in rows}


def _orders_said(row: Mapping[str, Any] | None, zone: str) -> dict[str, object]:
    if row is None:
        return dict(_NOTHING_BOUGHT)
    said = {name: row[name] for name in (*COUNTED, *KNOWN_OF_ORDERS)}
    said |= {f"{which}_on": local_day(row[f"{which}_order_at"], zone) for which in ("first", "last")}
    return {name: value for name, value in said.items() if value is not None}


def local_day(moment: datetime | None, zone: str) -> date | None:
    """Return the day it is in a member's zone; None: at no moment."""
    return None if moment is None else moment.astimezone(_zone(zone)).date()


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    # One member's unknown zone must not keep the rest of a batch from their words.
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(DEFAULT_ZONE)
