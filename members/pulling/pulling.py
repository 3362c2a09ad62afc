"""Pull: read a page, store its events and how far it reached in one transaction, and go on.

No transaction of ours is open while theirs is read.  Two that pull the same source do no harm: the page
of the slower one finds the cursor moved and is rolled back, and events are stored once in any case.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, func, null, select, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from database.engine import Database
from database.member_tables import pulls
from language.problems import Problem
from members.definitions import load_definitions
from members.erasure.refusing import ERASED_PROBLEM, erased_keys
from members.events import NewEvent, Recorded, record
from members.pulling.cursors import Position, beginning, seen_since, written
from members.pulling.failing import SourceFailed
from members.pulling.reading import Reader, open_source
from members.pulling.rows import event_of
from members.pulling.sessions import Row
from members.pulling.source import Source

#: How long one pull may take before another source has its turn.
TURN_SECONDS = 60.0
KEPT_REFUSALS = 100
MISMATCHED = "another event is stored under this key; it says something else"


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What one pull came to."""

    stored: int = 0
    known: int = 0  #: read again, or told by an earlier pull
    refused: int = 0  #: rows of which no event could be made
    finished: bool = False  #: whether nothing was left to be read
    problem: Problem | None = None  #: why it ended early


class _Overtaken(Exception):
    """Somebody else has moved the cursor meanwhile."""


def pull(
    database: Database,
    source: Source,
    address: str | None,
    *,
    now: datetime,
    zone: tzinfo,
    secret: bytes | None = None,
    seconds: float = TURN_SECONDS,
    after_page: Callable[[Pulled], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Pulled:
    """Read what is new at the source; its failure is told and noted, never raised.

    With the installation's ``secret`` rows of members who were erased are refused.
    ``stopped`` is asked between pages; when it says yes, the rest is left to the next turn.
    """
    end = time.monotonic() + seconds
    zone = source.zone(zone)
    done = Pulled()
    try:
        with database.transaction() as connection:
            kept = _cursor(connection, source.name, now)
        same = kept if kept and _is_of(source, kept) else None
        position = beginning(same, source.overlap, now=now, zone=zone)
        with open_source(source, address) as reader:
            while not done.finished and time.monotonic() < end and not (stopped and stopped()):
                done, position, kept = _page(database, source, reader, position, kept, done, now=now, zone=zone, secret=secret)
                if after_page:
                    after_page(done)
    except SourceFailed as failed:
        done = Pulled(stored=done.stored, known=done.known, refused=done.refused, problem=failed.problem)
    except _Overtaken:
        return done
    with database.transaction() as connection:
        _note_end(connection, source, done, now)
    return done


def _page(
    database: Database,
    source: Source,
    reader: Reader,
    position: Position | None,
    kept: Mapping[str, Any] | None,
    done: Pulled,
    *,
    now: datetime,
    zone: tzinfo,
    secret: bytes | None,
) -> tuple[Pulled, Position | None, Mapping[str, Any] | None]:
    """Read one page and store it with the place it reached; return what was done so far and that place."""
    rows, finished = _read(reader, source, position)
    events: list[tuple[Row, NewEvent]] = []
    refusals: list[tuple[Row, Problem]] = []
    for row in rows:
        made = event_of(source, row, zone)
        if isinstance(made, NewEvent):
            events.append((row, made))
        else:
            refusals.append((row, made))
    values = tuple(rows[-1][name] for name in source.cursor) if rows else position.values if position else ()
    seen_at = seen_since(kept, source.overlap, now=now, zone=zone)
    reached: Mapping[str, Any] | None = {**kept, "finished": True, "seen_at": seen_at.isoformat()} if kept else None
    if rows:
        reached = {**written(source.cursor, values, finished=finished, seen_at=seen_at), "of": _what(source)}
    with database.transaction() as connection:
        events, erased = _without_erased(connection, events, secret)
        refusals += erased
        recorded = record(connection, [event for _, event in events], now=now, checked=True)
        strange = Problem(sentence=MISMATCHED, field=source.map.key)
        refusals += [(events[index][0], strange) for index in recorded.mismatched]
        _advance(connection, source, kept, reached, recorded, refusals, now)
    done = Pulled(
        stored=done.stored + recorded.stored,
        known=done.known + recorded.duplicates,
        refused=done.refused + len(refusals),
        finished=finished,
    )
    return done, Position(values=values) if values else None, reached


def _what(source: Source) -> list[str | None]:
    return [source.setting, source.table, source.query]


def _is_of(source: Source, kept: Mapping[str, Any]) -> bool:
    """Say whether a kept cursor is one of this table: that of another one may have columns of the same names."""
    same: bool = kept["columns"] == list(source.cursor) and kept.get("of", _what(source)) == _what(source)
    return same


def _read(reader: Reader, source: Source, position: Position | None) -> tuple[list[Row], bool]:
    """Read the next page; return it and whether nothing is left behind it.

    Where one column is the whole cursor, reading goes on behind its last value: rows that are equal in it stay together.

    Raises:
        SourceFailed: more rows than a page holds are equal in the cursor.
    """
    if len(source.cursor) > 1:
        rows = reader.page(position, source.batch)
        return rows, len(rows) < source.batch
    name = source.cursor[0]
    rows = reader.page(position, source.batch + 1)
    if len(rows) <= source.batch:
        return rows, True
    whole = [row for row in rows if row[name] != rows[-1][name]]
    if not whole:
        raise SourceFailed("more than {batch} rows are equal in {name}; add a second column to the cursor that tells them apart", batch=source.batch, name=name)
    return whole, False


def _without_erased(
    connection: Connection, events: list[tuple[Row, NewEvent]], secret: bytes | None
) -> tuple[list[tuple[Row, NewEvent]], list[tuple[Row, Problem]]]:
    """Set apart the rows of members who were erased."""
    keys = {event.member_key for _, event in events}
    erased = erased_keys(connection, keys, secret=secret) if secret else set()
    refused = [(row, ERASED_PROBLEM) for row, event in events if event.member_key in erased]
    return [(row, event) for row, event in events if event.member_key not in erased], refused


def _cursor(connection: Connection, name: str, now: datetime) -> Mapping[str, Any] | None:
    connection.execute(upsert(pulls).values(name=name, next_at=now).on_conflict_do_nothing())
    found: Mapping[str, Any] | None = connection.execute(select(pulls.c.cursor).where(pulls.c.name == name)).scalar_one()
    return found


def _advance(
    connection: Connection,
    source: Source,
    before: Mapping[str, Any] | None,
    reached: Mapping[str, Any] | None,
    recorded: Recorded,
    refusals: Sequence[tuple[Row, Problem]],
    now: datetime,
) -> None:
    """Move the cursor within the transaction that stores the page.

    Raises:
        _Overtaken: it does not stand where this page began.
    """
    stands = pulls.c.cursor == type_coerce(before, JSONB) if before is not None else pulls.c.cursor.is_(None)
    row = connection.execute(select(pulls.c.refusals).where(pulls.c.name == source.name, stands).with_for_update()).one_or_none()
    if row is None:
        raise _Overtaken
    listed = {each["key"]: each for each in row.refusals}
    fresh = [_listed(source, row, problem, now) for row, problem in refusals]
    news = len([each for each in fresh if each["key"] not in listed])
    kept = list(({**listed, **{each["key"]: each for each in fresh}}).values())[-KEPT_REFUSALS:]
    values: dict[str, object] = {"rows": pulls.c.rows + recorded.stored, "refused": pulls.c.refused + news, "refusals": kept}
    if reached is not None:
        values["cursor"] = reached
    connection.execute(update(pulls).where(pulls.c.name == source.name).values(values))


def _listed(source: Source, row: Row, problem: Problem, now: datetime) -> dict[str, object]:
    """Say which row was refused and why; of its data only what the problem is about."""
    values = {name: str(value)[:300] for name, value in problem.values.items()}
    key = str(row[source.map.key])[:200]
    return {"key": key, "field": problem.field, "sentence": problem.sentence, "values": values, "at": now.isoformat()}


def _note_end(connection: Connection, source: Source, done: Pulled, now: datetime) -> None:
    problem = done.problem
    told = null() if problem is None else _told(problem)
    next_at = now + source.every if done.finished or problem else now
    values: dict[str, object] = {"next_at": next_at, "problem": told}
    if done.finished:
        values["pulled_at"] = now
    connection.execute(update(pulls).where(pulls.c.name == source.name).values(values))


def _told(problem: Problem) -> dict[str, object]:
    values = {name: str(value) for name, value in problem.values.items()}
    return {"sentence": problem.sentence, "values": values, "field": problem.field}


def take_due(connection: Connection, *, now: datetime) -> Source | None:
    """Return the source that has been due longest and let nobody else have it meanwhile; None: none is due."""
    sources = load_definitions(connection, Source)
    if not sources:
        return None
    known = [{"name": name, "next_at": now} for name in sources]
    connection.execute(upsert(pulls).values(known).on_conflict_do_nothing())
    due = (
        select(pulls.c.name)
        .where(pulls.c.name.in_(sources), func.coalesce(pulls.c.next_at, now) <= now)
        .order_by(pulls.c.next_at.nulls_first(), pulls.c.name)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    name = connection.execute(due).scalar_one_or_none()
    if name is None:
        return None
    held = timedelta(seconds=2 * TURN_SECONDS)  # Whoever dies meanwhile is followed soon; its end says when it is due next.
    connection.execute(update(pulls).where(pulls.c.name == name).values(next_at=now + held))
    return sources[name]
