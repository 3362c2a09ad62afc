"""Where members stand and where they should: one SELECT, by which tiers are moved and moves are shown beforehand."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection, text

from members.events import AHEAD
from members.net_orders import net_orders
from members.tiers.programme import TierProgramme

#: Why somebody stands where they do: placed for the first time, told by a file, brought back by a refund, kept at
#: a period's end, lapsed after it and its grace, mended after the programme was changed, reached by orders.
Reason = Literal["placed", "told", "refunded", "kept", "lapsed", "mended", "reached", "measured"]

EVER = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Move:
    """What becomes of one member's tier."""

    member_id: int
    reason: Reason
    rank_before: int | None  #: None: they had none of this programme
    rank: int
    since: datetime
    until: datetime | None
    measured: Decimal
    needed: Decimal | None
    former: str | None
    is_news: bool  #: false for those who were here before the programme


#: The local moment a year begins, and the moment a period ends that begins at ``{start}``.
_PERIOD_ENDS = {
    "rolling": "{start} + CAST(:period AS interval)",
    "since_reaching": "{start} + CAST(:period AS interval)",
    "calendar_year": "(date_trunc('year', timezone(:zone, {start})) + interval '1 year') AT TIME ZONE :zone",
}
#: The end of the period after one that ends at ``until``, and the beginning of that one.
_NEXT_END = {
    "rolling": "until + CAST(:period AS interval)",
    "since_reaching": "until + CAST(:period AS interval)",
    "calendar_year": "(timezone(:zone, until) + interval '1 year') AT TIME ZONE :zone",
}
PERIOD_BEGAN = {
    "rolling": "until - CAST(:period AS interval)",
    "since_reaching": "until - CAST(:period AS interval)",
    "calendar_year": "(timezone(:zone, until) - interval '1 year') AT TIME ZONE :zone",
}
# The order that reached a tier is not one of the period that begins with it.
AFTER = {"rolling": ">", "since_reaching": ">", "calendar_year": ">="}
#: From when on orders count for a tier that would be reached at ``{moment}``.
COUNTED_FROM = {
    "rolling": "{moment} - CAST(:period AS interval)",
    "since_reaching": "greatest(CASE WHEN {moment} > since THEN since END, {moment} - CAST(:period AS interval))",
    "calendar_year": "date_trunc('year', timezone(:zone, {moment})) AT TIME ZONE :zone",
}

_DECIDE = "".join((
    """
WITH levels AS (
    SELECT rank, name, threshold FROM jsonb_to_recordset(CAST(:levels AS jsonb)) AS l (rank int, name text, threshold numeric)
), called AS (
    SELECT name, rank FROM jsonb_to_recordset(CAST(:called AS jsonb)) AS c (name text, rank int)
), standing AS (
    SELECT members.id AS member_id, members.created_at, told.rank AS told_rank, levels.rank AS rank, levels.threshold,
           levels.name AS tier, former.rank AS former_rank, since, until, needed, measured
    FROM members
    LEFT JOIN member_tiers ON member_tiers.member_id = members.id
    LEFT JOIN called AS told ON told.name = members.tier
    LEFT JOIN called AS held ON held.name = member_tiers.tier
    LEFT JOIN levels ON levels.rank = held.rank
    LEFT JOIN called AS former ON former.name = member_tiers.former
    WHERE members.id = ANY(:ids) AND members.erased_at IS NULL AND members.merged_into IS NULL
      AND (members.tier IS NULL OR told.rank IS NOT NULL)
), spans AS (
    SELECT *, {counted_now} AS up_from, {began} AS keep_from, least(until + CAST(:grace AS interval), :ahead) AS keep_to,
           {counted_then} AS undo_from, since + CAST(:slack AS interval) AS undo_to
    FROM standing
), measures AS MATERIALIZED (
    SELECT spans.*, coalesce(sums.up, 0) AS up, coalesce(sums.keep, 0) AS keep, coalesce(sums.undo, 0) AS undo,
           coalesce((SELECT max(levels.rank) FROM levels WHERE levels.threshold <= sums.up), 0) AS up_rank,
           coalesce((SELECT max(levels.rank) FROM levels WHERE levels.threshold <= sums.keep), 0) AS keep_rank
    FROM spans CROSS JOIN LATERAL (
        SELECT {sum} FILTER (WHERE occurred_at {after} up_from) AS up,
               {sum} FILTER (WHERE occurred_at {after} keep_from AND occurred_at < keep_to) AS keep,
               {sum} FILTER (WHERE occurred_at {after} undo_from AND occurred_at < undo_to) AS undo
        FROM (""",
    net_orders("member_id = spans.member_id"),
    """) AS orders
    ) AS sums
), reasons AS (
    SELECT *, CASE
        WHEN rank IS NULL THEN 'placed'
        WHEN told_rank <> rank THEN 'told'
        WHEN :undoes AND undo < needed AND greatest(up_rank, former_rank) < rank THEN 'refunded'
        WHEN (until IS NULL) <> (rank <= :floor) THEN 'mended'
        WHEN until <= :now AND keep >= threshold THEN 'kept'
        WHEN until + CAST(:grace AS interval) <= :now THEN 'lapsed'
        WHEN up_rank > rank THEN 'reached'
        WHEN measured <> CASE WHEN until IS NULL THEN up ELSE keep END THEN 'measured'
    END AS reason
    FROM measures
), ranked AS (
    SELECT *, CASE reason
            WHEN 'placed' THEN greatest(told_rank, up_rank) WHEN 'told' THEN told_rank
            WHEN 'refunded' THEN greatest(up_rank, former_rank) WHEN 'lapsed' THEN greatest(keep_rank, :floor)
            WHEN 'reached' THEN up_rank ELSE rank END AS to_rank,
        CASE WHEN reason IN ('kept', 'mended', 'measured') THEN since
             WHEN reason = 'lapsed' THEN until + CAST(:grace AS interval) ELSE :now END AS from_now
    FROM reasons WHERE reason IS NOT NULL
)
SELECT member_id, reason, rank AS rank_before, to_rank AS rank, from_now AS since,
    CASE WHEN to_rank <= :floor THEN NULL WHEN reason = 'kept' THEN {next_end} WHEN reason = 'measured' THEN until
         WHEN reason = 'mended' THEN {ends_from_now} ELSE {ends} END AS until,
    CASE WHEN reason IN ('kept', 'measured') AND until IS NOT NULL THEN keep ELSE up END AS measured,
    CASE WHEN reason = 'reached' OR reason = 'placed' AND up_rank > coalesce(told_rank, -1)
         THEN (SELECT threshold FROM levels WHERE levels.rank = to_rank)
         WHEN reason = 'measured' THEN needed END AS needed,
    CASE WHEN reason = 'reached' THEN tier
         WHEN reason = 'measured' THEN (SELECT name FROM levels WHERE levels.rank = former_rank) END AS former,
    CASE reason WHEN 'placed' THEN to_rank > 0 AND told_rank IS NULL AND created_at > :applied_at
         ELSE to_rank <> rank END AS is_news
FROM ranked ORDER BY member_id
""",
))  # fmt: skip
SUMS = {"spent": "sum(net)", "orders": "count(nullif(counts, false))"}


def decide(
    connection: Connection, programme: TierProgramme, member_ids: Sequence[int], *, applied_at: datetime, now: datetime
) -> list[Move]:
    """Return what becomes of these members' tiers at ``now``, one move each at most, by their ids."""
    counted = programme.counted
    statement = _DECIDE.format(
        counted_now=COUNTED_FROM[counted].format(moment="CAST(:now AS timestamptz)"),
        counted_then=COUNTED_FROM[counted].format(moment="since"),
        began=PERIOD_BEGAN[counted],
        next_end=_NEXT_END[counted],
        ends=_PERIOD_ENDS[counted].format(start="from_now"),
        ends_from_now=_PERIOD_ENDS[counted].format(start="CAST(:now AS timestamptz)"),
        after=AFTER[counted],
        sum=SUMS[programme.measure],
    )
    found = connection.execute(
        text(statement), {**parameters(programme, now), "ids": list(member_ids), "applied_at": applied_at}
    )
    return [Move(**row) for row in found.mappings()]


def parameters(programme: TierProgramme, now: datetime) -> dict[str, object]:
    """Return what the SQL about a programme needs to know of it."""
    levels = [
        {"rank": rank, "name": level.name, "threshold": str(level.threshold)}
        for rank, level in enumerate(programme.levels)
    ]
    called = [{"name": name, "rank": rank} for name, rank in programme.ranks().items()]
    return {
        "levels": json.dumps(levels),
        "called": json.dumps(called),
        "period": programme.period,
        "grace": programme.grace,
        "zone": programme.time_zone,
        "floor": programme.floor_rank,
        "undoes": programme.refunded == "undo",
        "slack": AHEAD + timedelta(minutes=1),
        "ahead": now + AHEAD,
        "now": now,
    }
