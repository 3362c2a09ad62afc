"""A round of delivery against a provider that keeps its own record."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from campaigns.carrier import Carrier
from campaigns.delivery import deliver
from campaigns.rules import Cap, PlanningRules
from campaigns.sends import claim, plan, reference_of, take_back_claims
from campaigns.sends.claiming import POISONED_AFTER
from campaigns.settling import settle, sweep
from channels.message import OutcomeKind
from channels.simulator.faults import FaultRules
from channels.simulator.running import SimulatorProcess
from database.engine import Database
from database.tables import members, sends
from tests.campaigns.test_planning import RULES, a_group, plan_all
from tests.carriers import a_carrier, a_simulator, taken, trusted_again
from tests.makers import NOON, consent, make_campaign, make_members, states

pytestmark = pytest.mark.usefixtures("sound")


@pytest.mark.parametrize("channel", ["sms", "email", "wechat"])
def test_every_due_send_is_carried_once_and_written_down(
    database: Database, simulator: SimulatorProcess, channel: str
) -> None:
    with database.transaction() as connection:
        make_members(connection, 120)
        plan_all(connection, make_campaign(connection, channels=[channel]))
    carrier = a_carrier(database, simulator, channel)

    done = deliver(carrier, now=NOON)

    assert done.outcomes == {OutcomeKind.ACCEPTED: 120}
    assert states(database) == {"accepted": 120}
    assert len(taken(simulator)) == 120 and set(taken(simulator).values()) == {1}
    if channel != "wechat":  # That protocol carries no reference of ours.
        assert set(taken(simulator)) == {reference_of(number, carrier.installation) for number in range(1, 121)}


def test_two_workers_never_carry_the_same_send(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        make_members(connection, 300)
        plan_all(connection, make_campaign(connection))
    carrier = a_carrier(database, simulator, "sms")
    workers = [threading.Thread(target=lambda: deliver(carrier, now=NOON, limit=40)) for _ in range(8)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert set(taken(simulator).values()) == {1}
    assert states(database) == {"accepted": 300}


def test_lost_answers_are_in_doubt_and_found_by_asking(database: Database, tmp_path: Path) -> None:
    with a_simulator(tmp_path, faults=FaultRules(answer_lost=0.75, unavailable=0.1)) as simulator:
        with database.transaction() as connection:
            make_members(connection, 100)
            plan_all(connection, make_campaign(connection))
        carrier = a_carrier(database, simulator, "sms", batch=1)
        first = deliver(carrier, now=NOON)
        assert states(database)["in_doubt"] == first.outcomes[OutcomeKind.UNKNOWN] > 0

        for turn in range(1, 30):
            deliver(trusted_again(carrier), now=NOON + timedelta(minutes=turn * 10))
            time.sleep(0.35)
            settle(carrier, now=NOON)
            if set(states(database)) == {"accepted"}:
                break

        assert states(database) == {"accepted": 100}
        assert set(taken(simulator).values()) == {1} and len(taken(simulator)) == 100


def test_a_dead_workers_mark_is_doubted_and_never_simply_sent_again(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        make_members(connection, 10)
        plan_all(connection, make_campaign(connection, channels=["wechat"]))
    carrier = a_carrier(database, simulator, "wechat")
    deliver(carrier, now=NOON)
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE sends SET state = 'submitting', token = gen_random_uuid(), lease_until = now() - interval '1 s'")
        )
        connection.execute(text("UPDATE attempts SET outcome = NULL"))

    moved = sweep(database, carrier.settling)
    again = deliver(carrier, now=NOON + timedelta(days=1))

    assert (moved, again.claimed) == (10, 0)
    assert states(database) == {"in_doubt": 10}
    with database.transaction() as connection:  # Doubt that nobody can settle is closed by policy, not by sending.
        connection.execute(text("UPDATE attempts SET marked_at = now() - interval '2 hours'"))
        connection.execute(text("UPDATE sends SET lease_until = now() - interval '1 s'"))
    sweep(database, carrier.settling)
    assert states(database) == {"unknown": 10}


def test_a_worker_frozen_between_mark_and_call_calls_nobody(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        make_members(connection, 5)
        plan_all(connection, make_campaign(connection))
    # A lease that is over when the mark is written is what a frozen worker finds when it wakes.
    carrier = replace(a_carrier(database, simulator, "sms"), lease=timedelta(0))

    done = deliver(carrier, now=NOON)

    assert done.outcomes == {OutcomeKind.NOT_SENT: 5}
    assert taken(simulator) == {}


@pytest.mark.parametrize(
    ("change", "state", "reason"),
    [
        ("UPDATE campaigns SET state = 'cancelled'", "cancelled", "campaign_cancelled"),
        ("UPDATE addresses SET is_current = false", "refused", "unusable_address"),
        ("INSERT INTO suppressions SELECT channel, fingerprint, 'reply' FROM addresses", "refused", "suppressed"),
        ("UPDATE sends SET expires_at = '2026-08-03T03:00Z'", "cancelled", "expired"),
    ],
)
def test_what_changed_since_planning_is_heeded_at_the_last_moment(
    database: Database, simulator: SimulatorProcess, change: str, state: str, reason: str
) -> None:
    with database.transaction() as connection:
        make_members(connection, 3, channels=["sms"])
        plan_all(connection, make_campaign(connection))
        connection.execute(text(change))

    done = deliver(a_carrier(database, simulator, "sms"), now=NOON)

    assert done.held_back == 3
    assert taken(simulator) == {}
    with database.transaction() as connection:
        assert set(connection.execute(select(sends.c.state, sends.c.reason)).tuples()) == {(state, reason)}


def test_a_paused_campaign_waits_and_goes_on_when_it_is_resumed(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        make_members(connection, 3)
        plan_all(connection, make_campaign(connection))
        connection.execute(text("UPDATE campaigns SET state = 'paused'"))
    carrier = a_carrier(database, simulator, "sms")

    assert deliver(carrier, now=NOON).claimed == 0
    with database.transaction() as connection:
        connection.execute(text("UPDATE campaigns SET state = 'active'"))
    assert deliver(carrier, now=NOON).outcomes == {OutcomeKind.ACCEPTED: 3}


def test_no_call_follows_a_withdrawal(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 400)
        plan_all(connection, make_campaign(connection))
    carrier = a_carrier(database, simulator, "sms")
    worker = threading.Thread(target=lambda: [deliver(carrier, now=NOON, limit=30) for _ in range(20)])

    worker.start()
    withdrawn: dict[int, datetime] = {}
    for member_id in ids[::3]:
        with database.transaction() as connection:
            consent(connection, [member_id], ["sms"], granted=False, now=NOON)
        withdrawn[member_id] = datetime.now(UTC)  # Committed by now.
    worker.join()

    with database.transaction() as connection:
        marks = connection.execute(
            text("SELECT s.member_id, a.marked_at FROM attempts a JOIN sends s ON s.id = a.send_id")
        ).all()
    assert [row.member_id for row in marks if row.marked_at > withdrawn.get(row.member_id, row.marked_at)] == []
    assert states(database)["refused"] > 0


def test_a_cap_holds_when_many_workers_mark_at_once(database: Database, simulator: SimulatorProcess) -> None:
    rules = PlanningRules(quiet_hours=None, caps=(Cap(count=2, per=timedelta(days=1)),))
    with database.transaction() as connection:
        make_members(connection, 50)
        for number in range(4):
            campaign = make_campaign(connection, campaign=f"wave-{number}", channels=["sms" if number % 2 else "email"])
            plan(connection, campaign, a_group(select(members.c.id), "x"), now=NOON, rules=RULES)
    carriers: list[Carrier] = [
        replace(a_carrier(database, simulator, channel), rules=rules) for channel in ("sms", "email") for _ in range(4)
    ]
    workers = [
        threading.Thread(target=lambda carrier=carrier: [deliver(carrier, now=NOON, limit=17) for _ in range(12)])
        for carrier in carriers
    ]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert states(database) == {"accepted": 100, "refused": 100}
    with database.transaction() as connection:
        most, least = connection.execute(
            text("SELECT max(n), min(n) FROM (SELECT count(*) n FROM sends WHERE state = 'accepted' GROUP BY member_id) x")
        ).one()
    assert (most, least) == (2, 2)


def test_a_send_that_keeps_killing_its_worker_is_tried_alone_and_set_aside(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 200)
        plan_all(connection, make_campaign(connection))

    for _ in range(POISONED_AFTER):  # Worker after worker dies with send 1 in hand, the others get away.
        with database.transaction() as connection:
            while not claims_send_1(connection):
                connection.execute(text("UPDATE sends SET state = 'accepted', attempts = 0, lease_until = NULL WHERE state = 'claimed'"))
            connection.execute(text("UPDATE sends SET claims = 0 WHERE id > 1 AND state = 'claimed'"))
            take_back_claims(connection)

    with database.transaction() as connection:
        first = connection.execute(select(sends.c.state, sends.c.reason).where(sends.c.id == 1)).one()
        connection.execute(text("DELETE FROM sends WHERE id > 1"))
    assert first == ("failed", "poison")


def claims_send_1(connection: Connection) -> bool:
    """Claim once, and say whether send 1 was among what was claimed."""
    _, claimed = claim(connection, "sms", now=NOON, limit=200, lease=timedelta(0))
    return 1 in {send.id for send in claimed}
