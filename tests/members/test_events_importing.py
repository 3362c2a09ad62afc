"""Event files of every shape go in once and whole."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from database.engine import Database
from database.tables import events, members
from language.problems import InputRefused
from members.events_importing import EventsImported, import_events
from members.import_maps import EventMap, read_event_map

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
CDNOW = """
member: 1
occurred_at: 2
value: 4
kind: order.paid
properties: {quantity: 3}
delimiter: whitespace
"""

Import = Callable[..., EventsImported]


@pytest.fixture
def run(database: Database) -> Import:
    def importing(path: Path, mapping: EventMap | None = None, **more: object) -> EventsImported:
        return import_events(database, path, mapping=mapping, now=NOW, zone=SHANGHAI, **more)  # type: ignore[arg-type]

    return importing


def write(folder: Path, words: str, name: str = "events.csv") -> Path:
    path = folder / name
    path.write_text(words, encoding="utf-8")
    return path


def test_columns_split_at_blanks_without_headers_and_days_as_eight_figures(
    database: Database, run: Import, tmp_path: Path
) -> None:
    mapping = read_event_map(write(tmp_path, CDNOW, "map.yaml"))
    done = run(
        write(tmp_path, " 00004 19970101 2   29.33\n 00004 19970118  2 29.73\n\n 5 1997x 1 1\n"), mapping, source="shop"
    )

    assert (done.stored, done.refused) == (2, 1)
    assert [problem.line for problem in done.problems] == [4]
    with database.transaction() as connection:
        rows = connection.execute(select(events).order_by(events.c.occurred_at)).all()
        assert rows[0].occurred_at == datetime(1997, 1, 1, tzinfo=SHANGHAI)
        assert [row.value for row in rows] == [Decimal("29.33"), Decimal("29.73")]
        assert (rows[0].kind, rows[0].source, rows[0].properties) == ("order.paid", "shop", {"quantity": "2"})
        assert connection.scalar(select(members.c.key)) == "00004"


def test_the_same_file_again_changes_nothing_even_under_another_name_or_map(
    database: Database, run: Import, tmp_path: Path
) -> None:
    words = "member,occurred_at,kind,value\n1,2026-07-01,order.paid,5\n2,2026-07-02 10:00,order.paid,\n"
    assert run(write(tmp_path, words)).stored == 2
    assert run(write(tmp_path, words, "copy.csv")).already
    mapping = EventMap(member="member", occurred_at="occurred_at", kind="order.paid", value="value")
    assert run(write(tmp_path, words, "other.csv"), mapping).duplicates == 2
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == 2


def test_json_lines_keep_their_properties(database: Database, run: Import, tmp_path: Path) -> None:
    words = (
        '{"member": "1", "occurred_at": "2026-07-01T10:00:00Z", "kind": "order.paid", "value": 12.5, "key": "o1",'
        ' "properties": {"city": "上海", "items": [1, 2.5]}}\n'
        "\n"
        "[1]\n"
        "{broken\n"
        '{"member": "1", "occurred_at": "2026-07-01T10:00:00Z", "kind": "order paid"}\n'
        '{"member": "1", "occurred_at": "2026-07-01T10:00:00Z", "kind": "x", "value": 1e999}\n'
        '{"member": null, "occurred_at": "2026-07-01", "kind": "x"}\n'
    )
    done = run(write(tmp_path, words, "events.jsonl"))

    assert (done.stored, done.refused) == (1, 5)
    assert [problem.line for problem in done.problems] == [3, 4, 5, 6, 7]
    with database.transaction() as connection:
        row = connection.execute(select(events)).one()
        assert (row.key, row.value, row.properties) == ("o1", Decimal("12.50"), {"city": "上海", "items": [1, 2.5]})


def test_a_kind_that_is_the_name_of_a_column_is_refused_before_every_row_is_stored_under_it(run: Import, tmp_path: Path) -> None:
    path = write(tmp_path, "member,occurred_at,kind\n1,2026-07-01,order.paid\n")
    mapping = EventMap.model_validate({"kind": "kind"})

    with pytest.raises(InputRefused, match=r"events\.csv:1:kind: every row .* write kind: \{column: kind\}"):
        run(path, mapping)
    assert run(path, EventMap.model_validate({"kind": {"column": "kind"}})).stored == 1


def test_a_map_reaches_into_json_with_dots(database: Database, run: Import, tmp_path: Path) -> None:
    mapping = EventMap.model_validate(
        {
            "member": "user.id",
            "occurred_at": "at",
            "kind": {"column": "type"},
            "value": "total.amount",
            "properties": {"shop": "shop.name"},
        }
    )
    words = '{"user": {"id": 7}, "at": "2026-07-01", "type": "order.paid", "total": {"amount": "1,234.50"}, "shop": {"name": "A"}}'
    assert run(write(tmp_path, words, "events.jsonl"), mapping).stored == 1
    with database.transaction() as connection:
        row = connection.execute(select(events)).one()
        assert (row.value, row.properties) == (Decimal("1234.50"), {"shop": "A"})


def test_a_key_that_says_something_else_is_refused_by_line(run: Import, tmp_path: Path) -> None:
    header = "key,member,occurred_at,kind,value\n"
    run(write(tmp_path, f"{header}a,1,2026-07-01,order.paid,1\n"))
    errors = tmp_path / "errors.csv"
    done = run(
        write(tmp_path, f"{header}b,1,2026-07-01,order.paid,1\na,1,2026-07-01,order.paid,2\n", "2.csv"), errors=errors
    )

    assert (done.stored, done.refused) == (1, 1)
    assert "3,key,a,another event is stored" in errors.read_text(encoding="utf-8-sig")


def test_missing_columns_are_named(run: Import, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="there is no column member; the file has a, b"):
        run(write(tmp_path, "a,b\n1,2\n"))


def test_packed_files_are_read_as_they_are(run: Import, tmp_path: Path, shared: Path) -> None:
    mapping = EventMap(member=1, occurred_at=3, value=5, kind="order.paid", delimiter="whitespace")
    sample = shared / "data" / "cdnow" / "CDNOW_sample.txt.gz"
    done = run(sample, mapping)
    with gzip.open(sample) as file:
        assert done.stored == sum(1 for line in file if line.strip())
    assert done.refused == 0


def test_half_a_character_can_be_told_of_in_the_errors_file(run: Import, tmp_path: Path) -> None:
    good = '{"member": "A1", "kind": "order.paid", "occurred_at": "2026-07-01"}\n'
    done = run(write(tmp_path, good.replace("A1", "\\ud800") + good, "e.jsonl"), errors=tmp_path / "errors.csv")
    assert (done.stored, done.refused) == (1, 1)


def test_an_event_without_a_kind_is_refused(run: Import, tmp_path: Path) -> None:
    words = '{"member": "A1", "occurred_at": "2026-07-01"}\n{"member": "A1", "kind": null, "occurred_at": "2026-07-01"}\n'
    done = run(write(tmp_path, words, "e.jsonl"), errors=tmp_path / "errors.csv")
    assert (done.stored, done.refused, [problem.field for problem in done.problems]) == (0, 2, ["kind", "kind"])
