"""The statements by which many members are saved at once.

People and their addresses are copied into two tables of this session, emptied at every commit;
each statement then moves the whole set and answers with the ids it touched, as one array.
"""

PREPARE = (
    """CREATE TEMPORARY TABLE IF NOT EXISTS incoming_people (
        key text, name text, language text, time_zone text, tier text, birth_year smallint, birth_month smallint,
        birth_day smallint, birth_calendar text, birth_leap_month boolean, joined_at timestamptz, attributes jsonb
    ) ON COMMIT DELETE ROWS""",
    """CREATE TEMPORARY TABLE IF NOT EXISTS incoming_addresses (
        key text, channel text, address text, fingerprint bytea, problem text
    ) ON COMMIT DELETE ROWS""",
    "DELETE FROM incoming_people",
    "DELETE FROM incoming_addresses",
)

ANY_MERGED = "SELECT EXISTS (SELECT FROM members WHERE merged_into IS NOT NULL)"

# What is told of a row that was merged is told of the row its person has now; where the same batch tells
# something of that one itself, or of two such rows, one telling counts.
_TOLD_OF_MERGED = "FROM members gone JOIN members kept ON kept.id = gone.merged_into WHERE gone.key = told.key"
LAND_ON_KEPT = (
    f"UPDATE incoming_people told SET key = kept.key {_TOLD_OF_MERGED}",  # noqa: S608
    "DELETE FROM incoming_people a USING incoming_people b WHERE a.key = b.key AND a.ctid > b.ctid",
    f"UPDATE incoming_addresses told SET key = kept.key {_TOLD_OF_MERGED}",  # noqa: S608
    """DELETE FROM incoming_addresses a USING incoming_addresses b
        WHERE a.key = b.key AND a.channel = b.channel AND a.ctid > b.ctid""",
)

INSERT_NEW = """
WITH created AS (INSERT INTO members (key, name, language, time_zone, tier, birth_year, birth_month, birth_day, birth_calendar,
                     birth_leap_month, joined_at, attributes, created_at, updated_at)
SELECT key, coalesce(name, ''), coalesce(language, 'zh'), coalesce(time_zone, 'Asia/Shanghai'), tier, birth_year,
       birth_month, birth_day, coalesce(birth_calendar, 'solar'), birth_leap_month, joined_at,
       coalesce(attributes, '{}'), :now, :now
FROM incoming_people AS incoming
WHERE NOT EXISTS (SELECT FROM members WHERE members.key = incoming.key)
ORDER BY key
ON CONFLICT (key) DO NOTHING
RETURNING id)
SELECT coalesce(array_agg(id), '{}') FROM created
"""

LOCK_KNOWN = """
SELECT count(*) FROM (
    SELECT FROM members JOIN incoming_people USING (key) ORDER BY members.id FOR NO KEY UPDATE OF members
) AS locked
"""

# A birthday is told as a whole: with a month come its day, calendar and year, known or not.
UPDATE_KNOWN = """
WITH told AS (
    SELECT members.id,
        coalesce(incoming.name, members.name) AS name,
        coalesce(incoming.language, members.language) AS language,
        coalesce(incoming.time_zone, members.time_zone) AS time_zone,
        coalesce(incoming.tier, members.tier) AS tier,
        CASE WHEN incoming.birth_month IS NULL THEN members.birth_year ELSE incoming.birth_year END AS birth_year,
        coalesce(incoming.birth_month, members.birth_month) AS birth_month,
        coalesce(incoming.birth_day, members.birth_day) AS birth_day,
        CASE WHEN incoming.birth_month IS NULL THEN members.birth_calendar
             ELSE coalesce(incoming.birth_calendar, 'solar') END AS birth_calendar,
        CASE WHEN incoming.birth_month IS NULL THEN members.birth_leap_month
             ELSE incoming.birth_leap_month END AS birth_leap_month,
        coalesce(incoming.joined_at, members.joined_at) AS joined_at,
        CASE WHEN incoming.attributes IS NULL THEN members.attributes
             ELSE members.attributes || incoming.attributes END AS attributes
    FROM incoming_people AS incoming JOIN members USING (key)
), changed AS (
UPDATE members
SET (name, language, time_zone, tier, birth_year, birth_month, birth_day, birth_calendar, birth_leap_month,
     joined_at, attributes, updated_at) =
    (told.name, told.language, told.time_zone, told.tier, told.birth_year, told.birth_month, told.birth_day,
     told.birth_calendar, told.birth_leap_month, told.joined_at, told.attributes, :now)
FROM told
WHERE members.id = told.id
  AND (members.name, members.language, members.time_zone, members.tier, members.birth_year, members.birth_month,
       members.birth_day, members.birth_calendar, members.birth_leap_month, members.joined_at, members.attributes)
      IS DISTINCT FROM
      (told.name, told.language, told.time_zone, told.tier, told.birth_year, told.birth_month,
       told.birth_day, told.birth_calendar, told.birth_leap_month, told.joined_at, told.attributes)
RETURNING members.id
)
SELECT coalesce(array_agg(id), '{}') FROM changed
"""

RETIRE_ADDRESSES = """
UPDATE addresses SET is_current = false
FROM incoming_addresses AS incoming JOIN members USING (key)
WHERE addresses.member_id = members.id AND addresses.channel = incoming.channel AND addresses.is_current
  AND addresses.fingerprint <> incoming.fingerprint
"""

SAVE_ADDRESSES = """
WITH saved AS (INSERT INTO addresses (member_id, channel, address, fingerprint, problem, created_at)
SELECT members.id, incoming.channel, incoming.address, incoming.fingerprint, incoming.problem, :now
FROM incoming_addresses AS incoming JOIN members USING (key)
ON CONFLICT (member_id, channel, fingerprint) DO UPDATE
SET is_current = true, address = excluded.address, problem = excluded.problem
WHERE (addresses.is_current, addresses.address, addresses.problem)
      IS DISTINCT FROM (true, excluded.address, excluded.problem)
RETURNING member_id)
SELECT coalesce(array_agg(DISTINCT member_id), '{}') FROM saved
"""

COPY_PEOPLE = "COPY incoming_people FROM STDIN (FORMAT csv)"
COPY_ADDRESSES = "COPY incoming_addresses FROM STDIN (FORMAT csv)"
