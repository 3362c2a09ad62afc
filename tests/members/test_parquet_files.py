"""Events come in from Parquet by the same rules as from any other file."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from database.engine import Database
from database.tables import events
from language.problems import InputRefused
from members.events_importing import EventsImported, import_events
from members.import_maps import EventMap

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
open_parquet = import_module("members.parquet_files").open_parquet

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
MAP = EventMap.model_validate({"member": "card", "occurred_at": "sold_at", "kind": "order.paid", "value": "total", "key": "id"})


def brought(database: Database, path: Path, mapping: EventMap = MAP, **more: Any) -> EventsImported:
    opened = open_parquet(path, [str(column) for column in mapping.columns().values()])
    return import_events(database, path, mapping=mapping, now=NOW, zone=ZONE, opened=opened, **more)


def written(path: Path, rows: list[dict[str, object]], **columns: Any) -> Path:
    table = arrow.Table.from_pylist(rows)
    for name, form in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast(form))
    parquet.write_table(table, path, row_group_size=700)
    return path


START = datetime.fromisoformat("2026-07-01T10:00:00")  #: without an offset, as tills write it


def sales(count: int) -> list[dict[str, object]]:
    return [
        {"id": n, "card": f"m{n % 7}", "sold_at": START + timedelta(minutes=n), "total": Decimal(n) / 100, "line": {"category": "茶"}}
        for n in range(1, count + 1)
    ]


@pytest.mark.parametrize("form", [arrow.timestamp("ns"), arrow.timestamp("us"), arrow.timestamp("s"), arrow.timestamp("us", "Asia/Shanghai")], ids=str)
def test_columns_of_every_kind_of_moment_become_events(database: Database, tmp_path: Path, form: Any) -> None:
    file = written(tmp_path / "sales.parquet", sales(5), sold_at=form)
    mapping = MAP.model_copy(update={"properties": {"category": "line.category"}})

    done = brought(database, file, mapping)

    assert (done.stored, done.refused) == (5, 0)
    expected = datetime(2026, 7, 1, 10, 5, tzinfo=UTC if form.tz else ZONE)
    with database.transaction() as connection:
        row = connection.execute(select(events).where(events.c.key == "5")).one()
    assert (row.occurred_at, row.value, row.properties) == (expected, Decimal("0.05"), {"category": "茶"})


def test_a_file_cut_short_goes_on_and_the_same_file_counts_once(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "sales.parquet", sales(2_300))

    def dies(line: int, _lines: int) -> None:
        if line == 2_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        brought(database, file, progress=dies)
    rest = brought(database, file)

    assert (rest.stored, rest.duplicates) == (300, 0)
    assert brought(database, file).already
    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(events)).scalar_one() == 2_300


def test_rows_that_cannot_be_used_are_told_by_line_and_field(database: Database, tmp_path: Path) -> None:
    rows = [{**row, "sold_at": f"{row['sold_at']:%Y-%m-%d %H:%M}", "total": str(row["total"])} for row in sales(4)]
    rows[1]["sold_at"], rows[2]["total"], rows[3]["card"] = "soon", "much", None
    done = brought(database, written(tmp_path / "sales.parquet", rows))

    assert (done.stored, done.refused) == (1, 3)
    assert [(problem.line, problem.field) for problem in done.problems] == [(2, "occurred_at"), (3, "value"), (4, None)]


def test_what_is_no_parquet_or_lacks_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.parquet").write_text("id,card\n")
    written(tmp_path / "sales.parquet", sales(1))

    for path, columns, said in (("gone", [], "cannot be read"), ("none", [], "no Parquet"), ("sales", ["member"], "the file has id, card, sold_at")):
        with pytest.raises(InputRefused, match=said):
            open_parquet(tmp_path / f"{path}.parquet", columns)
