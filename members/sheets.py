"""Workbooks (.xlsx) read row by row with openpyxl, their cells as the words a person sees.

What a workbook says of itself is not believed: it is weighed before it is opened, and only rows and columns
that a sheet can have are read.  Only some rows are held at a time, and the words of all cells once.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import cast
from xml.etree.ElementTree import ParseError, fromstring

from openpyxl import Workbook, load_workbook
from openpyxl.cell.read_only import EmptyCell, ReadOnlyCell
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.xml.constants import ARC_CONTENT_TYPES, SHARED_STRINGS

from language.problems import InputRefused, Problem, refuse
from members.sheet_cells import lost_digits, words_of_cell

MOST_ROWS = 1_048_576  #: of any sheet there is
MOST_COLUMNS = 1000
MOST_BYTES = 2 << 30  #: unpacked, all parts together
MOST_WORDS = 128 << 20  #: unpacked, of the part with the words of all cells, which is held in memory
MOST_APART = 32 << 20  #: unpacked, of any other part that is read at once, such as the styles
MOST_TIMES = 200  #: what a large part may swell; tables pack to a tenth or so, never to a thousandth
LARGE = 16 << 20
ROWS_AT_ONCE = 100
LOST_DIGITS = Problem(
    sentence="a number of more than 15 digits has lost digits in the spreadsheet; make the column text there"
)
NO_DAY = Problem(sentence="a number that is shown as a day is no day; make the column text in the spreadsheet")

#: What a broken or hostile workbook makes its reader raise.
BROKEN = (
    zipfile.BadZipFile, zlib.error, ParseError, LookupError, ValueError, TypeError, AttributeError, OverflowError,
    EOFError, OSError, RuntimeError, NotImplementedError,
)  # fmt: skip

#: The number of a row, its cells, and what is wrong with it.
SheetRow = tuple[int, list[str], Problem | None]
_Cells = tuple[ReadOnlyCell | EmptyCell, ...]


def count_rows(path: Path, wanted: str | None) -> tuple[str, int]:
    """Return the name of the sheet that is read, the first where none is ``wanted``, and how many rows it has.

    Raises:
        InputRefused: it is no workbook that can be read, or has no such sheet.
    """
    with _opened(path) as workbook:
        names = [sheet.title for sheet in workbook.worksheets]
        if not names or (wanted is not None and wanted not in names):
            raise refuse(
                "there is no sheet {sheet}; the workbook has {listed}",
                file=str(path),
                sheet=wanted or "",
                listed=", ".join(names)[:300],
            )
        name = wanted or names[0]
        return name, sum(1 for _ in _rows(path, workbook, name))


def sheet_rows(path: Path, name: str) -> Iterator[SheetRow]:
    """Yield the rows that are not blank, as wide as the first of them, numbered as the spreadsheet does.

    A formula stands for its value, a day for its ISO form, a whole number for its digits.

    Raises:
        InputRefused: the workbook breaks off, or is not what it should be.
    """
    with _opened(path) as workbook:
        yield from _rows(path, workbook, name)


def _rows(path: Path, workbook: Workbook, name: str) -> Iterator[SheetRow]:
    sheet, width = workbook[name], 0
    assert isinstance(sheet, ReadOnlyWorksheet)
    sheet.reset_dimensions()
    # A sheet that is only read gives cells of its own kinds.
    rows = cast(Iterator[_Cells], sheet.iter_rows(max_row=MOST_ROWS))
    for number, row, no_day in _with_warnings((number, row) for number, row in enumerate(rows, 1) if row):
        cells = [words_of_cell(cell, workbook.epoch) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            raise refuse("the row has more than {most} columns", file=str(path), line=number, most=MOST_COLUMNS)
        if cells or no_day:
            width = width or len(cells)
            wrong = NO_DAY if no_day else LOST_DIGITS if any(map(lost_digits, row)) else None
            yield number, cells + [""] * (width - len(cells)), wrong


def _with_warnings(rows: Iterator[tuple[int, _Cells]]) -> Iterator[tuple[int, _Cells, bool]]:
    """Yield each numbered row with whether openpyxl put an error for a number that is no day, of which it only warns."""
    while True:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            block = list(islice(rows, ROWS_AT_ONCE))
        if not block:
            return
        no_days = {str(warning.message).partition(" is marked as a date")[0] for warning in told}
        for number, row in block:
            yield number, row, bool(no_days) and any(_is_named(cell, no_days) for cell in row)


def _is_named(cell: ReadOnlyCell | EmptyCell, no_days: set[str]) -> bool:
    # A cell that does not say where it stands is warned of without its place.
    if isinstance(cell, EmptyCell) or cell.data_type != "e":
        return False
    return f"Cell {cell.coordinate}" in no_days or "Cell None" in no_days


@contextmanager
def _opened(path: Path) -> Iterator[Workbook]:
    try:
        # As an open file, for openpyxl would judge a path by the end of its name.
        with path.open("rb") as file:
            with zipfile.ZipFile(file) as parts:
                _refuse_swollen(path, parts)
                _refuse_foreign(path, parts)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                yield workbook
            finally:
                workbook.close()
    except InputRefused:
        raise
    except BROKEN as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise refuse("the workbook cannot be read: {why}; expected an .xlsx file", file=str(path), why=why) from None


def _refuse_swollen(path: Path, parts: zipfile.ZipFile) -> None:
    # No more is ever unpacked of a part than it says here.
    sizes = {part.filename: part.file_size for part in parts.infolist()}
    swollen = sum(sizes.values()) > MOST_BYTES or any(
        part.file_size > _most(part.filename)
        or (part.file_size > LARGE and part.file_size > MOST_TIMES * part.compress_size)
        for part in parts.infolist()
    )
    if swollen or any(sizes.get(part, 0) > MOST_WORDS for part in _parts_of_words(parts)):
        raise refuse("the workbook is too large unpacked; save the sheet as CSV", file=str(path))


def _most(part: str) -> int:
    """Return how large a part may be: sheets are streamed, and pictures are not read at all."""
    if part.startswith("xl/worksheets/") or not part.endswith((".xml", ".rels")):
        return MOST_BYTES
    return MOST_WORDS if part.startswith(("xl/sharedStrings", "xl/pivotCache/")) else MOST_APART


def _parts_of_words(parts: zipfile.ZipFile) -> list[str]:
    """Return where the workbook says the words of its cells are, which may be anywhere."""
    _refuse_document_type(parts, ARC_CONTENT_TYPES)
    # A document type, without which there are no entities, has been ruled out, and expat stops what swells.
    told = fromstring(parts.read(ARC_CONTENT_TYPES))  # noqa: S314
    return [part.get("PartName", "").lstrip("/") for part in told if part.get("ContentType") == SHARED_STRINGS]


def _refuse_foreign(path: Path, parts: zipfile.ZipFile) -> None:
    for part in parts.namelist():
        if part.endswith((".xml", ".rels")) and b"purl.oclc.org/ooxml" in _refuse_document_type(parts, part):
            raise refuse("this is a strict workbook; save it as an ordinary .xlsx workbook", file=str(path))


def _refuse_document_type(parts: zipfile.ZipFile, part: str) -> bytes:
    """Return how a part begins.  Entities cannot be told without a document type, and expat stops what swells."""
    with parts.open(part) as peeked:
        start = peeked.read(4096)
    if b"<!DOCTYPE" in start:
        raise ValueError("a document type")
    return start
