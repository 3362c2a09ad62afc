"""Orders as everything that is learnt from them counts them: less what was given back, on local days."""

from datetime import datetime, tzinfo

from sqlalchemy import Connection, text

_FORGET = text("DROP TABLE IF EXISTS counted_orders")

# A fully refunded order is no order.  Rows that were merged into others, and the erased, have none.
_COUNT = text(
    """
CREATE TEMPORARY TABLE counted_orders ON COMMIT DROP AS
WITH refunds AS (
    SELECT source, properties ->> 'order' AS key, sum(value) AS amount
    FROM events
    WHERE kind = 'order.refunded' AND occurred_at <= CAST(:until AS timestamptz)
    GROUP BY 1, 2
)
SELECT orders.id, orders.member_id, orders.occurred_at,
    CAST(orders.occurred_at AT TIME ZONE CAST(:zone AS text) AS date) AS day,
    coalesce(orders.value, 0) - coalesce(refunds.amount, 0) AS amount
FROM events AS orders
JOIN members ON members.id = orders.member_id AND members.erased_at IS NULL AND members.merged_into IS NULL
LEFT JOIN refunds ON refunds.source = orders.source AND refunds.key = orders.key
WHERE orders.kind = 'order.paid'
  AND orders.occurred_at > CAST(:since AS timestamptz) AND orders.occurred_at <= CAST(:until AS timestamptz)
  AND (refunds.amount IS NULL OR refunds.amount < orders.value)
"""
)
_LOOK = text("ANALYZE counted_orders")

#: Before the first order of anybody.
EVER = datetime.fromisoformat("1900-01-01T00:00:00+00:00")


def count_orders(connection: Connection, *, since: datetime = EVER, until: datetime, zone: tzinfo) -> None:
    """Put the orders after ``since`` and up to ``until`` into ``counted_orders``, for the rest of the transaction."""
    connection.execute(_FORGET)
    connection.execute(_COUNT, {"since": since, "until": until, "zone": str(zone)})
    connection.execute(_LOOK)
