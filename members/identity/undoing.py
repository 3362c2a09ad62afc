"""Take a merge back: what it moved returns, what came since stays with the row that stayed.

The members' side; ``journeys/merging.py`` does the rest in the same transaction, and is what to call.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from language.problems import refuse
from members.identity.answers import take_answers_back
from members.identity.merging import UNDONE_WITHIN, hold_rows, reckon_again
from members.identity.moving_sql import (
    BELONGINGS,
    TAKE_ADDRESSES_BACK,
    UNFILL,
    UNFOLLOW,
    WORKED_OUT,
    put_back,
)

_FOUND = """
SELECT m.*, k.merged_into, k.erased_at, (
    SELECT max(later.id) FROM merges later WHERE later.kept_id = m.kept_id AND later.id > m.id AND later.undone_at IS NULL
) AS later FROM merges m JOIN members k ON k.id = m.kept_id WHERE m.id = :merge
"""


# Or the next look for duplicates would find the two certain again.
_APART = """
INSERT INTO merge_conflicts (first_id, second_id, matched_by, problem, found_at, decided_at, decision)
SELECT least(kept_id, gone_id), greatest(kept_id, gone_id), matched_by, 'undone', :now, :now, 'apart'
FROM merges WHERE id = ANY(:merges)
ON CONFLICT (first_id, second_id) DO UPDATE SET decided_at = :now, decision = 'apart'
"""


def begin_undoing(connection: Connection, merge_id: int, *, now: datetime) -> None:
    """Hold both rows of a merge that can be taken back.

    Raises:
        InputRefused: there is no such merge, it was taken back, it is too old, one of its rows was
            erased, or the row that stayed was itself merged since.
    """
    rows = connection.execute(text("SELECT kept_id, gone_id FROM merges WHERE id = :merge"), {"merge": merge_id}).all()
    if not rows:
        raise refuse("there is no merge {id}", id=merge_id)
    hold_rows(connection, list(rows[0]))
    found = connection.execute(text(_FOUND), {"merge": merge_id}).one()
    if found.undone_at is not None:
        raise refuse("merge {id} was taken back already", id=merge_id)
    if found.erased_at is not None:
        raise refuse("the member of merge {id} was erased; there is nothing to give back", id=merge_id)
    if found.merged_at < now - UNDONE_WITHIN or not found.moved:
        raise refuse("merge {id} is older than {days} days and stays", id=merge_id, days=UNDONE_WITHIN.days)
    if found.merged_into is not None:
        raise refuse("the row that stayed in merge {id} was merged itself since; take that merge back first", id=merge_id)
    if found.later is not None:
        raise refuse("merge {later} into the same row came after merge {id}; take that one back first", id=merge_id, later=found.later)


def return_belongings(connection: Connection, merge_id: int, *, now: datetime) -> None:
    """Give back what the merge moved, let both rows stand for themselves, and note that they are two."""
    told = {"merges": [merge_id], "now": now}
    back = [TAKE_ADDRESSES_BACK, *(each.take_back for each in BELONGINGS), *map(put_back, WORKED_OUT)]
    for statement in (*back, UNFILL, UNFOLLOW):
        connection.execute(text(statement), told)
    take_answers_back(connection, [merge_id], now=now)
    connection.execute(text("UPDATE merges SET undone_at = :now WHERE id = ANY(:merges)"), told)
    connection.execute(text(_APART), told)
    reckon_again(connection, [merge_id])
