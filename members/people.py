"""Members and their addresses: saved in sets, found by key or id."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import Connection, func, or_, select, text

from database.tables import members
from language.problems import refuse
from members.addresses import (
    NormalisedAddress,
    fingerprint,
    normalise_email,
    normalise_openid,
    normalise_phone,
)
from members.erasure.refusing import erased_keys
from members.people_rows import PreparedPeople, prepare_people
from members.people_sql import (
    ANY_MERGED,
    COPY_ADDRESSES,
    COPY_IDENTIFIERS,
    COPY_PEOPLE,
    INSERT_NEW,
    LAND_ON_KEPT,
    LEAVE_OUT,
    LOCK_KNOWN,
    PREPARE,
    RETIRE_ADDRESSES,
    SAVE_ADDRESSES,
    SAVE_FIRST_ADDRESSES,
    SAVE_IDENTIFIERS,
    SHARED_IDENTIFIERS,
    TOLD_OF_GONE,
    UPDATE_AND_REMEMBER,
    UPDATE_KNOWN,
)
from members.person import Person, Saved, SharedIdentifier, UnusableAddress, person_problem
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
    with its problem.  What is told of a row that was merged is kept with the row its person has now; who
    was erased is not taken in again.  Consent is never touched.  Rows are locked in the order of their ids, so that
    two savers cannot deadlock.
    """
    return save_prepared(connection, prepare_people(people, secret=secret), now=now, secret=secret)


def save_prepared(
    connection: Connection, people: PreparedPeople, *, now: datetime, secret: bytes, remember: bool = False
) -> Saved:
    """Save people whose rows are made already, as ``save_people`` does.

    With ``remember`` the session's table ``incoming_changes`` holds, until the transaction ends, what
    every member who was known before had in each field that changed, and has now.
    """
    if not people.count:
        return Saved()
    erased = _copy_all(connection, people, secret)
    new: list[int] = connection.execute(text(INSERT_NEW), {"now": now}).scalar_one()
    told = {"now": now, "new": new}
    touched: set[int] = set()
    if new:
        connection.execute(text(SAVE_FIRST_ADDRESSES), told)
    if len(new) < people.count - len(erased):
        _lock_known(connection)
        update = UPDATE_AND_REMEMBER if remember else UPDATE_KNOWN
        touched.update(connection.execute(text(update), told).scalar_one())
        connection.execute(text(RETIRE_ADDRESSES))
        touched.update(connection.execute(text(SAVE_ADDRESSES), told).scalar_one())
    shared: tuple[SharedIdentifier, ...] = ()
    if people.identifiers:
        touched.update(connection.execute(text(SAVE_IDENTIFIERS), {"now": now}).scalar_one())
        shared = _shared_identifiers(connection)
    changed = len(touched.difference(new))
    touch(connection, touched.union(new))
    return Saved(
        new=len(new),
        changed=changed,
        unchanged=people.count - len(erased) - len(new) - changed,
        unusable=people.unusable,
        shared=shared,
        new_ids=tuple(new),
        erased=tuple(sorted(erased)),
    )


def _copy_all(connection: Connection, people: PreparedPeople, secret: bytes) -> set[str]:
    """Put people into this session's tables, with the rows they have now; return who was erased and left out."""
    for statement in PREPARE:
        connection.execute(text(statement))
    _copy(connection, COPY_PEOPLE, people.people)
    _copy(connection, COPY_ADDRESSES, people.addresses)
    if people.identifiers:
        _copy(connection, COPY_IDENTIFIERS, people.identifiers)
    erased = erased_keys(connection, people.keys, secret=secret)
    if erased:
        for statement in LEAVE_OUT:
            connection.execute(text(statement), {"keys": list(erased)})
    if connection.execute(text(ANY_MERGED)).scalar_one():
        for statement in LAND_ON_KEPT:
            connection.execute(text(statement))
    return erased


def _lock_known(connection: Connection) -> None:
    """Wait for whoever is at the rows of those known before; what a merge that ended meanwhile merged lands on its kept row."""
    connection.execute(text(LOCK_KNOWN))
    while connection.execute(text(TOLD_OF_GONE)).scalar_one():
        for statement in LAND_ON_KEPT:
            connection.execute(text(statement))
        connection.execute(text(LOCK_KNOWN))


def _copy(connection: Connection, statement: str, rows: str) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows)


def _shared_identifiers(connection: Connection) -> tuple[SharedIdentifier, ...]:
    """Find what was told of a member and is another's too."""
    return tuple(SharedIdentifier(**row) for row in connection.execute(text(SHARED_IDENTIFIERS)).mappings())


def find_member(connection: Connection, key_or_id: str | int) -> FoundMember | None:
    """Find a member by the CRM's key or, where no key is so written, by our id; None: there is none.

    For a row that was merged, the one its person has now is found.
    """
    written = str(key_or_id)
    is_id = written.isascii() and written.isdigit() and len(written) <= 18
    named, stands = members.alias("named"), members.alias("stands")
    rows = connection.execute(
        select(stands.c.id, stands.c.key, stands.c.name, named.c.key.label("asked"))
        .join_from(named, stands, stands.c.id == func.coalesce(named.c.merged_into, named.c.id))
        .where(or_(named.c.key == written, named.c.id == int(written)) if is_id else named.c.key == written)
    ).all()
    best = sorted(rows, key=lambda row: row.asked != written)[:1]
    return FoundMember(id=best[0].id, key=best[0].key, name=best[0].name) if best else None


def the_member(connection: Connection, key_or_id: str | int) -> FoundMember:
    """Find a member as ``find_member`` does.

    Raises:
        InputRefused: there is none.
    """
    found = find_member(connection, key_or_id)
    if found is None:
        raise refuse("there is no member {key}", key=key_or_id)
    return found
