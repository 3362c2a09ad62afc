"""The statements by which many members are saved at once.

People, their addresses and identifiers are copied into tables of this session, emptied at every commit;
each statement then moves the whole set and answers with the ids it touched, as one array.
"""

PREPARE = (
    """CREATE TEMPORARY TABLE IF NOT EXISTS incoming_people (
        key text, name text, language text, time_zone text, tier text, birth_year smallint, birth_month smallint,
        birth_day smallint, birth_calendar text, birth_leap_month boolean, joined_at timestamptz, attributes jsonb
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_addresses (
        key text, channel text, address text, fingerprint bytea, problem text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_identifiers (
        key text, kind text, value text, account text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_changes (
        member_id bigint, field text, before jsonb, after jsonb
    ) ON COMMIT DELETE ROWS""",
    "DELETE FROM incoming_people; DELETE FROM incoming_addresses;"
    " DELETE FROM incoming_identifiers; DELETE FROM incoming_changes",
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
    f"UPDATE incoming_identifiers told SET key = kept.key {_TOLD_OF_MERGED}",  # noqa: S608
)

LEAVE_OUT = (
    "DELETE FROM incoming_people WHERE key = ANY(:keys)",
    "DELETE FROM incoming_addresses WHERE key = ANY(:keys)",
    "DELETE FROM incoming_identifiers WHERE key = ANY(:keys)",
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

TOLD_OF_GONE = "SELECT EXISTS (SELECT FROM incoming_people JOIN members USING (key) WHERE merged_into IS NOT NULL)"

# A birthday is told as a whole: with a month come its day, calendar and year, known or not.
_UPDATE = """
WITH told AS (
    SELECT members.id, members AS before,
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
WHERE members.id = told.id AND NOT members.id = ANY(:new)
  AND (members.name, members.language, members.time_zone, members.tier, members.birth_year, members.birth_month,
       members.birth_day, members.birth_calendar, members.birth_leap_month, members.joined_at, members.attributes)
      IS DISTINCT FROM
      (told.name, told.language, told.time_zone, told.tier, told.birth_year, told.birth_month,
       told.birth_day, told.birth_calendar, told.birth_leap_month, told.joined_at, told.attributes)
RETURNING members.id, to_jsonb(told.before) AS before, to_jsonb(members.*) AS after
)
"""

# An attribute is a field of its own; a birthday is kept with all its parts, for half of one is none.
_REMEMBER = """
, fields AS (
    SELECT id, key AS field, before -> key AS before, value AS after
    FROM changed CROSS JOIN jsonb_each(after - 'attributes' - 'updated_at')
    WHERE value IS DISTINCT FROM before -> key
       OR key LIKE 'birth%' AND (before ->> 'birth_month', before ->> 'birth_day', before ->> 'birth_year')
          IS DISTINCT FROM (after ->> 'birth_month', after ->> 'birth_day', after ->> 'birth_year')
    UNION ALL
    SELECT id, 'attributes.' || key, before -> 'attributes' -> key, value
    FROM changed CROSS JOIN jsonb_each(after -> 'attributes')
    WHERE value IS DISTINCT FROM before -> 'attributes' -> key
    UNION ALL
    SELECT id, 'updated_at', before -> 'updated_at', NULL FROM changed
), remembered AS (INSERT INTO incoming_changes SELECT id, field, before, after FROM fields)
"""

_CHANGED = "SELECT coalesce(array_agg(id), '{}') FROM changed"

UPDATE_KNOWN = _UPDATE + _CHANGED
UPDATE_AND_REMEMBER = _UPDATE + _REMEMBER + _CHANGED

# The former address is remembered before the present one is: of a channel there is then one row of each.
RETIRE_ADDRESSES = """
WITH retired AS (
    UPDATE addresses SET is_current = false
    FROM incoming_addresses AS incoming JOIN members USING (key)
    WHERE addresses.member_id = members.id AND addresses.channel = incoming.channel AND addresses.is_current
      AND addresses.fingerprint <> incoming.fingerprint
    RETURNING addresses.id, addresses.member_id, addresses.channel
)
INSERT INTO incoming_changes SELECT member_id, 'addresses.' || channel, to_jsonb(id), NULL FROM retired
"""

# Nobody else can have told an address of a member who is not there for them yet.
SAVE_FIRST_ADDRESSES = """
INSERT INTO addresses (member_id, channel, address, fingerprint, problem, created_at)
SELECT members.id, incoming.channel, incoming.address, incoming.fingerprint, incoming.problem, :now
FROM incoming_addresses AS incoming JOIN members USING (key) WHERE members.id = ANY(:new)
"""

SAVE_ADDRESSES = """
WITH saved AS (INSERT INTO addresses (member_id, channel, address, fingerprint, problem, created_at)
SELECT members.id, incoming.channel, incoming.address, incoming.fingerprint, incoming.problem, :now
FROM incoming_addresses AS incoming JOIN members USING (key) WHERE NOT members.id = ANY(:new)
ON CONFLICT (member_id, channel, fingerprint) DO UPDATE
SET is_current = true, address = excluded.address, problem = excluded.problem
WHERE (addresses.is_current, addresses.address, addresses.problem)
      IS DISTINCT FROM (true, excluded.address, excluded.problem)
RETURNING id, member_id, channel
), remembered AS (
    INSERT INTO incoming_changes SELECT member_id, 'addresses.' || channel, NULL, to_jsonb(id) FROM saved
    WHERE NOT EXISTS (SELECT FROM addresses AS was WHERE was.id = saved.id AND was.is_current)  -- only judged anew
)
SELECT coalesce(array_agg(DISTINCT member_id), '{}') FROM saved
"""

SAVE_IDENTIFIERS = """
WITH saved AS (
    INSERT INTO identifiers (member_id, kind, account, value, created_at)
    SELECT members.id, kind, account, value, :now
    FROM incoming_identifiers JOIN members USING (key) ORDER BY kind, account, value
    ON CONFLICT DO NOTHING
    RETURNING id, member_id, kind
), remembered AS (
    INSERT INTO incoming_changes SELECT member_id, 'identifiers.' || kind || '.' || id, NULL, to_jsonb(id) FROM saved
)
SELECT coalesce(array_agg(DISTINCT member_id), '{}') FROM saved
"""

SHARED_IDENTIFIERS = """
SELECT DISTINCT ON (incoming.key, incoming.kind) incoming.key, incoming.kind, incoming.value, holder.key AS other_key
FROM incoming_identifiers AS incoming JOIN members AS told USING (key)
JOIN identifiers USING (kind, account, value) JOIN members AS holder ON holder.id = identifiers.member_id
WHERE identifiers.member_id <> told.id AND holder.erased_at IS NULL AND holder.merged_into IS NULL
ORDER BY incoming.key, incoming.kind, holder.id
"""

COPY_PEOPLE = "COPY incoming_people FROM STDIN"
COPY_ADDRESSES = "COPY incoming_addresses (key, channel, address, problem, fingerprint) FROM STDIN"
COPY_IDENTIFIERS = "COPY incoming_identifiers (key, kind, value, account) FROM STDIN"
