"""Neither a member whose data cannot be reckoned nor a long import keeps others waiting."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import Connection, func, insert, select, text

from database.engine import Database
from database.member_tables import order_facts, segment_rechecks, touched_members
from members import reckoning
from members.conditions import parse_condition
from members.events import NewEvent, record
from members.reckoning import reckon, reckon_next, touch
from members.segments.storing import KeptSegment, store_segments
from tests.makers import NOON, make_members


def divide(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """Do what PostgreSQL refuses for the third member."""
    connection.execute(text("SELECT 1 / (id - 3) FROM unnest(CAST(:ids AS bigint[])) AS asked (id)"), {"ids": list(member_ids)}).all()


def let_time_come(connection: Connection, member_ids: Sequence[int]) -> None:
    kept = KeptSegment(name="quiet", condition=parse_condition({"not": {"event": {"kind": "order.paid", "within": "30d"}}}), keep=True)
    store_segments(connection, [kept], now=NOON)
    rows = [{"segment": "quiet", "member_id": one, "due_at": NOON} for one in member_ids]
    connection.execute(insert(segment_rechecks), rows)


def still_due(connection: Connection) -> set[int]:
    return set(connection.execute(select(segment_rechecks.c.member_id).where(segment_rechecks.c.due_at <= NOON)).scalars())


def test_those_whose_time_has_come_do_not_wait_for_the_end_of_an_import(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 30, channels=(), consenting=False)
        connection.execute(touched_members.delete())
        let_time_come(connection, ids[20:22])
        connection.execute(touched_members.delete())
        touch(connection, ids[:20])

        assert reckon(connection, now=NOON, limit=10) == 11
        assert len(still_due(connection)) == 1
        assert reckon(connection, now=NOON, limit=10) == 11
        assert still_due(connection) == set()


def test_one_whose_time_has_come_and_who_cannot_be_reckoned_is_let_go_while_others_are_touched(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reckoning, "STEPS", (divide,))
    with database.transaction() as connection:
        ids = make_members(connection, 9, channels=(), consenting=False)
        let_time_come(connection, [3])
        connection.execute(touched_members.delete())
        touch(connection, [one for one in ids if one != 3])
    refused: list[int] = []

    turns = 1
    while reckon_next(database, limit=2, refused=refused.append):
        turns += 1
        assert turns < 50

    assert refused == [3]


def test_one_who_cannot_be_reckoned_is_let_go_and_all_others_are_reckoned(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reckoning, "STEPS", (*reckoning.STEPS, divide))
    with database.transaction() as connection:
        for number in range(1, 8):
            what = NewEvent(source="shop", key=str(number), member_key=f"m{number}", kind="order.paid", occurred_at=NOON, value=1)
            record(connection, [what], now=NOON)
    refused: list[int] = []

    turns = 1
    while reckon_next(database, limit=5, refused=refused.append):
        turns += 1
        assert turns < 50

    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(touched_members)).scalar_one() == 0
        assert sorted(connection.execute(select(order_facts.c.member_id)).scalars()) == [1, 2, 4, 5, 6, 7]
    assert set(refused) == {3}
