"""An attribute that is defined is held to its type; one that nobody defined is kept as it is told."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from database.engine import Database
from database.member_tables import touched_members
from database.tables import members
from language.problems import InputRefused, Problem
from members.attributes import (
    Attribute,
    attribute_value,
    attributes_in_use,
    attributes_reader,
    load_dictionary,
    tag_members,
)
from members.definitions import read_definitions, save_definitions

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples" / "attributes"


def dictionary(type_: str, *values: object) -> dict[str, Attribute]:
    return {"it": Attribute.model_validate({"attribute": "it", "type": type_, "values": values})}


@pytest.mark.parametrize(
    ("type_", "told", "kept"),
    [
        ("text", " 干性 ", "干性"), ("number", "1,234", 1234), ("number", "-2.50", -2.5), ("number", "１２", 12),
        ("yes_no", "是", True), ("yes_no", "No", False), ("day", "2026/8/1", "2026-08-01"), ("day", "20260801", "2026-08-01"),
        ("moment", "2026-08-01 10:00", "2026-08-01T02:00:00+00:00"), ("moment", "2026-08-01T10:00Z", "2026-08-01T10:00:00+00:00"),
        ("list", "茶；咖啡、 茶|糖;", ["茶", "咖啡", "糖"]), ("list", '["a;b", "c"]', ["a;b", "c"]), ("list", ";", []),
    ],
)  # fmt: skip
def test_a_cell_becomes_a_value_of_the_type(type_: str, told: str, kept: object) -> None:
    assert attribute_value(dictionary(type_), "it", told, ZONE) == kept
    assert not isinstance(attribute_value(dictionary(type_), "it", told, ZONE), Problem)


@pytest.mark.parametrize(
    ("type_", "told"),
    [
        ("text", "x" * 1001), ("number", "ten"), ("number", "nan"), ("number", "Infinity"), ("number", "1e99"), ("number", ""),
        ("yes_no", "maybe"), ("day", "8月1日"), ("day", "2026-02-30"), ("moment", "soon"), ("list", "[1, 2]"), ("list", '["a"'),
        ("list", ";".join(map(str, range(201)))), ("list", "[" * 100_000), ("text", "a\0"),
    ],
)  # fmt: skip
def test_a_cell_that_is_none_is_told_with_its_field(type_: str, told: str) -> None:
    problem = attribute_value(dictionary(type_), "it", told, ZONE)

    assert isinstance(problem, Problem) and problem.field == "attributes.it"
    assert problem.told("zh") != problem.told("en")


def test_only_the_values_of_the_dictionary_are_taken() -> None:
    assert attribute_value(dictionary("text", "dry", "oily"), "it", "dry", ZONE) == "dry"
    assert attribute_value(dictionary("number", 1, 2.5), "it", "2.5", ZONE) == 2.5
    wrong = attribute_value(dictionary("list", "a", "b"), "it", "a;c", ZONE)
    assert isinstance(wrong, Problem) and "'c' is none of the values of it: a, b" in str(wrong)


def test_a_row_of_words_becomes_values_or_one_problem() -> None:
    read = attributes_reader(dictionary("number"), ZONE)

    assert read({"it": "12", "city": "上海"}) == {"it": 12, "city": "上海"}
    assert str(read({"city": "上海", "it": "dozen"})) == "attributes.it: a number was expected; found 'dozen'"


def test_what_nobody_defined_is_kept_as_it_is_told() -> None:
    assert attribute_value({}, "city", " 上海 ", ZONE) == " 上海 "


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("type: texts", ":2:type"),
        ("type: number\nvalues: ['1']", "without quotes"),
        ("type: text\nvalues: [1]", "put quotes"),
        ("type: day\nvalues: ['2026-01-01']", "only text, number and list"),
        ("tyep: text", "did you mean type?"),
        ("", "type is missing"),
        ("type: text\ntitle: {fr: Peau}", "title"),
    ],
)
def test_a_definition_that_is_wrong_is_told_by_line_and_field(tmp_path: Path, lines: str, said: str) -> None:
    file = tmp_path / "skin.yaml"
    file.write_text(f"attribute: skin\n{lines}\n", encoding="utf-8")

    with pytest.raises(InputRefused) as refused:
        read_definitions(file, Attribute)

    assert said in str(refused.value)


def test_those_in_use_are_counted_with_those_of_another_type(database: Database) -> None:
    with database.transaction() as connection:
        save_definitions(connection, read_definitions(EXAMPLES, Attribute), now=NOW)
        told = ({"children": 2, "city": "上海"}, {"children": "two", "city": 1}, {"tags": ["vip"]}, {"tags": "vip", "skin_type": None})
        connection.execute(insert(members), [{"key": str(number), "attributes": each} for number, each in enumerate(told)])
        connection.execute(insert(members), {"key": "erased", "attributes": {"city": "x"}, "erased_at": NOW})

        used = attributes_in_use(connection, load_dictionary(connection))

    assert [(one.name, one.members, one.misfits) for one in used] == [
        ("children", 2, 1), ("city", 2, 0), ("skin_type", 1, 1), ("tags", 2, 1),
    ]  # fmt: skip


def test_tags_are_given_and_taken_away_and_whoever_changed_is_touched(database: Database) -> None:
    with database.transaction() as connection:
        had: tuple[dict[str, object], ...] = ({}, {"tags": ["new", "old"], "city": "x"}, {"tags": "new"}, {"tags": ["vip"]})
        ids = [
            connection.execute(insert(members).returning(members.c.id), {"key": str(number), "attributes": each}).scalar_one()
            for number, each in enumerate(had)
        ]

        assert tag_members(connection, ids, add=["vip", "vip"], remove=["new", "never"], now=NOW) == 3
        assert tag_members(connection, ids, add=["vip"], remove=["new"], now=NOW) == 0
        kept = connection.execute(select(members.c.attributes).order_by(members.c.id)).scalars().all()
        touched = connection.execute(select(touched_members.c.member_id)).scalars().all()

    assert kept == [{"tags": ["vip"]}, {"tags": ["old", "vip"], "city": "x"}, {"tags": ["vip"]}, {"tags": ["vip"]}]
    assert sorted(touched) == ids[:3]


def test_a_tag_the_dictionary_does_not_know_is_refused(database: Database) -> None:
    with database.transaction() as connection:
        for tag in ("", " vip", "x" * 101, "a\0"):
            with pytest.raises(InputRefused):
                tag_members(connection, [1], add=[tag], remove=[], now=NOW)
        save_definitions(connection, read_definitions(EXAMPLES, Attribute), now=NOW)
        with pytest.raises(InputRefused, match="none of the values of tags: vip, staff"):
            tag_members(connection, [1], add=["vpi"], remove=[], now=NOW)
