"""Find rows that look like one person: certain pairs, and those that a person must decide.

What decides, in this order:

- the same unionid, card number or WeChat openid: certain, whatever else differs;
- the same phone number or email, usable and current: certain, unless it speaks of a household: both have a
  birthday and these differ, both have a name and these differ, or more than five rows share the address;
- what was decided to be apart stays apart, also as part of another row.

The row that stays is the one that joined first; without such a day, the one made first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

#: Rows that share one address are looked at two by two up to this many; of more, each is compared with the first.
CROWD = 5

_PAIRS = """
WITH apart AS MATERIALIZED (
    SELECT DISTINCT least(first_row, second_row) AS first_id, greatest(first_row, second_row) AS second_id
    FROM merge_conflicts c JOIN members f ON f.id = c.first_id JOIN members s ON s.id = c.second_id
    CROSS JOIN LATERAL (SELECT coalesce(f.merged_into, f.id) AS first_row, coalesce(s.merged_into, s.id) AS second_row) AS stands
    WHERE c.decision = 'apart'
), living AS (
    SELECT id, joined_at, lower(regexp_replace(name, '\\s', '', 'g')) AS name, birth_year, birth_month, birth_day, birth_calendar
    FROM members WHERE erased_at IS NULL AND merged_into IS NULL
), marks AS (
    SELECT member_id, channel AS kind, encode(fingerprint, 'hex') AS mark FROM addresses WHERE is_current AND problem IS NULL
    UNION ALL SELECT member_id, kind, account || chr(31) || value FROM identifiers
), shared AS (
    SELECT kind, mark FROM marks JOIN living ON living.id = member_id GROUP BY kind, mark HAVING count(DISTINCT member_id) > 1
), holders AS (
    SELECT kind, mark, living.*, count(*) OVER together AS many,
        row_number() OVER (PARTITION BY kind, mark ORDER BY joined_at NULLS LAST, id) AS place
    FROM shared JOIN marks USING (kind, mark) JOIN living ON living.id = member_id WINDOW together AS (PARTITION BY kind, mark)
), pairs AS (
    SELECT a.kind, a.id AS kept_id, b.id AS gone_id,
        CASE WHEN a.kind IN ('unionid', 'card', 'wechat') THEN NULL
             WHEN a.birth_calendar = b.birth_calendar AND (
                (a.birth_month, a.birth_day) <> (b.birth_month, b.birth_day) OR a.birth_year <> b.birth_year) THEN 'birthday'
             WHEN a.name <> '' AND b.name <> '' AND a.name <> b.name THEN 'name'
             WHEN a.many > :crowd THEN 'crowd' END AS problem
    FROM holders a JOIN holders b ON b.kind = a.kind AND b.mark = a.mark AND b.place > a.place
    WHERE a.many <= :crowd OR a.place = 1
)
SELECT DISTINCT ON (kept_id, gone_id) kept_id, gone_id, kind AS matched_by, problem
FROM pairs WHERE NOT EXISTS (
    SELECT FROM apart WHERE apart.first_id = least(kept_id, gone_id) AND apart.second_id = greatest(kept_id, gone_id))
ORDER BY kept_id, gone_id, problem IS NOT NULL,
    array_position(ARRAY['unionid', 'card', 'wechat', 'sms', 'email'], kind)
"""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two rows that share something only one person has."""

    kept_id: int  #: the row that would stay
    gone_id: int
    matched_by: str  #: unionid, card, wechat, sms, email; person: somebody said so
    problem: str | None = None  #: why it is not plain: birthday, name, crowd; None: it is certain


def find_duplicates(connection: Connection) -> list[Pair]:
    """Return every pair of rows that look like one person, each once, by what is most certain of it."""
    rows = connection.execute(text(_PAIRS), {"crowd": CROWD})
    return [Pair(**row) for row in rows.mappings()]


def first_round(pairs: Sequence[Pair]) -> list[Pair]:
    """Return certain pairs of which no two have a row in common, those that joined first before others.

    Merging them and looking again, until nothing is found, merges whoever is one by way of a third.
    """
    taken: set[int] = set()
    chosen = []
    later = {pair.gone_id for pair in pairs if pair.problem is None}
    certain = (pair for pair in pairs if pair.problem is None)
    for pair in sorted(certain, key=lambda pair: (pair.kept_id in later, pair.kept_id, pair.gone_id)):
        if not taken & {pair.kept_id, pair.gone_id}:
            taken |= {pair.kept_id, pair.gone_id}
            chosen.append(pair)
    return chosen
