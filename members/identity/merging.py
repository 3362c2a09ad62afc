"""Merge rows that are one person: what one has goes to the other, noted so that it finds the way back.

This is the members' side.  What is under way in campaigns and journeys follows in ``journeys/merging.py``,
in the same transaction; call that one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from database.holding import hold_members
from language.problems import refuse
from members.identity.answers import bring_answers
from members.identity.duplicates import Pair
from members.identity.moving_sql import (
    BELONGINGS,
    FILL_BLANKS,
    FOLLOW,
    MOVE_ADDRESSES,
    NOTE_AFTER,
    NOTE_BEFORE,
    WORKED_OUT,
    put_aside,
)
from members.identity.totals import count_again
from members.reckoning import touch
from members.segments.storing import hold_definitions

#: How long a merge can be taken back; after that what it moved is forgotten.
UNDONE_WITHIN = timedelta(days=30)

# Ways under way before members, as whoever takes a step holds them; then rows, so that whoever is telling
# something about them is waited for; totals in the order all writers take.
LOCKS = (
    "SELECT count(*) FROM (SELECT FROM enrolments WHERE member_id = ANY(:ids) AND state = 'active' ORDER BY id FOR UPDATE) AS held",
    "SELECT count(*) FROM (SELECT FROM members WHERE id = ANY(:ids) ORDER BY id FOR UPDATE) AS held",
    "SELECT count(*) FROM (SELECT FROM facts WHERE member_id = ANY(:ids) ORDER BY member_id, event FOR UPDATE) AS held",
)

_BEGIN = """
INSERT INTO merges (kept_id, gone_id, matched_by, decided_by, merged_at)
SELECT told.kept_id, told.gone_id, told.matched_by, :by, :now
FROM unnest(CAST(:kept AS bigint[]), CAST(:gone AS bigint[]), CAST(:marks AS text[])) AS told (kept_id, gone_id, matched_by)
JOIN members k ON k.id = told.kept_id JOIN members g ON g.id = told.gone_id
WHERE k.merged_into IS NULL AND g.merged_into IS NULL AND k.erased_at IS NULL AND g.erased_at IS NULL
ORDER BY told.kept_id RETURNING id
"""

_DECIDED = """
UPDATE merge_conflicts c SET decided_at = :now, decision = 'merged' FROM merges m
WHERE m.id = ANY(:merges) AND c.first_id = least(m.kept_id, m.gone_id) AND c.second_id = greatest(m.kept_id, m.gone_id)
"""

_FORGET = "UPDATE merges SET moved = '{}' WHERE merged_at < :before AND moved <> '{}'"


def begin_merges(connection: Connection, pairs: Sequence[Pair], *, by: str, now: datetime) -> list[int]:
    """Hold the rows of these pairs and begin a merge for each that can be; return the merges' numbers.

    Raises:
        InputRefused: two of the pairs have a row in common.
    """
    ids = [each for pair in pairs for each in (pair.kept_id, pair.gone_id)]
    if len(set(ids)) != len(ids):
        raise refuse("a row can be merged with one other at a time")
    hold_rows(connection, ids)
    told = {
        "kept": [pair.kept_id for pair in pairs],
        "gone": [pair.gone_id for pair in pairs],
        "marks": [pair.matched_by for pair in pairs],
    }
    return list(connection.execute(text(_BEGIN), {**told, "by": by, "now": now}).scalars())


def hold_rows(connection: Connection, ids: Sequence[int]) -> None:
    """Wait for whoever decides about these members or tells something of them, and keep others waiting."""
    hold_definitions(connection)
    hold_members(connection, ids)
    for statement in LOCKS:
        connection.execute(text(statement), {"ids": list(ids)})


def move_belongings(connection: Connection, merges: Sequence[int], *, now: datetime) -> None:
    """Give everything that the rows that go have to those that stay, and let them stand for both."""
    bring_answers(connection, merges, now=now)
    statements = [NOTE_BEFORE, FILL_BLANKS, NOTE_AFTER, MOVE_ADDRESSES, *(each.move for each in BELONGINGS)]
    for statement in (*statements, *map(put_aside, WORKED_OUT), FOLLOW, _DECIDED):
        connection.execute(text(statement), {"merges": list(merges), "now": now})
    reckon_again(connection, merges)


def reckon_again(connection: Connection, merges: Sequence[int]) -> None:
    """Make the totals of both rows again from the events each has now, and touch them."""
    found = "SELECT kept_id FROM merges WHERE id = ANY(:merges) UNION SELECT gone_id FROM merges WHERE id = ANY(:merges)"
    ids = list(connection.execute(text(found), {"merges": list(merges)}).scalars())
    count_again(connection, ids)
    touch(connection, ids)


def forget_old_merges(connection: Connection, *, now: datetime) -> None:
    """Forget what merges moved that can no longer be taken back."""
    connection.execute(text(_FORGET), {"before": now - UNDONE_WITHIN})
