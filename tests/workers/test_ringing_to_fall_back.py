"""A round of delivery rings for falling back where something may go on, and not for every one that was turned away."""

import os
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
import redis

from campaigns.accounts import Account
from campaigns.rules import PlanningRules
from database.engine import Database
from database.tables import simulated_clock
from tests.campaigns.test_accounts import NOT_NOW, Carrying, planned
from tests.makers import NOON, SECRET, states
from workers.actors import sms
from workers.bells import Work
from workers.broker import broker, connect
from workers.installation import install

BELL = f"tidings:bell:{Work.FALLBACK}:0"


@pytest.fixture
def bells(redis_url: str) -> Iterator[redis.Redis]:
    """Return the Redis that bells are rung in: a database of it that no other run uses at this moment."""
    before = broker.client.connection_pool
    client = connect(redis_url)
    client.connection_pool.connection_kwargs["db"] = 1 + os.getpid() % 15
    yield client
    for key in client.scan_iter("tidings:*"):
        client.delete(key)
    client.connection_pool.disconnect()
    client.connection_pool = before


def install_account(database: Database, account: Account) -> None:
    settings = SimpleNamespace(
        settling=SimpleNamespace(after=timedelta(minutes=10), close_after=timedelta(hours=72)),
        time_zone="Asia/Shanghai",
        workers=SimpleNamespace(lease=timedelta(seconds=60)),
    )
    rules = PlanningRules(quiet_hours=None)
    install(
        SimpleNamespace(  # type: ignore[arg-type]
            database=database, accounts={"sms": [account]}, rules=rules, secret=SECRET, public_url="http://127.0.0.1:8300",
            settings=settings,
        )
    )  # fmt: skip
    with database.transaction() as connection:
        connection.execute(simulated_clock.insert().values(one=True, now_at=NOON))


def test_a_channel_that_used_up_its_day_rings_at_once(database: Database, bells: redis.Redis) -> None:
    planned(database, 5)
    install_account(database, Account(name="sms.a", provider=Carrying("sms.a"), per_day=3))

    sms(0)

    assert states(database) == {"accepted": 3, "waiting": 2}
    assert bells.exists(BELL)


def test_a_channel_whose_account_is_left_alone_does_not_ring(database: Database, bells: redis.Redis) -> None:
    planned(database, 20)
    install_account(database, Account(name="sms.a", provider=Carrying("sms.a", answer=NOT_NOW), per_day=100))
    sms(0)  # What was not sent may have been tried often enough, so this one rings.
    bells.delete(BELL)

    sms(0)

    assert states(database) == {"waiting": 20}
    assert not bells.exists(BELL)
