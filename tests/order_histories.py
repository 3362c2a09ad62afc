"""Orders that tests begin with: told in a few words, or as CDNOW's customers placed them."""

import gzip
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, insert, select

from database.tables import events, members

CDNOW_END = datetime(1998, 7, 1, tzinfo=UTC)  #: the orders end on 30 June


def give_orders(
    connection: Connection, orders: Iterable[tuple[int, datetime, float | Decimal, Mapping[str, object]]], *, start: int = 1
) -> None:
    """Store orders of members, given as (member, moment, amount, properties), with keys counted from ``start``."""
    rows = [
        {
            "source": "shop", "key": f"o{number}", "member_id": member, "kind": "order.paid", "occurred_at": at, "received_at": at,
            "value": Decimal(str(amount)), "properties": dict(properties),
        }
        for number, (member, at, amount, properties) in enumerate(orders, start=start)
    ]  # fmt: skip
    connection.execute(insert(events), rows)


def give_back(connection: Connection, order: str, amount: float, *, member: int, at: datetime) -> None:
    """Store a refund of an order that ``give_orders`` stored."""
    connection.execute(
        insert(events).values(
            source="shop", key=f"refund-of-{order}", member_id=member, kind="order.refunded", occurred_at=at, received_at=at,
            value=amount, properties={"order": order},
        )
    )  # fmt: skip


def read_cdnow(folder: Path) -> list[tuple[int, datetime, Decimal]]:
    """Return (customer, day at noon, amount) of CDNOW's tenth: 2,357 customers of the first quarter of 1997."""
    with gzip.open(folder / "data" / "cdnow" / "CDNOW_sample.txt.gz", "rt") as lines:
        parts = [line.split() for line in lines]
    return [(int(part[1]), datetime.strptime(part[2] + "12+0000", "%Y%m%d%H%z"), Decimal(part[4])) for part in parts]


def give_cdnow(connection: Connection, folder: Path) -> dict[int, int]:
    """Store CDNOW's tenth; return the id of the member that each customer is."""
    told = read_cdnow(folder)
    customers = sorted({customer for customer, _, _ in told})
    connection.execute(insert(members), [{"key": str(customer)} for customer in customers])
    ids = {int(key): member for member, key in connection.execute(select(members.c.id, members.c.key))}
    give_orders(connection, [(ids[customer], at, amount, {}) for customer, at, amount in told])
    return ids
