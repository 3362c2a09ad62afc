"""What became of WeCom's tasks reaches the ledger by asking, and no task is asked about without end."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text

from campaigns.accounts import Account
from campaigns.delivery import deliver
from campaigns.invariants import broken
from campaigns.sends import apply_reports, take_unheard
from channels.message import OutcomeKind
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.settings import ReceiptRules
from database.engine import Database
from database.tables import attempts, receipts, sends
from tests.campaigns.test_planning import plan_all
from tests.carriers import a_carrier, a_simulator, carried_by
from tests.makers import NOON, SECRET, make_campaign, make_members, states
from workers.asking import ask_providers


@pytest.fixture
def carried(database: Database, tmp_path: Path) -> Iterator[Provider]:
    """Forty customers whose tasks were made; a third of them cannot receive more."""
    with a_simulator(tmp_path, receipts=ReceiptRules(held=True, failed=0.3)) as simulator:
        with database.transaction() as connection:
            make_members(connection, 40)
            plan_all(connection, make_campaign(connection, channels=["wechat"]))
        settings = {"corp_id": "ww7373737373737373", "secret": "simulated-corp-secret", "endpoint": simulator.http_url}
        provider = open_provider("wechat.wecom", settings)
        done = deliver(carried_by(a_carrier(database, simulator, "wechat"), provider), now=NOON)
        assert done.outcomes == {OutcomeKind.ACCEPTED: 40}
        yield provider
        provider.close()


def earlier(database: Database, by: str) -> None:
    """Let the hand-overs lie so much further back."""
    with database.transaction() as connection:
        connection.execute(text("UPDATE attempts SET marked_at = marked_at - CAST(:by AS interval)"), {"by": by})


def ask(database: Database, provider: Provider) -> None:
    ask_providers(SimpleNamespace(database=database, secret=SECRET, every_account=[Account(name=provider.name, provider=provider)]))  # type: ignore[arg-type]
    with database.transaction() as connection:
        apply_reports(connection, now=NOON)
        assert broken(connection) == []


def test_what_staff_confirmed_is_asked_for_and_settles_each_customers_send(
    database: Database, carried: Provider
) -> None:
    ask(database, carried)
    assert states(database) == {"accepted": 40}  # It is too early to ask.

    earlier(database, "2 minutes")
    ask(database, carried)
    ask(database, carried)

    ended = states(database)
    assert set(ended) == {"delivered", "failed"} and sum(ended.values()) == 40
    with database.transaction() as connection:
        reasons = set(connection.execute(select(sends.c.reason).where(sends.c.state == "failed")).scalars())
        assert reasons == {"has received as many as WeCom allows"}
        assert len(connection.execute(select(receipts.c.id)).all()) == 40


def test_each_is_asked_about_ever_more_seldom_and_not_for_ever(database: Database, carried: Provider) -> None:
    asked, minutes = [], 0
    for wait in (1, 1, 2, 4, 8, 16, 32, 64, 128, 360, 360):
        minutes += wait
        earlier(database, f"{wait} minutes")
        with database.transaction() as connection:
            asked.append(len(take_unheard(connection, carried.name)))
            assert take_unheard(connection, carried.name) == []
    assert asked == [40] * 11

    earlier(database, "14 days")
    with database.transaction() as connection:
        assert take_unheard(connection, carried.name) == []


def test_no_more_than_asked_for_are_taken_and_the_rest_come_next(database: Database, carried: Provider) -> None:
    earlier(database, "1 minute")

    with database.transaction() as connection:
        first, second, third = (set(take_unheard(connection, carried.name, limit=25)) for _ in range(3))

    assert (len(first), len(second), len(third)) == (25, 15, 0) and not first & second


def test_a_task_that_wecom_does_not_know_hides_no_other(database: Database, carried: Provider) -> None:
    earlier(database, "2 minutes")
    with database.transaction() as connection:
        refs = list(connection.execute(select(attempts.c.provider_ref).order_by(attempts.c.send_id)).scalars())
        lost = refs[0].partition("#")[0]
        connection.execute(
            text("UPDATE attempts SET provider_ref = 'msgGONE#1' WHERE split_part(provider_ref, '#', 1) = :task"),
            {"task": lost},
        )

    ask(database, carried)

    same = sum(ref.partition("#")[0] == lost for ref in refs)
    assert states(database).get("accepted", 0) == same < 40


def test_those_asked_about_least_come_first_and_the_oldest_of_them(database: Database, carried: Provider) -> None:
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE attempts SET looks = send_id % 3, marked_at = marked_at - interval '1 day' - send_id * interval '1 s'")
        )
        oldest_first = select(attempts.c.provider_ref).order_by(attempts.c.looks, attempts.c.marked_at)
        expected = list(connection.execute(oldest_first).scalars())

        assert list(take_unheard(connection, carried.name)) == expected
