"""What is learnt at night is learnt once, by a process of its own, however many schedulers look."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from config.wiring import open_application
from database.engine import Database, read_clock
from database.loyalty_tables import bought_together, fits
from database.member_tables import upkeep
from members.definitions import save_definitions
from members.insight.nightly import EVERY
from members.insight.nights import due
from members.insight.predicting import Predictions
from members.insight.together import Together
from members.upkeep import Chore, Turn, keep_up
from tests.makers import make_members
from tests.order_histories import give_orders
from workers.overnight import Overnight

PATIENCE = 60  #: seconds


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def installed(database: Database, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Let processes started here use the test's database."""
    monkeypatch.setenv("TIDINGS_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TIDINGS_REDIS_URL", redis_url)
    monkeypatch.setenv("TIDINGS_HOME", str(tmp_path))
    return database


def test_two_schedulers_learn_once_a_night_and_a_night_that_tells_nothing_is_not_tried_again(installed: Database) -> None:
    with installed.transaction() as connection:
        now = read_clock(connection)
        (member,) = make_members(connection, 1, consenting=False)
        orders = [(member, now - timedelta(hours=9 - place), 1, {"category": "ab"[place % 2]}) for place in range(8)]
        give_orders(connection, orders)
        save_definitions(connection, [Together(together="x", fewest=1)], now=now)
        save_definitions(connection, [Predictions(predictions="x")], now=now)

    with open_application() as application:
        first, second = Overnight(application), Overnight(application)
        first.look()
        assert first.is_busy()
        wait_for(lambda: not first.is_busy())
        first.look()
        second.look()

        assert not first.is_busy()
        assert not second.is_busy()
    with installed.transaction() as connection:
        assert set(connection.execute(select(upkeep.c.kind)).scalars()) == {"predictions", "together", "clusters"}
        assert connection.execute(select(bought_together.c.item, bought_together.c.other)).all() == [("a", "b"), ("b", "a")]
        problem = connection.execute(select(fits.c.parameters).where(fits.c.kind == "predictions")).scalar_one()["problem"]
        assert problem["values"]["members"] == 1
        assert due(connection, now=now, zone=application.zone) == []


def test_no_second_process_begins_while_one_is_at_it_even_for_the_first_time(installed: Database) -> None:
    with installed.transaction() as connection:
        now = read_clock(connection)
        save_definitions(connection, [Together(together="x", fewest=1)], now=now)
        save_definitions(connection, [Predictions(predictions="x")], now=now)
    looks: list[list[str]] = []

    def look_meanwhile(_connection: Connection, turn: Turn) -> None:
        with installed.transaction() as other:
            other.execute(text("SET LOCAL lock_timeout = '2s'"))
            looks.append(due(other, now=now, zone=UTC))
        assert keep_up(installed, zone=UTC, now=now, chores=chores[:1]) == []

    chores = (Chore("predictions", EVERY, look_meanwhile), Chore("together", EVERY, lambda _, __: None))
    with installed.transaction() as connection:
        assert due(connection, now=now, zone=UTC) == ["predictions", "together"]
    assert keep_up(installed, zone=UTC, now=now, chores=chores) == ["predictions", "together"]

    assert looks == [[]]


def test_a_process_that_fails_is_not_started_again_at_once_and_one_at_work_is_ended(installed: Database) -> None:
    with installed.transaction() as connection:
        save_definitions(connection, [Together(together="x")], now=read_clock(connection))

    with open_application() as application:
        failing = Overnight(application, (sys.executable, "-c", "raise SystemExit(3)"))
        failing.look()
        wait_for(lambda: not failing.is_busy())
        failing.look()
        assert not failing.is_busy()

        long = Overnight(application, (sys.executable, "-c", "import time; time.sleep(600)"))
        long.look()
        assert long.is_busy()
        long.end()
        assert not long.is_busy()


def test_without_a_definition_no_process_is_started(installed: Database) -> None:
    with open_application() as application:
        idle = Overnight(application)
        idle.look()

        assert not idle.is_busy()


def test_a_night_ends_well_though_it_looked_about_while_it_learnt() -> None:
    # Python gives the signal back to the system as it ends, so a clock that goes on ticking would kill the process then.
    story = (
        "import time\n"
        "from workers import nightly\n"
        "nightly.LOOK, nightly.learn = 0.01, lambda application: []\n"
        "nightly.open_application = lambda settings: __import__('contextlib').nullcontext()\n"
        "nightly.main()\n"
        "import signal\n"
        "assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)\n"
    )

    ended = subprocess.run((sys.executable, "-c", story), timeout=PATIENCE, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr.count("Error")) == (0, 0)
