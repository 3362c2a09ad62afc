"""One simulator for all contract cases; each case gets a provider of its own."""

from collections.abc import Iterator

import pytest
from provider_accounts import ACCOUNTS, Account, Stage

from channels.simulator.faults import FaultRules
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import SimulatorSettings

STILL = {"address_refused": 0.0, "member_refused": 0.0, "content_refused": 0.0}


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    record = tmp_path_factory.mktemp("simulator") / "record.jsonl"
    settings = SimulatorSettings(record=record, http_port=0, smtp_port=0, faults=FaultRules(hang_for=5.0))
    with SimulatorProcess(settings) as running:
        yield running


@pytest.fixture(params=ACCOUNTS, ids=lambda account: account.name)
def account(request: pytest.FixtureRequest) -> Account:
    chosen: Account = request.param
    return chosen


@pytest.fixture
def stage(simulator: SimulatorProcess, account: Account) -> Iterator[Stage]:
    stage = Stage(simulator, account)
    yield stage
    stage.order()
    stage.rule(**STILL)
    stage.provider.close()
