"""Where members are, and where the stores are: points in degrees of WGS 84."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import zip_longest
from pathlib import Path

from sqlalchemy import Connection, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from database.loyalty_tables import member_places, stores
from language.problems import InputRefused, Problem, refuse
from members.csv_files import read_rows
from members.person import is_text
from members.reckoning import touch
from members.segments.differing import touch_differing

COLUMNS = ("key", "name", "latitude", "longitude")
NO_DEGREES = "{name} was expected from {least} to {most}; found {found}"


@dataclass(frozen=True, kw_only=True)
class Store:
    """A place where members can buy something."""

    key: str
    name: str
    latitude: float
    longitude: float
    closed_on: date | None = None  #: None: it is open


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Where a member lives or was seen."""

    member_id: int
    latitude: float
    longitude: float
    kind: str = "home"  #: home or last_seen


def place_problem(latitude: float, longitude: float) -> Problem | None:
    """Say why a point is not on earth, or None if it is."""
    for name, value, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if not -most <= value <= most:
            values = {"name": name, "least": -most, "most": most, "found": value}
            return Problem(sentence=NO_DEGREES, values=values, field=name)
    return None


def set_places(connection: Connection, seen: Sequence[Seen], *, now: datetime) -> None:
    """Keep where members are; of two words about one kind of place the later telling stands.

    Raises:
        InputRefused: a point is not on earth; nothing is kept.
    """
    problems = [problem for one in seen if (problem := place_problem(one.latitude, one.longitude))]
    if problems:
        raise InputRefused(problems)
    latest = {(one.member_id, one.kind): {**asdict(one), "seen_at": now} for one in seen}
    if latest:
        told = upsert(member_places)
        moved = {name: told.excluded[name] for name in ("latitude", "longitude", "seen_at")}
        keep = told.on_conflict_do_update(index_elements=["member_id", "kind"], set_=moved)
        connection.execute(keep, [latest[which] for which in sorted(latest)])
        touch(connection, sorted({one.member_id for one in seen}))


def read_stores(path: Path) -> list[Store]:
    """Read stores from a CSV file with the columns key, name, latitude and longitude, and closed_on where told.

    Raises:
        InputRefused: with line and column of everything that is wrong.
    """
    file = str(path)
    rows = read_rows(path)
    head = next(rows, (1, []))[1]
    missing = [name for name in COLUMNS if name not in head]
    if missing:
        raise refuse("the column {name} is missing", file=file, line=1, name=", ".join(missing))
    found: dict[str, Store] = {}
    problems: list[Problem] = []
    for line, row in rows:
        if not row:
            continue
        read = _store(dict(zip_longest(head, row[: len(head)], fillvalue="")), file, line)
        if isinstance(read, Problem):
            problems.append(read)
        elif read.key in found:
            problems.append(
                Problem(sentence="{name} is defined twice", values={"name": read.key}, file=file, line=line)
            )
        else:
            found[read.key] = read
    if problems:
        raise InputRefused(problems)
    return list(found.values())


def _store(row: Mapping[str, str], file: str, line: int) -> Store | Problem:
    cells = {name: value.strip() for name, value in row.items()}
    degrees: dict[str, float] = {}
    for name in ("latitude", "longitude"):
        try:
            degrees[name] = float(cells[name])
        except ValueError:
            return Problem(
                sentence="a number was expected; found {found}",
                values={"found": repr(cells[name])[:80]},
                file=file,
                line=line,
                field=name,
            )
    wrong = place_problem(degrees["latitude"], degrees["longitude"])
    if wrong:
        return Problem(sentence=wrong.sentence, values=wrong.values, file=file, line=line, field=wrong.field)
    if not cells["key"] or len(cells["key"]) > 200 or not is_text(cells["key"] + cells["name"]):
        return Problem(sentence="a store's key has 1 to 200 characters", file=file, line=line, field="key")
    closed = cells.get("closed_on") or None
    try:
        closed_on = date.fromisoformat(closed) if closed else None
    except ValueError:
        sentence = "a day such as 2026-08-01 was expected; found {found}"
        return Problem(sentence=sentence, values={"found": repr(closed)[:80]}, file=file, line=line, field="closed_on")
    return Store(key=cells["key"], name=cells["name"], closed_on=closed_on, **degrees)


def save_stores(connection: Connection, wanted: Sequence[Store], *, now: datetime) -> None:
    """Keep these stores and let kept segments follow those that changed; those not named stay as they are."""
    if not wanted:
        return
    told = upsert(stores)
    new = {name: told.excluded[name] for name in ("name", "latitude", "longitude", "closed_on")}
    differs = or_(*(stores.c[name].is_distinct_from(value) for name, value in new.items()))
    keep = told.on_conflict_do_update(index_elements=["key"], set_=new, where=differs).returning(stores.c.key)
    rows = {one.key: asdict(one) for one in wanted}
    changed = set(connection.scalars(keep, [rows[key] for key in sorted(rows)]))
    if changed:
        touch_differing(connection, lambda asked: asked.near is not None and asked.near.store in changed, now=now)


def list_stores(connection: Connection) -> list[Store]:
    """Return every store, by key."""
    found = connection.execute(select(stores).order_by(stores.c.key)).mappings()
    return [Store(**row) for row in found]
