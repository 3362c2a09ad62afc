"""P-8: a segment with two event conditions and three attributes counted, and kept after a thousand events."""

import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select, text

from database.engine import Database
from database.member_tables import segment_members
from members.conditions import parse_condition
from members.events import NewEvent, record
from members.reckoning import reckon
from members.segments import count_matching
from members.segments.applying import apply_segments
from members.segments.definition import Segment, SegmentFiles
from members.segments.explaining import plan_of, sql_of
from members.segments.picking import only_reading
from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import databases
from tests.bench.population import settle_down

#: Members and events a member, small and full; the full size takes some 6 GB and is made at ``--scale 1``.
SIZES = (100_000, 1_000_000)
EACH = 20
NOW = datetime(2026, 8, 1, tzinfo=UTC)
ASKED = {
    "all": [
        {"attribute": {"city": {"eq": "上海"}, "gender": {"eq": "f"}, "age": {"between": [25, 40]}}},
        {"event": {"kind": "order.paid", "count": {"ge": 2}, "within": "90d"}},
        {"event": {"kind": "page.viewed", "within": "30d"}},
    ]
}
MEMBERS = """
INSERT INTO members (key, attributes)
SELECT 'm' || n, jsonb_build_object('city', (ARRAY['上海', '北京', '广州', '深圳', '杭州'])[1 + n * 7919 % 5],
       'age', 18 + n / 10 % 50, 'gender', (ARRAY['f', 'm'])[1 + n / 5 % 2], 'shoe_size', 35 + n % 10)
FROM generate_series(1, CAST(:members AS bigint)) AS n
"""
# Two years of them, spread by hash.
EVENTS = """
INSERT INTO events (source, key, member_id, kind, occurred_at, received_at, value)
SELECT 'bench', n::text, 1 + (hashint8extended(n, 1) & 9223372036854775807) % CAST(:members AS bigint),
       CASE WHEN n % 10 < 6 THEN 'page.viewed' WHEN n % 10 < 8 THEN 'order.paid' WHEN n % 10 < 9 THEN 'message.opened' ELSE 'cart.left' END,
       CAST(:now AS timestamptz) - (hashint8extended(n, 2) & 9223372036854775807) % 63072000 * interval '1 second', :now, n % 500
FROM generate_series(1, CAST(:members AS bigint) * :each) AS n
"""
#: What the count must read at least once: the attributes of every member.
READING = "SELECT count(*) FROM members WHERE attributes ->> 'city' = '上海'"


def measure(folder: Path, scale: float) -> list[Figure]:
    """Count at both sizes, and keep the segment while a thousand events come in."""
    with databases(folder) as make:
        return [each for size in SIZES for each in _measure(make(f"of_{size}"), scaled(size, scale, at_least=2_000), size)]


def _measure(database: Database, count: int, size: int) -> list[Figure]:
    _populate(database, count)
    asked = parse_condition(ASKED)
    # Asked as ``tidings segments count`` asks.
    with database.transaction() as connection, only_reading(connection, timedelta(hours=1)):
        picked, seconds = _median(lambda: count_matching(connection, asked, NOW))
        _, reading = _median(lambda: connection.execute(text(READING)).scalar_one())
        plan = plan_of(connection, sql_of(asked, NOW, segments={}), run=True)
    sizes = {"members": count, "events": count * EACH, "picked": picked}
    counted = Figure(
        name=f"P-8 {size}", what=f"a segment of two event conditions and three attributes counted, {size:,} members", value=seconds, unit="s",
        first=Target(at_most=1), reference=reading, reference_is="reading one attribute of every member", sizes={**sizes, "plan": plan}, seconds=seconds,
    )  # fmt: skip
    kept = _keep(database, count)
    return [
        counted,
        Figure(
            name=f"P-8 {size} kept", what=f"the segment kept after 1,000 new events, {size:,} members", value=kept, unit="s",
            first=Target(at_most=1), reference=seconds, reference_is="counting it anew", sizes=sizes, seconds=kept,
        ),
    ]  # fmt: skip


def _median(ask: object) -> tuple[int, float]:
    answers, times = [], []
    for _ in range(6):
        began = time.monotonic()
        answers.append(ask())  # type: ignore[operator]
        times.append(time.monotonic() - began)
    return answers[-1], statistics.median(times[1:])


def _populate(database: Database, count: int) -> None:
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        connection.execute(text(MEMBERS), {"members": count})
        # Rows that come in by chance would write every page of every index; built afterwards they take minutes less.
        kept = "SELECT indexdef, indexname FROM pg_indexes WHERE tablename = 'events' AND indexname NOT LIKE '%key' AND schemaname = current_schema()"
        indexes = connection.execute(text(kept)).all()
        for row in indexes:
            if "UNIQUE" not in row.indexdef:
                connection.execute(text(f"DROP INDEX {row.indexname}"))
        connection.execute(text(EVENTS), {"members": count, "each": EACH, "now": NOW})
        for row in indexes:
            if "UNIQUE" not in row.indexdef:
                connection.execute(text(row.indexdef))
    settle_down(database)


def _keep(database: Database, count: int) -> float:
    """Keep the segment, let 1,000 events come in, and say how long it took to know who entered and left."""
    later = NOW + timedelta(minutes=1)
    with database.transaction() as connection:
        one = Segment.model_validate({"segment": "bench", "keep": True, "condition": ASKED})
        apply_segments(connection, SegmentFiles(segments=(one,), lists={}), now=NOW)
        _reckon(connection, NOW)
    settle_down(database)
    with database.transaction() as connection:
        told = [
            NewEvent(source="later", key=str(n), member_key=f"m{1 + n * 7919 % count}", kind="order.paid", occurred_at=later, value=9)
            for n in range(1_000)
        ]
        record(connection, told, now=later)
    with database.transaction() as connection:
        began = time.monotonic()
        _reckon(connection, later)
        seconds = time.monotonic() - began
        inside = connection.scalar(select(func.count()).select_from(segment_members))
        if inside != count_matching(connection, parse_condition(ASKED), later):
            raise RuntimeError("the segment kept is not the segment counted")
    return seconds


def _reckon(connection: Connection, now: datetime) -> None:
    while reckon(connection, now=now):
        pass
