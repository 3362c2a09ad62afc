"""Messages that shared a call are told apart by their reports alone, even if the answer to the call was lost."""

import json
import random
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.carrier import Carrier
from campaigns.delivery import deliver
from campaigns.invariants import broken
from campaigns.sends import apply_reports, reference_of, store_reports
from channels.message import CallbackRequest, DeliveryReport, OutcomeKind
from channels.registry import open_provider
from channels.simulator.faults import FaultRules
from channels.simulator.record import read_record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules
from database.engine import Database
from tests.campaigns.test_planning import plan_all
from tests.carriers import a_carrier, a_simulator, carried_by, taken, trusted_again
from tests.makers import NOON, make_campaign, make_members, states

ALIYUN = {
    "access_key_id": "simulated-key",
    "access_key_secret": "simulated-secret",
    "sign_name": "示例商城",
    "template_codes": {"*": "SMS_1"},
}
TENCENT = {
    "secret_id": "simulated-key",
    "secret_key": "simulated-secret",
    "app_id": "1400006666",
    "sign_name": "示例商城",
    "templates": {"*": {"id": "1110"}},
}
ACCOUNTS: Mapping[str, Mapping[str, object]] = {"sms.aliyun": ALIYUN, "sms.tencent": TENCENT}


@pytest.fixture(params=[0.0, 1.0], ids=["answered", "answers lost"])
def telling(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SimulatorProcess]:
    faults = FaultRules(answer_lost=request.param)
    with a_simulator(tmp_path, faults=faults, receipts=ReceiptRules(held=True, failed=0.3, doubled=0.3)) as running:
        yield running


def released(simulator: SimulatorProcess, carrier: Carrier) -> list[DeliveryReport]:
    """Let the provider tell everything, and read what it tells."""
    with urllib.request.urlopen(f"{simulator.http_url}/_simulator/release", b"{}", timeout=10) as answer:
        callbacks = json.load(answer)["callbacks"]
    requests = (
        CallbackRequest(method="POST", url="https://crm.example.com/", headers={}, body=each["body"].encode()) for each in callbacks
    )
    return [report for each in requests for report in carrier.accounts.accounts[0].provider.read_callback(each).reports]


@pytest.mark.parametrize("name", ACCOUNTS)
def test_reports_settle_each_send_of_a_batch_and_no_other(database: Database, telling: SimulatorProcess, name: str) -> None:
    with database.transaction() as connection:
        make_members(connection, 150)
        plan_all(connection, make_campaign(connection))
    provider = open_provider(name, {**ACCOUNTS[name], "endpoint": telling.http_url})
    carrier = carried_by(a_carrier(database, telling, "sms"), provider)

    done = deliver(carrier, now=NOON)
    while "waiting" in states(database):
        deliver(trusted_again(carrier), now=NOON)
    reports = released(telling, carrier)
    random.Random(7).shuffle(reports)
    with database.transaction() as connection:
        store_reports(connection, reports, installation=carrier.installation, now=NOON)
        apply_reports(connection, now=NOON)

    assert set(done.outcomes) <= {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}
    assert len({entry.label for entry in read_record(telling.record_path)}) < 10
    assert set(taken(telling)) == {reference_of(number, carrier.installation) for number in range(1, 151)}
    assert set(taken(telling).values()) == {1}
    truth = {report.reference: report.status.value for report in reports}
    with database.transaction() as connection:
        rows = connection.execute(text("SELECT id, state FROM sends")).all()
        assert broken(connection) == []
    assert {reference_of(row.id, carrier.installation): row.state for row in rows} == truth
    assert set(states(database)) == {"delivered", "failed"}
    provider.close()
