"""Running totals per member and kind of event, kept in the transaction that stores the events."""

from sqlalchemy import Connection, select, text

from database.tables import facts

#: Adds rows of (member_id, event, first_at, last_at, count, total) to the totals.  The rows are sorted
#: so that two writers always lock in the same order.
MERGE = """
INSERT INTO facts (member_id, event, first_at, last_at, count, total)
SELECT member_id, event, first_at, last_at, count, total FROM fresh ORDER BY member_id, event
ON CONFLICT (member_id, event) DO UPDATE SET
    first_at = least(facts.first_at, excluded.first_at),
    last_at = greatest(facts.last_at, excluded.last_at),
    count = facts.count + excluded.count,
    total = facts.total + excluded.total
"""

#: Sums up rows of (member_id, kind, occurred_at, value) of the relation named in braces.
TOTALS = """
SELECT member_id, kind AS event, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
       count(*) AS count, coalesce(sum(value), 0) AS total
FROM {events} GROUP BY member_id, kind
"""


#: Makes the totals of the members from ``:low`` to ``:high``, who are held, what their events come to; yields whose were otherwise.
MEND = "".join((
    "WITH fresh AS (",
    TOTALS.format(events="(SELECT * FROM events WHERE member_id BETWEEN :low AND :high) AS own"),
    """), gone AS (
    DELETE FROM facts WHERE member_id BETWEEN :low AND :high AND NOT EXISTS (
        SELECT FROM fresh WHERE fresh.member_id = facts.member_id AND fresh.event = facts.event
    ) RETURNING member_id
), written AS (
    INSERT INTO facts (member_id, event, first_at, last_at, count, total)
    SELECT member_id, event, first_at, last_at, count, total FROM fresh ORDER BY member_id, event
    ON CONFLICT (member_id, event) DO UPDATE SET
        (first_at, last_at, count, total) = (excluded.first_at, excluded.last_at, excluded.count, excluded.total)
    WHERE (facts.first_at, facts.last_at, facts.count, facts.total)
        IS DISTINCT FROM (excluded.first_at, excluded.last_at, excluded.count, excluded.total)
    RETURNING member_id
)
SELECT member_id FROM gone UNION SELECT member_id FROM written
""",
))  # fmt: skip


def rebuild(connection: Connection) -> int:
    """Make every total again from the events; return how many there are.

    Writers wait from the first statement to the commit: an event is either counted here or
    added by its own transaction afterwards, never both and never neither.
    """
    connection.execute(text("LOCK TABLE facts IN SHARE ROW EXCLUSIVE MODE"))
    connection.execute(text("DELETE FROM facts"))
    return connection.execute(text(f"WITH fresh AS ({TOTALS.format(events='events')}) {MERGE}")).rowcount


def read_facts(connection: Connection, member_id: int) -> list[dict[str, object]]:
    """Return one member's totals, one a kind of event, by kind."""
    found = connection.execute(
        select(facts.c.event, facts.c.count, facts.c.total, facts.c.first_at, facts.c.last_at)
        .where(facts.c.member_id == member_id)
        .order_by(facts.c.event)
    )
    return [dict(row) for row in found.mappings()]
