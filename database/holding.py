"""Let what is decided about a member be decided by one transaction at a time."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, Connection, bindparam, func, select

_wanted = func.unnest(bindparam("members", type_=ARRAY(BigInteger))).column_valued("member_id")
_ordered = select(_wanted.label("member_id")).distinct().order_by("member_id").subquery()
_HOLD = select(func.count(func.pg_advisory_xact_lock(_ordered.c.member_id)))


def hold_members(connection: Connection, member_ids: Sequence[int]) -> None:
    """Wait for and keep the right to decide about these members until the transaction ends.

    Taken before a send is marked and before a consent is withdrawn or an address
    suppressed: whichever commits first is seen by the other, so no call can follow a
    withdrawal that was committed before its mark, and frequency caps count every
    message.  Members are held in one order, so nobody waits in a ring.
    """
    connection.execute(_HOLD, {"members": list(member_ids)})
