"""Members whose time has come wait in line with everybody who changes them or the segments they are in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, delete, insert, select, text

from database.engine import Database
from database.member_tables import segment_members, segment_rechecks
from database.tables import members
from members import reckoning
from members.conditions import parse_condition
from members.events import NewEvent, record
from members.reckoning import reckon, reckon_next
from members.segments.storing import KeptSegment, store_segments
from tests.campaigns.test_group_reports import until_somebody_waits
from tests.members.test_reckoning_apart import divide
from tests.members.test_segments_entering import reckon_all, told_of

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
DUE = NOW + timedelta(days=30)


def bought_lately(connection: Connection, count: int = 1) -> None:
    """Keep a segment that everybody has entered by now and leaves when DUE has come."""
    lately = parse_condition({"event": {"kind": "order.paid", "within": "30d"}})
    store_segments(connection, [KeptSegment(name="lately", condition=lately, keep=True)], now=NOW)
    for number in range(1, count + 1):
        told = NewEvent(source="shop", key=str(number), member_key=str(number), kind="order.paid", occurred_at=NOW)
        record(connection, [told], now=NOW)
    reckon_all(connection, NOW)


def hold_and_forget(connection: Connection) -> Callable[[], None]:
    """Hold the member as a merge does; later it takes away what is due."""
    connection.execute(text("SELECT FROM members WHERE id = 1 FOR NO KEY UPDATE"))
    return lambda: None


def change_definitions(connection: Connection) -> Callable[[], None]:
    """Hold the definitions as applying does; later it takes away what is due, and notes it anew."""
    connection.execute(text("LOCK TABLE segments IN EXCLUSIVE MODE"))
    row = {"segment": "lately", "member_id": 1, "due_at": DUE}
    return lambda: connection.execute(insert(segment_rechecks), row).close()


@pytest.mark.parametrize("held", [hold_and_forget, change_definitions])
def test_who_changes_a_member_or_a_segment_never_waits_for_what_is_due(
    database: Database, held: Callable[[Connection], Callable[[], None]]
) -> None:
    with database.transaction() as connection:
        bought_lately(connection)

    def follow() -> None:
        with database.transaction() as connection:
            reckon_all(connection, DUE)

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as changing:
            then = held(changing)
            following = worker.submit(follow)
            until_somebody_waits(database)
            changing.execute(text("SET LOCAL lock_timeout = '5s'"))
            changing.execute(delete(segment_rechecks).where(segment_rechecks.c.member_id == 1))
            then()
        following.result()

    with database.transaction() as connection:
        assert told_of(connection) == [("1", "segment.entered", "lately"), ("1", "segment.left", "lately")]
        assert connection.execute(select(segment_rechecks)).all() == []


def test_whoever_brings_strays_home_waits_for_changed_segments_before_holding_rows(database: Database) -> None:
    with database.transaction() as connection:
        bought_lately(connection, 2)
        told = NewEvent(source="shop", key="late", member_key="2", kind="order.paid", occurred_at=NOW)
        record(connection, [told], now=NOW)
        connection.execute(text("UPDATE members SET merged_into = 1 WHERE id = 2"))

    def follow() -> None:
        with database.transaction() as connection:
            reckon_all(connection, NOW)

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as applying:
            applying.execute(text("LOCK TABLE segments IN EXCLUSIVE MODE"))
            following = worker.submit(follow)
            until_somebody_waits(database)
            applying.execute(text("SET LOCAL lock_timeout = '5s'"))
            # Their foreign key needs the member's row, as long as somebody holds it to move events there it waits.
            applying.execute(insert(segment_members).values(segment="others", member_id=1, entered_at=NOW))
        following.result()

    with database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM events WHERE member_id = 2")) == 0


def test_one_sees_to_what_is_due_while_another_does_not_do_it_again(database: Database) -> None:
    with database.transaction() as connection:
        bought_lately(connection, 3)
    with database.transaction() as one, database.transaction() as other:
        assert reckon(one, now=DUE) == 3
        assert reckon(other, now=DUE) == 0  # Nor does it wait for the first.
    with database.transaction() as connection:
        assert [kind for _, kind, _ in told_of(connection)] == ["segment.entered"] * 3 + ["segment.left"] * 3


def test_one_who_is_due_and_cannot_be_reckoned_is_let_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.transaction() as connection:
        bought_lately(connection, 4)
        connection.execute(text("UPDATE segment_rechecks SET due_at = '2020-01-01'"))
    monkeypatch.setattr(reckoning, "STEPS", (*reckoning.STEPS, divide))
    refused: list[int] = []

    turns = 1
    while reckon_next(database, limit=5, refused=refused.append):
        turns += 1
        assert turns < 50

    assert set(refused) == {3}
    with database.transaction() as connection:
        assert connection.scalar(select(segment_rechecks.c.member_id).where(segment_rechecks.c.due_at < NOW)) is None
        assert connection.scalar(select(members.c.id).where(members.c.id == 3)) == 3
