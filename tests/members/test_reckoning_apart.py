"""A member whose data cannot be reckoned keeps nobody else waiting."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import Connection, func, select, text

from database.engine import Database
from database.member_tables import order_facts, touched_members
from members import reckoning
from members.events import NewEvent, record
from members.reckoning import reckon_next
from tests.makers import NOON


def divide(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """Do what PostgreSQL refuses for the third member."""
    connection.execute(text("SELECT 1 / (id - 3) FROM unnest(CAST(:ids AS bigint[])) AS asked (id)"), {"ids": list(member_ids)}).all()


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
