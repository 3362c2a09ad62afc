"""A member's orders less what was given back for them, as one piece of SQL."""

#: Rows of (member_id, event_id, occurred_at, paid, refunded, net, counts) for the members in ``:ids``, from
#: ``:earliest`` on.  A refund (``order.refunded``) names its order's key in the property ``order`` and belongs
#: to the order's day, whenever it was told.  An order wholly given back is none: ``counts`` is false.
NET_ORDERS = """
SELECT paid.member_id, paid.id AS event_id, paid.key, paid.occurred_at, coalesce(paid.value, 0) AS paid,
       coalesce(back.refunded, 0) AS refunded,
       greatest(coalesce(paid.value, 0) - coalesce(back.refunded, 0), 0) AS net,
       (back.refunded IS NULL OR back.refunded < coalesce(paid.value, 0)) AS counts
FROM events AS paid LEFT JOIN (
    SELECT member_id, source, properties ->> 'order' AS order_key, sum(coalesce(value, 0)) AS refunded
    FROM events WHERE member_id = ANY(:ids) AND kind = 'order.refunded' GROUP BY member_id, source, order_key
) AS back ON (back.member_id, back.source, back.order_key) = (paid.member_id, paid.source, paid.key)
WHERE paid.member_id = ANY(:ids) AND paid.kind = 'order.paid' AND paid.occurred_at >= :earliest
"""
