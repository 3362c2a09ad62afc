"""A whole installation that may be hurt: engines, workers and scheduler in processes of their own, and a simulator."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
from sqlalchemy import Connection, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from campaigns.carrier import installation_mark
from campaigns.rules import PlanningRules
from campaigns.sends import plan
from channels.simulator.faults import FaultRules
from channels.simulator.running import SimulatorProcess
from database.embedded import EmbeddedEngines
from database.engine import Database, set_clock
from database.migrations.running import upgrade
from database.tables import members
from tests.campaigns.test_planning import a_group
from tests.carriers import a_simulator, account_settings
from tests.chaos.people import make_people
from tests.makers import SECRET, make_campaign

ROOT = Path(__file__).resolve().parents[2]
#: How many marked sends one worker process may hold at once: lanes times the largest window.
WINDOW = 64 * 3
SETTLE_AFTER = 1.0
LEASE = 4.0
CLOSE_AFTER = 30.0


@dataclass
class Installation:
    """One installation and the means to hurt it."""

    engines: EmbeddedEngines
    database: Database
    simulator: SimulatorProcess
    environment: Mapping[str, str]
    folder: Path
    parts: list[subprocess.Popen[bytes]] = field(default_factory=list)
    parent: subprocess.Popen[bytes] | None = None
    kills: int = 0
    most_in_doubt: int = 0

    def start_part(self, part: str) -> subprocess.Popen[bytes]:
        """Start one process of the road."""
        with (self.folder / f"{part}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers", part], cwd=ROOT, env=dict(self.environment), stdout=log, stderr=log
            )
        self.parts.append(process)
        return process

    def start_workers(self) -> None:
        """Start the parent of the worker processes; it gives birth to another for each that dies."""
        self.parent = self.start_part("worker")

    def workers(self) -> list[int]:
        """Return the process ids of the workers that live."""
        if self.parent is None:
            return []
        children = Path(f"/proc/{self.parent.pid}/task/{self.parent.pid}/children")
        return [int(child) for child in children.read_text().split()]

    def kill_a_worker(self, die: random.Random) -> None:
        """Kill one worker, as a failing machine would."""
        working = self.workers()
        if working:
            os.kill(die.choice(working), signal.SIGKILL)
            self.kills += 1

    def flush_redis(self) -> None:
        """Let Redis lose everything it holds."""
        with contextlib.closing(redis.Redis.from_url(self.engines.redis_url)) as client:
            client.flushall()

    def counts(self) -> dict[str, int]:
        """Count sends by state."""
        with self.database.transaction() as connection:
            found = connection.execute(text("SELECT state, count(*) FROM sends GROUP BY state"))
            return dict(found.tuples().all())

    def open_sends(self) -> int:
        """Count the sends that are not settled, and remember the most that were ever in doubt."""
        counts = self.counts()
        self.most_in_doubt = max(self.most_in_doubt, counts.get("in_doubt", 0))
        return sum(counts.get(state, 0) for state in ("waiting", "claimed", "submitting", "in_doubt"))

    def stop(self) -> None:
        for process in self.parts:
            process.terminate()
        for process in self.parts:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def an_installation(
    folder: Path,
    *,
    faults: FaultRules,
    scheduler: bool = True,
    beside: SimulatorProcess | None = None,
    close_after: float = CLOSE_AFTER,
) -> Iterator[Installation]:
    """Start engines, simulator and scheduler of one's own, with no worker yet.

    ``beside`` is a second world: it carries a second account of SMS, and all that is not SMS.  ``close_after`` is for how many
    seconds a doubt is kept that nobody can settle.
    """
    with EmbeddedEngines(folder / "home") as engines, a_simulator(folder, faults=faults) as simulator:
        upgrade(engines.database_url)
        database = Database(make_url(engines.database_url))
        providers: dict[str, object] = dict(account_settings(simulator))
        if beside is not None:
            others = account_settings(beside)
            providers = {**others, "sms": [providers["sms"], {**others["sms"], "account": "beside"}]}
        environment = {
            **os.environ,
            "TIDINGS_HOME": str(folder / "home"),
            "TIDINGS_DATABASE_URL": engines.database_url,
            "TIDINGS_REDIS_URL": engines.redis_url,
            "TIDINGS_SECRET": SECRET.decode(),
            "TIDINGS_PROVIDERS": json.dumps(providers),
            "TIDINGS_SETTLING__AFTER": f"{SETTLE_AFTER:.0f}s",
            "TIDINGS_SETTLING__CLOSE_AFTER": f"{close_after:.0f}s",
            "TIDINGS_WORKERS__LEASE": f"{LEASE:.0f}s",
            "TIDINGS_QUIET_HOURS": "none",
            "TIDINGS_CAPS": "[]",
        }
        running = Installation(engines, database, simulator, environment, folder)
        if scheduler:
            running.start_part("scheduler")
        try:
            yield running
        finally:
            running.stop()
            database.close()


def plan_sends(connection: Connection, count: int) -> None:
    """Make as many members as needed for ``count`` sends, a tenth of them held back, over three channels."""
    make_people(connection, count)
    shares = {"sms": (0, 6), "email": (6, 9), "wechat": (9, 10)}
    for channel, (low, high) in shares.items():
        campaign = make_campaign(connection, campaign=f"wave-{channel}", channels=[channel], control={"share": "0.1"})
        chosen = select(members.c.id).where(members.c.id % 10 >= low, members.c.id % 10 < high)
        now = datetime.now(UTC)
        plan(connection, campaign, a_group(chosen, "chaos"), now=now, rules=PlanningRules(quiet_hours=None))


def run_until_settled(
    running: Installation,
    hurt: Mapping[float, object],
    *,
    kill_every: float,
    limit: float,
    enough: Callable[[Installation], bool] = lambda running: False,
) -> float:
    """Hurt the installation at the given seconds and kill a worker regularly until every send is settled.

    Returns the seconds it took; past ``limit``, or once there is ``enough`` to see, whatever is unsettled stays so.
    """
    die, began = random.Random(1), time.monotonic()
    plans = sorted(hurt.items())
    next_kill = kill_every
    while (passed := time.monotonic() - began) < limit:
        if plans and passed >= plans[0][0]:
            blow = plans.pop(0)[1]
            threading.Thread(target=blow).start()  # type: ignore[arg-type]
        try:
            left = running.open_sends()
            carrying = left > running.counts().get("in_doubt", 0) + _put_off(running)
        except SQLAlchemyError:
            time.sleep(0.2)  # PostgreSQL is coming back.
            continue
        if not plans and (left == 0 or enough(running)):
            return passed
        if not carrying and left:
            _hurry(running)
        if passed >= next_kill and carrying:
            running.kill_a_worker(die)
            next_kill += kill_every
        time.sleep(0.1)
    return limit


def _put_off(running: Installation) -> int:
    with running.database.transaction() as connection:
        return int(
            connection.execute(
                text(
                    "SELECT count(*) FROM sends WHERE state = 'waiting' AND not_before > "
                    "coalesce((SELECT now_at FROM simulated_clock), clock_timestamp())"
                )
            ).scalar_one()
        )


def _hurry(running: Installation) -> None:
    """Let the time pass for which providers that said "not now" are left alone."""
    with running.database.transaction() as connection:
        waits = connection.execute(text("SELECT max(not_before) FROM sends WHERE state = 'waiting'")).scalar_one()
        if waits is not None:
            set_clock(connection, max(waits, datetime.now(UTC)) + timedelta(seconds=1))


def reference_mark() -> str:
    """Return the mark that this installation's references begin with."""
    return installation_mark(SECRET)
