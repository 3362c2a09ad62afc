"""Stores and places: read by line, kept once, and near across the date line and at the poles."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from database.engine import Database
from database.loyalty_tables import member_places
from database.member_tables import segment_members, segment_rechecks, touched_members
from database.tables import members
from language.problems import InputRefused
from members.conditions import parse_condition
from members.places import Seen, Store, list_stores, read_stores, save_stores, set_places
from members.reckoning import reckon
from members.segments import count_matching, matching_members
from members.segments.applying import apply_segments
from members.segments.definition import Segment, SegmentFiles
from members.segments.explaining import plan_of, sql_of

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)


def somebody_at(connection: Connection, latitude: float, longitude: float) -> None:
    connection.execute(insert(members).values(key="m"))
    set_places(connection, [Seen(member_id=1, latitude=latitude, longitude=longitude)], now=NOW)


@pytest.mark.parametrize(
    ("here", "there", "within", "near"),
    [
        ((0.0, 179.99), (0.0, -179.99), "3km", True),  # 2.2 km across the date line
        ((0.0, -179.99), (0.0, 179.99), "2km", False),
        ((0.0, -179.99), (0.0, 179.99), "3km", True),  # the other way round
        ((89.99, 0.0), (89.99, 180.0), "3km", True),  # across the pole
        ((90.0, 77.0), (89.99, -103.0), "2km", True),
        ((-89.99, 90.0), (-89.99, -90.0), "2km", False),
        ((31.2304, 121.4737), (39.9042, 116.4074), "1067km", False),  # Shanghai to Beijing: 1,067.3 km
        ((31.2304, 121.4737), (39.9042, 116.4074), "1068km", True),
        ((10.0, 20.0), (-10.0, -160.0), "20016km", True),  # the other side of the earth
        ((0.0, 0.0), (0.0, 0.0), "1m", True),
    ],
)
def test_near_is_along_the_great_circle(database: Database, here: tuple[float, float], there: tuple[float, float], within: str, near: bool) -> None:
    asked = parse_condition({"near": {"latitude": there[0], "longitude": there[1], "within": within}})
    with database.transaction() as connection:
        somebody_at(connection, *here)
        assert count_matching(connection, asked, NOW) == near


def test_nearness_begins_with_the_index(database: Database) -> None:
    asked = parse_condition({"near": {"latitude": 31.2, "longitude": 121.4, "within": "5km", "of": "home"}})
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO members (key) SELECT 'm' || n FROM generate_series(1, 20000) AS n"))
        connection.execute(
            text("INSERT INTO member_places (member_id, kind, latitude, longitude, seen_at) SELECT id, 'home', id % 1700 / 10.0 - 85, id % 3599 / 10.0 - 180, now() FROM members")
        )
        connection.execute(text("ANALYZE members, member_places"))
        plan = "\n".join(plan_of(connection, sql_of(asked, NOW, segments={})))
        assert "member_places_latitude_longitude_index" in plan


def test_a_members_place_is_kept_once_per_kind_and_touches_the_member(database: Database) -> None:
    with database.transaction() as connection:
        somebody_at(connection, 1, 2)
        set_places(connection, [Seen(member_id=1, latitude=3, longitude=4), Seen(member_id=1, latitude=5, longitude=6, kind="last_seen")], now=NOW)
        assert connection.execute(select(member_places.c.kind, member_places.c.latitude).order_by("kind")).all() == [("home", 3), ("last_seen", 5)]
        assert set(connection.scalars(select(touched_members.c.member_id))) == {1}
        with pytest.raises(InputRefused, match="longitude was expected from -180 to 180; found 181"):
            set_places(connection, [Seen(member_id=1, latitude=0, longitude=181)], now=NOW)


def test_stores_are_kept_by_key_and_asked_about(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "stores.csv"
    file.write_text("\ufeffkey,name,latitude,longitude,closed_on\nsh,上海,31.23,121.47,\nbj,北京,39.9,116.4,2026-01-01\n", encoding="utf-8")
    with database.transaction() as connection:
        save_stores(connection, read_stores(file), now=NOW)
        save_stores(connection, read_stores(file), now=NOW)
        assert [(one.key, one.name) for one in list_stores(connection)] == [("bj", "北京"), ("sh", "上海")]
        somebody_at(connection, 31.2, 121.5)
        found = connection.scalars(matching_members(parse_condition({"near": {"store": "sh", "within": "5km"}}), NOW)).all()
        assert found == [1]


def test_a_kept_segment_follows_a_store_that_is_new_and_one_that_moves(database: Database) -> None:
    near = Segment.model_validate({"segment": "near", "keep": True, "condition": {"near": {"store": "sh", "within": "5km"}}})

    def inside(store: Store) -> list[int]:
        save_stores(connection, [store], now=NOW)
        while reckon(connection, now=NOW):
            pass
        return list(connection.scalars(select(segment_members.c.member_id)))

    with database.transaction() as connection:
        somebody_at(connection, 31.2, 121.5)
        apply_segments(connection, SegmentFiles(segments=(near,), lists={}), now=NOW)
        reckon(connection, now=NOW)
        shanghai = Store(key="sh", name="sh", latitude=31.23, longitude=121.47)
        assert inside(shanghai) == [1]
        save_stores(connection, [shanghai], now=NOW)
        assert connection.scalars(select(touched_members.c.member_id)).all() == []
        assert inside(replace(shanghai, latitude=39.9, longitude=116.4)) == []


def test_nobody_is_near_a_store_that_has_closed_and_who_was_leaves_at_midnight(database: Database) -> None:
    asked = {"near": {"store": "sh", "within": "5km"}}
    near = Segment.model_validate({"segment": "near", "keep": True, "condition": asked})
    with database.transaction() as connection:
        somebody_at(connection, 31.2, 121.5)
        save_stores(connection, [Store(key="sh", name="sh", latitude=31.23, longitude=121.47, closed_on=date(2026, 8, 3))], now=NOW)
        apply_segments(connection, SegmentFiles(segments=(near,), lists={}), now=NOW)
        reckon(connection, now=NOW)
        closing = datetime(2026, 8, 2, 16, tzinfo=UTC)  # Midnight in Shanghai.
        assert connection.scalars(select(segment_rechecks.c.due_at)).all() == [closing]

        for moment, members_inside in ((closing - timedelta(seconds=1), [1]), (closing, [])):
            assert count_matching(connection, parse_condition(asked), moment) == len(members_inside)
            reckon(connection, now=moment)
            assert connection.scalars(select(segment_members.c.member_id)).all() == members_inside


def test_stores_written_by_a_chinese_office_are_read_and_a_quote_that_never_ends_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes("key,name,latitude,longitude\nsh,上海,31.23,121.47\n\n".encode("gb18030"))
    assert [one.name for one in read_stores(file)] == ["上海"]
    for content in (b'"' + b"m1\n" * 60_000, b'key,name,latitude,longitude\n"' + b"m1\n" * 60_000):
        file.write_bytes(content)
        with pytest.raises(InputRefused, match="the file cannot be read: field larger than field limit"):
            read_stores(file)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("sh,x,north,121", "s.csv:3:latitude: a number was expected; found 'north'"),
        ("sh,x,31,181", "s.csv:3:longitude: longitude was expected from -180 to 180; found 181.0"),
        ("sh,x,nan,1", "latitude was expected from -90 to 90; found nan"),
        (",x,1,1", "s.csv:3:key: a store's key has 1 to 200 characters"),
        ("ok,x,1,1", "s.csv:3: ok is defined twice"),
        ("sh,x,1", "s.csv:3:longitude: a number was expected"),
    ],
)
def test_a_store_that_is_wrong_is_told_by_line_and_column(tmp_path: Path, row: str, told: str) -> None:
    file = tmp_path / "s.csv"
    file.write_text(f"key,name,latitude,longitude\nok,ok,1,1\n{row}\n", encoding="utf-8")
    with pytest.raises(InputRefused) as refused:
        read_stores(file)
    assert told in str(refused.value)
