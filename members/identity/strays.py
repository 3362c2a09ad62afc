"""What was being told about a row in the very moment it was merged follows the others."""

from collections.abc import Collection

from sqlalchemy import Connection, text

from members.everybody import look_again
from members.identity.totals import count_again
from members.segments.storing import hold_definitions

_STRAYS = """
SELECT m.id, m.merged_into FROM members m
WHERE m.id = ANY(:ids) AND m.merged_into IS NOT NULL AND EXISTS (SELECT FROM events WHERE events.member_id = m.id)
"""
# Against those who tell events too, who hold their members only as a foreign key does.
_HOLD = "SELECT id FROM members WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"
_BRING = """
UPDATE events SET member_id = m.merged_into FROM members m
WHERE m.id = ANY(:ids) AND m.merged_into = ANY(:held) AND events.member_id = m.id RETURNING m.id, m.merged_into
"""


def bring_strays(connection: Connection, member_ids: Collection[int]) -> None:
    """Give events of rows that stand for nobody any more to those that stand for their person.

    Whoever told them had looked before the merge was committed and wrote after.  All these members are held before
    anything is written, together with those who stand for them: totals made anew must meet nobody who adds to them.
    """
    strays = connection.execute(text(_STRAYS), {"ids": list(member_ids)}).all()
    if not strays:
        return
    hold_definitions(connection)
    held = sorted({*member_ids, *(row.merged_into for row in strays)})
    connection.execute(text(_HOLD), {"ids": held})
    rows = connection.execute(text(_BRING), {"ids": [row.id for row in strays], "held": held}).all()
    if rows:
        count_again(connection, sorted({each for row in rows for each in row}))
    left = {row.id for row in strays} - {row.id for row in rows}  # Merged on, or unmerged, while they were waited for.
    look_again(connection, sorted({*(row.merged_into for row in rows), *left}))
