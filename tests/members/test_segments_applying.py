"""Segment files: applied together or not at all, lists by key, and whom a change tells of."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import InternalError

from database.engine import Database
from database.member_tables import segment_members, segment_rechecks
from database.tables import events, members
from language.problems import InputRefused
from members.conditions import parse_condition
from members.reckoning import reckon, touch
from members.segments import count_matching, load_segments
from members.segments.applying import SegmentsApplied, apply_segments
from members.segments.definition import read_keys, read_segments
from members.segments.explaining import plan_of, sql_of
from members.segments.picking import count_parts, only_reading, some_members
from members.segments.reasons import reasons_of

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
GOLD = "segment: gold\nkeep: true\ncondition: {tier: {eq: gold}}\n"


def people(connection: Connection, *tiers: str | None) -> list[int]:
    rows = [{"key": f"m{place}", "tier": tier} for place, tier in enumerate(tiers, start=1)]
    return list(connection.scalars(insert(members).returning(members.c.id, sort_by_parameter_order=True), rows))


def write(folder: Path, **files: str) -> Path:
    for name, words in files.items():
        suffix = "csv" if name.endswith("_csv") else "yaml"
        (folder / f"{name.removesuffix('_csv')}.{suffix}").write_text(words, encoding="utf-8")
    return folder


def apply(connection: Connection, path: Path, *, told: bool = False) -> SegmentsApplied:
    return apply_segments(connection, read_segments(path, known=load_segments(connection)), now=NOW, told=told)


def inside(connection: Connection, name: str) -> set[str]:
    row = segment_members
    return set(connection.scalars(select(members.c.key).join(row, row.c.member_id == members.c.id).where(row.c.segment == name)))


def told_of(connection: Connection) -> list[str]:
    return list(connection.scalars(select(events.c.kind).where(events.c.kind.like("segment.%")).order_by(events.c.id)))


def test_who_was_in_a_segment_before_it_was_kept_is_told_of_by_nobody(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        ids = people(connection, "gold", "silver")
        write(tmp_path, gold=GOLD)

        assert apply(connection, tmp_path).inside == {"gold": 1}
        assert told_of(connection) == []
        connection.execute(update(members).values(tier="gold"))
        touch(connection, ids)
        reckon(connection, now=NOW)
        assert told_of(connection) == ["segment.entered"]
        assert apply(connection, tmp_path).unchanged == ("gold",)


@pytest.mark.parametrize(("told", "kinds"), [(False, []), (True, ["segment.entered", "segment.left"])])
def test_a_changed_definition_is_counted_anew_and_told_of_only_where_asked(
    database: Database, tmp_path: Path, told: bool, kinds: list[str]
) -> None:
    with database.transaction() as connection:
        people(connection, "gold", "silver", None)
        inner = "segment: named\ncondition: {tier: {eq: gold}}\n"
        write(tmp_path, named=inner, outer="segment: outer\nkeep: true\ncondition: {segment: named}\n")
        apply(connection, tmp_path)

        write(tmp_path, named=inner.replace("gold", "silver"))
        assert apply(connection, tmp_path, told=told).changed == ("named",)
        assert inside(connection, "outer") == {"m2"}
        assert sorted(told_of(connection)) == kinds


def test_a_list_is_replaced_and_keys_nobody_has_are_told_by_line(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        people(connection, *[None] * 4)
        connection.execute(update(members).where(members.c.key == "m3").values(merged_into=4))
        write(tmp_path, vips="segment: vips\nlist: vips.csv\n", vips_csv="name,会员号\n甲,m1\n乙,m3\n丙,nobody\n丁,m1\n")
        done = apply(connection, tmp_path)

        assert inside(connection, "vips") == {"m1", "m4"}
        assert done.unknown == {"vips": 1}
        assert [problem.told() for problem in done.problems] == [f"{tmp_path}/vips.csv:4: no member has the key nobody"]
        write(tmp_path, vips_csv="m2\nm4\n")
        assert apply(connection, tmp_path).changed == ("vips",)
        assert inside(connection, "vips") == {"m2", "m4"}
        asked = parse_condition({"all": [{"listed": "vips"}, {"segment": "vips"}]})
        assert count_matching(connection, asked, NOW, segments=load_segments(connection)) == 2
        connection.execute(update(members).where(members.c.key == "m2").values(erased_at=NOW))
        touch(connection, [2])
        reckon(connection, now=NOW)
        assert inside(connection, "vips") == {"m4"}


def test_a_list_that_others_ask_about_stays_a_list(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        people(connection, "gold")
        write(tmp_path, vips="segment: vips\nlist: vips.csv\n", vips_csv="m1\n", others="segment: others\ncondition: {not: {listed: vips}}\n")
        apply(connection, tmp_path)

        (tmp_path / "others.yaml").unlink()
        with pytest.raises(InputRefused, match="there is no list vips"):
            apply(connection, write(tmp_path, vips="segment: vips\ncondition: {tier: {eq: gold}}\n"))
        with pytest.raises(InputRefused, match="there is no list vip; did you mean vips"):
            apply(connection, write(tmp_path, vips="segment: vips\nlist: vips.csv\n", x="segment: x\ncondition: {listed: vip}\n"))


def test_a_sample_is_the_same_share_every_time(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        people(connection, *["gold"] * 400, *["silver"] * 100)
        write(tmp_path, gold=GOLD, tenth="segment: tenth\nsample: {of: gold, share: 0.1, seed: a}\n")
        apply(connection, tmp_path)
        named = load_segments(connection)

        size = count_matching(connection, named["tenth"], NOW, segments=named)
        assert 20 < size < 65
        write(tmp_path, tenth="segment: tenth\nsample: {of: gold, share: 0.2, seed: a}\n")
        smaller = named["tenth"]
        apply(connection, tmp_path)
        named = load_segments(connection)
        both = parse_condition({"all": [smaller.model_dump(mode="json"), {"segment": "tenth"}]})
        assert count_matching(connection, both, NOW, segments=named) == size  # A larger share keeps everybody.


def test_what_is_no_longer_kept_is_forgotten(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        people(connection, "gold")
        aged = "segment: aged\nkeep: true\ncondition: {not: {member: {joined_at: {older_than: 9d}}}}\n"
        connection.execute(update(members).values(joined_at=NOW - timedelta(days=1)))
        apply(connection, write(tmp_path, aged=aged))
        assert connection.execute(select(segment_rechecks.c.due_at)).scalar_one() == NOW + timedelta(days=8)

        apply(connection, write(tmp_path, aged=aged.replace("keep: true", "keep: false")))
        assert inside(connection, "aged") == set()
        assert connection.execute(select(segment_rechecks)).all() == []


BAD_FILES: dict[str, tuple[str, str]] = {
    "two things": ("segment: x\ncondition: {reachable: sms}\nlist: a.csv\n", "x.yaml:1: a segment has exactly one of condition, list and sample"),
    "no thing": ("segment: x\n", "x.yaml:1: a segment has exactly one of"),
    "typing": ("segment: x\ncondition:\n  all:\n    - teir: {eq: gold}\n", "x.yaml:4:condition.all[0]: teir is not known here; did you mean tier?"),
    "field": ("segment: x\nkep: true\ncondition: {reachable: sms}\n", "x.yaml:2:kep: kep is not known here; did you mean keep?"),
    "stranger": ("segment: x\ncondition: {segment: nobody}\n", "x.yaml:2:condition: there is no segment nobody"),
    "no list": ("segment: x\ncondition: {not: {listed: nobody}}\n", "x.yaml:2:condition: there is no list nobody"),
    "no list but a condition": ("segment: x\ncondition: {not: {listed: gold}}\n", "x.yaml:2:condition: there is no list gold"),
    "itself": ("segment: x\ncondition: {not: {segment: x}}\n", "x.yaml:2:condition: the segment asks about itself: x → x"),
    "share": ("segment: x\nsample: {of: x, share: 3}\n", "x.yaml:2:sample.share"),
    "name": ("segment: 'a b'\ncondition: {reachable: sms}\n", "is no name"),
    "no file": ("segment: x\nlist: gone.csv\n", "gone.csv: the file cannot be read: No such file or directory"),
    "yaml": ("segment: [x\n", "x.yaml:2: this is not YAML"),
    "near": ("segment: x\ncondition: {near: {store: a, latitude: 3, within: 5km}}\n", "condition.near: near takes a store, or a latitude and a longitude"),
    "distance": ("segment: x\ncondition: {near: {store: a, within: 5 miles}}\n", "near.within: a distance such as 500m or 5km was expected; found '5 miles'"),
    "nan": ("segment: x\ncondition: {near: {latitude: .nan, longitude: 0, within: 5km}}\n", "condition.near.latitude"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_wrong_is_told_by_file_line_and_field_and_nothing_is_applied(database: Database, tmp_path: Path, name: str) -> None:
    words, expected = BAD_FILES[name]
    with database.transaction() as connection:
        with pytest.raises(InputRefused) as refused:
            apply(connection, write(tmp_path, gold=GOLD, x=words))
        assert expected in str(refused.value)
        assert load_segments(connection) == {}
    assert refused.value.told("zh")


def test_a_check_finds_circles_without_knowing_what_is_kept(tmp_path: Path) -> None:
    write(tmp_path, a="segment: a\ncondition: {any: [{segment: kept}, {listed: uploaded}, {segment: uploaded}]}\n")
    assert len(read_segments(tmp_path).segments) == 1
    write(tmp_path, b="segment: b\ncondition: {not: {segment: c}}\n", c="segment: c\ncondition: {segment: b}\n")
    with pytest.raises(InputRefused, match=r"b\.yaml:2:condition: the segment asks about itself: b → c → b"):
        read_segments(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "a column named key"), (b"key\n", "the file holds no keys"), (b"a,b\n1,2\n", "found a, b"), (b"key\n\x00\n", "UTF-8 or GB 18030"), (b"\xff\xff,x\n", "UTF-8 or GB 18030"),
     (b'"' + b"m1\n" * 60_000, "the file cannot be read: field larger than field limit")],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "l.csv").write_bytes(content)
    with pytest.raises(InputRefused, match=told):
        read_keys(tmp_path / "l.csv")


def test_a_list_written_by_a_chinese_office_is_read(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_bytes("姓名,会员号\n王芳,会员一\n".encode("gb18030"))
    assert dict(read_keys(tmp_path / "l.csv").lines) == {"会员一": 2}


def test_a_count_says_what_each_part_leaves_out(database: Database) -> None:
    asked = parse_condition({"all": [{"tier": {"eq": "gold"}}, {"tags": {"has": "vip"}}, {"member": {"language": {"eq": "zh"}}}]})
    with database.transaction() as connection:
        people(connection, "gold", "gold", "silver", None)
        connection.execute(update(members).where(members.c.key.in_(["m1", "m3"])).values(attributes={"tags": ["vip"]}))

        counted = count_parts(connection, asked, NOW, segments={})
        assert (counted.everybody, counted.matching) == (4, 1)
        assert [(part.holds, part.leaves_out, part.alone_leaves_out) for part in counted.parts] == [(2, 2, 1), (2, 2, 1), (4, 0, 0)]
        assert [one.key for one in some_members(connection, asked, NOW, segments={}, limit=5)] == ["m1"]
        left_out = some_members(connection, asked, NOW, segments={}, limit=5, left_out=True)
        assert {one.key for one in left_out} == {"m2", "m3", "m4"}


def test_reasons_are_a_tree_with_the_members_own_values(database: Database) -> None:
    asked = parse_condition({"all": [{"segment": "gold"}, {"not": {"points": {"ge": 1}}}, {"any": [{"reachable": "sms"}, {"tags": {"has": "vip"}}]}]})
    with database.transaction() as connection:
        (member,) = people(connection, "silver")
        reason = reasons_of(connection, asked, member, NOW, segments={"gold": parse_condition({"tier": {"eq": "gold"}})})

    assert (reason.name, reason.holds) == ("all", False)
    gold, poor, either = reason.parts
    assert (gold.name, gold.asked, gold.holds, gold.parts[0].found) == ("segment", "gold", False, {"tier": "silver"})
    assert (poor.holds, poor.parts[0].found) == (True, {"points": 0})
    assert (either.holds, [part.holds for part in either.parts]) == (False, [False, False])


def test_whoever_was_erased_is_said_to_be_in_no_segment(database: Database) -> None:
    asked = parse_condition({"not": {"tags": {"has": "vip"}}})
    with database.transaction() as connection:
        (member,) = people(connection, "gold")
        assert reasons_of(connection, asked, member, NOW, segments={}).holds
        connection.execute(update(members).values(erased_at=NOW))
        reason = reasons_of(connection, asked, member, NOW, segments={})
    assert (reason.holds, [(part.name, part.holds) for part in reason.parts]) == (False, [("erased or merged", False), ("not", True)])


HOSTILE = ["'; DROP TABLE members; --", "%s %(x)s %", "\\", "$$", ":name", "a" * 1000, "(a+)+$", "☃\u202e", '"', "{}", "\x1f", "NULL"]


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_words_and_nothing_else(database: Database, words: str) -> None:
    parts: list[dict[str, Any]] = [
        {"member": {"name": dict.fromkeys(("eq", "ne", "contains", "starts_with"), words) | {"in": [words]}}},
        {"attribute": {words: {"eq": words, "contains": words}}},
        {"tags": {"has_any": [words]}},
        {"event": {"kind": words, "where": {words: {"in": [words]}}}},
        {"segment": "gold"}, {"listed": words}, {"clicked": words}, {"received": words}, {"cluster": {"eq": words}},
        {"near": {"store": words, "within": "5km"}}, {"sample": {"share": 0.5, "seed": words}}, {"coupon": {"pool": words}},
        {"survey": {"name": words}}, {"rfm": {"cell": {"eq": words}}}, {"points": {"gt": 999999999999999, "lt": -0.0000000001}},
    ]  # fmt: skip
    named = {"gold": parse_condition({"tier": {"eq": words}}), words: parse_condition({"listed": words})}
    asked = parse_condition({"any": parts})
    with database.transaction() as connection:
        people(connection, "gold")
        count_matching(connection, asked, NOW, segments=named)
        reasons_of(connection, asked, 1, NOW, segments=named)
        assert plan_of(connection, sql_of(asked, NOW, segments=named))
        assert connection.scalar(text("SELECT count(*) FROM members")) == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"any": [{"all": [{"reachable": "sms"}] * 100}] * 100},
        {"points": {"ge": 10**400}}, {"points": {"ge": float("inf")}}, {"member": {"name": {"eq": "a\0b"}}},
        {"attribute": {"x\0": {"eq": 1}}}, {"sample": {"share": float("nan"), "seed": "x"}}, {"listed": "\ud800"},
        {"near": {"latitude": 91, "longitude": 0, "within": "1km"}}, {"near": {"store": "a", "within": "99999999km"}},
    ],
)  # fmt: skip
def test_ten_thousand_parts_and_numbers_without_end_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InputRefused):
        parse_condition(asked)


def test_a_question_that_takes_too_long_is_stopped_and_can_change_nothing(database: Database) -> None:
    def ask(statement: Any, limit: timedelta) -> None:
        with database.transaction() as connection, only_reading(connection, limit):
            connection.execute(statement)

    with pytest.raises(InputRefused, match="took longer than 0s and was stopped"):
        ask(text("SELECT pg_sleep(5)"), timedelta(milliseconds=20))
    with pytest.raises(InternalError, match="read-only transaction"):
        ask(insert(members).values(key="x"), timedelta(seconds=5))


def test_whoever_is_on_a_list_when_it_is_first_kept_is_told_of_by_nobody(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        people(connection, None, None)
        write(tmp_path, vips="segment: vips\nlist: vips.csv\nkeep: true\n", vips_csv="m1\nm2\n")
        apply(connection, tmp_path, told=True)
        assert told_of(connection) == []
        write(tmp_path, vips_csv="m2\n")
        apply(connection, tmp_path, told=True)
        assert told_of(connection) == ["segment.left"]
