"""Whatever is told and however time goes by, a kept segment holds whom a full count would pick."""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, update

from database.engine import Database
from database.loyalty_tables import coupons, points
from database.member_tables import segment_members, segment_rechecks
from database.tables import events, members
from members.conditions import Condition
from members.consent import NewConsent, record_consents
from members.events import NewEvent, record
from members.places import Seen, set_places
from members.reckoning import reckon, touch
from members.segments import matching_members
from members.segments.applying import apply_segments
from members.segments.definition import Segment, SegmentFiles
from members.segments.storing import load_segments
from tests.members.test_conditions import KINDS, NOW, SEGMENTS, people, settle
from tests.members.test_reckoned_conditions import life_question, live, settle_lives


def something_happens(connection: Connection, chance: random.Random, ids: list[int], now: datetime, turn: int) -> None:
    member = chance.choice(ids)
    key = connection.execute(select(members.c.key).where(members.c.id == member)).scalar_one()
    match chance.choice(["event", "event", "event", "attribute", "consent", "points", "coupon", "place", "erased"]):
        case "event":
            at = now - timedelta(days=chance.choice([0, 0, 5, 29, 40]), minutes=chance.choice([-4, 0, 50]))
            told = NewEvent(source="later", key=str(turn), member_key=key, kind=chance.choice(KINDS), occurred_at=at, value=50, properties={"city": "上海"})
            record(connection, [told], now=now)
        case "attribute":
            visited = (now - timedelta(days=chance.choice([0, 29, 30, 31]))).date().isoformat()
            changed = {"last_visit": chance.choice([visited, "2026-02-31", "2026-13-40"]), "tags": ["vip"], "city": "北京"}
            connection.execute(update(members).where(members.c.id == member).values(attributes=changed, tier=chance.choice(["gold", None])))
        case "consent":
            given = NewConsent(member_id=member, channel="sms", purpose="marketing", granted=chance.random() < 0.5, source="test")
            record_consents(connection, [given], now=now)
        case "points":
            row = {"member_id": member, "kind": "earn", "amount": 100, "source": "later", "key": str(turn), "occurred_at": now + timedelta(days=2)}
            connection.execute(insert(points).values(**row))
        case "coupon":
            row = {"pool": "a", "code": f"later{turn}", "member_id": member, "occasion": f"later{turn}", "issued_at": now}
            connection.execute(insert(coupons).values(**row, expires_at=now + timedelta(days=3)))
        case "place":
            set_places(connection, [Seen(member_id=member, latitude=31.2, longitude=121.5, kind="last_seen")], now=now)
        case "erased":
            connection.execute(update(members).where(members.c.id == member).values(erased_at=now))
    touch(connection, [member])


def later(connection: Connection, chance: random.Random, now: datetime) -> datetime:
    """Let time go by: to the very moment something is due, to just before it, or anywhere."""
    due = connection.scalar(select(func.min(segment_rechecks.c.due_at)))
    hop = now + timedelta(hours=chance.choice([1, 5, 24, 200]))
    if due is None or due <= now:
        return hop
    return chance.choice([due, due, max(now, due - timedelta(microseconds=1)), hop])


def check(connection: Connection, named: Mapping[str, Condition], kept: list[str], now: datetime) -> None:
    for name in kept:
        inside = set(connection.scalars(select(segment_members.c.member_id).where(segment_members.c.segment == name)))
        full = set(connection.scalars(matching_members(named[name], now, segments=named)))
        assert inside == full, (name, now, named[name].model_dump(mode="json"))


@pytest.mark.parametrize("seed", range(2))
def test_incremental_membership_is_that_of_a_full_count(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    wanted: dict[str, Any] = dict(SEGMENTS)
    wanted |= {f"s{n}": life_question(chance, 2) for n in range(12)}
    wanted["aged"] = {"attribute": {"last_visit": {"older_than": "30d"}}}
    wanted["windowed"] = {"event": {"kind": "order.paid", "within": "30d", "before": "7d", "count": {"eq": 1}}}
    wanted["quiet-gold"] = wanted.pop("quiet gold")
    kept = [name for name in wanted if name != "gold"]
    with database.transaction() as connection:
        crowd = settle(connection, people(chance)[:60], chance)
        settle_lives(connection, {member: live(chance) for member in crowd})
        files = [Segment.model_validate({"segment": name, "condition": data, "keep": name in kept}) for name, data in _renamed(wanted).items()]
        files += [Segment.model_validate({"segment": name, "list": f"{name}.csv"}) for name in ("vips", "others")]
        apply_segments(connection, SegmentFiles(segments=tuple(files), lists={}), now=NOW)
        named, now = load_segments(connection), NOW
        check(connection, named, kept, now)
        before = Counter(name for name in connection.scalars(select(segment_members.c.segment)) if name in kept)

        for turn in range(16):
            for _ in range(chance.choice([0, 1, 3])):
                something_happens(connection, chance, list(crowd), now, turn * 10 + _)
            while reckon(connection, now=now):
                pass
            check(connection, named, kept, now)
            now = later(connection, chance, now)

        segment = events.c.properties["segment"].astext.label("segment")
        for told in connection.execute(select(segment, events.c.kind).where(events.c.kind.like("segment.%"))):
            before[told.segment] += 1 if told.kind == "segment.entered" else -1
        assert +before == Counter(name for name in connection.scalars(select(segment_members.c.segment)) if name in kept)


def _renamed(wanted: Mapping[str, Any]) -> dict[str, Any]:
    def renamed(asked: Any) -> Any:
        if isinstance(asked, dict):
            return {key: "quiet-gold" if key == "segment" and value == "quiet gold" else renamed(value) for key, value in asked.items()}
        return [renamed(each) for each in asked] if isinstance(asked, list) else asked

    return {name: renamed(data) for name, data in wanted.items()}
