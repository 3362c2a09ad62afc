"""Arms counted from a file of raw rows, one member a row."""

import csv
import difflib
import gzip
import io
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from language.problems import InputRefused, Problem, refuse
from reports.lift import Arm
from reports.means import amounts_of

YES = frozenset({"1", "1.0", "true", "yes", "t", "y", "是"})
NO = frozenset({"0", "0.0", "false", "no", "f", "n", "否"})
#: Bad rows are listed up to this many; the rest are counted.
MOST_PROBLEMS = 20
#: Spreadsheets in China save in the second of these.
ENCODINGS = ("utf-8-sig", "gb18030")

NO_OUTCOME = "0 or 1 was expected, for one member; found {found}"
NO_AMOUNT = "a number was expected; found {found}"
NO_ARM = "the arm of this row is empty"
SHORT_ROW = "the row has {found} cells where the heading has {expected}"
MORE_ROWS = "and {count} more bad rows"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns hold what."""

    arm: str
    outcome: str
    revenue: str | None = None  #: None: responses only


@dataclass
class _Counted:
    assigned: int = 0
    responded: int = 0
    amounts: "array[float]" = field(default_factory=lambda: array("d"))


def read_arms(file: Path, columns: Columns) -> dict[str, Arm]:
    """Count members, responders and amounts per arm, in the order the arms first appear.

    Accepts CSV, also gzipped, in UTF-8 or GB 18030.  An empty amount is 0.

    Raises:
        InputRefused: the file cannot be read, a column is missing, or rows are bad (each by line).
    """
    for encoding in ENCODINGS:
        try:
            with _opened(file, encoding) as lines:
                return _count(file, lines, columns)
        except UnicodeDecodeError:
            continue
        except (OSError, EOFError) as error:
            raise refuse("the file cannot be read: {reason}", file=str(file), reason=_reason(error)) from None
        except csv.Error as error:
            raise refuse("the file is not CSV: {reason}", file=str(file), reason=str(error)) from None
    raise refuse("the file is neither UTF-8 nor GB 18030 text", file=str(file))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def _opened(file: Path, encoding: str) -> Iterator[IO[str]]:
    with file.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        inner: IO[bytes] = gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[assignment]
        with io.TextIOWrapper(inner, encoding=encoding, newline="") as text:
            yield text


def _count(file: Path, lines: IO[str], columns: Columns) -> dict[str, Arm]:
    reader = csv.reader(lines)
    heading = next(reader, None)
    if heading is None:
        raise refuse("the file is empty", file=str(file))
    places = _places(file, heading, columns)
    counted: dict[str, _Counted] = {}
    problems: list[Problem] = []
    bad = 0
    for row in reader:
        if not row:
            continue
        found = _problem(row, len(heading), columns, places)
        if found is None:
            _add(counted, row, columns, places)
            continue
        bad += 1
        if bad <= MOST_PROBLEMS:
            sentence, column, values = found
            problems.append(
                Problem(sentence=sentence, values=values, file=str(file), line=reader.line_num, field=column)
            )
    if bad > MOST_PROBLEMS:
        problems.append(Problem(sentence=MORE_ROWS, values={"count": bad - MOST_PROBLEMS}, file=str(file)))
    if problems:
        raise InputRefused(problems)
    return {name: _arm(each, columns) for name, each in counted.items()}


def _places(file: Path, heading: Sequence[str], columns: Columns) -> dict[str, int]:
    """Return where each named column stands."""
    names = [name.strip() for name in heading]
    problems = []
    for wanted in filter(None, (columns.arm, columns.outcome, columns.revenue)):
        if wanted not in names:
            near = difflib.get_close_matches(wanted, names, n=1) or [", ".join(names)]
            problems.append(
                Problem(
                    sentence="there is no column {wanted}; is it {near}?",
                    values={"wanted": wanted, "near": near[0]},
                    file=str(file),
                    line=1,
                )
            )
    if problems:
        raise InputRefused(problems)
    return {name: names.index(name) for name in (columns.arm, columns.outcome, columns.revenue) if name is not None}


def _problem(
    row: Sequence[str], width: int, columns: Columns, places: Mapping[str, int]
) -> tuple[str, str | None, dict[str, object]] | None:
    """Say what is wrong with a row, in which column; None: nothing."""
    if len(row) != width:
        return SHORT_ROW, None, {"found": len(row), "expected": width}
    if not row[places[columns.arm]].strip():
        return NO_ARM, columns.arm, {}
    outcome = row[places[columns.outcome]]
    if outcome.strip().lower() not in YES | NO:
        return NO_OUTCOME, columns.outcome, {"found": repr(outcome)[:60]}
    if columns.revenue is not None and _number(row[places[columns.revenue]]) is None:
        return NO_AMOUNT, columns.revenue, {"found": repr(row[places[columns.revenue]])[:60]}
    return None


def _number(cell: str) -> float | None:
    try:
        found = float(cell or 0)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _add(counted: dict[str, _Counted], row: Sequence[str], columns: Columns, places: Mapping[str, int]) -> None:
    arm = counted.setdefault(row[places[columns.arm]].strip(), _Counted())
    arm.assigned += 1
    arm.responded += row[places[columns.outcome]].strip().lower() in YES
    if columns.revenue is not None:
        arm.amounts.append(_number(row[places[columns.revenue]]) or 0.0)


def _arm(counted: _Counted, columns: Columns) -> Arm:
    return Arm(
        assigned=counted.assigned,
        responded=counted.responded,
        amounts=amounts_of(counted.amounts) if columns.revenue is not None else None,
    )
