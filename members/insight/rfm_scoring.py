"""Score every member by RFM in one statement, and tell who moved from one cell to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, column, func, table, text

from database.loyalty_tables import rfm_scores
from database.tables import members
from members.derived_events import tell
from members.insight.nights import definition_due
from members.insight.occasions import occasion
from members.insight.orders import count_orders
from members.insight.rfm import Rfm
from members.segments.picking import IS_SOMEBODY

MOVED = "rfm.moved"

_FORGET = text("DROP TABLE IF EXISTS fresh_rfm")

# Quintiles: everybody's score is 1 + the whole fifths of members who are strictly worse.  So equals have
# one score, and where many are equal the upper scores are rarer than a fifth.
_SCORE = text(
    """
CREATE TEMPORARY TABLE fresh_rfm ON COMMIT DROP AS
WITH bought AS (
    SELECT member_id, CAST(:today AS date) - max(day) AS days, count(*) AS orders, sum(amount) AS money
    FROM counted_orders GROUP BY member_id
), scored AS (
    SELECT member_id, days, orders, money,
        CASE WHEN CAST(:recency AS numeric[]) IS NULL
            THEN 1 + 5 * (rank() OVER (ORDER BY days DESC) - 1) / count(*) OVER ()
            ELSE 5 - width_bucket(days - 1, CAST(:recency AS numeric[])) END AS recency,
        CASE WHEN CAST(:frequency AS numeric[]) IS NULL
            THEN 1 + 5 * (rank() OVER (ORDER BY orders) - 1) / count(*) OVER ()
            ELSE 1 + width_bucket(orders, CAST(:frequency AS numeric[])) END AS frequency,
        CASE WHEN CAST(:monetary AS numeric[]) IS NULL
            THEN 1 + 5 * (rank() OVER (ORDER BY money) - 1) / count(*) OVER ()
            ELSE 1 + width_bucket(money, CAST(:monetary AS numeric[])) END AS monetary
    FROM bought
)
SELECT scored.*, cells.cell
FROM scored
JOIN unnest(CAST(:r AS int[]), CAST(:f AS int[]), CAST(:m AS int[]), CAST(:cell AS text[]))
    AS cells (recency, frequency, monetary, cell) USING (recency, frequency, monetary)
"""
)

# Who is scored as before is not written again.
_KEEP = text(
    """
WITH gone AS (
    DELETE FROM rfm_scores
    WHERE NOT EXISTS (SELECT FROM fresh_rfm WHERE fresh_rfm.member_id = rfm_scores.member_id) RETURNING member_id
), changed AS (
    INSERT INTO rfm_scores (member_id, recency, frequency, monetary, cell, scored_at)
    SELECT member_id, recency, frequency, monetary, cell, :now
    FROM fresh_rfm AS fresh JOIN members ON members.id = fresh.member_id
    WHERE members.erased_at IS NULL AND members.merged_into IS NULL ORDER BY member_id
    ON CONFLICT (member_id) DO UPDATE
    SET (recency, frequency, monetary, cell, scored_at) =
        (excluded.recency, excluded.frequency, excluded.monetary, excluded.cell, excluded.scored_at)
    WHERE (rfm_scores.recency, rfm_scores.frequency, rfm_scores.monetary, rfm_scores.cell)
        IS DISTINCT FROM (excluded.recency, excluded.frequency, excluded.monetary, excluded.cell)
    RETURNING member_id
), touched AS (
    INSERT INTO touched_members (member_id) SELECT member_id FROM gone UNION ALL SELECT member_id FROM changed
)
SELECT (SELECT count(*) FROM fresh_rfm), (SELECT count(*) FROM changed), (SELECT count(*) FROM gone)
"""
)

_CELLS = text(
    """
SELECT cell, count(*) AS members, sum(orders) AS orders, sum(money) AS money, avg(days) AS days
FROM fresh_rfm GROUP BY cell
"""
)

_fresh = table("fresh_rfm", *(column(name) for name in ("member_id", "recency", "frequency", "monetary", "cell")))


@dataclass(frozen=True, kw_only=True)
class CellCount:
    """What stands in one cell."""

    cell: str
    members: int
    orders: int
    money: Decimal
    days: float  #: since the last order, on average


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What scoring everybody brought."""

    members: int
    changed: int  #: whose scores are new or others than before
    gone: int  #: who bought nothing within the window any more
    moved: int  #: told as ``rfm.moved``
    cells: Sequence[CellCount]


def score_when_due(connection: Connection, *, since: datetime | None, now: datetime, zone: tzinfo) -> None:
    """Score everybody where the hour of the definition has struck since then."""
    definition = definition_due(connection, Rfm, since=since, now=now, zone=zone)
    if definition is not None:
        score_members(connection, definition, now=now, zone=zone)


def score_members(connection: Connection, definition: Rfm, *, now: datetime, zone: tzinfo) -> Scored:
    """Score everybody who bought within the window, tell who moved, and touch whose scores changed."""
    _work_out(connection, definition, now=now, zone=zone)
    moved = tell(connection, _movements(now, zone), now=now)
    scored, changed, gone = connection.execute(_KEEP, {"now": now}).one()
    return Scored(members=scored, changed=changed, gone=gone, moved=moved, cells=_counted(connection, definition))


def count_cells(connection: Connection, definition: Rfm, *, now: datetime, zone: tzinfo) -> Sequence[CellCount]:
    """Say what would stand in each cell if everybody were scored now; nothing is kept."""
    _work_out(connection, definition, now=now, zone=zone)
    return _counted(connection, definition)


def _work_out(connection: Connection, definition: Rfm, *, now: datetime, zone: tzinfo) -> None:
    count_orders(connection, since=now - definition.window, until=now, zone=zone)
    looked_up = list(definition.cell_of_scores())
    scales = {
        letter: None if (scale := getattr(definition, letter)) == "quintiles" else [Decimal(str(bound)) for bound in scale]
        for letter in ("recency", "frequency", "monetary")
    }
    connection.execute(_FORGET)
    connection.execute(
        _SCORE,
        {
            "today": now.astimezone(zone).date(),
            **scales,
            **{letter: [scores[place] for scores, _ in looked_up] for place, letter in enumerate("rfm")},
            "cell": [cell for _, cell in looked_up],
        },
    )
    connection.execute(text("ANALYZE fresh_rfm"))


def _counted(connection: Connection, definition: Rfm) -> Sequence[CellCount]:
    """Return every cell in the definition's order, the empty ones too."""
    found = {row.cell: row for row in connection.execute(_CELLS)}
    nobody = {"members": 0, "orders": 0, "money": Decimal(), "days": 0.0}
    return [
        CellCount(cell=cell.cell, **nobody)  # type: ignore[arg-type]
        if (row := found.get(cell.cell)) is None
        else CellCount(cell=row.cell, members=row.members, orders=int(row.orders), money=row.money, days=float(row.days))
        for cell in definition.cells
    ]


def _movements(now: datetime, zone: tzinfo) -> Select[Any]:
    """Return who had a cell and has another or none, one occasion a local day.

    The first score of a member is no movement, or the first night would tell everybody.
    """
    ways = func.jsonb_build_object(
        "from", rfm_scores.c.cell, "to", _fresh.c.cell, "recency", _fresh.c.recency,
        "frequency", _fresh.c.frequency, "monetary", _fresh.c.monetary,
    )  # fmt: skip
    return (
        occasion(MOVED, rfm_scores.c.member_id, ways, now=now, zone=zone)
        .join(members, members.c.id == rfm_scores.c.member_id)
        .outerjoin(_fresh, _fresh.c.member_id == rfm_scores.c.member_id)
        .where(IS_SOMEBODY, rfm_scores.c.cell.is_distinct_from(_fresh.c.cell))
    )
