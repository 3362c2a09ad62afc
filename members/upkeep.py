"""What time alone brings about: each chore goes on where it stopped, however long nobody worked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from database.engine import Database, read_clock
from database.member_tables import upkeep
from members.consent_chain import link_waiting_consents
from members.coupons.expiring import tell_ending
from members.erasure.erasing import clear_what_came_since
from members.facts.reckoned import touch_changing, touch_receivers
from members.identity.merging import forget_old_merges
from members.import_keeping import forget_old_changes
from members.insight.rfm_scoring import score_when_due
from members.lifecycle import February29
from members.occasions.telling import tell_days
from members.points.expiring import expire_points
from members.tiers.periods import end_periods


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a chore is told: the stretch of time it must see to, and how this installation counts days."""

    database: Database  #: for what is too much for the chore's own transaction
    since: datetime | None  #: up to where it was done before; None: it never was
    now: datetime
    zone: tzinfo  #: the installation's, for days that are no member's own
    february_29: February29 = "feb28"


@dataclass(frozen=True)
class Chore:
    """Something to be seen to again and again; doing it twice for the same time changes nothing."""

    name: str
    every: timedelta
    do: Callable[[Connection, Turn], object]


#: Those that build on others come after them.
CHORES: tuple[Chore, ...] = (
    Chore("order windows", timedelta(minutes=1), lambda at, turn: touch_changing(at, now=turn.now)),
    Chore("messages received", timedelta(minutes=1), lambda at, turn: touch_receivers(at, since=turn.since, now=turn.now)),
    Chore(
        "occasions",
        timedelta(minutes=15),
        lambda at, turn: tell_days(at, since=turn.since, now=turn.now, february_29=turn.february_29),
    ),
    Chore("points", timedelta(minutes=15), lambda _, turn: expire_points(turn.database, since=turn.since, now=turn.now)),
    Chore("tiers", timedelta(minutes=15), lambda _, turn: end_periods(turn.database, since=turn.since, now=turn.now)),
    Chore("coupons", timedelta(minutes=15), lambda at, turn: tell_ending(at, since=turn.since, now=turn.now)),
    Chore("rfm", timedelta(minutes=5), lambda at, turn: score_when_due(at, since=turn.since, now=turn.now, zone=turn.zone)),
    Chore("consent chain", timedelta(minutes=1), lambda at, turn: link_waiting_consents(at, now=turn.now)),
    Chore("old merges", timedelta(days=1), lambda at, turn: forget_old_merges(at, now=turn.now)),
    Chore("erased members", timedelta(hours=1), lambda at, turn: clear_what_came_since(at, now=turn.now)),
    Chore("old imports", timedelta(days=1), lambda at, turn: forget_old_changes(at, now=turn.now)),
)


def keep_up(
    database: Database,
    *,
    zone: tzinfo,
    february_29: February29 = "feb28",
    now: datetime | None = None,
    chores: Sequence[Chore] | None = None,
) -> list[str]:
    """Do every chore whose time has come, each in a transaction of its own; return their names.

    ``now`` is the database's clock where it is None, ``chores`` are ``CHORES``.  A chore that another process
    is at is left to it, and one that fails keeps no other from being done.

    Raises:
        ExceptionGroup: what failed, when all the others are done; it is tried again the next time.
    """
    done: list[str] = []
    failed: list[Exception] = []
    wanted = CHORES if chores is None else chores
    _make_known(database, wanted)
    for chore in wanted:
        try:
            if _done(database, chore, zone, february_29, now):
                done.append(chore.name)
        except Exception as error:  # noqa: BLE001 - raised below, with those of other chores
            failed.append(error)
    if failed:
        raise ExceptionGroup("chores failed", failed)
    return done


def _make_known(database: Database, chores: Sequence[Chore]) -> None:
    """Commit a row for each chore, so that whoever is at one holds a row that others see and pass by."""
    rows = [{"kind": name, "done_to": NEVER} for name in sorted(chore.name for chore in chores)]
    with database.transaction() as connection:
        connection.execute(upsert(upkeep).values(rows).on_conflict_do_nothing())


def _done(database: Database, chore: Chore, zone: tzinfo, february_29: February29, now: datetime | None) -> bool:
    with database.transaction() as connection:
        now = now or read_clock(connection)
        mine = select(upkeep.c.done_to).where(upkeep.c.kind == chore.name).with_for_update(skip_locked=True)
        done_to = connection.execute(mine).scalar_one_or_none()
        if done_to is None or done_to + chore.every > now:
            return False
        since = None if done_to == NEVER else done_to
        turn = Turn(database=database, since=since, now=now, zone=zone, february_29=february_29)
        chore.do(connection, turn)
        connection.execute(update(upkeep).where(upkeep.c.kind == chore.name).values(done_to=now))
        return True


#: Written before a chore was ever done.
NEVER = datetime.fromisoformat("1900-01-01T00:00:00+00:00")
