"""Chores go on where they stopped, and are done by one at a time; what follows from facts happens once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, DateTime, Numeric, cast, func, literal, null, select

from database.engine import Database
from database.member_tables import touched_members
from database.tables import events, facts, members, unprocessed_events
from members import reckoning, upkeep
from members.derived_events import tell
from members.people import save_people
from members.person import Person
from members.upkeep import Chore, Turn, keep_up
from tests.makers import make_members

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Turn]]:
    """Let one chore, due every hour, note its turns."""
    seen: list[Turn] = []
    chore = Chore("noting", timedelta(hours=1), lambda _, turn: seen.append(turn))
    monkeypatch.setattr(upkeep, "CHORES", (chore,))
    yield seen


def test_a_chore_is_told_from_when_on_it_must_make_up(database: Database, turns: list[Turn]) -> None:
    for after in (timedelta(), timedelta(minutes=59), timedelta(hours=1), timedelta(days=8), timedelta(days=7)):
        keep_up(database, zone=ZONE, now=NOW + after)

    assert [(turn.since, turn.now) for turn in turns] == [
        (None, NOW),
        (NOW, NOW + timedelta(hours=1)),
        (NOW + timedelta(hours=1), NOW + timedelta(days=8)),  # A clock that went back brings nothing again.
    ]


def test_a_chore_somebody_else_is_at_is_left_to_them(database: Database, turns: list[Turn]) -> None:
    keep_up(database, zone=ZONE, now=NOW)
    with database.transaction() as connection:
        connection.execute(select(upkeep.upkeep).with_for_update())

        assert keep_up(database, zone=ZONE, now=NOW + timedelta(days=1)) == []
    assert keep_up(database, zone=ZONE, now=NOW + timedelta(days=1)) == ["noting"]
    assert len(turns) == 2


def test_a_chore_that_fails_stops_no_other_and_is_tried_again(
    database: Database, turns: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Chore("failing", timedelta(days=1), lambda _, __: 1 / 0)
    monkeypatch.setattr(upkeep, "CHORES", (failing, *upkeep.CHORES))

    for after in (timedelta(), timedelta(hours=1)):
        with pytest.raises(ExceptionGroup) as failed:
            keep_up(database, zone=ZONE, now=NOW + after)
        assert [type(error) for error in failed.value.exceptions] == [ZeroDivisionError]
    assert len(turns) == 2


def _bells(connection: Connection) -> tuple[int, int, int]:
    tables = (events, unprocessed_events, touched_members)
    counts = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]
    return counts[0], counts[1], counts[2]


def test_what_follows_happens_once_with_its_totals_and_bells(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 2)
        connection.execute(touched_members.delete())
        happened = select(
            members.c.id.label("member_id"),
            literal("tier.up").label("kind"),
            func.concat("tier:", members.c.key).label("key"),
            cast(literal(NOW), DateTime(timezone=True)).label("occurred_at"),
            cast(null(), Numeric).label("value"),
            func.jsonb_build_object("to", "gold").label("properties"),
        )

        assert tell(connection, happened, now=NOW) == 2
        assert tell(connection, happened, now=NOW + timedelta(days=1)) == 0
        assert _bells(connection) == (2, 2, 2)
        assert connection.execute(select(facts.c.count)).scalars().all() == [1, 1]
        assert connection.execute(select(events.c.source).distinct()).scalars().all() == ["tidings"]


def test_members_touched_often_are_reckoned_once_and_only_when_touched(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    monkeypatch.setattr(reckoning, "STEPS", (lambda _, ids, __: seen.append(list(ids)),))
    with database.transaction() as connection:
        save_people(connection, [Person(key="1"), Person(key="2")], now=NOW, secret=b"s" * 32)
        save_people(connection, [Person(key="1", tier="gold"), Person(key="2")], now=NOW, secret=b"s" * 32)
    with database.transaction() as connection:
        assert reckoning.reckon(connection, now=NOW) == 3
        assert reckoning.reckon(connection, now=NOW) == 0

    assert seen == [[1, 2]]
