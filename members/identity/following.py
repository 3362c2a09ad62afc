"""Where what is told about a merged row goes: to the row that its person has now."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ARRAY, BigInteger, Connection, bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement

from database.tables import members

_IDS = bindparam("told_ids", type_=ARRAY(BigInteger))
_MERGED = select(members.c.id, members.c.merged_into).where(
    members.c.id == func.any(_IDS), members.c.merged_into.is_not(None)
)


def kept_ids(connection: Connection, member_ids: Collection[int]) -> Mapping[int, int]:
    """Return, for those of these rows that were merged, the row that stands for their person now."""
    found = connection.execute(_MERGED, {"told_ids": list(member_ids)})
    return {row.id: row.merged_into for row in found}


def rows_of_person(connection: Connection, member_id: int) -> list[int]:
    """Return the ids of every row of this member's person, the one that stands for them first."""
    kept = kept_ids(connection, [member_id]).get(member_id, member_id)
    others = select(members.c.id).where(members.c.merged_into == kept).order_by(members.c.id)
    return [kept, *connection.execute(others).scalars()]


def rows_that_are(member_id: ColumnElement[int]) -> ColumnElement[Sequence[int]]:
    """Return the ids of this row and of those merged into it, for what must see all that one person got."""
    gone = members.alias("gone_row")
    merged = select(gone.c.id).where(gone.c.merged_into == member_id).correlate_except(gone).scalar_subquery()
    return func.array_append(func.array(merged), member_id)
