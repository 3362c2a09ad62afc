"""The statement that works out what members bought, from their events alone.

An order is an event ``order.paid``, told once for its (source, key); ``members/net_orders.py`` says what it is worth.
"""

from collections.abc import Iterator

from database.member_tables import WINDOWS
from members.net_orders import net_orders

_ORDERS = """
WITH orders AS MATERIALIZED (
    SELECT member_id, source, key, occurred_at, refunded, net, counts,
           properties -> 'category' AS category, properties -> 'items' AS items
    FROM ({net_orders}) AS net_orders
)"""

_SUMS = """, sums AS (
    SELECT member_id, count(*) FILTER (WHERE counts) AS orders, sum(net) AS spent, sum(refunded) AS refunded,
           min(occurred_at) FILTER (WHERE counts) AS first_order_at,
           max(occurred_at) FILTER (WHERE counts) AS last_order_at,
           round(avg(net) FILTER (WHERE counts), 2) AS average_order,
           round(extract(epoch FROM max(occurred_at) FILTER (WHERE counts) - min(occurred_at) FILTER (WHERE counts))
                 / 86400 / nullif(greatest(count(*) FILTER (WHERE counts), 1) - 1, 0), 2) AS days_between_orders,
           {windows},
           least({ends}) AS changes_at
    FROM orders GROUP BY member_id
)"""

# An order of several categories is one order of each.  Of two equals the one bought last wins, then the name.
_CATEGORIES = """, named AS (
    SELECT member_id, source, key, occurred_at, name, min(place) AS place
    FROM orders CROSS JOIN LATERAL (
        SELECT category #>> '{{}}' AS told, 0 AS place WHERE jsonb_typeof(category) IN ('string', 'number')
        UNION ALL
        SELECT item.value ->> 'category', item.place
        FROM jsonb_array_elements(CASE WHEN jsonb_typeof(items) = 'array' THEN items ELSE '[]' END)
             WITH ORDINALITY AS item (value, place)
        WHERE (category IS NULL OR jsonb_typeof(category) NOT IN ('string', 'number'))
          AND jsonb_typeof(item.value -> 'category') IN ('string', 'number')
    ) AS told CROSS JOIN LATERAL (SELECT left(btrim(told.told), 200) AS name) AS trimmed
    WHERE counts AND (category IS NOT NULL OR items IS NOT NULL) AND name <> ''
    GROUP BY member_id, source, key, occurred_at, name
), favourites AS (
    SELECT DISTINCT ON (member_id) member_id, name AS favourite_category FROM (
        SELECT member_id, name, count(*) AS orders, max(occurred_at) AS latest FROM named GROUP BY member_id, name
    ) AS bought ORDER BY member_id, orders DESC, latest DESC, name COLLATE "C"
), lasts AS (
    SELECT DISTINCT ON (member_id) member_id, name AS last_category FROM named
    ORDER BY member_id, occurred_at DESC, source COLLATE "C" DESC, key COLLATE "C" DESC, place, name COLLATE "C"
), nexts AS (
    SELECT DISTINCT ON (item) item AS last_category, other AS next_category
    FROM bought_together WHERE relation = 'next' ORDER BY item, confidence DESC, lift DESC, other COLLATE "C"
)"""

# Only rows that differ are written, and their members answered with.
_WRITE = """, written AS (
    INSERT INTO order_facts AS known (member_id, {columns}, reckoned_at)
    SELECT member_id, {columns}, :now
    FROM sums LEFT JOIN favourites USING (member_id) LEFT JOIN lasts USING (member_id) LEFT JOIN nexts USING (last_category)
    ORDER BY member_id
    ON CONFLICT (member_id) DO UPDATE SET ({columns}, reckoned_at) = ({excluded}, excluded.reckoned_at)
    WHERE ({known}) IS DISTINCT FROM ({excluded})
    RETURNING member_id
), gone AS (
    DELETE FROM order_facts WHERE {whom} AND NOT EXISTS (SELECT FROM sums WHERE sums.member_id = order_facts.member_id)
    RETURNING member_id
)
SELECT member_id FROM written UNION ALL SELECT member_id FROM gone
"""

_COLUMNS = (
    "orders", "spent", "refunded", "first_order_at", "last_order_at", "average_order", "days_between_orders",
    *(f"{what}_{days}d" for what in ("orders", "spent") for days in WINDOWS),
    "favourite_category", "last_category", "next_category", "changes_at",
)  # fmt: skip


def _windows() -> Iterator[str]:
    for days in WINDOWS:
        within = f"occurred_at > :now - interval '{days} days'"
        yield f"count(*) FILTER (WHERE counts AND {within}) AS orders_{days}d"
        yield f"coalesce(sum(net) FILTER (WHERE {within}), 0) AS spent_{days}d"


def _ends() -> Iterator[str]:
    """Say for each window when the first order in it leaves it."""
    for days in WINDOWS:
        length = f"interval '{days} days'"
        yield f"min(occurred_at) FILTER (WHERE (counts OR net < 0) AND occurred_at > :now - {length}) + {length}"


def orders_statement(whom: str) -> str:
    """Return the statement for the members whom a clause about ``member_id`` names; its other parameter is ``now``.

    It leaves the rows of ``order_facts`` as the events have them, and answers with the members whose row changed.
    """
    return "".join((_ORDERS, _SUMS, _CATEGORIES, _WRITE)).format(
        net_orders=net_orders(whom),
        whom=whom,
        windows=", ".join(_windows()),
        ends=", ".join(_ends()),
        columns=", ".join(_COLUMNS),
        excluded=", ".join(f"excluded.{column}" for column in _COLUMNS),
        known=", ".join(f"known.{column}" for column in _COLUMNS),
    )
