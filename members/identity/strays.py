"""What was being told about a row in the very moment it was merged follows the others."""

from collections.abc import Collection

from sqlalchemy import Connection, text

from members.identity.totals import count_again

_BRING = """
UPDATE events SET member_id = m.merged_into FROM members m
WHERE m.id = ANY(:ids) AND m.merged_into IS NOT NULL AND events.member_id = m.id RETURNING m.id, m.merged_into
"""


def bring_strays(connection: Connection, touched: Collection[int]) -> None:
    """Give events of rows that stand for nobody any more to those that stand for their person.

    Whoever told them had looked before the merge was committed and wrote after.
    """
    rows = connection.execute(text(_BRING), {"ids": list(touched)}).all()
    if not rows:
        return
    count_again(connection, sorted({each for row in rows for each in row}))
    again = "INSERT INTO touched_members (member_id) SELECT DISTINCT unnest(CAST(:ids AS bigint[]))"
    connection.execute(text(again), {"ids": [row.merged_into for row in rows]})
