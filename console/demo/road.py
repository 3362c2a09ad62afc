"""Move the road's clock, and wait until everything that is due has been done.

This stands in for the scheduler, which ticks in real seconds: it rings the same bells,
the same workers answer them, and nothing but the database says when they are through.
"""

import time
from datetime import datetime

from sqlalchemy import Connection, exists, select

from campaigns.sends import SendState, found_in
from console.demo.stage import Stage
from database.engine import set_clock
from database.tables import members, trigger_runs
from journeys.occasions import MADE_UP_FOR, due_occasions
from journeys.published import load_published
from workers.bells import DELIVERY, Work, ring_all
from workers.work import find_work

LOOK_AGAIN, LOOK_LATEST = 0.015, 0.08  #: seconds before the second look at what is left, growing, and at most
RING_AGAIN = 0.3  #: seconds before a bell whose work is still there is rung once more
PATIENCE = 240.0  #: seconds after which work that does not end is a failure

_IN_HAND = select(exists().where(found_in(SendState.CLAIMED, SendState.SUBMITTING)))
_IN_DOUBT = select(exists().where(found_in(SendState.IN_DOUBT)))


class Road:
    """The road as the story moves along it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._rung: dict[Work, float] = {}

    def go_to(self, now: datetime) -> None:
        """Let it be ``now``."""
        with self._stage.database.transaction() as connection:
            set_clock(connection, now)

    def run(self, now: datetime) -> None:
        """Ring for whatever is due, and return when nothing is left to do at this moment.

        Sends whose answer was lost may still be in doubt; ``settle`` waits for those.

        Raises:
            RuntimeError: a process of the stage ended, or the work does not.
        """
        # What these find they ring on for themselves; the rest is rung for only where it stays.
        self._rung = dict.fromkeys(Work, time.monotonic())
        for kind in (Work.CALENDAR, Work.EVENTS, Work.LAUNCHES, *DELIVERY):
            self._ring(kind)
        self._wait(now, until_settled=False)

    def settle(self, now: datetime) -> None:
        """Return when no send is in doubt any more, either."""
        self._wait(now, until_settled=True)

    def credit(self) -> None:
        """Let the workers credit responses; nobody waits for it."""
        self._ring(Work.RESPONSES)

    def _wait(self, now: datetime, *, until_settled: bool) -> None:
        deadline, pause = time.monotonic() + PATIENCE, LOOK_AGAIN
        while True:
            with self._stage.database.transaction() as connection:
                left = self._left(connection, now, until_settled=until_settled)
            if not left:
                return
            self._stage.check_alive()
            for kind in left:
                if isinstance(kind, Work) and time.monotonic() - self._rung.get(kind, 0.0) > RING_AGAIN:
                    self._ring(kind)
            if time.monotonic() > deadline:
                raise RuntimeError(f"the work of {now:%Y-%m-%d %H:%M} does not end: {', '.join(map(str, left))}")
            time.sleep(pause)
            pause = min(pause * 1.25, LOOK_LATEST)

    def _left(self, connection: Connection, now: datetime, *, until_settled: bool) -> list[Work | str]:
        """List what is left to do; what is not a kind of work is in somebody's hands."""
        if connection.execute(_IN_HAND).scalar_one():
            return ["in hand"]
        left: list[Work | str] = list(find_work(connection, now=now))
        if Work.DOUBT in left and not until_settled:
            # A question about a lost answer waits for real seconds; the story does not.
            left.remove(Work.DOUBT)
            if time.monotonic() - self._rung.get(Work.DOUBT, 0.0) > RING_AGAIN:
                self._ring(Work.DOUBT)
        if until_settled and connection.execute(_IN_DOUBT).scalar_one():
            left.append("in doubt")
        if not left and calendar_is_due(connection, now):
            left.append(Work.CALENDAR)
        return left

    def _ring(self, kind: Work) -> None:
        self._rung[kind] = time.monotonic()
        ring_all(kind, lanes=self._stage.workers)


def calendar_is_due(connection: Connection, now: datetime) -> bool:
    """Say whether a birthday, silence or schedule of some journey has not been looked at though its time has come."""
    scheduled = [version for version in load_published(connection, ("active",)) if not version.journey.trigger.event]
    if not scheduled:
        return False
    zones = list(connection.execute(select(members.c.time_zone).distinct()).scalars())
    oldest = now - max(MADE_UP_FOR.values())
    for version in scheduled:
        done = connection.execute(
            select(trigger_runs.c.occasion).where(trigger_runs.c.journey_id == version.id, trigger_runs.c.due_at > oldest)
        ).scalars()
        if due_occasions(version, zones, set(done), now=now):
            return True
    return False
