"""Whoever holds members and rows holds the members first, and all of them at once, so that nobody waits in a ring."""

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select, text

from campaigns.accounts import Account
from campaigns.delivery import deliver
from campaigns.sends import Answer, apply_reports, record, store_reports
from channels.message import Blame, Message, Outcome, OutcomeKind, ReportStatus
from database.engine import Database
from database.holding import hold_members
from database.tables import suppressions
from tests.campaigns.test_accounts import Carrying, a_carrier_of, planned
from tests.campaigns.test_group_reports import until_somebody_waits
from tests.campaigns.test_receipts import HERE, a_report, accepted_sends
from tests.makers import NOON, states


@dataclass
class Refusing(Carrying):
    """A provider that refuses each message for another reason, and lets something happen before it says so."""

    blames: Sequence[Blame] = ()
    meanwhile: Callable[[], None] = field(default=lambda: None)
    was_asked: threading.Event = field(default_factory=threading.Event)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        self.meanwhile()
        self.was_asked.set()
        return [Outcome(kind=OutcomeKind.REJECTED, blame=blame) for _, blame in zip(messages, self.blames, strict=True)]


def take_row(connection: Connection, send_id: int) -> None:
    """Take a send's row as a mark does; fails at once where somebody holds it."""
    connection.execute(text("SELECT FROM sends WHERE id = :id FOR UPDATE NOWAIT"), {"id": send_id})


@pytest.mark.parametrize("status", [ReportStatus.BOUNCED, ReportStatus.COMPLAINED])
def test_reports_that_suppress_hold_no_row_while_they_wait_for_a_member(
    database: Database, status: ReportStatus
) -> None:
    (send_id,) = accepted_sends(database, 1)
    with database.transaction() as connection:
        store_reports(connection, [a_report(send_id, status)], installation=HERE, now=NOON)

    def apply() -> None:
        with database.transaction() as connection:
            apply_reports(connection, now=NOON)

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as marking:
            hold_members(marking, [1])
            applied = worker.submit(apply)
            until_somebody_waits(database)
            take_row(marking, send_id)
        applied.result()

    with database.transaction() as connection:
        assert len(connection.execute(select(suppressions)).all()) == 1


@pytest.mark.parametrize("blame", [Blame.ADDRESS, Blame.MEMBER])
def test_answers_that_suppress_hold_no_row_while_they_wait_for_a_member(database: Database, blame: Blame) -> None:
    planned(database, 1)

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as marking:
            refusing = Refusing("sms.a", blames=[blame], meanwhile=lambda: hold_members(marking, [1]))
            done = worker.submit(deliver, a_carrier_of(database, Account(name="sms.a", provider=refusing)), now=NOON)
            assert refusing.was_asked.wait(30)
            until_somebody_waits(database)
            take_row(marking, 1)
        done.result()

    assert states(database) == {"failed": 1}


def test_answers_that_suppress_for_two_reasons_hold_all_members_in_one_order(database: Database) -> None:
    planned(database, 2)

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as marking:
            blames = [Blame.MEMBER, Blame.ADDRESS]
            refusing = Refusing("sms.a", blames=blames, meanwhile=lambda: hold_members(marking, [1]))
            done = worker.submit(deliver, a_carrier_of(database, Account(name="sms.a", provider=refusing)), now=NOON)
            assert refusing.was_asked.wait(30)
            until_somebody_waits(database)
            assert marking.execute(text("SELECT pg_try_advisory_xact_lock(2)")).scalar_one()
        done.result()

    with database.transaction() as connection:
        reasons = set(connection.execute(select(suppressions.c.reason)).scalars())
    assert reasons == {"hard_bounce", "reply"}


def apply_all(database: Database) -> None:
    with database.transaction() as connection:
        apply_reports(connection, now=NOON)


def answer_all(database: Database, token: uuid.UUID, ids: Sequence[int]) -> None:
    taken = Outcome(kind=OutcomeKind.ACCEPTED)
    answers = [Answer(send_id=send_id, attempt=1, outcome=taken) for send_id in reversed(ids)]
    with database.transaction() as connection:
        record(connection, answers, token=token, now=NOON, settle_after=timedelta(minutes=1))


@pytest.mark.parametrize("who", ["answers", "reports"])
def test_answers_and_reports_hold_their_sends_in_the_order_of_their_ids(database: Database, who: str) -> None:
    token = uuid.uuid4()
    ids = accepted_sends(database, 3)
    first, *others = ids
    with database.transaction() as connection:
        connection.execute(text("UPDATE sends SET state = 'submitting', token = :token"), {"token": token})
        # The first row lies last in the table, where a statement that takes rows as it finds them comes last, too.
        connection.execute(text("UPDATE sends SET parts = 1 WHERE id = :id"), {"id": first})
        reports = [a_report(send_id, ReportStatus.DELIVERED) for send_id in reversed(ids)]
        store_reports(connection, reports, installation=HERE, now=NOON)

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as other:
            take_row(other, first)
            writing = worker.submit(answer_all, database, token, ids) if who == "answers" else worker.submit(apply_all, database)
            until_somebody_waits(database)
            for send_id in others:
                take_row(other, send_id)
        writing.result()

    assert states(database) == {"accepted" if who == "answers" else "delivered": 3}
