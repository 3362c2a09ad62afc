"""The statements that list imports and take one back."""

IMPORTS = """
SELECT id, kind, file_name, started_at, finished_at, undone_at, accepted, refused,
    (SELECT coalesce(sum(upper(part) - lower(part)), 0)::bigint FROM unnest(made) AS part) AS new,
    (SELECT count(*) FROM import_changes WHERE import_id = imports.id) AS changed
FROM imports ORDER BY id DESC
"""

WHOSE_CONSENTS = "SELECT DISTINCT member_id FROM consents WHERE proof ->> 'import' = :import_id ORDER BY member_id"

# The latest word where it is this import's, with the word before it that is not.
ITS_CONSENTS = """
SELECT latest.member_id, latest.channel, latest.purpose, latest.occurred_at,
       former.id AS before_id, former.granted, former.text_version
FROM (
    SELECT DISTINCT ON (member_id, channel, purpose) * FROM consents
    WHERE member_id = ANY(:ids)
    ORDER BY member_id, channel, purpose, occurred_at DESC, id DESC
) AS latest
LEFT JOIN LATERAL (
    SELECT id, granted, text_version FROM consents
    WHERE (member_id, channel, purpose) = (latest.member_id, latest.channel, latest.purpose)
      AND proof ->> 'import' IS DISTINCT FROM :import_id
    ORDER BY occurred_at DESC, id DESC LIMIT 1
) AS former ON true
WHERE latest.proof ->> 'import' = :import_id AND latest.source <> 'import undone'
  AND latest.granted IS DISTINCT FROM coalesce(former.granted, NOT latest.granted)
ORDER BY latest.member_id
"""

ITS_CHANGES = "SELECT member_id FROM import_changes WHERE import_id = :import_id ORDER BY member_id LIMIT :most"

# A birthday goes back whole or not at all; an attribute that was not there before goes.  Whoever is as they were
# was last changed when they were: an import before this one can then be undone too.
RESTORE_FIELDS = """
WITH told AS (
    SELECT members.id, field.key AS field, changes.before -> field.key AS before,
        bool_and(field.value IS NOT DISTINCT FROM CASE WHEN field.key LIKE 'attributes.%'
            THEN members.attributes -> substr(field.key, 12) ELSE to_jsonb(members.*) -> field.key END)
        OVER (PARTITION BY members.id, CASE WHEN field.key LIKE 'birth%' THEN 'birth' ELSE field.key END) AS as_left
    FROM import_changes AS changes JOIN members ON members.id = changes.member_id AND members.erased_at IS NULL
    CROSS JOIN jsonb_each(changes.after) AS field
    WHERE changes.import_id = :import_id AND members.id = ANY(:ids)
      AND field.key NOT LIKE 'addresses.%' AND field.key NOT LIKE 'identifiers.%'
), wanted AS (
    SELECT id,
        coalesce(jsonb_object_agg(field, before) FILTER (WHERE field NOT LIKE 'attributes.%'), '{}') AS plain,
        coalesce(array_agg(substr(field, 12)) FILTER (WHERE field LIKE 'attributes.%'), '{}') AS told_attributes,
        coalesce(jsonb_object_agg(substr(field, 12), before)
                 FILTER (WHERE field LIKE 'attributes.%' AND before IS NOT NULL), '{}') AS attributes
    FROM told WHERE as_left GROUP BY id
), rows AS (
    SELECT members.id, jsonb_populate_record(members.*, plain) AS former,
           (members.attributes - told_attributes) || wanted.attributes AS attributes,
           CASE WHEN EXISTS (SELECT FROM told WHERE told.id = members.id AND NOT as_left) THEN CAST(:now AS timestamptz)
                ELSE coalesce(CAST(changes.before ->> 'updated_at' AS timestamptz), CAST(:now AS timestamptz)) END AS updated_at
    FROM wanted JOIN members USING (id)
    JOIN import_changes AS changes ON changes.member_id = members.id AND changes.import_id = :import_id
), restored AS (
    UPDATE members SET name = (former).name, language = (former).language, time_zone = (former).time_zone,
        tier = (former).tier, birth_year = (former).birth_year, birth_month = (former).birth_month,
        birth_day = (former).birth_day, birth_calendar = (former).birth_calendar,
        birth_leap_month = (former).birth_leap_month, joined_at = (former).joined_at,
        attributes = rows.attributes, updated_at = rows.updated_at
    FROM rows WHERE members.id = rows.id RETURNING members.id
)
SELECT (SELECT coalesce(array_agg(id), '{}') FROM restored) AS restored,
       (SELECT count(*) FROM told WHERE NOT as_left) AS left_alone
"""

# Only an address that is still the current one makes place for the one before it.
RETIRE_TOLD_ADDRESSES = """
UPDATE addresses SET is_current = false
FROM import_changes AS changes CROSS JOIN jsonb_each(changes.after) AS field
WHERE changes.import_id = :import_id AND changes.member_id = ANY(:ids) AND addresses.is_current
  AND addresses.id = CASE WHEN field.key LIKE 'addresses.%' THEN CAST(field.value AS bigint) END
  AND addresses.member_id = changes.member_id
RETURNING addresses.member_id, CAST(changes.before -> field.key AS bigint) AS former
"""

RETURN_ADDRESSES = """
UPDATE addresses SET is_current = true
FROM import_changes AS changes
WHERE changes.import_id = :import_id AND changes.member_id = ANY(:ids)
  AND addresses.member_id = changes.member_id AND addresses.id = ANY(CAST(:former AS bigint[]))
"""

TAKE_IDENTIFIERS = """
DELETE FROM identifiers USING import_changes AS changes CROSS JOIN jsonb_each(changes.after) AS field
WHERE changes.import_id = :import_id AND changes.member_id = ANY(:ids)
  AND identifiers.id = CASE WHEN field.key LIKE 'identifiers.%' THEN CAST(field.value AS bigint) END
  AND identifiers.member_id = changes.member_id
RETURNING identifiers.member_id
"""

# Addresses and identifiers; those that did not go back are no longer as the import left them, or another row's.
TOLD_MARKS = """
SELECT count(*) FROM import_changes AS changes CROSS JOIN jsonb_object_keys(changes.after) AS field
WHERE changes.import_id = :import_id AND changes.member_id = ANY(:ids)
  AND (field LIKE 'addresses.%' OR field LIKE 'identifiers.%')
"""

MADE = """
SELECT members.id FROM imports CROSS JOIN unnest(made) AS part
JOIN members ON members.id >= lower(part) AND members.id < upper(part)
WHERE imports.id = :import_id AND members.id > :after AND erased_at IS NULL
ORDER BY members.id LIMIT :most
"""

EMPTY_ADDRESSES = """
UPDATE addresses SET address = '', fingerprint = sha256(convert_to('undone:' || id, 'UTF8')), is_current = false,
    problem = 'erased'
WHERE member_id = ANY(:ids)
"""
