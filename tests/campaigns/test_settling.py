"""Sends in doubt, asked about with a provider that knows them by their words alone, or that cannot say."""

import time
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, text

from campaigns.carrier import Carrier
from campaigns.delivery import deliver
from campaigns.sends import InDoubt, SettlingRules, ask_later, settle_found, take_doubtful
from campaigns.sends.settling import LONGEST_WAIT
from campaigns.settling import settle
from channels.message import DeliveryReport, ReportStatus
from channels.registry import open_provider
from channels.simulator.faults import Fault
from channels.simulator.running import SimulatorProcess
from database.engine import Database
from database.tables import attempts
from tests.campaigns.test_planning import plan_all
from tests.carriers import a_carrier, carried_by, steer, taken
from tests.makers import NOON, make_campaign, make_members, states

pytestmark = pytest.mark.usefixtures("sound")

MINUTE = timedelta(minutes=1)
TWILIO = {
    "account_sid": "AC00000000000000000000000000000000",
    "auth_token": "simulated-auth-token",
    "sender": "+15005550006",
    "read_timeout": 2.0,
}


@pytest.fixture
def carrier(database: Database, simulator: SimulatorProcess) -> Carrier:
    """The carrier of an account whose provider lists what went to a number, and names no reference of ours."""
    provider = open_provider("sms.twilio", {**TWILIO, "endpoint": simulator.http_url})
    return carried_by(a_carrier(database, simulator, "sms"), provider)


def order(simulator: SimulatorProcess, *faults: Fault) -> None:
    steer(simulator, {"next": faults})


def in_doubt(carrier: Carrier, simulator: SimulatorProcess, *faults: Fault) -> None:
    """Plan a send for each fault, and lose every answer."""
    with carrier.database.transaction() as connection:
        make_members(connection, len(faults))
        plan_all(connection, make_campaign(connection))
    order(simulator, *faults)
    deliver(carrier, now=NOON)
    assert states(carrier.database) == {"in_doubt": len(faults)}


def test_a_send_is_found_by_its_words_written_once_more(carrier: Carrier, simulator: SimulatorProcess) -> None:
    in_doubt(carrier, simulator, *[Fault.ANSWER_LOST] * 5)
    time.sleep(0.35)

    assert settle(carrier, now=NOON).found == 5
    assert states(carrier.database) == {"delivered": 5}
    assert set(taken(simulator).values()) == {1}


def test_a_send_that_was_never_taken_goes_out_after_two_looks(carrier: Carrier, simulator: SimulatorProcess) -> None:
    in_doubt(carrier, simulator, *[Fault.DROPPED] * 3)
    for again in (0, 3):
        time.sleep(0.35)
        assert settle(carrier, now=NOON).waiting_again == again

    deliver(carrier, now=NOON)

    assert states(carrier.database) == {"accepted": 3}
    assert set(taken(simulator).values()) == {1} and len(taken(simulator)) == 3


def test_words_that_have_changed_since_prove_nothing_and_nothing_is_sent_again(
    carrier: Carrier, simulator: SimulatorProcess
) -> None:
    in_doubt(carrier, simulator, Fault.ANSWER_LOST)
    with carrier.database.transaction() as connection:
        connection.execute(text("UPDATE members SET name = '别人'"))
    for _ in range(3):
        with carrier.database.transaction() as connection:
            connection.execute(text("UPDATE sends SET lease_until = now() - interval '1 second'"))
        done = settle(carrier, now=NOON)
        assert (done.unanswered, done.found, done.waiting_again) == (1, 0, 0)

    assert deliver(carrier, now=NOON).claimed == 0
    assert states(carrier.database) == {"in_doubt": 1}
    assert set(taken(simulator).values()) == {1}


def test_a_message_that_is_another_sends_is_not_taken_for_this_ones(
    carrier: Carrier, simulator: SimulatorProcess
) -> None:
    in_doubt(carrier, simulator, Fault.DROPPED, Fault.ANSWER_LOST)
    report = DeliveryReport(provider="sms.twilio", key="1", status=ReportStatus.DELIVERED, provider_ref="SM" + "7" * 32)
    with carrier.database.transaction() as connection:
        token, (first, second) = taken_now(connection)
        moved = [settle_found(connection, each, report, token=token, now=NOON) for each in (second, first)]
        assert ask_later(connection, [first, second], token=token, rules=carrier.settling) == 1

    assert moved == [True, False]
    assert states(carrier.database) == {"delivered": 1, "in_doubt": 1}


def taken_now(connection: Connection) -> tuple[uuid.UUID, list[InDoubt]]:
    """Take every send in doubt, as if its time had come."""
    connection.execute(text("UPDATE sends SET lease_until = now() - interval '1 second'"))
    token, doubtful = take_doubtful(connection, "sms.twilio", limit=10, lease=MINUTE)
    return token, sorted(doubtful, key=lambda send: send.id)


@pytest.mark.parametrize(
    ("doubted", "settle_after", "wait"),
    [
        (timedelta(0), 10 * MINUTE, 10 * MINUTE),
        (10 * MINUTE, 10 * MINUTE, 10 * MINUTE),
        (20 * MINUTE, 10 * MINUTE, 20 * MINUTE),
        (40 * MINUTE, 10 * MINUTE, 40 * MINUTE),
        (80 * MINUTE, 10 * MINUTE, LONGEST_WAIT),
        (3000 * MINUTE, 10 * MINUTE, LONGEST_WAIT),
        (3000 * MINUTE, 90 * MINUTE, 90 * MINUTE),
    ],
)
def test_what_the_provider_cannot_say_it_is_asked_more_and_more_seldom(
    carrier: Carrier, simulator: SimulatorProcess, doubted: timedelta, settle_after: timedelta, wait: timedelta
) -> None:
    in_doubt(carrier, simulator, Fault.ANSWER_LOST)
    with carrier.database.transaction() as connection:
        connection.execute(text("UPDATE attempts SET marked_at = clock_timestamp() - :doubted"), {"doubted": doubted})
        token, doubtful = taken_now(connection)
        ask_later(connection, doubtful, token=token, rules=SettlingRules(settle_after=settle_after))
        left, holder = connection.execute(text("SELECT lease_until - clock_timestamp(), token FROM sends")).one()
        assert take_doubtful(connection, "sms.twilio", limit=10, lease=MINUTE)[1] == []

    assert abs(left - wait) < timedelta(seconds=5)
    assert holder is None


def test_an_earlier_attempt_of_the_same_send_is_not_another_sends(
    carrier: Carrier, simulator: SimulatorProcess
) -> None:
    in_doubt(carrier, simulator, Fault.ANSWER_LOST)
    report = DeliveryReport(provider="sms.twilio", key="1", status=ReportStatus.ACCEPTED, provider_ref="SM1")
    with carrier.database.transaction() as connection:
        token, (send,) = taken_now(connection)
        connection.execute(
            insert(attempts).values(
                send_id=send.id, number=9, provider="sms.twilio", marked_at=NOON, provider_ref="SM1"
            )
        )
        assert settle_found(connection, send, report, token=token, now=NOON)
        connection.execute(text("DELETE FROM attempts WHERE number = 9"))
