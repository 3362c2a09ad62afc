"""A member's orders less what was given back for them, as one piece of SQL."""


def net_orders(member: str) -> str:
    """Return SQL for the orders of those whose id ``member`` says, such as ``= ANY(:ids)``, from ``:earliest`` on.

    Its rows are (member_id, event_id, key, occurred_at, paid, refunded, net, counts).  A refund (``order.refunded``)
    names its order's key in the property ``order`` and belongs to the order's day, whenever it was told.  An order
    wholly given back is none: ``counts`` is false.  Refunds are looked up order by order, from an index: a plan
    made once for any number of members could not know better.
    """
    return f"{_ORDERS} {member}\n"


_ORDERS = """
SELECT paid.member_id, paid.id AS event_id, paid.key, paid.occurred_at, coalesce(paid.value, 0) AS paid,
       coalesce(back.refunded, 0) AS refunded,
       greatest(coalesce(paid.value, 0) - coalesce(back.refunded, 0), 0) AS net,
       (back.refunded IS NULL OR back.refunded < coalesce(paid.value, 0)) AS counts
FROM events AS paid LEFT JOIN LATERAL (
    SELECT sum(coalesce(given.value, 0)) AS refunded FROM events AS given
    WHERE given.member_id = paid.member_id AND given.kind = 'order.refunded' AND given.source = paid.source
      AND given.properties ->> 'order' = paid.key
) AS back ON true
WHERE paid.kind = 'order.paid' AND paid.occurred_at >= :earliest AND paid.member_id"""
