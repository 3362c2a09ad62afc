"""What is bought together, and what next: association rules over members' orders, counted by the database.

A file says what an order is made of; whatever it leaves out is as here::

    together: categories
    item: [category, "items[].category"]    # properties of order.paid; the first that an order has counts
    window: 365d
    fewest: 5         # orders a pair must have
    support: 0        # the share of orders a pair must have
    repeats: false    # may a thing be followed by itself?
    keep: 50          # others kept of each item, the best first
    hour: 4

Of two items: *support* is the share of orders with both; *confidence* the share of orders with the first that have
the other too; *lift* how many times more often that is than if one said nothing of the other.  For ``next``
an order and the member's next one are what one order is for ``together``.

Source: R. Agrawal, T. Imieliński, A. Swami, "Mining Association Rules between Sets of Items in Large Databases",
SIGMOD 1993; lift after S. Brin et al., SIGMOD 1997.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints
from sqlalchemy import Connection, text

from members.durations import Duration
from members.insight.nights import Nightly, definition_due
from members.insight.orders import count_orders
from members.insight.together_sql import BASKETS, BEGIN, BEST, COUNT, ITEMS, JUDGE, NAMES, NEXT, TOGETHER, TOUCH

Path = Annotated[str, StringConstraints(pattern=r"^(\w{1,100}\[\]\.)?\w{1,100}$")]

#: Orders with more different items are a shop's, not a shopper's, and their pairs would be without number.
LARGEST_BASKET = 200


class Together(Nightly):
    """What an order is made of, and which pairs are worth keeping."""

    kind: ClassVar[str] = "together"

    together: str
    item: tuple[Path, ...] = Field(("category", "items[].category"), min_length=1, max_length=5)
    window: Duration = timedelta(days=365)
    fewest: int = Field(5, ge=1)
    support: float = Field(0.0, ge=0, le=1)
    repeats: bool = False
    keep: int = Field(50, ge=1, le=1_000)
    hour: int = Field(4, ge=0, le=23)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What counting pairs brought."""

    orders: int  #: with at least one item named
    items: int  #: that are in at least the fewest orders
    followed: int  #: orders that have a next one
    together: int  #: pairs kept, each in both directions
    next: int
    touched: int  #: members whose best next category is another now


def count_when_due(connection: Connection, *, since: datetime | None, now: datetime, zone: tzinfo) -> None:
    """Count pairs where the hour of the definition has struck since then."""
    definition = definition_due(connection, Together, since=since, now=now, zone=zone)
    if definition is not None:
        count_pairs(connection, definition, now=now, zone=zone)


def count_pairs(connection: Connection, definition: Together, *, now: datetime, zone: tzinfo) -> Counted:
    """Count all pairs anew in place of those kept, and touch the members whose next category follows from them."""
    connection.execute(text(BEGIN))
    count_orders(connection, since=now - definition.window, until=now, zone=zone)
    paths = [path.rpartition("[].") for path in definition.item]
    connection.execute(
        text(NAMES),
        {
            "places": list(range(len(paths))),
            "lists": [before or None for before, _, _ in paths],
            "fields": [name for _, _, name in paths],
            "largest": LARGEST_BASKET,
        },
    )
    connection.execute(text(ITEMS), {"fewest": definition.fewest})
    connection.execute(text(BASKETS))
    connection.execute(text(TOGETHER), {"fewest": definition.fewest})
    connection.execute(text(NEXT), {"fewest": definition.fewest, "repeats": definition.repeats})
    connection.execute(text(BEST))
    connection.execute(text(JUDGE), {"support": definition.support, "keep": definition.keep})
    touched = connection.execute(text(TOUCH)).scalar_one()
    orders, items, followed, together, following = connection.execute(text(COUNT)).one()
    return Counted(orders=orders, items=items, followed=followed, together=together, next=following, touched=touched)
