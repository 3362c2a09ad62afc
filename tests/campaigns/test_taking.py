"""Whoever takes a number of sends or touches takes no more than that, however PostgreSQL goes about it."""

import itertools
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from campaigns.sends.claiming import claim
from campaigns.sends.settling import take_doubtful
from database.engine import Database
from database.member_tables import touched_members
from members.reckoning import reckon, touch
from tests.campaigns.test_receipts import PROVIDER, accepted_sends
from tests.makers import NOON, make_members

#: Ways of joining that PostgreSQL chooses among by what it knows of a table, which of a young one is little.
WAYS = ("enable_hashagg", "enable_sort", "enable_hashjoin", "enable_mergejoin", "enable_material", "enable_memoize")
FORBIDDEN = [(), WAYS, *itertools.combinations(WAYS[:4], 2)]


def forbid(connection: Connection, ways: Sequence[str]) -> None:
    for way in ways:
        connection.execute(text(f"SET LOCAL {way} = off"))


@pytest.mark.parametrize("ways", FORBIDDEN, ids="+".join)
def test_no_more_are_taken_than_were_asked_for(database: Database, ways: Sequence[str]) -> None:
    accepted_sends(database, 12)
    lease = timedelta(minutes=1)
    with database.transaction() as connection:
        forbid(connection, ways)
        connection.execute(text("UPDATE sends SET state = 'waiting', not_before = '2020-01-01', token = NULL"))
        assert len(claim(connection, "sms", now=NOON, limit=5, lease=lease)[1]) == 5
        connection.execute(text("UPDATE sends SET state = 'in_doubt', lease_until = '2020-01-01'"))
        assert len(take_doubtful(connection, PROVIDER, limit=5, lease=lease)[1]) == 5


@pytest.mark.parametrize("ways", FORBIDDEN, ids="+".join)
def test_no_more_touches_are_taken_than_were_asked_for(database: Database, ways: Sequence[str]) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 12, channels=(), consenting=False)
        connection.execute(touched_members.delete())
        touch(connection, ids)
        forbid(connection, ways)
        assert reckon(connection, now=NOON, limit=5) == 5
