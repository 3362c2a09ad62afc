"""Go through all members in batches, in the order of their ids, so that those who hold members wait in one line."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, select, text

from database.engine import Database
from database.tables import members

AT_ONCE = 5_000  #: members a statement looks at
Item = TypeVar("Item")

_TOUCH = "INSERT INTO touched_members (member_id) SELECT DISTINCT unnest(CAST(:ids AS bigint[]))"
_HOLD = "SELECT id FROM members WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"


def hold(connection: Connection, member_ids: Sequence[int]) -> None:
    """Hold members as reckoning does, until the transaction ends."""
    connection.execute(text(_HOLD), {"ids": list(member_ids)})


def look_again(connection: Connection, member_ids: Sequence[int]) -> None:
    """Touch members from within what reckoning rests on, which cannot ask it to."""
    if member_ids:
        connection.execute(text(_TOUCH), {"ids": list(member_ids)})


def in_batches(items: Sequence[Item], at_once: int = AT_ONCE) -> Iterator[list[Item]]:
    """Yield items a batch at a time, in their order."""
    for start in range(0, len(items), at_once):
        yield list(items[start : start + at_once])


def everybody(connection: Connection) -> Iterator[list[int]]:
    """Yield the ids of all members a batch at a time."""
    last = 0
    while ids := _next_ids(connection, last):
        yield ids
        last = ids[-1]


def for_everybody(
    database: Database, do: Callable[[Connection, list[int]], int], progress: Callable[[int], None] = lambda _: None
) -> int:
    """Do something for all members, who are held, each batch in a transaction of its own; return the sum of answers."""
    found, last = 0, 0
    while True:
        with database.transaction() as connection:
            ids = _next_ids(connection, last)
            if not ids:
                return found
            hold(connection, ids)
            found += do(connection, ids)
        last = ids[-1]
        progress(len(ids))


def _next_ids(connection: Connection, last: int) -> list[int]:
    found = select(members.c.id).where(members.c.id > last, members.c.erased_at.is_(None), members.c.merged_into.is_(None))
    return list(connection.execute(found.order_by(members.c.id).limit(AT_ONCE)).scalars())
