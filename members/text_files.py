"""Large text files read line by line: their encoding, their digest, and their rows with line numbers."""

import codecs
import csv
import gzip
import hashlib
import io
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from language.problems import Problem, refuse

BLOCK = 1 << 20
LONGEST_CELL = 131_072
WHITESPACE = "whitespace"


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file that has been looked through once."""

    path: Path
    encoding: str  #: utf-8-sig or gb18030
    digest: str  #: SHA-256 of its bytes, unpacked, in hexadecimal
    lines: int


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row; where it could not be read, with the problem and no cells."""

    line: int  #: the last line it stands on, counted from 1
    cells: list[str]
    problem: Problem | None = None


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return cast(IO[bytes], lzma.open(path, "rb")) if path.suffix == ".xz" else path.open("rb")


def look_through(path: Path) -> TextFile:
    """Read the whole file once, block by block, for its digest, encoding and length.

    Raises:
        InputRefused: it cannot be read, is empty, or is text in neither UTF-8 nor GB 18030.
    """
    digest = hashlib.sha256()
    decoders = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8-sig", "gb18030")}
    lines, last = 0, b""
    try:
        with _open(path) as file:
            while block := file.read(BLOCK):
                digest.update(block)
                lines += block.count(b"\n")
                last = block
                _still_fits(decoders, block)
    except (OSError, EOFError, lzma.LZMAError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise refuse("the file cannot be read: {why}", file=str(path), why=why) from None
    _still_fits(decoders, b"", final=True)
    if not last:
        raise refuse("the file is empty; expected rows of text", file=str(path))
    if not decoders:
        raise refuse("the file must be text in UTF-8 or GB 18030", file=str(path))
    return TextFile(
        path=path, encoding=next(iter(decoders)), digest=digest.hexdigest(), lines=lines + (not last.endswith(b"\n"))
    )


def _still_fits(decoders: dict[str, codecs.IncrementalDecoder], block: bytes, *, final: bool = False) -> None:
    for name, decoder in list(decoders.items()):
        try:
            decoder.decode(block, final)
        except UnicodeDecodeError:
            del decoders[name]


def read_lines(file: TextFile) -> Iterator[str]:
    """Yield the lines of the file with their ends; decoding errors have been ruled out."""
    # Only \\n, \\r and both together end a line here; anything else may stand inside a cell.
    with _open(file.path) as raw, io.TextIOWrapper(raw, encoding=file.encoding, newline="") as text:
        yield from text


def read_rows(file: TextFile, delimiter: str = ",") -> Iterator[TextRow]:
    """Yield the rows that are not blank.  ``whitespace`` splits at any run of blanks."""
    if delimiter == WHITESPACE:
        for number, line in enumerate(read_lines(file), 1):
            if cells := line.split():
                yield TextRow(number, cells)
        return
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(_without_nul(read_lines(file)), delimiter=delimiter)
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


def _without_nul(lines: Iterator[str]) -> Iterator[str]:
    # A NUL inside a cell would otherwise be taken for text and stop the whole batch at the database.
    return (line.replace("\0", "�") if "\0" in line else line for line in lines)
