"""The statements that count pairs of items, in their order; each builds on the temporary tables of those before."""

BEGIN = """
SET LOCAL work_mem = '128MB';
DROP TABLE IF EXISTS named_items, item_names, basket_items, followed, counted_pairs, best_before
"""

# One row per order and item.  Of several paths an order's first that says something counts.
NAMES = """
CREATE TEMPORARY TABLE named_items ON COMMIT DROP AS
WITH told AS (
    SELECT counted_orders.id AS order_id, path.place, left(btrim(told.value #>> '{}'), 200) AS name
    FROM counted_orders
    JOIN events ON events.id = counted_orders.id
    CROSS JOIN unnest(CAST(:places AS int[]), CAST(:lists AS text[]), CAST(:fields AS text[])) AS path (place, list, field)
    CROSS JOIN LATERAL (
        SELECT events.properties -> path.field AS value WHERE path.list IS NULL
        UNION ALL
        SELECT element -> path.field FROM jsonb_array_elements(
            CASE jsonb_typeof(events.properties -> path.list) WHEN 'array' THEN events.properties -> path.list ELSE '[]' END
        ) AS element
    ) AS told
    WHERE jsonb_typeof(told.value) IN ('string', 'number')
), first AS (
    SELECT order_id, name, place, min(place) OVER (PARTITION BY order_id) AS wanted FROM told WHERE name <> ''
), different AS (
    SELECT DISTINCT order_id, name FROM first WHERE place = wanted
)
SELECT order_id, name FROM (SELECT *, count(*) OVER (PARTITION BY order_id) AS size FROM different) AS sized
WHERE size <= :largest
"""

# Numbers in place of names make pairs cheap; what is in too few orders is in no pair either.
ITEMS = """
CREATE TEMPORARY TABLE item_names ON COMMIT DROP AS
SELECT CAST(row_number() OVER (ORDER BY name COLLATE "C") AS int) AS item, name, count(*) AS orders
FROM named_items GROUP BY name HAVING count(*) >= :fewest
"""

BASKETS = """
CREATE TEMPORARY TABLE basket_items ON COMMIT DROP AS
SELECT order_id, item FROM named_items JOIN item_names USING (name);
CREATE TEMPORARY TABLE followed ON COMMIT DROP AS
WITH named AS (SELECT DISTINCT order_id AS id FROM named_items)
SELECT * FROM (
    SELECT id AS order_id, lead(id) OVER (PARTITION BY member_id ORDER BY occurred_at, id) AS next_id
    FROM counted_orders JOIN named USING (id)
) AS orders WHERE next_id IS NOT NULL;
CREATE TEMPORARY TABLE counted_pairs (
    relation text, item int, other int, orders bigint, of_item bigint, of_other bigint, of_all bigint
) ON COMMIT DROP;
ANALYZE basket_items, followed, item_names
"""

TOGETHER = """
WITH pairs AS (
    SELECT one.item, two.item AS other, count(*) AS orders
    FROM basket_items AS one JOIN basket_items AS two ON two.order_id = one.order_id AND one.item < two.item
    GROUP BY one.item, two.item HAVING count(*) >= :fewest
), ways AS (
    SELECT item, other, orders FROM pairs UNION ALL SELECT other, item, orders FROM pairs
)
INSERT INTO counted_pairs
SELECT 'together', ways.item, ways.other, ways.orders, mine.orders, its.orders,
    (SELECT count(DISTINCT order_id) FROM named_items)
FROM ways JOIN item_names AS mine ON mine.item = ways.item JOIN item_names AS its ON its.item = ways.other
"""

NEXT = """
WITH pairs AS (
    SELECT before.item, after.item AS other, count(*) AS orders
    FROM followed
    JOIN basket_items AS before ON before.order_id = followed.order_id
    JOIN basket_items AS after ON after.order_id = followed.next_id
    WHERE CAST(:repeats AS boolean) OR before.item <> after.item
    GROUP BY before.item, after.item HAVING count(*) >= :fewest
), befores AS (
    SELECT item, count(*) AS orders FROM followed JOIN basket_items USING (order_id) GROUP BY item
), afters AS (
    SELECT item, count(*) AS orders FROM followed JOIN basket_items ON basket_items.order_id = next_id GROUP BY item
)
INSERT INTO counted_pairs
SELECT 'next', pairs.item, pairs.other, pairs.orders, befores.orders, afters.orders, (SELECT count(*) FROM followed)
FROM pairs JOIN befores ON befores.item = pairs.item JOIN afters ON afters.item = pairs.other
"""

#: Which category follows best, before the pairs are replaced.
BEST = """
CREATE TEMPORARY TABLE best_before ON COMMIT DROP AS
SELECT DISTINCT ON (item) item, other FROM bought_together
WHERE relation = 'next' ORDER BY item, confidence DESC, lift DESC, other COLLATE "C";
DELETE FROM bought_together
"""

JUDGE = """
INSERT INTO bought_together (relation, item, other, orders, support, confidence, lift)
SELECT relation, item, other, orders, support, confidence, lift
FROM (
    SELECT judged.*, row_number() OVER (
        PARTITION BY relation, item ORDER BY confidence DESC, lift DESC, other COLLATE "C"
    ) AS place
    FROM (
        SELECT pairs.relation, mine.name AS item, its.name AS other, pairs.orders,
            pairs.orders / CAST(of_all AS float) AS support,
            pairs.orders / CAST(of_item AS float) AS confidence,
            pairs.orders * CAST(of_all AS float) / (CAST(of_item AS float) * of_other) AS lift
        FROM counted_pairs AS pairs
        JOIN item_names AS mine ON mine.item = pairs.item
        JOIN item_names AS its ON its.item = pairs.other
    ) AS judged
    WHERE support >= :support
) AS ranked
WHERE place <= :keep
"""

TOUCH = """
WITH best_now AS (
    SELECT DISTINCT ON (item) item, other FROM bought_together
    WHERE relation = 'next' ORDER BY item, confidence DESC, lift DESC, other COLLATE "C"
), turned AS (
    SELECT coalesce(best_now.item, best_before.item) AS item
    FROM best_now FULL JOIN best_before ON best_before.item = best_now.item
    WHERE best_now.other IS DISTINCT FROM best_before.other
), touched AS (
    INSERT INTO touched_members (member_id)
    SELECT member_id FROM order_facts JOIN turned ON turned.item = order_facts.last_category
    RETURNING member_id
)
SELECT count(*) FROM touched
"""

COUNT = """
SELECT (SELECT count(DISTINCT order_id) FROM named_items), (SELECT count(*) FROM item_names),
    (SELECT count(*) FROM followed),
    (SELECT count(*) FROM bought_together WHERE relation = 'together'),
    (SELECT count(*) FROM bought_together WHERE relation = 'next')
"""
