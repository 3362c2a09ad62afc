"""What time does to tiers: periods end, grace runs out, and before that members are warned."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import RowMapping, text

from database.engine import Database
from members.durations import duration_text
from members.everybody import hold, in_batches
from members.happenings import Happening, tell_happenings
from members.net_orders import net_orders
from members.tiers.deciding import AFTER, EVER, PERIOD_BEGAN, SUMS, parameters
from members.tiers.moving import applied_programmes, move
from members.tiers.programme import TierProgramme

#: Looked at again, for a period may have begun in a transaction that was under way at the last turn.
OVERLAP = timedelta(hours=1)

_ENDED = """
SELECT member_id FROM member_tiers
WHERE until <= :now AND (until > :since OR until <= :now - CAST(:grace AS interval)) ORDER BY member_id
"""
# Of several warnings that are due after an outage only the latest is still true.
_TO_WARN = """
SELECT DISTINCT ON (member_id) member_id, before
FROM unnest(CAST(:befores AS interval[])) AS warned (before)
JOIN member_tiers ON until > :since - CAST(:grace AS interval) + before
    AND until <= :now - CAST(:grace AS interval) + before AND until > :now - CAST(:grace AS interval)
JOIN members ON members.id = member_id AND erased_at IS NULL AND merged_into IS NULL
ORDER BY member_id, before
"""
_MISSING = "".join((
    """
WITH levels AS (
    SELECT rank, name, threshold FROM jsonb_to_recordset(CAST(:levels AS jsonb)) AS l (rank int, name text, threshold numeric)
), called AS (
    SELECT name, rank FROM jsonb_to_recordset(CAST(:called AS jsonb)) AS c (name text, rank int)
), measures AS (
    SELECT member_id, tier, until, coalesce((
        SELECT {sum} FROM (""",
    net_orders("member_id = member_tiers.member_id"),
    """) AS orders WHERE occurred_at {after} {began}
    ), 0) AS measured
    FROM member_tiers WHERE member_id = ANY(:ids)
)
SELECT member_id, levels.name AS tier, until + CAST(:grace AS interval) AS lost_at, measured,
       levels.threshold - measured AS missing,
       (SELECT name FROM levels AS lower WHERE lower.rank = greatest(:floor, (
            SELECT max(rank) FROM levels AS reached WHERE reached.threshold <= measured))) AS next
FROM measures JOIN called ON called.name = measures.tier JOIN levels ON levels.rank = called.rank
WHERE measured < levels.threshold ORDER BY member_id
""",
))  # fmt: skip

def end_periods(database: Database, *, since: datetime | None, now: datetime) -> None:
    """Look again at everybody whose period or grace ended since then, and warn who is about to drop: a chore.

    Each batch has a transaction of its own, for at a year's end everybody's turn comes at once.
    """
    since = None if since is None else since - OVERLAP
    with database.transaction() as connection:
        programmes = applied_programmes(connection)
    for programme, applied_at in programmes:
        terms = {"now": now, "since": since or EVER, "grace": programme.grace}
        with database.transaction() as connection:
            ended = connection.execute(text(_ENDED), terms).scalars().all()
        for ids in in_batches(ended):
            with database.transaction() as connection:
                hold(connection, ids)
                move(connection, programme, ids, applied_at=applied_at, now=now)
        _warn(database, programme, since, now)


def _warn(database: Database, programme: TierProgramme, since: datetime | None, now: datetime) -> None:
    terms = {
        "now": now,
        "since": since or now - timedelta(days=1),
        "grace": programme.grace,
        "befores": list(programme.drop_soon),
    }
    with database.transaction() as connection:
        before = {row.member_id: row.before for row in connection.execute(text(_TO_WARN), terms)}
    counted = programme.counted
    wanted = {"sum": SUMS[programme.measure], "after": AFTER[counted], "began": PERIOD_BEGAN[counted]}
    statement = text(_MISSING.format(**wanted))
    for ids in in_batches(list(before)):
        with database.transaction() as connection:
            hold(connection, ids)
            rows = connection.execute(statement, {**parameters(programme, now), "ids": ids}).mappings()
            warnings = (_warning(programme, row, before[row["member_id"]], now) for row in rows)
            tell_happenings(connection, warnings, now=now)


def _warning(programme: TierProgramme, row: RowMapping, before: timedelta, now: datetime) -> Happening:
    """Make the event that says until when a tier is kept and what would keep it."""
    missing = Decimal(row["missing"])
    return Happening(
        member_id=row["member_id"],
        kind="tier.drop_soon",
        key=f"tier.drop_soon:{programme.tiers}:{row['member_id']}:{row['lost_at']:%Y%m%dT%H%M%S}:{duration_text(before)}",
        occurred_at=now,
        value=missing,
        properties={
            "programme": programme.tiers,
            "tier": row["tier"],
            "next": row["next"],
            "before": duration_text(before),
            "days": before.days,
            "lost_at": row["lost_at"].isoformat(),
            "measure": programme.measure,
            "measured": float(row["measured"]),
            "missing": float(missing),
        },
    )
