"""Let what is decided about a member be decided by one transaction at a time."""

from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, BigInteger, Connection, bindparam, func, select, text

_wanted = func.unnest(bindparam("members", type_=ARRAY(BigInteger))).column_valued("member_id")
_ordered = select(_wanted.label("member_id")).distinct().order_by("member_id").subquery()
_HOLD = select(func.count(func.pg_advisory_xact_lock(_ordered.c.member_id)))
_HOLD_TOLD = text("""
SELECT count(*) FROM (
    SELECT FROM members WHERE id IN (
        SELECT unnest(ARRAY[id, merged_into]) FROM members WHERE key = ANY(:keys)
    ) ORDER BY id FOR KEY SHARE
) AS held
""")


def hold_members(connection: Connection, member_ids: Sequence[int]) -> None:
    """Wait for and keep the right to decide about these members until the transaction ends.

    Taken before a send is marked and before a consent is withdrawn or an address
    suppressed: whichever commits first is seen by the other, so no call can follow a
    withdrawal that was committed before its mark, and frequency caps count every
    message.  Members are held in one order, so nobody waits in a ring.
    """
    connection.execute(_HOLD, {"members": list(member_ids)})


def hold_told(connection: Connection, keys: Collection[str]) -> None:
    """Hold the members of these keys, and those whom their rows were merged into, as foreign keys would after writing.

    Whoever merges or erases them is waited for, and waits until the transaction ends; whoever else tells
    something of them does not.
    """
    connection.execute(_HOLD_TOLD, {"keys": list(keys)})
