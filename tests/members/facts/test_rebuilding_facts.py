"""Facts made again from scratch are those that were kept as events arrived."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, func, select, text

from database.engine import Database
from database.member_tables import channel_facts, order_facts, touched_members
from database.tables import facts, members, unprocessed_events
from members.events import NewEvent, record
from members.facts import rebuilding
from members.facts.rebuilding import rebuild_facts
from members.reckoning import reckon
from tests.campaigns.test_group_reports import until_somebody_waits

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)


def history(seed: int) -> list[NewEvent]:
    chance = random.Random(seed)
    kinds = ["order.paid"] * 4 + ["order.refunded", "message.replied", "member.joined"]
    return [
        NewEvent(
            source=chance.choice(["shop", "pos"]),
            key=str(number),
            member_key=f"m{chance.randint(1, 12)}",
            kind=chance.choice(kinds),
            occurred_at=NOW - timedelta(hours=chance.randint(0, 9_000)),
            value=Decimal(chance.randint(0, 5_000)) / 100,
            properties={"category": chance.choice("abc"), "order": str(chance.randint(0, 200)), "channel": "sms"},
        )
        for number in range(200)
    ]


def kept(connection: Connection) -> list[list[tuple[object, ...]]]:
    orders = [column for column in order_facts.c if column.name != "reckoned_at"]
    asked = (
        select(*orders).order_by(order_facts.c.member_id),
        select(channel_facts).order_by(channel_facts.c.member_id, channel_facts.c.channel),
        select(facts).order_by(facts.c.member_id, facts.c.event),
    )
    return [[tuple(row) for row in connection.execute(each)] for each in asked]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_rebuild_gives_the_same_rows_and_touches_nobody(database: Database, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(rebuilding, "AT_ONCE", 5)
    batch = history(seed)
    with database.transaction() as connection:
        for start in range(0, len(batch), 40):
            record(connection, batch[start : start + 40], now=NOW)
            reckon(connection, now=NOW)
        before = kept(connection)

    done = rebuild_facts(database, now=NOW)

    with database.transaction() as connection:
        assert kept(connection) == before
        assert all(before) and len(before[0]) == 12
        assert (done.members, done.changed) == (12, 0)
        assert connection.execute(select(func.count()).select_from(touched_members)).scalar_one() == 0


def test_a_rebuild_mends_what_is_wrong_and_touches_whom_it_concerns(database: Database) -> None:
    with database.transaction() as connection:
        record(connection, history(3), now=NOW)
        reckon(connection, now=NOW)
        before = kept(connection)
        connection.execute(text("UPDATE order_facts SET spent = spent + 1 WHERE member_id = 1"))
        connection.execute(text("DELETE FROM order_facts WHERE member_id = 2"))
        connection.execute(text("UPDATE facts SET count = 99 WHERE member_id = 4 AND event = 'order.paid'"))
        connection.execute(text("DELETE FROM facts WHERE member_id = 5"))
        connection.execute(text("INSERT INTO facts (member_id, event, first_at, last_at, count, total) "
                                "VALUES (6, 'no.such', now(), now(), 1, 1)"))  # fmt: skip
        connection.execute(text("INSERT INTO channel_facts (member_id, channel, received, answered) VALUES (3, 'email', 1, 1)"))
        connection.execute(unprocessed_events.delete())
    shown: list[tuple[int, int]] = []

    done = rebuild_facts(database, now=NOW, progress=lambda *far: shown.append(far))

    with database.transaction() as connection:
        assert kept(connection) == before
        assert done.changed == 6
        assert sorted(connection.execute(select(touched_members.c.member_id)).scalars()) == [1, 2, 3, 4, 5, 6]
        last = connection.execute(select(func.max(members.c.id))).scalar_one()
        assert shown == [(last, last)]


def test_a_rebuild_waits_for_who_holds_a_member_and_holds_no_totals_meanwhile(database: Database) -> None:
    with database.transaction() as connection:
        record(connection, history(4), now=NOW)
        reckon(connection, now=NOW)
        before = kept(connection)

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as merging:
            merging.execute(text("SELECT FROM members WHERE id = 2 FOR UPDATE"))
            rebuilt = worker.submit(rebuild_facts, database, now=NOW)
            until_somebody_waits(database)
            merging.execute(text("SELECT FROM facts WHERE member_id = 2 FOR UPDATE NOWAIT"))
            merging.execute(text("UPDATE facts SET total = total WHERE member_id = 2"))
        rebuilt.result()

    with database.transaction() as connection:
        assert kept(connection) == before
