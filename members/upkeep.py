"""What time alone brings about: each chore goes on where it stopped, however long nobody worked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from database.engine import Database, read_clock
from database.member_tables import upkeep
from members.insight.rfm_scoring import score_when_due
from members.lifecycle import February29


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a chore is told: the stretch of time it must see to, and how this installation counts days."""

    since: datetime | None  #: up to where it was done before; None: it never was
    now: datetime
    zone: tzinfo  #: the installation's, for days that are no member's own
    february_29: February29 = "feb28"


@dataclass(frozen=True, kw_only=True)
class Chore:
    """Something to be seen to again and again; doing it twice for the same time changes nothing."""

    name: str
    every: timedelta
    do: Callable[[Connection, Turn], None]


def _score_rfm(connection: Connection, turn: Turn) -> None:
    score_when_due(connection, since=turn.since, now=turn.now, zone=turn.zone)


#: Those that build on others come after them.
CHORES: tuple[Chore, ...] = (Chore(name="rfm", every=timedelta(minutes=5), do=_score_rfm),)


def keep_up(
    database: Database,
    *,
    zone: tzinfo,
    february_29: February29 = "feb28",
    now: datetime | None = None,
    chores: Sequence[Chore] | None = None,
) -> list[str]:
    """Do every chore whose time has come, each in a transaction of its own; return their names.

    ``now`` is the database's clock where it is None, ``chores`` are ``CHORES``.  A chore that another
    process is at is left to it.
    """
    return [chore.name for chore in (CHORES if chores is None else chores) if _done(database, chore, zone, february_29, now)]


def _done(database: Database, chore: Chore, zone: tzinfo, february_29: February29, now: datetime | None) -> bool:
    with database.transaction() as connection:
        now = now or read_clock(connection)
        known = upsert(upkeep).values(kind=chore.name, done_to=NEVER).on_conflict_do_nothing()
        connection.execute(known)
        mine = select(upkeep.c.done_to).where(upkeep.c.kind == chore.name).with_for_update(skip_locked=True)
        done_to = connection.execute(mine).scalar_one_or_none()
        if done_to is None or done_to + chore.every > now:
            return False
        since = None if done_to == NEVER else done_to
        chore.do(connection, Turn(since=since, now=now, zone=zone, february_29=february_29))
        connection.execute(update(upkeep).where(upkeep.c.kind == chore.name).values(done_to=now))
        return True


#: Written before a chore was ever done.
NEVER = datetime.fromisoformat("1900-01-01T00:00:00+00:00")
