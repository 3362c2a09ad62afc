"""Orders as everything that is learnt from them counts them: less what was given back, on local days."""

from datetime import datetime, tzinfo

from sqlalchemy import Connection, text

from members.net_orders import net_orders

_FORGET = text("DROP TABLE IF EXISTS counted_orders")

# Rows that were merged into others, and the erased, have none.
_COUNT = text(
    f"""
CREATE TEMPORARY TABLE counted_orders ON COMMIT DROP AS
SELECT orders.event_id AS id, orders.member_id, orders.occurred_at,
    CAST(orders.occurred_at AT TIME ZONE CAST(:zone AS text) AS date) AS day, orders.net AS amount
FROM ({net_orders("occurred_at <= CAST(:until AS timestamptz)")}) AS orders
JOIN members ON members.id = orders.member_id AND members.erased_at IS NULL AND members.merged_into IS NULL
WHERE orders.counts AND orders.occurred_at > CAST(:since AS timestamptz)
"""  # noqa: S608
)
_LOOK = text("ANALYZE counted_orders")

#: Before the first order of anybody.
EVER = datetime.fromisoformat("1900-01-01T00:00:00+00:00")


def count_orders(connection: Connection, *, since: datetime = EVER, until: datetime, zone: tzinfo) -> None:
    """Put the orders after ``since`` and up to ``until`` into ``counted_orders``, for the rest of the transaction."""
    connection.execute(_FORGET)
    connection.execute(_COUNT, {"since": since, "until": until, "zone": str(zone)})
    connection.execute(_LOOK)
