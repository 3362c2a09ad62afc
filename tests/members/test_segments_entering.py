"""Who enters and leaves a kept segment is told once, and equals a full count whatever happened."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text, update

from database.engine import Database
from database.member_tables import segment_members, segment_rechecks
from database.tables import addresses, events, members
from members.condition_sql import QUESTIONS
from members.conditions import parse_condition
from members.consent import suppress, unsuppress, withdraw
from members.events import NewEvent, record
from members.identity.duplicates import Pair
from members.identity.merging import begin_merges, move_belongings
from members.reckoning import reckon
from members.segments.applying import apply_segments
from members.segments.definition import Segment, SegmentFiles
from members.segments.entering import follow_segments
from members.segments.rechecking import CHANGES
from members.segments.storing import KeptSegment, store_segments
from tests.campaigns.test_sharing import until_waited_for
from tests.makers import make_members
from workers.bells import Work
from workers.work import find_work

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)


def keep(connection: Connection, **conditions: Any) -> None:
    kept = [KeptSegment(name=name, condition=parse_condition(asked), keep=True) for name, asked in conditions.items()]
    store_segments(connection, kept, now=NOW)


def buy(connection: Connection, key: str, at: datetime, **properties: object) -> None:
    told = NewEvent(source="shop", key=f"{key}-{at.isoformat()}", member_key=key, kind="order.paid", occurred_at=at, properties=properties)
    record(connection, [told], now=at)


def reckon_all(connection: Connection, now: datetime) -> None:
    while reckon(connection, now=now):
        pass


def told_of(connection: Connection) -> Sequence[tuple[str, str, str]]:
    found = connection.execute(
        select(members.c.key, events.c.kind, events.c.properties["segment"].astext)
        .join(members, members.c.id == events.c.member_id)
        .where(events.c.kind.like("segment.%"))
        .order_by(events.c.id)
    )
    return [(key, kind, segment) for key, kind, segment in found]


def test_whoever_enters_and_leaves_is_told_of_once_and_time_alone_is_enough(database: Database) -> None:
    with database.transaction() as connection:
        keep(connection, lately={"event": {"kind": "order.paid", "within": "30d"}})
        buy(connection, "1", NOW)
        reckon_all(connection, NOW)
        reckon_all(connection, NOW)
        assert told_of(connection) == [("1", "segment.entered", "lately")]
        due = connection.execute(select(segment_rechecks.c.due_at)).scalar_one()
        assert due == NOW + timedelta(days=30)

        reckon_all(connection, due - timedelta(seconds=1))
        assert len(told_of(connection)) == 1
        reckon_all(connection, due)
        assert told_of(connection)[1:] == [("1", "segment.left", "lately")]
        assert connection.execute(select(segment_members)).all() == []

        buy(connection, "1", due + timedelta(days=1))
        reckon_all(connection, due + timedelta(days=1))
        assert [kind for _, kind, _ in told_of(connection)] == ["segment.entered", "segment.left", "segment.entered"]


def test_whoever_changes_a_definition_waits_for_those_at_work_and_they_find_it_changed(database: Database) -> None:
    gold = Segment.model_validate({"segment": "gold", "keep": True, "condition": {"tier": {"eq": "gold"}}})
    with database.transaction() as connection:
        (member,) = connection.scalars(insert(members).returning(members.c.id), [{"key": "1"}])

    def apply() -> None:
        with database.transaction() as other:
            apply_segments(other, SegmentFiles(segments=(gold,), lists={}), now=NOW)

    with database.transaction() as connection:
        # At work: the tier is known here only, and there is no such segment yet.
        follow_segments(connection, [member], NOW)
        connection.execute(update(members).values(tier="gold"))
        applying = threading.Thread(target=apply)
        applying.start()
        until_waited_for(connection, applying)
    applying.join()
    with database.transaction() as connection:
        assert connection.execute(select(segment_members.c.segment, segment_members.c.member_id)).all() == [("gold", member)]


def test_a_merge_waits_for_whoever_applies_segments_and_neither_fails(database: Database) -> None:
    with database.transaction() as connection:
        keep(connection, all={"not": {"tier": {"eq": "none"}}})
        kept, gone = connection.scalars(insert(members).returning(members.c.id), [{"key": "1"}, {"key": "2"}]).all()
        connection.execute(insert(segment_members).values(segment="all", member_id=gone, entered_at=NOW))
    done: list[int] = []

    def merge() -> None:
        with database.transaction() as other:
            merges = begin_merges(other, [Pair(kept_id=kept, gone_id=gone, matched_by="person")], by="test", now=NOW)
            move_belongings(other, merges, now=NOW)
            done.extend(merges)

    with database.transaction() as connection:
        # As applying does: first the definitions, then who is in them, whose rows the others hold.
        connection.execute(text("LOCK TABLE segments IN EXCLUSIVE MODE"))
        connection.execute(delete(segment_members).where(segment_members.c.member_id == gone))
        merging = threading.Thread(target=merge)
        merging.start()
        until_waited_for(connection, merging)
        connection.execute(insert(segment_members).values(segment="all", member_id=kept, entered_at=NOW))
    merging.join()
    assert len(done) == 1


def test_consents_and_stops_touch_whose_they_are(database: Database) -> None:
    with database.transaction() as connection:
        keep(connection, sms={"reachable": "sms"}, agreed={"consent": {"channel": "sms"}})
        (member,) = make_members(connection, 1, channels=["sms"])
        reckon_all(connection, NOW)
        assert {(kind, segment) for _, kind, segment in told_of(connection)} == {("segment.entered", "sms"), ("segment.entered", "agreed")}
        mark = connection.scalar(select(addresses.c.fingerprint))
        suppress(connection, "sms", [mark], reason="reply", source="test", now=NOW)
        withdraw(connection, member, "sms", source="test", now=NOW)
        reckon_all(connection, NOW)
        assert {(kind, segment) for _, kind, segment in told_of(connection)[2:]} == {("segment.left", "sms"), ("segment.left", "agreed")}
        unsuppress(connection, "sms", [mark], reasons=["reply"])
        reckon_all(connection, NOW)
        assert told_of(connection)[-1] == ("m1", "segment.entered", "sms")


def test_of_every_question_it_is_said_whether_time_changes_its_answer() -> None:
    never = {"tags", "consent", "reachable", "received", "rfm", "prediction", "cluster", "sample", "listed"}
    assert QUESTIONS.keys() == CHANGES.keys() | never
    assert not CHANGES.keys() & never


def test_work_is_found_when_time_alone_may_have_changed_an_answer(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members).values(key="1"))
        connection.execute(insert(segment_rechecks).values(segment="x", member_id=1, due_at=NOW))

        assert Work.RECKONING not in find_work(connection, now=NOW - timedelta(seconds=1))
        assert Work.RECKONING in find_work(connection, now=NOW)
        assert reckon(connection, now=NOW) == 1
        assert Work.RECKONING not in find_work(connection, now=NOW)
