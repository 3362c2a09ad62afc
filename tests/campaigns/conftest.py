"""What most tests of sending begin with."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from campaigns.invariants import broken
from channels.simulator.running import SimulatorProcess
from database.engine import Database
from tests.carriers import a_simulator


class Spares:
    """Simulators of which one is always started ahead, and which end while nobody waits; each is used once."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders, self._threads = folders, ThreadPoolExecutor(2)
        self._next = self._begun()

    def _begun(self) -> Future[SimulatorProcess]:
        return self._threads.submit(a_simulator(self._folders.mktemp("simulator")).start)

    def take(self) -> SimulatorProcess:
        """Return a simulator that runs, and begin the one after it."""
        taken, self._next = self._next, self._begun()
        return taken.result()

    def end(self, simulator: SimulatorProcess) -> None:
        """Let a simulator end by and by."""
        self._threads.submit(simulator.stop)

    def close(self) -> None:
        """Wait until all have ended."""
        self.end(self._next.result())
        self._threads.shutdown()


@pytest.fixture(scope="session")
def spares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spares]:
    """Return where ``simulator`` gets its own from: to start and to end one takes as long as most tests that use it."""
    found = Spares(tmp_path_factory)
    yield found
    found.close()


@pytest.fixture
def simulator(spares: Spares) -> Iterator[SimulatorProcess]:
    """Return a simulator of the test's own that means well and keeps its reports to itself."""
    taken = spares.take()
    yield taken
    spares.end(taken)


@pytest.fixture
def sound(database: Database) -> Iterator[None]:
    """Hold every invariant after a test that sends."""
    yield
    with database.transaction() as connection:
        assert broken(connection) == []
