"""Members and their addresses: saved in sets, found by key or id."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import Connection, or_, select, text

from database.tables import members
from members.addresses import (
    NormalisedAddress,
    fingerprint,
    normalise_email,
    normalise_openid,
    normalise_phone,
)
from members.people_rows import PreparedPeople, prepare_people
from members.people_sql import (
    COPY_ADDRESSES,
    COPY_IDENTIFIERS,
    COPY_PEOPLE,
    INSERT_NEW,
    LIST_CONFLICTS,
    LOCK_KNOWN,
    PREPARE,
    RETIRE_ADDRESSES,
    SAVE_ADDRESSES,
    SAVE_FIRST_ADDRESSES,
    SAVE_IDENTIFIERS,
    TAKEN_IDENTIFIERS,
    UPDATE_AND_REMEMBER,
    UPDATE_KNOWN,
)
from members.person import Person, Saved, TakenIdentifier, UnusableAddress, person_problem
from members.reckoning import touch

__all__ = [
    "FoundMember",
    "NormalisedAddress",
    "Person",
    "PreparedPeople",
    "Saved",
    "UnusableAddress",
    "find_member",
    "fingerprint",
    "normalise_email",
    "normalise_openid",
    "normalise_phone",
    "person_problem",
    "prepare_people",
    "save_people",
    "save_prepared",
]


@dataclass(frozen=True, kw_only=True)
class FoundMember:
    """The member a person at the keyboard means."""

    id: int
    key: str
    name: str


def save_people(connection: Connection, people: Iterable[Person], *, now: datetime, secret: bytes) -> Saved:
    """Insert those who are new, change what differs, and leave the rest alone, in a handful of statements.

    Ask ``person_problem`` of each first.  A key that comes twice is merged, the later telling winning
    field by field.  An address that differs becomes the current one; one that cannot be used is kept
    with its problem.  Consent is never touched.  Rows are locked in the order of their ids, so that
    two savers cannot deadlock.
    """
    return save_prepared(connection, prepare_people(people, secret=secret), now=now)


def save_prepared(connection: Connection, people: PreparedPeople, *, now: datetime, remember: bool = False) -> Saved:
    """Save people whose rows are made already, as ``save_people`` does.

    With ``remember`` the session's table ``incoming_changes`` holds, until the transaction ends, what
    every member who was known before had in each field that changed, and has now.
    """
    if not people.count:
        return Saved()
    for statement in PREPARE:
        connection.execute(text(statement))
    _copy(connection, COPY_PEOPLE, people.people)
    _copy(connection, COPY_ADDRESSES, people.addresses)
    new: list[int] = connection.execute(text(INSERT_NEW), {"now": now}).scalar_one()
    told = {"now": now, "new": new}
    touched: set[int] = set()
    if new:
        connection.execute(text(SAVE_FIRST_ADDRESSES), told)
    if len(new) < people.count:
        connection.execute(text(LOCK_KNOWN))
        update = UPDATE_AND_REMEMBER if remember else UPDATE_KNOWN
        touched.update(connection.execute(text(update), told).scalar_one())
        connection.execute(text(RETIRE_ADDRESSES))
        touched.update(connection.execute(text(SAVE_ADDRESSES), told).scalar_one())
    taken: tuple[TakenIdentifier, ...] = ()
    if people.identifiers:
        _copy(connection, COPY_IDENTIFIERS, people.identifiers)
        touched.update(connection.execute(text(SAVE_IDENTIFIERS), {"now": now}).scalar_one())
        taken = _taken_identifiers(connection, now)
    changed = len(touched.difference(new))
    touch(connection, touched.union(new))
    return Saved(
        new=len(new),
        changed=changed,
        unchanged=people.count - len(new) - changed,
        unusable=people.unusable,
        taken=taken,
        new_ids=tuple(new),
    )


def _copy(connection: Connection, statement: str, rows: str) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows)


def _taken_identifiers(connection: Connection, now: datetime) -> tuple[TakenIdentifier, ...]:
    """Find what was told of a member and is another's, and list the pairs for a person to decide."""
    found = connection.execute(text(TAKEN_IDENTIFIERS)).all()
    if found:
        pairs = {
            "first_ids": [min(row.id, row.other_id) for row in found],
            "second_ids": [max(row.id, row.other_id) for row in found],
            "kinds": [row.kind for row in found],
        }
        connection.execute(text(LIST_CONFLICTS), {**pairs, "now": now})
    return tuple(
        TakenIdentifier(key=row.key, kind=row.kind, value=row.value, other_key=row.other_key) for row in found
    )


def find_member(connection: Connection, key_or_id: str | int) -> FoundMember | None:
    """Find a member by the CRM's key or, where no key is so written, by our id; None: there is none."""
    written = str(key_or_id)
    is_id = written.isascii() and written.isdigit() and len(written) <= 18
    rows = connection.execute(
        select(members.c.id, members.c.key, members.c.name).where(
            or_(members.c.key == written, members.c.id == int(written)) if is_id else members.c.key == written
        )
    ).all()
    best = sorted(rows, key=lambda row: row.key != written)[:1]
    return FoundMember(id=best[0].id, key=best[0].key, name=best[0].name) if best else None
