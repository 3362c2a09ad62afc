"""What is already in of a file: kept with every batch, so that an import can be killed and go on."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from database.engine import Database
from database.member_tables import imports
from language.problems import Problem, refuse
from members.text_files import TextRow

HEADER = ("line", "field", "value", "reason")
FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")  #: what a spreadsheet would take for the start of a formula
KEPT_PROBLEMS = 20

Ready = TypeVar("Ready")

#: Called after every batch with the lines done and the lines there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far an import has come."""

    id: int
    lines_done: int
    accepted: int
    refused: int
    finished: bool


@dataclass(frozen=True, kw_only=True)
class BatchDone:
    """What became of one batch of rows."""

    accepted: int
    refusals: list["Refusal"]
    refused: int  #: rows; an unusable address is a refusal on a row that was accepted
    new_ids: Sequence[int] = ()  #: of members made


def begin_import(connection: Connection, kind: str, digest: str, file_name: str, *, now: datetime) -> Standing:
    """Find or make the entry for this file and mapping; one that was undone is no longer it."""
    made = upsert(imports).values(kind=kind, digest=digest, file_name=file_name, started_at=now)
    if_new = made.on_conflict_do_nothing(index_elements=["kind", "digest"], index_where=imports.c.undone_at.is_(None))
    this_one = select(imports).where(imports.c.kind == kind, imports.c.digest == digest, imports.c.undone_at.is_(None))
    row = None
    while row is None:  # One that is there may be undone between the two.
        connection.execute(if_new)
        row = connection.execute(this_one).one_or_none()
    return Standing(
        id=row.id,
        lines_done=row.lines_done,
        accepted=row.accepted,
        refused=row.refused,
        finished=row.finished_at is not None,
    )


_ADVANCE = text("""
UPDATE imports SET lines_done = :to_line, accepted = accepted + :accepted, refused = refused + :refused,
    last_at = :now,
    made = made + coalesce(
        (SELECT range_agg(int8range(id, id, '[]')) FROM unnest(CAST(:new_ids AS bigint[])) AS id), '{}')
WHERE id = :import_id AND lines_done = :from_line AND undone_at IS NULL
""")


def advance_import(
    connection: Connection, standing: Standing, done: BatchDone, *, from_line: int, to_line: int, now: datetime
) -> None:
    """Move on within the batch's own transaction.

    Raises:
        InputRefused: somebody else has moved on from ``from_line``; this batch must roll back.
    """
    moved = connection.execute(
        _ADVANCE,
        {
            "import_id": standing.id,
            "from_line": from_line,
            "to_line": to_line,
            "accepted": done.accepted,
            "refused": done.refused,
            "new_ids": list(done.new_ids),
            "now": now,
        },
    ).rowcount
    if moved != 1:
        raise refuse("this file is being imported by another command; wait for its end")


def finish_import(connection: Connection, standing: Standing, *, now: datetime) -> None:
    """Say that nothing is left of this file.

    Raises:
        InputRefused: somebody has undone the import meanwhile.
    """
    this_one = update(imports).where(imports.c.id == standing.id, imports.c.undone_at.is_(None))
    if connection.execute(this_one.values(finished_at=func.coalesce(imports.c.finished_at, now))).rowcount != 1:
        raise refuse("this import was undone while it went on")


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One cell or row that could not be used."""

    line: int
    problem: Problem
    value: str = ""


@dataclass(kw_only=True)
class ErrorsFile:
    """The CSV file of what was refused; None writes nothing, and the first few are kept in either case.

    An import that goes on begins by dropping what an unfinished batch had written.
    """

    path: Path | None
    after_line: int = 0  #: lines up to here are done
    language: str = "en"
    first: list[Problem] = field(default_factory=list)

    def __enter__(self) -> Self:
        kept = self._kept_rows() if self.path and self.after_line and self.path.exists() else []
        self._file = None
        if self.path is not None:
            try:
                self._file = self.path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
            except OSError as error:
                why = error.strerror or type(error).__name__
                raise refuse("the file cannot be written: {why}", file=str(self.path), why=why) from None
            self._writer = csv.writer(self._file)
            self._writer.writerows([HEADER, *kept])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _kept_rows(self) -> list[list[str]]:
        assert self.path is not None
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            return [row for row in csv.reader(file) if row and row[0].isdigit() and int(row[0]) <= self.after_line]

    def write(self, refusals: Iterable[Refusal]) -> None:
        """Write the refusals of one batch, before it commits."""
        for refusal in refusals:
            problem = refusal.problem
            placed = Problem(sentence=problem.sentence, values=problem.values, line=refusal.line, field=problem.field)
            if len(self.first) < KEPT_PROBLEMS:
                self.first.append(placed)
            if self._file is not None:
                reason = Problem(sentence=problem.sentence, values=problem.values).told(self.language)
                self._writer.writerow([refusal.line, problem.field or "", *map(_harmless, (refusal.value, reason))])
        if self._file is not None:
            self._file.flush()


def in_batches(
    database: Database,
    rows: Iterable[TextRow],
    make_ready: Callable[[Sequence[TextRow]], Ready],
    save: Callable[[Connection, Ready], BatchDone],
    *,
    standing: Standing | None,
    errors: ErrorsFile,
    after_batch: Callable[[int], None],
    size: int,
    now: datetime,
) -> None:
    """Save the rows that are not in yet, each batch in its own transaction together with the line it reached.

    The next batch is made ready while the database is busy with this one.  Without a ``standing``
    every batch is rolled back: nothing is kept.
    """
    done = standing.lines_done if standing else 0
    waiting = (row for row in rows if row.line > done)
    for reached, batch in _one_ahead(waiting, make_ready, size):
        with database.engine.connect() as connection:
            result = save(connection, batch)
            errors.write(result.refusals)
            if standing is None:
                connection.rollback()
            else:
                advance_import(connection, standing, result, from_line=done, to_line=reached, now=now)
                connection.commit()
                done = reached
        after_batch(reached)


def _one_ahead(
    rows: Iterator[TextRow], make_ready: Callable[[Sequence[TextRow]], Ready], size: int
) -> Iterator[tuple[int, Ready]]:
    """Yield batches with the line each reaches; one more is being made ready in the background."""

    def next_batch() -> tuple[int, Ready] | None:
        batch = list(islice(rows, size))
        return (batch[-1].line, make_ready(batch)) if batch else None

    with ThreadPoolExecutor(1) as background:
        coming = background.submit(next_batch)
        while (ready := coming.result()) is not None:
            coming = background.submit(next_batch)
            yield ready


def _harmless(cell: str) -> str:
    return f"'{cell}" if FORMULA.match(cell) else cell
