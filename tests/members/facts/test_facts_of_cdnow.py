"""The facts of a real shop's orders are those that a plain reading of its file gives."""

import gzip
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from database.engine import Database
from database.member_tables import order_facts
from database.tables import members
from members.events import NewEvent, record
from members.reckoning import reckon

NOW = datetime(1998, 7, 1, tzinfo=UTC)


def test_every_customer_of_the_cdnow_sample_has_the_facts_of_their_own_lines(database: Database, shared: Path) -> None:
    bought: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    events = []
    with gzip.open(shared / "data" / "cdnow" / "CDNOW_sample.txt.gz", "rt") as lines:
        for number, line in enumerate(lines):
            customer, _, day, _, paid = line.split()
            at = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            bought[customer].append((at.date(), Decimal(paid)))
            events.append(
                NewEvent(source="cdnow", key=str(number), member_key=customer, kind="order.paid", occurred_at=at, value=Decimal(paid))
            )
    with database.transaction() as connection:
        for start in range(0, len(events), 2_000):
            record(connection, events[start : start + 2_000], now=NOW)
        while reckon(connection, now=NOW):
            pass
        wanted = (order_facts.c.orders, order_facts.c.spent, order_facts.c.first_order_at, order_facts.c.last_order_at, order_facts.c.spent_90d)
        rows = connection.execute(select(members.c.key, *wanted).join(order_facts, order_facts.c.member_id == members.c.id)).all()

    found = {key: (orders, spent, first.date(), last.date(), recent) for key, orders, spent, first, last, recent in rows}
    since = (NOW - timedelta(days=90)).date()
    assert found == {
        customer: (
            len(lines),
            sum(paid for _, paid in lines),
            min(lines)[0],
            max(lines)[0],
            sum((paid for day, paid in lines if day > since), Decimal(0)),
        )
        for customer, lines in bought.items()
    }
    assert len(found) == 2_357
