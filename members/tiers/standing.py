"""How far members are from losing their tier and from the next one, asked for many of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, text

from members.net_orders import net_orders
from members.tiers.deciding import AFTER, COUNTED_FROM, PERIOD_BEGAN, SUMS, parameters
from members.tiers.moving import applied_programmes
from members.tiers.programme import TierProgramme


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where one member stands in the programme."""

    until: datetime | None  #: when the period ends; None: the tier is never lost
    lost_at: datetime | None  #: that and the grace: up to here what is missing may be made up
    missing: Decimal | int  #: to keep the tier; 0: it is kept already, or never lost
    next_tier: str | None  #: None: there is no higher one
    next_missing: Decimal | int | None


_STANDINGS = "".join((
    """
WITH levels AS (
    SELECT rank, name, threshold FROM jsonb_to_recordset(CAST(:levels AS jsonb)) AS l (rank int, name text, threshold numeric)
), called AS (
    SELECT name, rank FROM jsonb_to_recordset(CAST(:called AS jsonb)) AS c (name text, rank int)
), spans AS (
    SELECT member_id, rank, until, until + CAST(:grace AS interval) AS lost_at, {up_from} AS up_from, {keep_from} AS keep_from
    FROM member_tiers JOIN called ON called.name = member_tiers.tier WHERE member_id = ANY(:ids)
)
SELECT member_id, until, lost_at, next.name AS next_tier,
       CASE WHEN next.rank IS NOT NULL THEN greatest(next.threshold - up, 0) END AS next_missing,
       CASE WHEN until IS NULL THEN 0 ELSE greatest(levels.threshold - keep, 0) END AS missing
FROM spans JOIN levels USING (rank) LEFT JOIN levels AS next ON next.rank = spans.rank + 1
CROSS JOIN LATERAL (
    SELECT coalesce({sum} FILTER (WHERE occurred_at {after} up_from), 0) AS up,
           coalesce({sum} FILTER (WHERE occurred_at {after} keep_from AND occurred_at < lost_at), 0) AS keep
    FROM (""",
    net_orders("member_id = spans.member_id"),
    """) AS orders
) AS sums
""",
))  # fmt: skip


def standings(connection: Connection, member_ids: Sequence[int], *, now: datetime) -> dict[int, Standing]:
    """Return where each of these members stands, by id; who stands in no tier of a programme is not in the answer."""
    return {
        member_id: standing
        for programme, _ in applied_programmes(connection)
        for member_id, standing in _standings(connection, programme, member_ids, now)
    }


def _standings(
    connection: Connection, programme: TierProgramme, member_ids: Sequence[int], now: datetime
) -> list[tuple[int, Standing]]:
    counted = programme.counted
    statement = _STANDINGS.format(
        up_from=COUNTED_FROM[counted].format(moment="CAST(:now AS timestamptz)"),
        keep_from=PERIOD_BEGAN[counted],
        after=AFTER[counted],
        sum=SUMS[programme.measure],
    )
    rows = connection.execute(text(statement), {**parameters(programme, now), "ids": list(member_ids)}).mappings()
    found = []
    for row in rows:
        amounts = {name: row[name] for name in ("missing", "next_missing")}
        if programme.measure == "orders":  # counted in whole numbers
            amounts = {name: None if amount is None else int(amount) for name, amount in amounts.items()}
        dated = {name: row[name] for name in ("until", "lost_at", "next_tier")}
        found.append((row["member_id"], Standing(**dated, **amounts)))
    return found
