"""Events from a file: CSV, columns split at blanks, one JSON object a line, or what can be read as such lines.

An event without a key of its own gets one from the file's digest and its line, so that the same
file counts once under whatever name it comes.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from database.engine import Database
from language.problems import Problem, refuse
from members.dates import read_moment
from members.erasure.refusing import ERASED_PROBLEM, erased_keys
from members.events import NewEvent, event_problem, record
from members.import_ledger import (
    BatchDone,
    ErrorsFile,
    Progress,
    Refusal,
    begin_import,
    finish_import,
    in_batches,
)
from members.import_maps import EventMap, KindColumn, places
from members.member_rows import NO_MOMENT
from members.text_files import TextFile, TextRow, look_through, read_lines, read_rows

BATCH = 2000
JSON_LINES = frozenset({".jsonl", ".ndjson"})
MISMATCHED = "another event is stored under this key; it says something else"

#: A field's value as the file has it: words from a table, anything from JSON.
Cells = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class JsonLines:
    """A file of another form, looked through and ready to be read as JSON objects, one a line."""

    digest: str
    count: int
    lines: Iterator[str]


@dataclass(frozen=True, kw_only=True)
class EventsImported:
    """What an import did this time; ``already`` says the file was in before and nothing was done."""

    stored: int = 0
    duplicates: int = 0  #: told before by another file or road
    refused: int = 0  #: rows, those whose key says something else included
    already: bool = False
    problems: tuple[Problem, ...] = ()  #: the first few


def import_events(
    database: Database,
    path: Path,
    *,
    mapping: EventMap | None = None,
    source: str = "import",
    now: datetime,
    zone: tzinfo,
    secret: bytes | None = None,
    errors: Path | None = None,
    language: str = "en",
    progress: Progress | None = None,
    opened: JsonLines | None = None,
) -> EventsImported:
    """Import events told by ``source``; days and hours without an offset are in ``zone``.

    With the installation's ``secret`` events of those who were erased are refused.

    A file ending in ``.jsonl`` or ``.ndjson`` holds JSON objects; a map names their members, dots
    going deeper.  Any other is a table; columns named by number mean it has no header.  A file that is
    ``opened`` already is read as JSON lines.

    Raises:
        InputRefused: the file cannot be read or a mapped column is missing.
    """
    told = mapping or EventMap()
    rows, digest, count = _open_rows(path, told, opened)
    named = f"{digest}\n{source}\n{told.fingerprint()}"
    with database.transaction() as connection:
        standing = begin_import(connection, "events", hashlib.sha256(named.encode()).hexdigest(), path.name, now=now)
    if standing.finished:
        return EventsImported(already=True)
    reader = _EventReader(told, source, digest, zone, rows[1])
    saving = _Saving(now, secret)
    with ErrorsFile(path=errors, after_line=standing.lines_done, language=language) as refusals:
        in_batches(
            database,
            rows[0],
            lambda batch: [reader.read(row) for row in batch],
            saving.save,
            standing=standing,
            errors=refusals,
            after_batch=lambda line: progress(line, count) if progress else None,
            size=BATCH,
            now=now,
        )
    with database.transaction() as connection:
        finish_import(connection, standing, now=now)
    return replace(saving.total, problems=tuple(refusals.first))


def _open_rows(path: Path, told: EventMap, opened: JsonLines | None) -> tuple["Rows", str, int]:
    """Return the rows of a file, its digest and how many lines it has."""
    if opened is not None:
        return _json_rows(opened.lines, told), opened.digest, opened.count
    file = look_through(path)
    is_json = _plain_suffix(path) in JSON_LINES
    return (_json_rows(read_lines(file), told) if is_json else _table_rows(file, told)), file.digest, file.lines


def _plain_suffix(path: Path) -> str:
    """Return the suffix below a packing suffix."""
    return Path(path.stem).suffix if path.suffix in (".gz", ".xz") else path.suffix


#: A line and what it tells.
EventRow = tuple[int, NewEvent | Refusal]
Rows = tuple[Iterator[TextRow], Callable[[TextRow], Cells | Problem]]


def _table_rows(file: TextFile, told: EventMap) -> Rows:
    """Return the rows after the header, and how a row's cells become fields."""
    columns = told.columns()
    rows = read_rows(file, told.delimiter)
    headerless = all(isinstance(column, int) for column in columns.values())
    header = None if headerless else [cell.strip() for row in islice(rows, 1) for cell in row.cells]
    if header is not None and told == EventMap():
        columns |= {name: name for name in ("value", "key") if name in header}
    if isinstance(told.kind, str) and told.kind in (header or ()):
        raise refuse(
            "every row would have the kind {kind}, which is the name of a column; for what stands there write {wanted}",
            file=str(file.path), line=1, field="kind", kind=told.kind, wanted=f"kind: {{column: {told.kind}}}",
        )  # fmt: skip
    found = places(columns, header, file=str(file.path))
    reach = max(found.values()) + 1

    def fields(row: TextRow) -> Cells | Problem:
        if len(row.cells) < reach or (header and len(row.cells) != len(header)):
            return Problem(
                sentence="the row has {found} cells where {expected} were expected",
                values={"found": len(row.cells), "expected": len(header) if header else reach},
            )
        return {field: row.cells[place].strip() for field, place in found.items()}

    return rows, fields


def _json_rows(lines: Iterable[str], told: EventMap) -> Rows:
    """Return the lines that are not blank, and how a line's object becomes fields."""
    columns = {field: str(column) for field, column in (_JSON_DEFAULTS | told.columns()).items()}
    keeps_all = not told.properties  # Without a map of properties, the object's own are kept.
    rows = (TextRow(number, [line]) for number, line in enumerate(lines, 1) if line.strip())

    def fields(row: TextRow) -> Cells | Problem:
        try:
            found = json.loads(row.cells[0])
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            return Problem(sentence="a JSON object was expected on this line")
        cells = {field: _deep(found, column) for field, column in columns.items()}
        if keeps_all and isinstance(found.get("properties"), dict):
            cells |= {f"properties.{name}": value for name, value in found["properties"].items()}
        return cells

    return rows, fields


_JSON_DEFAULTS: dict[str, str | int] = {"value": "value", "key": "key"}


def _deep(found: Mapping[str, object], path: str) -> object:
    value: object = found
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


class _EventReader:
    """Makes events of fields."""

    def __init__(
        self,
        told: EventMap,
        source: str,
        digest: str,
        zone: tzinfo,
        fields: Callable[[TextRow], Cells | Problem],
    ) -> None:
        self._fields = fields
        self._kind = None if isinstance(told.kind, KindColumn) else told.kind
        self._source = source
        self._digest = digest[:32]
        self._zone = zone

    def read(self, row: TextRow) -> EventRow:
        """Make an event of one row, or say what is wrong with it; never raises."""
        cells = row.problem or self._fields(row)
        if isinstance(cells, Problem):
            return row.line, _refusal(row.line, cells, ",".join(row.cells))
        return row.line, self._event(row.line, cells)

    def _event(self, line: int, cells: Cells) -> NewEvent | Refusal:
        told_at = cells["occurred_at"]
        occurred_at = read_moment(str(told_at), self._zone) if told_at is not None else None
        if occurred_at is None:
            return _refusal(line, Problem(sentence=NO_MOMENT, field="occurred_at"), told_at)
        try:
            value = _value(cells.get("value"))
        except InvalidOperation:
            problem = Problem(
                sentence="a number was expected; found {found}",
                values={"found": str(cells["value"])[:80]},
                field="value",
            )
            return _refusal(line, problem, cells["value"])
        key, kind = cells.get("key"), cells.get("kind")
        event = NewEvent(
            source=self._source,
            key=str(key) if key not in (None, "") else f"{self._digest}:{line}",
            member_key=str(cells["member"]) if cells["member"] is not None else "",
            kind=self._kind or ("" if kind is None else str(kind)),
            occurred_at=occurred_at,
            value=value,
            properties={
                name.removeprefix("properties."): cell
                for name, cell in cells.items()
                if name.startswith("properties.") and cell not in (None, "")
            },
        )
        wrong = event_problem(event)
        return event if wrong is None else _refusal(line, wrong, cells.get(wrong.field or "member"))


def _value(cell: object) -> Decimal | None:
    if cell in (None, "") or isinstance(cell, bool):
        return None
    return Decimal(str(cell).replace(",", "").lstrip("¥￥$"))


def _refusal(line: int, problem: Problem, value: object) -> Refusal:
    return Refusal(line=line, problem=problem, value="" if value is None else str(value)[:500])


class _Saving:
    """Saves batches of rows and adds up what became of them."""

    def __init__(self, now: datetime, secret: bytes | None) -> None:
        self._now = now
        self._secret = secret
        self.total = EventsImported()

    def save(self, connection: Connection, read: Sequence[EventRow]) -> BatchDone:
        """Save one batch within the transaction that also moves the import on."""
        good = [(line, event) for line, event in read if isinstance(event, NewEvent)]
        refusals = [refusal for _, refusal in read if isinstance(refusal, Refusal)]
        keys = {event.member_key for _, event in good}
        erased = erased_keys(connection, keys, secret=self._secret) if self._secret else set()
        refusals += [_refusal(line, ERASED_PROBLEM, None) for line, event in good if event.member_key in erased]
        good = [(line, event) for line, event in good if event.member_key not in erased]
        recorded = record(connection, [event for _, event in good], now=self._now, checked=True)
        for index in recorded.mismatched:
            line, event = good[index]
            refusals.append(_refusal(line, Problem(sentence=MISMATCHED, field="key"), event.key))
        self.total = replace(
            self.total,
            stored=self.total.stored + recorded.stored,
            duplicates=self.total.duplicates + recorded.duplicates,
            refused=self.total.refused + len(refusals),
        )
        refusals.sort(key=lambda refusal: refusal.line)
        return BatchDone(accepted=len(read) - len(refusals), refusals=refusals, refused=len(refusals))
