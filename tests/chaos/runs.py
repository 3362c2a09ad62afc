"""The runs: everything goes wrong at once, and each guard switched off in turn."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from campaigns.invariants import Broken, broken
from channels.simulator.faults import FaultRules
from tests.chaos.installation import CLOSE_AFTER, Installation, an_installation, plan_sends, run_until_settled
from tests.chaos.oracle import Verdict, judge

FAULTS = FaultRules(answer_lost=0.01, unavailable=0.01)

Sabotage = Callable[[Installation], contextlib.AbstractContextManager[None]]


def everything_at_once(
    folder: Path,
    *,
    sends: int,
    limit: float,
    sabotage: Sabotage | None = None,
    crashes: int = 1,
    close_after: float = CLOSE_AFTER,
    enough: Callable[[Installation], bool] = lambda running: False,
) -> tuple[Verdict, list[Broken], float]:
    """Kill a worker every two seconds, flush Redis twice, crash PostgreSQL; return what came of it.

    ``sabotage`` switches one guard off from outside, to see the run turn red, until there is ``enough`` to see.
    """
    with an_installation(folder, faults=FAULTS, close_after=close_after) as running:
        with running.database.transaction() as connection:
            plan_sends(connection, sends)
        with contextlib.ExitStack() as held:
            if sabotage is not None:
                held.enter_context(sabotage(running))
            running.start_workers()
            blows: dict[float, object] = {3.0: running.flush_redis, 7.0: running.flush_redis}
            blows |= {5.0 + 4 * number: running.engines.crash_postgres for number in range(crashes)}
            seconds = run_until_settled(running, blows, kill_every=2.0, limit=limit, enough=enough)
        verdict = judge(running)
        with running.database.transaction() as connection:
            return verdict, broken(connection), seconds


def without_the_poll(folder: Path, *, sends: int, limit: float) -> Verdict:
    """Flush Redis with nothing that finds work whose bell was lost: the sends stay where they are."""
    with an_installation(folder, faults=FaultRules(), scheduler=False) as running:
        with running.database.transaction() as connection:
            plan_sends(connection, sends)
        running.start_workers()
        time.sleep(2)
        running.flush_redis()
        run_until_settled(running, {}, kill_every=limit, limit=limit)
        return judge(running)


@contextlib.contextmanager
def resending_what_is_marked(running: Installation) -> Iterator[None]:
    """Undo the mark's meaning: a send whose worker died after the mark is simply sent again."""
    with _again_and_again(
        running,
        "UPDATE sends SET state = 'waiting', token = NULL, lease_until = NULL WHERE state = 'in_doubt'",
    ):
        yield


@contextlib.contextmanager
def marking_without_waiting_for_the_disk(running: Installation) -> Iterator[None]:
    """Let the mark be lost with the database: a function of ours stands before PostgreSQL's own set_config."""
    with running.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = running.database.url.database
        connection.execute(
            text("CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT $2'")
        )
        connection.execute(text(f"ALTER DATABASE {name} SET search_path = public, pg_catalog"))
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    yield


@contextlib.contextmanager
def messaging_the_control_arm(running: Installation) -> Iterator[None]:
    """Take away PostgreSQL's own refusal and let withheld sends go."""
    with running.database.transaction() as connection:
        connection.execute(text("ALTER TABLE sends DROP CONSTRAINT sends_control_is_withheld_check"))
        connection.execute(text("UPDATE sends SET state = 'waiting' WHERE state = 'withheld'"))
    yield


def has_messaged_the_control_arm(running: Installation) -> bool:
    """Say whether whatever was to be withheld is handed over by now."""
    with running.database.transaction() as connection:
        query = "SELECT count(*) FROM sends WHERE arm = 'control' AND state IN ('waiting', 'claimed', 'submitting')"
        return connection.execute(text(query)).scalar_one() == 0


@contextlib.contextmanager
def _again_and_again(running: Installation, statement: str) -> Iterator[None]:
    ending = threading.Event()

    def meddle() -> None:
        while not ending.wait(0.05):
            with contextlib.suppress(SQLAlchemyError), running.database.transaction() as connection:
                connection.execute(text(statement))

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        yield
    finally:
        ending.set()
        meddler.join()
