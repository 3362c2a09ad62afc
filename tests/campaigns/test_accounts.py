"""Several accounts for one channel: who carries what, at what pace, and who is left alone."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy import select, text

from campaigns.accounts import Account, Accounts, balance, read_standing
from campaigns.accounts.choosing import TROUBLES
from campaigns.carrier import Carrier
from campaigns.delivery import Delivered, deliver
from campaigns.invariants import broken
from campaigns.settling import settle, sweep
from channels.message import Blame, Channel, Message, Outcome, OutcomeKind
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.faults import FaultRules
from database.engine import Database
from database.tables import attempts, sends
from tests.campaigns.test_planning import plan_all
from tests.carriers import a_carrier_of, a_simulator, account_settings, taken
from tests.makers import NOON, consent, make_campaign, make_members, states

DAY = date(2026, 8, 1)
NOT_NOW = Outcome(kind=OutcomeKind.NOT_SENT, code="busy", detail="not now")
TAKEN = Outcome(kind=OutcomeKind.ACCEPTED)


@dataclass
class Carrying(Provider):
    """A provider that answers every message alike and remembers when it was asked."""

    name: str  # type: ignore[misc]
    answer: Outcome = TAKEN
    takes: float = 0.0  #: seconds a window takes
    asked: list[tuple[float, str]] = field(default_factory=list)
    channel: ClassVar[Channel] = Channel.SMS
    window: ClassVar[int] = 10

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        self.asked += [(time.monotonic(), message.reference) for message in messages]
        time.sleep(self.takes)
        return [self.answer] * len(messages)


def planned(database: Database, count: int) -> None:
    with database.transaction() as connection:
        make_members(connection, count)
        plan_all(connection, make_campaign(connection))


def carried_by(database: Database) -> dict[str, int]:
    """Count the hand-overs of each account."""
    with database.transaction() as connection:
        rows = connection.execute(text("SELECT provider, count(*) FROM attempts GROUP BY provider"))
        return {row.provider: row.count for row in rows}


def until_nothing_is_due(carrier: Carrier, *, minutes: int = 0) -> Delivered:
    while True:
        done = deliver(carrier, now=NOON + timedelta(minutes=minutes))
        if done.turned_away or not done.claimed:
            return done


def let_the_breaker_close(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE accounts SET open_until = clock_timestamp() - interval '1 s' WHERE trips > 0"))


def test_accounts_share_a_channel_by_their_weights(database: Database) -> None:
    planned(database, 400)
    first, second = Carrying("sms.first"), Carrying("sms.second")
    carrier = a_carrier_of(
        database, Account(name="sms.first", provider=first, weight=3), Account(name="sms.second", provider=second, weight=1)
    )

    until_nothing_is_due(carrier)

    assert carried_by(database) == {"sms.first": 300, "sms.second": 100}
    assert states(database) == {"accepted": 400}


def test_what_an_account_in_trouble_did_not_send_goes_to_another(database: Database) -> None:
    planned(database, 200)
    sick, well = Carrying("sms.sick", answer=NOT_NOW), Carrying("sms.well")
    carrier = a_carrier_of(database, Account(name="sms.sick", provider=sick), Account(name="sms.well", provider=well))

    until_nothing_is_due(carrier)
    until_nothing_is_due(carrier, minutes=1)

    assert states(database) == {"accepted": 200}
    assert carried_by(database) == {"sms.sick": Carrying.window, "sms.well": 200}


def test_a_lost_answer_is_never_moved_to_another_account(database: Database, tmp_path: Path) -> None:
    with a_simulator(tmp_path, faults=FaultRules(answer_lost=1.0)) as losing:
        settings = account_settings(losing)["sms"]
        lost = open_provider(str(settings.pop("provider")), settings)
        planned(database, 100)
        well = Carrying("sms.well")
        carrier = a_carrier_of(database, Account(name="sms.aliyun.lost", provider=lost), Account(name="sms.well", provider=well))

        deliver(carrier, now=NOON)
        with database.transaction() as connection:
            doubtful = set(connection.execute(select(sends.c.id).where(sends.c.state == "in_doubt")).scalars())
            accounts = set(connection.execute(select(sends.c.provider).where(sends.c.state == "in_doubt")).scalars())
        time.sleep(0.4)
        for minutes in range(5):
            sweep(database, carrier.settling)
            settle(carrier, now=NOON)
            until_nothing_is_due(carrier, minutes=minutes)

        assert doubtful and accounts == {"sms.aliyun.lost"}
        assert states(database) == {"accepted": 100}
        assert len(taken(losing)) == len(doubtful) and set(taken(losing).values()) == {1}
        assert len(well.asked) == 100 - len(doubtful)
        with database.transaction() as connection:
            assert broken(connection) == []


def test_where_all_accounts_are_in_trouble_each_is_tried_with_one_message_and_nothing_is_lost(database: Database) -> None:
    planned(database, 100)
    first, second = Carrying("sms.first", answer=NOT_NOW), Carrying("sms.second", answer=NOT_NOW)
    carrier = a_carrier_of(database, Account(name="sms.first", provider=first), Account(name="sms.second", provider=second))

    assert until_nothing_is_due(carrier).turned_away
    tried = len(first.asked) + len(second.asked)
    let_the_breaker_close(database)
    until_nothing_is_due(carrier, minutes=1)
    trials = len(first.asked) + len(second.asked) - tried
    first.answer = second.answer = TAKEN
    for minutes in range(2, 6):
        time.sleep(1.05)
        let_the_breaker_close(database)
        until_nothing_is_due(carrier, minutes=minutes * 60)

    assert tried == 2 * Carrying.window and trials <= 2
    assert states(database) == {"accepted": 100}


def test_two_workers_see_one_breaker_and_only_one_of_them_tries_the_account(database: Database) -> None:
    planned(database, 60)
    sick = Carrying("sms.sick", answer=NOT_NOW)
    workers = [a_carrier_of(database, Account(name="sms.sick", provider=sick)) for _ in range(2)]

    until_nothing_is_due(workers[0])
    assert until_nothing_is_due(workers[1]).turned_away
    assert len(sick.asked) == Carrying.window

    let_the_breaker_close(database)
    admitted = [Accounts(database=database, accounts=worker.accounts.accounts).admit(wanted=10, now=NOON) for worker in workers]
    assert [each.count for each in admitted if each is not None] == [1]


def test_a_busy_address_speaks_against_no_account(database: Database) -> None:
    planned(database, 100)
    busy = Carrying("sms.well", answer=Outcome(kind=OutcomeKind.NOT_SENT, blame=Blame.ADDRESS))
    carrier = a_carrier_of(database, Account(name="sms.well", provider=busy))

    until_nothing_is_due(carrier)

    assert len(busy.asked) == 100 > TROUBLES
    with database.transaction() as connection:
        assert read_standing(connection, ["sms.well"], day=DAY)["sms.well"].trips == 0
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one() == 0


def test_all_workers_together_keep_an_accounts_pace(database: Database) -> None:
    planned(database, 120)
    paced = Carrying("sms.paced")
    workers = [a_carrier_of(database, Account(name="sms.paced", provider=paced, per_second=40)) for _ in range(3)]

    def work(carrier: Carrier) -> None:
        end = time.monotonic() + 20
        while len(paced.asked) < 120 and time.monotonic() < end:
            deliver(carrier, now=NOON)

    threads = [threading.Thread(target=work, args=(carrier,)) for carrier in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert states(database) == {"accepted": 120}
    moments = sorted(moment for moment, _ in paced.asked)
    busiest = max(sum(start <= moment < start + 1 for moment in moments) for start in moments)
    assert busiest <= 40 + 2 * Carrying.window
    assert 2.0 < moments[-1] - moments[0] < 8.0


def test_a_days_quota_ends_at_midnight_and_a_standing_by_account_takes_the_rest(database: Database) -> None:
    planned(database, 100)
    small, spare = Carrying("sms.small"), Carrying("sms.spare")
    limited = Account(name="sms.small", provider=small, per_day=35)
    carrier = a_carrier_of(database, limited)

    assert until_nothing_is_due(carrier).turned_away
    assert len(small.asked) == 35 and states(database) == {"accepted": 35, "waiting": 65}

    until_nothing_is_due(carrier, minutes=24 * 60)
    assert len(small.asked) == 70

    until_nothing_is_due(a_carrier_of(database, limited, Account(name="sms.spare", provider=spare, weight=0)), minutes=24 * 60)
    assert (len(small.asked), len(spare.asked)) == (70, 30)
    assert states(database) == {"accepted": 100}


def test_places_of_messages_that_were_held_back_are_given_back(database: Database) -> None:
    planned(database, 20)
    small = Carrying("sms.small")
    with database.transaction() as connection:
        consent(connection, range(1, 9), ["sms"], granted=False, now=NOON)

    until_nothing_is_due(a_carrier_of(database, Account(name="sms.small", provider=small, per_day=12)))

    assert len(small.asked) == 12
    assert states(database) == {"accepted": 12, "refused": 8}


def test_a_send_costs_what_its_account_asks_for_its_number(database: Database) -> None:
    account = Account(
        name="sms.a", provider=Carrying("sms.a"), prices={"86": Decimal("0.04"), "861": Decimal("0.05"), "*": Decimal("0.3")}
    )
    assert account.price_of("+8613800000001", otherwise=Decimal(9)) == Decimal("0.05")
    assert account.price_of("+8623800000001", otherwise=Decimal(9)) == Decimal("0.04")
    assert account.price_of("+15005550006", otherwise=Decimal(9)) == Decimal("0.3")
    assert Account(name="b", provider=Carrying("b")).price_of("a@example.com", otherwise=Decimal(9)) == Decimal(9)

    planned(database, 3)
    until_nothing_is_due(a_carrier_of(database, account))

    with database.transaction() as connection:
        found = set(connection.execute(select(sends.c.cost / sends.c.parts)).scalars())
    assert found == {Decimal("0.05")}


def test_a_slow_account_keeps_claims_for_half_a_lease_only(database: Database) -> None:
    planned(database, 100)
    slow = Carrying("sms.slow", takes=0.5)

    done = deliver(a_carrier_of(database, Account(name="sms.slow", provider=slow), lease=timedelta(seconds=2)), now=NOON)

    assert done.claimed == 100 and len(slow.asked) <= 30
    with database.transaction() as connection:
        assert set(connection.execute(select(sends.c.claims).where(sends.c.state == "waiting")).scalars()) == {0}


def hand_overs(database: Database, name: str, *, troubles: int, calls: int = 100) -> None:
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO attempts (send_id, number, provider, marked_at, outcome, ended_at) "
                "SELECT sends.id, 1 + (SELECT count(*) FROM attempts WHERE send_id = sends.id), :name, clock_timestamp(), "
                "  CASE WHEN row_number() OVER () <= :troubles THEN 'not_sent' ELSE 'accepted' END, clock_timestamp() "
                "FROM sends ORDER BY sends.id LIMIT :calls"
            ),
            {"name": name, "troubles": troubles, "calls": calls},
        )


def shares(database: Database) -> dict[str, int]:
    with database.transaction() as connection:
        return {name: each.share for name, each in read_standing(connection, ["sms.a", "sms.b"], day=DAY).items()}


def steps(database: Database, *, times: int = 1) -> None:
    for _ in range(times):
        with database.transaction() as connection:
            balance(connection, read_standing(connection, ["sms.a", "sms.b"], day=DAY))
            connection.execute(text("UPDATE accounts SET shared_at = shared_at - interval '11 s'"))


def test_messages_leave_a_sick_account_step_by_step_and_come_back(database: Database) -> None:
    planned(database, 100)
    hand_overs(database, "sms.a", troubles=15)
    hand_overs(database, "sms.b", troubles=1)

    with database.transaction() as connection:
        read_standing(connection, ["sms.a", "sms.b"], day=DAY)
    steps(database)
    assert shares(database) == {"sms.a": 90, "sms.b": 100}
    steps(database, times=30)
    assert shares(database) == {"sms.a": 0, "sms.b": 100}

    with database.transaction() as connection:
        connection.execute(attempts.delete())
        connection.execute(text("UPDATE accounts SET shared_at = shared_at - interval '31 s'"))
    steps(database)
    assert shares(database)["sms.a"] == 10
    steps(database, times=2)
    assert shares(database)["sms.a"] == 10, "it comes back slower than it went"


def test_nothing_moves_where_all_accounts_are_sick_or_there_is_too_little_to_tell(database: Database) -> None:
    planned(database, 100)
    hand_overs(database, "sms.a", troubles=50)
    hand_overs(database, "sms.b", troubles=50)
    steps(database, times=3)
    assert shares(database) == {"sms.a": 100, "sms.b": 100}

    with database.transaction() as connection:
        connection.execute(attempts.delete())
    hand_overs(database, "sms.a", troubles=10, calls=19)
    steps(database, times=3)
    assert shares(database) == {"sms.a": 100, "sms.b": 100}


def test_an_account_trusted_with_less_gets_less(database: Database) -> None:
    planned(database, 150)
    first, second = Carrying("sms.a"), Carrying("sms.b")
    with database.transaction() as connection:
        read_standing(connection, ["sms.a", "sms.b"], day=DAY)
        connection.execute(text("UPDATE accounts SET share = 50 WHERE name = 'sms.a'"))

    until_nothing_is_due(a_carrier_of(database, Account(name="sms.a", provider=first), Account(name="sms.b", provider=second)))

    assert carried_by(database) == {"sms.a": 50, "sms.b": 100}


@pytest.mark.parametrize("count", [1, TROUBLES - 1])
def test_a_few_troubles_open_no_breaker(database: Database, count: int) -> None:
    planned(database, count)
    carrier = a_carrier_of(database, Account(name="sms.a", provider=Carrying("sms.a", answer=NOT_NOW)))

    until_nothing_is_due(carrier)

    with database.transaction() as connection:
        assert read_standing(connection, ["sms.a"], day=DAY)["sms.a"].trips == 0


def test_a_round_that_was_turned_away_leaves_nothing_to_fall_back(database: Database) -> None:
    planned(database, 20)
    carrier = a_carrier_of(database, Account(name="sms.a", provider=Carrying("sms.a", answer=NOT_NOW)))
    assert until_nothing_is_due(carrier).turned_away

    done = deliver(carrier, now=NOON + timedelta(minutes=1))

    assert done.turned_away and not done.may_fall_back


def test_a_channel_with_an_account_that_has_no_quota_is_not_spent_and_nobody_looks(database: Database) -> None:
    free, limited = Account(name="sms.a", provider=Carrying("sms.a")), Account(name="sms.b", provider=Carrying("sms.b"), per_day=1)

    assert not Accounts(database=database, accounts=[limited, free]).is_spent(now=NOON)

    with database.transaction() as connection:  # Whoever looks enters accounts that were never seen.
        assert connection.execute(text("SELECT count(*) FROM accounts")).scalar_one() == 0
