"""The statements that move what one row has to another, for many merges at once, and note what they moved.

Each is told the numbers of merges (:merges), of which no two have a row in common, and adds to their ``moved``.
"""

from dataclasses import dataclass

#: Adds what a statement moved, as the list ``moved`` of (merge_id, item), to the merges under a name.
_NOTE = """
UPDATE merges SET moved = merges.moved || jsonb_build_object('{name}', listed.items)
FROM (SELECT merge_id, jsonb_agg(item) AS items FROM done GROUP BY merge_id) AS listed WHERE merges.id = listed.merge_id
"""


def noting(name: str, done: str) -> str:
    """Return a statement that does ``done``, which returns (merge_id, item), and notes it under ``name``."""
    return f"WITH done AS ({done}) {_NOTE.format(name=name)}"


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """A table whose rows go to the row that stays, but those of which it has one already."""

    table: str
    key: str = "t.id"  #: tells the member's rows apart
    unless: str = ""  #: the columns by which the row that stays has one already

    @property
    def move(self) -> str:
        same = " AND ".join(f"mine.{column} IS NOT DISTINCT FROM t.{column}" for column in self.unless.split())
        free = f"AND NOT EXISTS (SELECT FROM {self.table} mine WHERE mine.member_id = m.kept_id AND {same})" if same else ""
        moved = f"""UPDATE {self.table} AS t SET member_id = m.kept_id FROM merges m
            WHERE m.id = ANY(:merges) AND t.member_id = m.gone_id {free} RETURNING m.id AS merge_id, {self.key} AS item"""  # noqa: S608
        return noting(self.table, moved)

    @property
    def take_back(self) -> str:
        kind = "bigint" if self.key == "t.id" else "text"
        return f"""UPDATE {self.table} AS t SET member_id = m.gone_id FROM merges m
            CROSS JOIN LATERAL jsonb_array_elements_text(m.moved -> '{self.table}') AS moved (item)
            WHERE m.id = ANY(:merges) AND {self.key} = CAST(moved.item AS {kind}) AND t.member_id = m.kept_id"""  # noqa: S608


BELONGINGS = (
    Belongings(table="events"),
    Belongings(table="identifiers", unless="kind account value"),
    Belongings(table="points"),
    Belongings(table="coupons", unless="pool occasion"),
    Belongings(table="survey_answers", unless="survey occasion"),
    Belongings(table="member_places", key="concat_ws(':', t.kind, t.seen_at)", unless="kind"),
    Belongings(table="segment_members", key="concat_ws(':', t.segment, t.visit)", unless="segment"),
    Belongings(table="address_turns", key="concat_ws(':', t.campaign_id, t.occasion, t.channel, encode(t.fingerprint, 'hex'))"),
)

#: What is worked out from all that: put aside for the row that goes, worked out anew for the one that stays.
WORKED_OUT = (
    "order_facts", "channel_facts", "member_tiers", "rfm_scores", "predictions", "member_clusters", "segment_rechecks",
)  # fmt: skip


def put_aside(table: str) -> str:
    """Return the statement that takes a table's rows from the rows that go, and keeps them with the merge."""
    taken = f"""DELETE FROM {table} AS t USING merges m WHERE m.id = ANY(:merges) AND t.member_id = m.gone_id
        RETURNING m.id AS merge_id, to_jsonb(t) AS item"""  # noqa: S608
    return noting(f"{table}_aside", taken)


def put_back(table: str) -> str:
    """Return the statement that gives them back."""
    return f"""INSERT INTO {table} SELECT kept.* FROM merges m
        CROSS JOIN LATERAL jsonb_populate_recordset(NULL::{table}, m.moved -> '{table}_aside') AS kept
        WHERE m.id = ANY(:merges) ON CONFLICT DO NOTHING"""  # noqa: S608


# An address the other has as well stays where it is; one beside a current one of its channel is kept, not current.
MOVE_ADDRESSES = noting(
    "addresses",
    """
    SELECT m.id AS merge_id, jsonb_build_object('id', a.id, 'current', a.is_current) AS item FROM merges m
    JOIN addresses a ON a.member_id = m.gone_id WHERE m.id = ANY(:merges) AND NOT EXISTS (SELECT FROM addresses mine
        WHERE mine.member_id = m.kept_id AND mine.channel = a.channel AND mine.fingerprint = a.fingerprint)
    ), moving AS (
    UPDATE addresses a SET member_id = m.kept_id, is_current = a.is_current AND NOT EXISTS (SELECT FROM addresses mine
        WHERE mine.member_id = m.kept_id AND mine.channel = a.channel AND mine.is_current)
    FROM done JOIN merges m ON m.id = done.merge_id WHERE a.id = CAST(done.item ->> 'id' AS bigint)
    """,
)
TAKE_ADDRESSES_BACK = """
UPDATE addresses a SET member_id = m.gone_id, is_current = CAST(moved.item ->> 'current' AS boolean)
FROM merges m CROSS JOIN LATERAL jsonb_array_elements(m.moved -> 'addresses') AS moved (item)
WHERE m.id = ANY(:merges) AND a.id = CAST(moved.item ->> 'id' AS bigint) AND a.member_id = m.kept_id
"""

_FILLED = (
    "name", "tier", "birth_year", "birth_month", "birth_day", "birth_calendar", "birth_leap_month", "joined_at", "attributes",
)  # fmt: skip
_COLUMNS = ", ".join(_FILLED)


def _as_json(row: str) -> str:
    return "jsonb_build_object(" + ", ".join(f"'{column}', {row}.{column}" for column in _FILLED) + ")"


NOTE_BEFORE = f"""
UPDATE merges SET moved = moved || jsonb_build_object('before', {_as_json("kept")})
FROM members kept WHERE merges.id = ANY(:merges) AND kept.id = merges.kept_id
"""  # noqa: S608 - Names of our own columns.

# What the row that stays does not know is taken from the other; a birthday as a whole.
FILL_BLANKS = f"""
UPDATE members kept SET ({_COLUMNS}, updated_at) = (
    coalesce(nullif(kept.name, ''), gone.name), coalesce(kept.tier, gone.tier),
    CASE WHEN kept.birth_month IS NULL THEN gone.birth_year ELSE kept.birth_year END,
    coalesce(kept.birth_month, gone.birth_month), coalesce(kept.birth_day, gone.birth_day),
    CASE WHEN kept.birth_month IS NULL THEN gone.birth_calendar ELSE kept.birth_calendar END,
    CASE WHEN kept.birth_month IS NULL THEN gone.birth_leap_month ELSE kept.birth_leap_month END,
    least(kept.joined_at, gone.joined_at), gone.attributes || kept.attributes, :now)
FROM merges JOIN members gone ON gone.id = merges.gone_id WHERE merges.id = ANY(:merges) AND kept.id = merges.kept_id
"""  # noqa: S608
NOTE_AFTER = NOTE_BEFORE.replace("'before'", "'after'")

# Attributes one by one: what the merge brought goes, but what somebody has changed since.
_LEFT = """CASE WHEN kept.attributes = now_is.attributes THEN was.attributes ELSE coalesce((
    SELECT jsonb_object_agg(one.name, one.value) FROM jsonb_each(kept.attributes) AS one (name, value)
    WHERE jsonb_exists(was.attributes, one.name) OR one.value IS DISTINCT FROM now_is.attributes -> one.name), '{}') END"""

# What was changed since the merge stays changed; the rest is as it was.
UNFILL = f"""
UPDATE members kept SET ({_COLUMNS}) = ({
    ", ".join(
        f"CASE WHEN kept.{column} IS NOT DISTINCT FROM now_is.{column} THEN was.{column} ELSE kept.{column} END"
        if column != "attributes"
        else _LEFT
        for column in _FILLED
    )
})
FROM merges CROSS JOIN LATERAL jsonb_populate_record(NULL::members, moved -> 'before') AS was
CROSS JOIN LATERAL jsonb_populate_record(NULL::members, moved -> 'after') AS now_is
WHERE merges.id = ANY(:merges) AND kept.id = merges.kept_id
"""  # noqa: S608

FOLLOW = noting(
    "followers",
    """UPDATE members SET merged_into = m.kept_id FROM merges m
    WHERE m.id = ANY(:merges) AND (members.id = m.gone_id OR members.merged_into = m.gone_id)
    RETURNING m.id AS merge_id, members.id AS item""",
)
UNFOLLOW = """
UPDATE members SET merged_into = CASE WHEN members.id = m.gone_id THEN NULL ELSE m.gone_id END
FROM merges m CROSS JOIN LATERAL jsonb_array_elements_text(m.moved -> 'followers') AS moved (item)
WHERE m.id = ANY(:merges) AND members.id = CAST(moved.item AS bigint)
"""
