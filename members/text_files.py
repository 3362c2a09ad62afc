"""Tables in files, read row by row: their encoding, their digest, and their rows with line numbers."""

import codecs
import csv
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import IO, cast

from language.problems import Problem, refuse

BLOCK = 1 << 20
LONGEST_CELL = 131_072
WHITESPACE = "whitespace"
DELIMITERS = ",\t;"  #: those that are found out, the likeliest first
WORKBOOK = "xlsx"
SHEETS = "members.sheets"  #: our module that reads workbooks; what it rests on takes long to read, and few files are workbooks
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
ZIP, OLD_WORKBOOK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file that has been looked through once."""

    path: Path
    encoding: str  #: utf-8-sig, gb18030, utf-16, or xlsx for a workbook
    digest: str  #: SHA-256 of its bytes, unpacked, in hexadecimal; of a workbook also of the sheet's name
    lines: int
    sheet: str | None = None  #: of a workbook


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row; where it could not be read, with the problem and no cells."""

    line: int  #: the last line it stands on, or the row of a sheet, counted from 1
    cells: list[str]
    problem: Problem | None = None


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return cast(IO[bytes], lzma.open(path, "rb")) if path.suffix == ".xz" else path.open("rb")


def look_through(path: Path, *, sheet: str | None = None) -> TextFile:
    """Read the whole file once, block by block, for its digest, encoding and length.

    ``sheet`` is the one to be read of a workbook; None is its first.

    Raises:
        InputRefused: it cannot be read, is empty, or is neither text in UTF-8, GB 18030 or marked UTF-16, nor a workbook.
    """
    try:
        with _open(path) as file:
            start = file.read(4)
        if start == OLD_WORKBOOK:
            raise refuse("this is an old or locked workbook; save it as .xlsx without a password", file=str(path))
        if start == ZIP:
            return _workbook(path, sheet)
        if sheet is not None:
            raise refuse("this is no workbook and has no sheet {sheet}", file=str(path), sheet=sheet)
        marked = MARKS.get(start[:2])
        for encoding in [marked] if marked else ["utf-8-sig", "gb18030"]:
            if (found := _as_text(path, encoding)) is not None:
                break
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise refuse("the file cannot be read: {why}", file=str(path), why=why) from None
    if found is None:
        raise refuse("the file must be text in UTF-8, GB 18030 or UTF-16 with its mark, or an .xlsx workbook", file=str(path))
    if not start:
        raise refuse("the file is empty; expected rows of text", file=str(path))
    return found


def _workbook(path: Path, wanted: str | None) -> TextFile:
    sheet, rows = import_module(SHEETS).count_rows(path, wanted)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    digest.update(f"\n{sheet}".encode())
    return TextFile(path=path, encoding=WORKBOOK, digest=digest.hexdigest(), lines=rows, sheet=sheet)


def _as_text(path: Path, encoding: str) -> TextFile | None:
    """Look through a file in this encoding; None: it is not written in it."""
    decoder, digest = codecs.getincrementaldecoder(encoding)(), hashlib.sha256()
    lines, last = 0, ""
    try:
        with _open(path) as file:
            while block := file.read(BLOCK):
                digest.update(block)
                words = decoder.decode(block)
                lines += words.count("\n")
                last = words[-1:] or last
            decoder.decode(b"", True)
    except UnicodeDecodeError:
        return None
    return TextFile(path=path, encoding=encoding, digest=digest.hexdigest(), lines=lines + (last != "\n"))


def read_lines(file: TextFile) -> Iterator[str]:
    """Yield the lines of the file with their ends; decoding errors have been ruled out.

    Raises:
        InputRefused: it is a workbook, which has no lines.
    """
    if file.encoding == WORKBOOK:
        raise refuse("this is a workbook; expected a text file", file=str(file.path))
    # Only \\n, \\r and both together end a line here; anything else may stand inside a cell.
    with _open(file.path) as raw, io.TextIOWrapper(raw, encoding=file.encoding, newline="") as text:
        yield from text


def find_delimiter(file: TextFile) -> str:
    """Return what separates the cells of the first line that is not blank: comma, tab or semicolon."""
    first = next((line for line in read_lines(file) if line.strip()), "")
    outside = "".join(first.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def read_rows(file: TextFile, delimiter: str | None = None) -> Iterator[TextRow]:
    """Yield the rows that are not blank.  ``whitespace`` splits at any run of blanks; None finds out what separates cells."""
    if file.encoding == WORKBOOK:
        assert file.sheet is not None
        yield from (TextRow(number, cells, wrong) for number, cells, wrong in import_module(SHEETS).sheet_rows(file.path, file.sheet))
        return
    if delimiter == WHITESPACE:
        for number, line in enumerate(_without_nul(read_lines(file)), 1):
            if cells := line.split():
                yield TextRow(number, cells)
        return
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(_without_nul(read_lines(file)), delimiter=delimiter or find_delimiter(file))
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = Problem(sentence="this is no row of a table: {why}", values={"why": str(error)})
            yield TextRow(reader.line_num, [], problem)
            continue
        if any(cells):
            yield TextRow(reader.line_num, cells)


def first_row(file: TextFile, delimiter: str | None = None) -> list[str]:
    """Return the cells of the first row that is not blank, which is the header where there is one."""
    return [cell.strip() for row in islice(read_rows(file, delimiter), 1) for cell in row.cells]


def _without_nul(lines: Iterator[str]) -> Iterator[str]:
    # A NUL inside a cell would otherwise be taken for text and stop the whole batch at the database.
    return (line.replace("\0", "�") if "\0" in line else line for line in lines)
