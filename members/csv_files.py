"""Small CSV files as people's offices write them: in UTF-8 or GB 18030, read by line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from language.problems import refuse


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield every row of a file with the line it ends on.

    Raises:
        InputRefused: the file cannot be read, is no text, or a row is none.
    """
    file = str(path)
    rows = csv.reader(io.StringIO(_read_text(path, file)))
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise refuse("the file cannot be read: {why}", file=file, line=rows.line_num, why=error) from None


def _read_text(path: Path, file: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise refuse("the file cannot be read: {why}", file=file, why=error.strerror or type(error).__name__) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", errors="replace")
    if "\0" in text or "\ufffd" in text:
        raise refuse("the file must be text in UTF-8 or GB 18030", file=file)
    return text
