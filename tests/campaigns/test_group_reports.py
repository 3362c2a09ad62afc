"""One report about a mass send settles every send of that call, and claims nothing that nobody said."""

import json
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from campaigns.delivery import deliver
from campaigns.invariants import broken
from campaigns.sends import FellBack, apply_reports, fall_back
from campaigns.told import store_told
from channels.message import CallbackRequest, DeliveryReport, OutcomeKind, ReportStatus
from channels.registry import open_provider
from channels.simulator.running import SimulatorProcess
from database.engine import Database
from database.tables import attempts, receipts, sends, suppressions
from tests.campaigns.test_falling_back import carried_by_hand
from tests.campaigns.test_planning import plan_all
from tests.campaigns.test_receipts import PROVIDER, accepted_sends, tell
from tests.carriers import a_carrier, account_settings, carried_by
from tests.makers import NOON, SECRET, make_campaign, make_members, states


def mass_pushes(simulator: SimulatorProcess) -> list[CallbackRequest]:
    """Let the simulator tell what it holds, and return its pushes."""
    asked = urllib.request.Request(f"{simulator.http_url}/_simulator/release", data=b"", method="POST")
    with urllib.request.urlopen(asked) as answer:
        pushes = json.load(answer)["callbacks"]
    return [
        CallbackRequest(
            method="POST", url=f"https://crm.example/?{push['query']}", headers={}, body=push["body"].encode()
        )
        for push in pushes
    ]


def a_group_report(status: ReportStatus, **more: object) -> DeliveryReport:
    return DeliveryReport(
        provider=PROVIDER, key=f"g:{status}", status=status, provider_ref="job-1", code=status.value, **more
    )  # type: ignore[arg-type]


def grouped_sends(database: Database, count: int) -> list[int]:
    ids = accepted_sends(database, count)
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE attempts SET provider_ref = 'job-1' WHERE send_id <> (SELECT max(send_id) FROM attempts)")
        )
    return ids


def test_a_mass_send_of_many_is_delivered_to_all_by_one_report(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        make_members(connection, 40)
        plan_all(connection, make_campaign(connection, channels=["wechat"]))
    given: dict[str, object] = dict(account_settings(simulator)["wechat"])
    provider = open_provider(
        str(given.pop("provider")),
        {
            **given,
            "callback_token": "simulated-callback-token",
            "ways": {"*": "mass"},
            "articles": {"new-season": "MEDIA"},
        },
    )
    carrier = carried_by(a_carrier(database, simulator, "wechat"), provider)

    assert deliver(carrier, now=NOON).outcomes == {OutcomeKind.ACCEPTED: 40}
    pushes = mass_pushes(simulator)
    assert len(pushes) == 1
    store_told(database, [provider.read_callback(pushes[0])], secret=SECRET)
    with database.transaction() as connection:
        assert apply_reports(connection, now=NOON) == 1
        assert broken(connection) == []

    assert states(database) == {"delivered": 40}


@pytest.mark.parametrize(
    ("status", "ends"),
    [(ReportStatus.DELIVERED, "delivered"), (ReportStatus.FAILED, "failed"), (ReportStatus.ACCEPTED, "accepted")],
)
def test_what_a_group_is_told_moves_all_of_it_and_no_other(database: Database, status: ReportStatus, ends: str) -> None:
    ids = grouped_sends(database, 30)

    tell(database, [a_group_report(status), a_group_report(status)])

    with database.transaction() as connection:
        found = dict(connection.execute(select(sends.c.id, sends.c.state)).all())
        row = connection.execute(select(receipts.c.send_id, receipts.c.applied_at)).one()
    assert {found[each] for each in ids[:-1]} == {ends} and found[ids[-1]] == "accepted"
    assert row.send_id is None and row.applied_at is not None


def test_two_reports_of_one_batch_about_a_group_and_about_one_of_it_agree_on_the_better(database: Database) -> None:
    ids = grouped_sends(database, 4)
    alone = replace(a_group_report(ReportStatus.DELIVERED), provider_ref=None, reference=f"0123abcd-{ids[0]}")

    tell(database, [a_group_report(ReportStatus.FAILED), alone])

    with database.transaction() as connection:
        found: Mapping[int, str] = dict(connection.execute(select(sends.c.id, sends.c.state)).all())
    assert [found[each] for each in ids] == ["delivered", "failed", "failed", "accepted"]


@pytest.mark.parametrize("status", [ReportStatus.BOUNCED, ReportStatus.COMPLAINED])
def test_no_address_is_suppressed_for_what_a_group_is_told(database: Database, status: ReportStatus) -> None:
    grouped_sends(database, 5)

    tell(database, [a_group_report(status)])

    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(suppressions)).scalar_one() == 0


def test_one_send_tried_twice_under_one_id_is_no_group(database: Database) -> None:
    (send_id,) = accepted_sends(database, 1)
    with database.transaction() as connection:
        connection.execute(
            attempts.insert().values(
                send_id=send_id,
                number=2,
                provider=PROVIDER,
                marked_at=NOON,
                outcome="unknown",
                provider_ref=f"ref-{send_id}",
            )
        )

    tell(database, [replace(a_group_report(ReportStatus.DELIVERED), provider_ref=f"ref-{send_id}")])

    assert states(database) == {"delivered": 1}
    with database.transaction() as connection:
        assert connection.execute(select(receipts.c.send_id)).scalar_one() == send_id


WECHAT = "wechat.official_account"
LATER = NOON + timedelta(hours=1)
THE_GROUP_FAILED = DeliveryReport(
    provider=WECHAT, key="g", status=ReportStatus.FAILED, provider_ref="job-1", code="failed"
)


def a_mass_send(database: Database, count: int) -> None:
    """Plan sends on two channels and say by hand that the first took them in one call; after an hour they go on."""
    with database.transaction() as connection:
        make_members(connection, count)
        terms = {"channels": ["wechat", "sms"], "fallback": {"unconfirmed_after": "1h"}}
        plan_all(connection, make_campaign(connection, **terms))
        carried_by_hand(connection, "wechat", WECHAT, 1)
        connection.execute(text("UPDATE attempts SET provider_ref = 'job-1'"))


def test_what_a_group_is_told_is_remembered_by_those_that_went_on(database: Database) -> None:
    a_mass_send(database, 4)
    with database.transaction() as connection:
        assert fall_back(connection, now=LATER) == FellBack(moved=4)

    tell(database, [THE_GROUP_FAILED])
    with database.transaction() as connection:  # And the text messages come to nothing.
        connection.execute(text("UPDATE sends SET state = 'failed', reason = 'rejected'"))
        went = fall_back(connection, now=LATER)
        assert broken(connection) == []

    assert went == FellBack(ended=4)
    assert states(database) == {"failed": 4}


def test_a_group_is_told_while_one_of_it_goes_on(database: Database) -> None:
    a_mass_send(database, 3)
    with database.transaction() as connection:  # The others are awaited for longer.
        connection.execute(text("UPDATE sends SET confirm_by = confirm_by + interval '1 day' WHERE id <> 2"))

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as going_on:
            assert fall_back(going_on, now=LATER) == FellBack(moved=1)
            told = worker.submit(tell, database, [THE_GROUP_FAILED])
            until_somebody_waits(database)
        told.result()

    with database.transaction() as connection:
        rows = connection.execute(select(sends.c.state, sends.c.channel, sends.c.unconfirmed).order_by(sends.c.id)).all()
    assert [tuple(row) for row in rows] == [("failed", "wechat", None), ("waiting", "sms", None), ("failed", "wechat", None)]


def until_somebody_waits(database: Database) -> None:
    """Return once a transaction waits for what another one holds."""
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with database.transaction() as connection:
            if connection.execute(waits).scalar_one():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waited")
