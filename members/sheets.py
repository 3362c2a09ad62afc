"""Workbooks (.xlsx) read row by row, their cells as the words a person sees, without trusting what they say of themselves.

A workbook is a packed folder of XML: ``xl/workbook.xml`` names the sheets, ``sharedStrings.xml`` holds
the words of all cells once, ``styles.xml`` says which numbers are days.  Only one row is held at a time.

Source: ECMA-376, part 1, chapter 18.
"""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, iterparse

from language.problems import InputRefused, Problem, refuse
from members.sheet_numbers import Digits, days_in_styles, words_of_number

MOST_ROWS = 1_048_576  #: of any sheet there is
MOST_COLUMNS = 1000
MOST_BYTES = 2 << 30  #: unpacked, all parts together
MOST_WORDS = 128 << 20  #: unpacked, of the part with the words of all cells, which is held in memory
LONGEST_CELL = 32_767  #: characters, as in any spreadsheet
DIGITS_KEPT = 15  #: by a spreadsheet, of any number
LOST_DIGITS = Problem(
    sentence="a number of more than 15 digits has lost digits in the spreadsheet; make the column text there"
)

#: What a broken or hostile workbook makes its reader raise.
BROKEN = (
    zipfile.BadZipFile, zlib.error, ParseError, KeyError, ValueError, IndexError, OverflowError, EOFError, OSError,
    RuntimeError, NotImplementedError,
)  # fmt: skip

#: The number of a row, its cells, and what is wrong with it.
SheetRow = tuple[int, list[str], Problem | None]


@dataclass(frozen=True, kw_only=True)
class _Workbook:
    """An opened workbook."""

    parts: zipfile.ZipFile
    sheets: dict[str, str]  #: the part that holds each sheet, by the sheet's name
    since_1904: bool  #: days are counted from 1904, as on old Macs


def choose_sheet(path: Path, wanted: str | None) -> str:
    """Return the name of the sheet that is read: the first where none is ``wanted``.

    Raises:
        InputRefused: it is no workbook that can be read, or has no such sheet.
    """
    with _opened(path) as workbook:
        names = list(workbook.sheets)
        if not names or (wanted is not None and wanted not in names):
            raise refuse(
                "there is no sheet {sheet}; the workbook has {listed}",
                file=str(path),
                sheet=wanted or "",
                listed=", ".join(names)[:300],
            )
        return wanted or names[0]


def sheet_rows(path: Path, name: str) -> Iterator[SheetRow]:
    """Yield the rows that are not blank, as wide as the first of them, numbered as the spreadsheet does.

    A formula stands for its value, a day for its ISO form, a whole number for its digits.

    Raises:
        InputRefused: the workbook breaks off, or is not what it should be.
    """
    with _opened(path) as workbook:
        words = list(_shared_words(workbook.parts))
        days = days_in_styles(_elements(workbook.parts, "xl/styles.xml", ("numFmt", "cellXfs")))
        read = _Cells(words, days, workbook.since_1904)
        width = 0
        for row in _elements(workbook.parts, workbook.sheets[name], ("row",)):
            read.number = int(row.get("r") or read.number + 1)
            cells = read.cells(row)
            if any(cells) and read.number <= MOST_ROWS:
                width = width or len(cells)
                lost = any(len(cell) > DIGITS_KEPT and isinstance(cell, Digits) for cell in cells)
                padded = cells + [""] * (width - len(cells))
                yield read.number, padded, LOST_DIGITS if lost else None


class _Cells:
    """Makes words of the cells of one row after another."""

    def __init__(self, words: list[str], days: frozenset[int], since_1904: bool) -> None:
        self._words = words
        self._days = days
        self._since_1904 = since_1904
        self.number = 0  #: of the row

    def cells(self, row: Element) -> list[str]:
        """Return the cells up to the last that is not blank, each at its place."""
        found: list[str] = []
        for cell in row:
            place = _column(cell.get("r")) or len(found) + 1
            if place > MOST_COLUMNS:
                raise ValueError(f"more than {MOST_COLUMNS} columns")
            if value := self._value(cell):
                found += [""] * (place - len(found))
                found[place - 1] = value
        return found

    def _value(self, cell: Element) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return _text(cell)
        told = next((child.text or "" for child in cell if _local(child) == "v"), "")
        if kind == "s":
            return self._words[int(told)] if told else ""
        if kind == "b":
            return "true" if told == "1" else "false"
        if kind == "n" and told:
            is_day = int(cell.get("s") or 0) in self._days
            return words_of_number(told, is_day=is_day, since_1904=self._since_1904)
        return "" if kind == "e" else told[:LONGEST_CELL]


@contextmanager
def _opened(path: Path) -> Iterator[_Workbook]:
    try:
        with zipfile.ZipFile(path) as parts:
            _refuse_swollen(path, parts)
            yield _contents(parts)
    except InputRefused:
        raise
    except BROKEN as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise refuse("the workbook cannot be read: {why}; expected an .xlsx file", file=str(path), why=why) from None


def _refuse_swollen(path: Path, parts: zipfile.ZipFile) -> None:
    # No more is ever unpacked of a part than it says here.
    sizes = {part.filename: part.file_size for part in parts.infolist()}
    if sum(sizes.values()) > MOST_BYTES or sizes.get("xl/sharedStrings.xml", 0) > MOST_WORDS:
        raise refuse("the workbook is too large unpacked; save the sheet as CSV", file=str(path))


def _contents(parts: zipfile.ZipFile) -> _Workbook:
    targets = {
        told.get("Id"): posixpath.normpath(posixpath.join("/xl", told.get("Target", ""))).lstrip("/")
        for told in _elements(parts, "xl/_rels/workbook.xml.rels", ("Relationship",))
        if told.get("Type", "").endswith("/worksheet")
    }
    sheets: dict[str, str] = {}
    since_1904 = False
    for told in _elements(parts, "xl/workbook.xml", ("sheet", "workbookPr")):
        if _local(told) == "workbookPr":
            since_1904 = told.get("date1904") in ("1", "true")
            continue
        part = next((value for name, value in told.items() if name.endswith("}id")), None)
        if part in targets:
            sheets[told.get("name", "")] = targets[part]
    return _Workbook(parts=parts, sheets=sheets, since_1904=since_1904)


def _elements(parts: zipfile.ZipFile, part: str, wanted: tuple[str, ...]) -> Iterator[Element]:
    """Yield the elements of these names with all they hold, and forget each when the next is asked for."""
    if part not in parts.namelist():
        if part == "xl/styles.xml":
            return
        raise KeyError(part)
    with parts.open(part) as peeked:
        if b"<!DOCTYPE" in peeked.read(4096):
            raise ValueError("a document type")
    with parts.open(part) as file:
        above: list[Element] = []
        # Entities cannot be told without a document type, and expat itself stops what swells.
        for event, element in iterparse(file, events=("start", "end")):  # noqa: S314
            if event == "start":
                above.append(element)
                continue
            above.pop()
            if _local(element) in wanted:
                yield element
                element.clear()
                if above:
                    above[-1].remove(element)


def _shared_words(parts: zipfile.ZipFile) -> Iterator[str]:
    if "xl/sharedStrings.xml" in parts.namelist():
        for told in _elements(parts, "xl/sharedStrings.xml", ("si",)):
            yield _text(told)


def _text(element: Element) -> str:
    """Return the text of all its runs; how Japanese is pronounced stands aside and is left out."""
    runs = [part for part in element.iter() if _local(part) == "t"]
    aside = {run for part in element.iter() if _local(part) == "rPh" for run in part}
    return "".join(run.text or "" for run in runs if run not in aside)[:LONGEST_CELL]


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _column(place: str | None) -> int:
    """Return the number of a cell's column, 28 for AB7; 0 where the cell does not say."""
    number = 0
    for letter in place or "":
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number
