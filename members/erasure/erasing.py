"""Erase members: write over everything that speaks of them, and keep that they were erased.

What is under way for them is ended before, by ``journeys/parting.py``, which calls this in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from database.member_tables import erasures
from database.tables import members
from members.erasure.log import Erasure, read_log
from members.erasure.refusing import key_fingerprint
from members.erasure.register import HELD, NOT_SHARED

#: How long reports of messages that were on their way may still come, and are cleared.
CLEARED_FOR = timedelta(days=30)

# The stop by keyed hash outlives the address; a shared one is left to the other who has it.
_STOP = f"""
INSERT INTO suppressions (channel, fingerprint, reason, source, created_at)
SELECT DISTINCT ON (a.channel, a.fingerprint) a.channel, a.fingerprint, 'erased', 'erasure:' || e.id, CAST(:now AS timestamptz)
FROM addresses a JOIN erasures e ON e.member_id = a.member_id JOIN members ON members.id = a.member_id
WHERE a.member_id = ANY(:ids) AND members.erased_at IS NULL AND {NOT_SHARED.format(table="a")}
ORDER BY a.channel, a.fingerprint ON CONFLICT DO NOTHING
"""  # noqa: S608

_MARK = "UPDATE members SET erased_at = :now, updated_at = :now WHERE id = ANY(:ids) AND erased_at IS NULL"

_PERSON = """
SELECT id FROM members WHERE id = ANY(:ids) OR merged_into = ANY(:ids)
    OR id IN (SELECT merged_into FROM members WHERE id = ANY(:ids))
    OR merged_into IN (SELECT merged_into FROM members WHERE id = ANY(:ids)) ORDER BY id
"""


def whole_persons(connection: Connection, member_ids: Sequence[int]) -> list[int]:
    """Return these members and every row that was merged with one of theirs."""
    return list(connection.execute(text(_PERSON), {"ids": list(member_ids)}).scalars())


def erase_data(
    connection: Connection, member_ids: Sequence[int], *, reason: str, secret: bytes, now: datetime
) -> list[Erasure]:
    """Write over everything kept about these members, who are held; return the new entries of the log.

    Repeating it adds nothing to the log and clears what has come since.
    """
    new = _log(connection, member_ids, reason, secret, now)
    connection.execute(text(_STOP), {"ids": list(member_ids), "now": now})
    clear(connection, member_ids)
    connection.execute(text(_MARK), {"ids": list(member_ids), "now": now})
    return read_log(connection, new)


def _log(connection: Connection, member_ids: Sequence[int], reason: str, secret: bytes, now: datetime) -> list[int]:
    known = connection.execute(
        select(members.c.id, members.c.key).where(members.c.id.in_(member_ids), members.c.erased_at.is_(None))
    ).all()
    rows = [
        {"member_id": row.id, "fingerprint": key_fingerprint(secret, row.key), "reason": reason, "erased_at": now}
        for row in known
    ]
    if rows:
        connection.execute(upsert(erasures).on_conflict_do_nothing(), rows)
    return [row.id for row in known]


def clear(connection: Connection, member_ids: Sequence[int], *, again: bool = False) -> None:
    """Delete and write over what the register says, in its order; ``again``: what has come since."""
    for table, held in HELD.items():
        if again and held.once:
            continue
        where = f"({held.whose})" + (f" AND {held.unless}" if held.unless else "")
        statement = None
        if held.goes:
            statement = f"DELETE FROM {table} WHERE {where}"  # noqa: S608 - Every word is the register's.
        elif held.blanked:
            written = ", ".join(f"{column} = {value}" for column, value in held.blanked.items())
            statement = f"UPDATE {table} SET {written} WHERE {where}"  # noqa: S608
        if statement:
            connection.execute(text(statement), {"ids": list(member_ids)})


def clear_what_came_since(connection: Connection, *, now: datetime) -> None:
    """Clear again those erased of late: a provider may report on a message that was on its way."""
    late = select(erasures.c.member_id).where(erasures.c.erased_at > now - CLEARED_FOR, erasures.c.member_id.is_not(None))
    ids = list(connection.execute(late).scalars())
    if ids:
        clear(connection, ids, again=True)
