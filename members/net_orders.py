"""What an order is worth after what was given back for it: the one rule, as one piece of SQL.

Facts, tiers, points and occasions all ask here, so that no two of them have another opinion of an order.
"""

_ORDERS = """
SELECT paid.member_id, paid.id AS event_id, paid.source, paid.key, paid.occurred_at, paid.value AS paid,
       CASE WHEN paid.value < 0 THEN -paid.value WHEN refunds.is_whole THEN paid.value
            ELSE least(coalesce(refunds.value, 0), paid.value) END AS refunded,
       refunds.refunded_at,
       CASE WHEN paid.value < 0 THEN paid.value WHEN refunds.is_whole THEN 0
            ELSE greatest(paid.value - coalesce(refunds.value, 0), 0) END AS net,
       paid.value >= 0 AND (refunds.key IS NULL OR NOT refunds.is_whole AND refunds.value < paid.value) AS counts,
       paid.properties
FROM (
    SELECT id, member_id, source, key, occurred_at, coalesce(value, 0) AS value, properties
    FROM events WHERE {whom} AND kind = 'order.paid'
) AS paid LEFT JOIN (
    SELECT member_id, source, properties ->> 'order' AS key, coalesce(sum(abs(value)), 0) AS value,
           bool_or(value IS NULL) AS is_whole, max(occurred_at) AS refunded_at
    FROM events WHERE {whom} AND kind = 'order.refunded' AND properties ->> 'order' IS NOT NULL
    GROUP BY member_id, source, properties ->> 'order'
) AS refunds USING (member_id, source, key)
"""


def net_orders(whom: str) -> str:
    """Return SQL for the orders of those whom a clause about ``member_id`` names, such as ``member_id = ANY(:ids)``.

    Its rows, one for each event ``order.paid``, are (member_id, event_id, source, key, occurred_at, paid, refunded,
    refunded_at, net, counts, properties).  A refund (``order.refunded``) of the same member and source names its
    order's key in the property ``order`` and belongs to the order's day, whenever it was told.  Refunds of an order add
    up, whatever their sign, to no more than was paid; one without an amount gives the whole order back.

    ``counts`` says whether the row is an order: one that was given back whole is none, and one below zero is money
    given back for nobody knows what, which lowers what was spent (``net`` is below zero) on its own day.  So sums
    of ``net`` take every row, and only who counts orders asks ``counts``.
    """
    return _ORDERS.format(whom=whom)
