"""One of two SMS accounts falls sick while messages flow: the sickness must stay its own.

Promised: the breaker opens within 10 s; what surely was not sent is with the other account within 30 s; what may have been
sent is never moved and nothing is doubled; the account carries again within 10 s of its recovery; the other channel hardly
notices.  The two pretend providers keep records of their own, and those are the judge.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select, text

from campaigns.rules import PlanningRules
from campaigns.sends import plan
from channels.simulator.faults import FaultRules
from channels.simulator.record import read_record
from channels.simulator.running import SimulatorProcess
from database.tables import members
from tests.campaigns.test_planning import a_group
from tests.carriers import a_simulator, steer
from tests.chaos.installation import Installation, an_installation, reference_mark
from tests.makers import make_campaign, make_members

#: Seconds within which each has to happen, and how much slower the other channel may become.
OPENS_WITHIN, MOVED_WITHIN, BACK_WITHIN, SLOWER = 10.0, 30.0, 10.0, 2.0
#: The other channel's slowest hundredth is no worse for a sickness as long as it stays under so many seconds.
UNNOTICED = 0.5
#: Seconds between two waves of new messages.
WAVE = 0.25

SICK = "sms.aliyun"  #: the account that falls sick


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one sickness came to; times are in seconds."""

    opened_after: float | None  #: None: the breaker did not open
    moved_after: float | None  #: the longest time until a message that was not sent was handed to the other account
    back_after: float | None  #: None: the account did not come back
    moved_while_unknown: int
    doubled: int
    lost: int  #: we say carried, and neither provider took it
    unsettled: int
    email_p99_before: float | None
    email_p99_during: float | None

    @property
    def kept(self) -> bool:
        """Whether every promise held."""
        times = (self.opened_after, OPENS_WITHIN), (self.moved_after or 0.0, MOVED_WITHIN), (self.back_after, BACK_WITHIN)
        in_time = all(seen is not None and seen <= most for seen, most in times)
        before, during = self.email_p99_before, self.email_p99_during
        unnoticed = before is not None and during is not None and during <= max(SLOWER * before, UNNOTICED)
        return in_time and unnoticed and not (self.moved_while_unknown + self.doubled + self.lost + self.unsettled)


@dataclass
class Traffic:
    """New text messages and mails, wave after wave, each to members of its own."""

    running: Installation
    each_wave: int
    stopping: threading.Event = field(default_factory=threading.Event)
    planned: int = 0

    def flow(self) -> None:
        """Plan waves until asked to stop."""
        with self.running.database.transaction() as connection:
            campaigns = [make_campaign(connection, campaign=f"flow-{name}", channels=[name]) for name in ("sms", "email")]
        rules = PlanningRules(quiet_hours=None)
        while not self.stopping.wait(WAVE):
            now = datetime.now(UTC)
            with self.running.database.transaction() as connection:
                people = make_members(connection, self.each_wave, start=self.planned + 1)
                chosen = select(members.c.id).where(members.c.id.in_(people))
                for campaign in campaigns:
                    plan(connection, campaign, a_group(chosen, f"wave-{self.planned}"), now=now, rules=rules)
            self.planned += self.each_wave


@contextlib.contextmanager
def flowing(running: Installation, *, each_wave: int) -> Iterator[None]:
    """Let messages flow."""
    traffic = Traffic(running, each_wave)
    thread = threading.Thread(target=traffic.flow)
    thread.start()
    try:
        yield
    finally:
        traffic.stopping.set()
        thread.join()


@contextlib.contextmanager
def _frozen(simulator: SimulatorProcess) -> Iterator[None]:
    os.kill(simulator.process_id or 0, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(simulator.process_id or 0, signal.SIGCONT)


def _meeting(**rules: float) -> Callable[[SimulatorProcess], contextlib.AbstractContextManager[None]]:
    @contextlib.contextmanager
    def sick(simulator: SimulatorProcess) -> Iterator[None]:
        steer(simulator, rules)
        try:
            yield
        finally:
            steer(simulator, dict.fromkeys(rules, 0.0))

    return sick


SICKNESSES: Mapping[str, Callable[[SimulatorProcess], contextlib.AbstractContextManager[None]]] = {
    "hangs after taking": _meeting(hang=1.0),
    "breaks off its answers": _meeting(half_body=1.0),
    "drops connections": _meeting(dropped=1.0),
    "is not available": _meeting(unavailable=1.0),
    "answers nothing at all": _frozen,
}


def _number(running: Installation, query: str, **values: object) -> float | None:
    with running.database.transaction() as connection:
        found = connection.execute(text(query), values).scalar()
    return None if found is None else round(float(found), 2)


def _trips(running: Installation) -> int:
    return int(_number(running, "SELECT max(trips) FROM accounts WHERE name = :name", name=SICK) or 0)


def _until(happened: Callable[[], bool], limit: float) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if happened():
            return round(time.monotonic() - began, 2)
        time.sleep(0.05)
    return None


_EMAIL_P99 = """
SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM attempts.ended_at - sends.decided_at))
FROM attempts JOIN sends ON sends.id = attempts.send_id
WHERE attempts.provider LIKE 'email.%' AND sends.decided_at >= :since AND sends.decided_at < :before
"""
_MOVED_AFTER = """
SELECT max(extract(epoch FROM later.marked_at - attempts.ended_at)) FROM attempts
JOIN attempts AS later ON later.send_id = attempts.send_id AND later.number = attempts.number + 1 AND later.provider <> :name
WHERE attempts.provider = :name AND attempts.outcome = 'not_sent' AND attempts.looks = 0
"""
_MOVED_WHILE_UNKNOWN = """
SELECT count(*) FROM attempts JOIN attempts AS later ON later.send_id = attempts.send_id AND later.number > attempts.number
WHERE attempts.outcome = 'unknown' OR attempts.outcome IS NULL
"""
_OPEN = "SELECT count(*) FROM sends WHERE state IN ('waiting', 'claimed', 'submitting', 'in_doubt')"


def one_sickness(folder: Path, name: str, *, seconds: float, each_wave: int, healthy: float = 5.0) -> Seen:
    """Let one account fall sick for so many seconds amid the flow of messages, and say what came of it."""
    worlds = (folder / "sick", folder / "beside")
    for world in worlds:
        world.mkdir(parents=True)
    with (
        a_simulator(worlds[1]) as beside,
        an_installation(worlds[0], faults=FaultRules(hang_for=20.0), beside=beside) as running,
    ):
        running.environment = {**running.environment, "TIDINGS_SETTLING__CLOSE_AFTER": "10m"}
        running.start_workers()
        with flowing(running, each_wave=each_wave):
            _until(lambda: (_number(running, "SELECT count(*) FROM attempts") or 0) > each_wave, 30)
            since = datetime.now(UTC)
            time.sleep(healthy)
            fell_sick = datetime.now(UTC)
            with SICKNESSES[name](running.simulator):
                opened_after = _until(lambda: _trips(running) > 0, seconds)
                time.sleep(max(0.0, seconds - (opened_after or seconds)))
                recovered = datetime.now(UTC)
            back_after = _until(lambda: _trips(running) == 0, 4 * BACK_WITHIN)
            time.sleep(1)
        _until(lambda: not _number(running, _OPEN), 120)
        return Seen(
            opened_after=opened_after,
            moved_after=_number(running, _MOVED_AFTER, name=SICK),
            back_after=back_after,
            moved_while_unknown=int(_number(running, _MOVED_WHILE_UNKNOWN) or 0),
            unsettled=int(_number(running, _OPEN) or 0),
            email_p99_before=_number(running, _EMAIL_P99, since=since, before=fell_sick),
            email_p99_during=_number(running, _EMAIL_P99, since=fell_sick, before=recovered),
            **_judged(running, [running.simulator, beside]),
        )


def _judged(running: Installation, worlds: Sequence[SimulatorProcess]) -> dict[str, int]:
    """Compare what we say was carried with what the two worlds took."""
    taken = Counter(entry.reference for world in worlds for entry in read_record(world.record_path) if entry.accepted)
    with running.database.transaction() as connection:
        rows = connection.execute(text("SELECT id, state FROM sends")).all()
    carried = [f"{reference_mark()}-{row.id}" for row in rows if row.state in ("accepted", "delivered", "failed")]
    return {
        "doubled": sum(count - 1 for count in taken.values()),
        "lost": sum(not taken[reference] for reference in carried),
    }


def every_sickness(folder: Path, *, seconds: float, each_wave: int) -> dict[str, object]:
    """Go through all sicknesses, one after the other, each in an installation of its own."""
    seen = {name: one_sickness(folder / str(number), name, seconds=seconds, each_wave=each_wave) for number, name in enumerate(SICKNESSES)}
    return {name: asdict(each) | {"kept": each.kept} for name, each in seen.items()} | {"kept": all(each.kept for each in seen.values())}
