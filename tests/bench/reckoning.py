"""What follows for touched members: seconds per 5,000 of them, step by step, round after round on one connection.

Whatever is asked again and again on a connection gets a plan for any values after the fifth time; a step whose
rounds then take longer was written so that such a plan is bad.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, text

from database.engine import Database
from members.definitions import read_definitions, save_definitions
from members.events import NewEvent, record
from members.identity.strays import bring_strays
from members.occasions.choice import Occasions
from members.points.applying import save_programme as save_points
from members.points.rules import PointsProgramme
from members.reckoning import STEPS, reckon
from members.segments.applying import apply_segments
from members.segments.definition import Segment, SegmentFiles
from members.segments.entering import follow_segments
from members.tiers.applying import save_programme as save_tiers
from members.tiers.programme import TierProgramme
from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import databases
from tests.bench.population import make_population, settle_down

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
MEMBERS, ROUND, ROUNDS = 100_000, 5_000, 10
GENERIC_FROM = 5  #: rounds after which PostgreSQL may keep a plan for any values
NOW = datetime(2026, 8, 3, 4, tzinfo=UTC)

SEGMENTS: Mapping[str, object] = {
    "bench-buyers": {"event": {"kind": "order.paid", "count": {"ge": 2}, "within": "90d"}},
    "bench-quiet": {"all": [{"reachable": "sms"}, {"not": {"event": {"kind": "order.paid", "within": "30d"}}}]},
    "bench-worth": {
        "any": [{"tier": {"in": ["gold", "silver"]}}, {"orders": {"spent": {"ge": 1500}}}, {"points": {"ge": 900}}]
    },
}
ORDERS = """
INSERT INTO events (source, key, member_id, kind, occurred_at, received_at, value, properties)
SELECT 'bench', id || '-' || place, id, CASE place WHEN 7 THEN 'order.refunded' WHEN 6 THEN 'message.clicked' ELSE 'order.paid' END,
       CAST(:now AS timestamptz) - (place * 40 + id % 30) * interval '1 day', :now, CASE place WHEN 6 THEN NULL ELSE 50 + id * place % 500 END,
       jsonb_build_object('category', 'c' || (id * place % 12), 'order', id || '-3')
FROM members CROSS JOIN generate_series(1, 7) AS place ORDER BY id, place
"""
SENDS = """
INSERT INTO sends (campaign_id, member_id, occasion, channel, template_version_id, purpose, state, experiment_id, arm, decided_at,
                   not_before, state_at, accepted_at)
SELECT 1, id, CAST(place AS text), 'sms', 1, 'marketing', 'accepted', 1, 'treated', at, at, at, at
FROM members CROSS JOIN generate_series(1, 3) AS place, LATERAL (SELECT CAST(:now AS timestamptz) - place * interval '20 days' AS at) AS moments
"""


def measure(folder: Path, scale: float) -> list[Figure]:
    """Reckon ten rounds of members who each just ordered, over orders, sends, tiers, points and three kept segments."""
    with databases(folder) as make:
        database = make("reckoning")
        count = scaled(MEMBERS, scale, at_least=1_000)
        populate(database, count)
        rounds = reckon_rounds(database, size=max(1, ROUND * count // MEMBERS))
    whole = [sum(steps.values()) for steps in rounds]
    early, late = statistics.median(whole[1:GENERIC_FROM]), statistics.median(whole[GENERIC_FROM:])
    by_step = {name: [round(steps[name], 4) for steps in rounds] for name in rounds[0]}
    return [
        Figure(
            name="reckoning", what="what follows for 5,000 touched members, after the fifth round of ten", value=late, unit="s",
            first=Target(at_most=max(1.25 * early, early + 0.05)), reference=early, reference_is="rounds two to five",
            sizes={"members": count, "touched a round": max(1, ROUND * count // MEMBERS), "seconds by step": by_step}, seconds=sum(whole),
        )
    ]  # fmt: skip


def populate(database: Database, count: int) -> None:
    """Make members with orders and sends, programmes and segments, none of it reckoned yet."""
    make_population(database, count, channels=["sms"])
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in (ORDERS, SENDS):
            connection.execute(text(statement), {"now": NOW})
    settle_down(database)
    (tiers,) = read_definitions(EXAMPLES / "tiers" / "club.yaml", TierProgramme)
    save_tiers(database, tiers, now=NOW - timedelta(days=1))
    (points,) = read_definitions(EXAMPLES / "points" / "club.yaml", PointsProgramme)
    kept = [
        Segment.model_validate({"segment": name, "keep": True, "condition": condition})
        for name, condition in SEGMENTS.items()
    ]
    with database.transaction() as connection:
        save_points(connection, points, now=NOW)
        save_definitions(connection, read_definitions(EXAMPLES / "occasions" / "life.yaml", Occasions), now=NOW)
        apply_segments(connection, SegmentFiles(segments=tuple(kept), lists={}), now=NOW)
        connection.execute(text("DELETE FROM touched_members"))
    settle_down(database)


def reckon_rounds(database: Database, *, size: int) -> list[dict[str, float]]:
    """Let other members order in each round, and return the seconds that each step then took."""
    rounds = []
    # One connection for all rounds, as a worker's: statements are prepared on it.
    with database.engine.connect() as connection:
        for place in range(ROUNDS):
            now = NOW + timedelta(minutes=place)
            with connection.begin():
                _order(connection, range(place * size + 1, (place + 1) * size + 1), now)
            with connection.begin():
                rounds.append(_one_round(connection, now))
    return rounds


def _order(connection: Connection, numbers: Sequence[int], now: datetime) -> None:
    told = [
        NewEvent(
            source="till", key=str(n), member_key=f"m{n}", kind="order.paid", occurred_at=now, value=Decimal(n % 900)
        )
        for n in numbers
    ]
    for start in range(0, len(told), 1_000):
        record(connection, told[start : start + 1_000], now=now, checked=True)


def _one_round(connection: Connection, now: datetime) -> dict[str, float]:
    """Take every step of ``reckon`` in its order, with a clock."""
    seconds: dict[str, float] = defaultdict(float)

    def clocked(step: Callable[..., object]) -> Callable[..., object]:
        def taken(*given: object, **named: object) -> object:
            began = time.perf_counter()
            found = step(*given, **named)
            seconds[step.__name__] += time.perf_counter() - began
            return found

        return taken

    ids = list(connection.execute(text("DELETE FROM touched_members RETURNING member_id")).scalars())
    clocked(bring_strays)(connection, ids)
    for step in (*STEPS, follow_segments):
        clocked(step)(connection, sorted(set(ids)), now)
    clocked(reckon)(connection, now=now)  # What the steps touched again.
    return dict(seconds)
