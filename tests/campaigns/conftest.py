"""What most tests of sending begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.invariants import broken
from channels.simulator.running import SimulatorProcess
from database.engine import Database
from tests.carriers import a_simulator


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """Return a simulator that means well and keeps its reports to itself."""
    with a_simulator(tmp_path) as running:
        yield running


@pytest.fixture
def sound(database: Database) -> Iterator[None]:
    """Hold every invariant after a test that sends."""
    yield
    with database.transaction() as connection:
        assert broken(connection) == []
