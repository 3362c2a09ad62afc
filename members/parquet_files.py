"""Parquet files read as JSON lines, a batch of rows at a time.

Only the command that imports such a file loads this module, for Arrow is heavy.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as arrow
import pyarrow.compute
from pyarrow import parquet

from language.problems import refuse
from members.events_importing import JsonLines
from members.text_files import BLOCK

ROWS_AT_ONCE = 2_000


def open_parquet(path: Path, columns: Collection[str]) -> JsonLines:
    """Look through a Parquet file once for its digest; its rows are read when they are wanted.

    ``columns`` are those that must be there: names of columns, dots going deeper into a struct.

    Raises:
        InputRefused: it cannot be read, is no Parquet file, or lacks a column.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as raw:
            while block := raw.read(BLOCK):
                digest.update(block)
        with parquet.ParquetFile(path) as file:
            rows, names = file.metadata.num_rows, file.schema_arrow.names
    except OSError as error:
        raise refuse("the file cannot be read: {why}", file=str(path), why=error.strerror or "OSError") from None
    except arrow.ArrowException:
        raise refuse("this is no Parquet file", file=str(path)) from None
    for column in columns:
        if column.partition(".")[0] not in names:
            sentence = "there is no column {column}; the file has {listed}"
            raise refuse(sentence, file=str(path), field=column, column=column, listed=", ".join(names)[:300])
    return JsonLines(digest=digest.hexdigest(), count=rows, lines=_lines(path))


def _lines(path: Path) -> Iterator[str]:
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                for row in _in_microseconds(batch).to_pylist():
                    yield json.dumps(row, ensure_ascii=False, default=_plain)
    except (arrow.ArrowException, OSError) as error:
        raise refuse("the file cannot be read: {why}", file=str(path), why=type(error).__name__) from None


def _in_microseconds(batch: arrow.RecordBatch) -> arrow.RecordBatch:
    # Python has no nanoseconds.
    for place, field in enumerate(batch.schema):
        if arrow.types.is_timestamp(field.type) and field.type.unit == "ns":
            moments = pyarrow.compute.cast(batch.column(place), arrow.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(place, field.name, moments)
    return batch


def _plain(value: object) -> object:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.total_seconds() if isinstance(value, timedelta) else str(value)
