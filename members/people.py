"""Members and their addresses: saved in sets, found by key or id."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import Connection, func, or_, select, text

from database.tables import members
from members.addresses import (
    NORMALISERS,
    NormalisedAddress,
    fingerprint,
    normalise_email,
    normalise_openid,
    normalise_phone,
)
from members.erasure.refusing import erased_keys
from members.people_sql import (
    ANY_MERGED,
    COPY_ADDRESSES,
    COPY_PEOPLE,
    INSERT_NEW,
    LAND_ON_KEPT,
    LOCK_KNOWN,
    PREPARE,
    RETIRE_ADDRESSES,
    SAVE_ADDRESSES,
    UPDATE_KNOWN,
)
from members.person import Person, Saved, UnusableAddress, merge, person_problem
from members.reckoning import touch

__all__ = [
    "FoundMember",
    "NormalisedAddress",
    "Person",
    "Saved",
    "UnusableAddress",
    "find_member",
    "fingerprint",
    "normalise_email",
    "normalise_openid",
    "normalise_phone",
    "person_problem",
    "save_people",
]

Row = tuple[object, ...]
AddressRow = tuple[str, str, str, str, str | None]


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
    merged: dict[str, Person] = {}
    for person in people:
        known = merged.get(person.key)
        merged[person.key] = person if known is None else merge(known, person)
    erased = erased_keys(connection, merged, secret=secret)
    merged = {key: person for key, person in merged.items() if key not in erased}
    if not merged:
        return Saved(erased=tuple(sorted(erased)))
    for statement in PREPARE:
        connection.execute(text(statement))
    _copy(connection, COPY_PEOPLE, map(_person_row, merged.values()))
    addresses = _address_rows(merged.values(), secret)
    _copy(connection, COPY_ADDRESSES, addresses)
    if connection.execute(text(ANY_MERGED)).scalar_one():
        for statement in LAND_ON_KEPT:
            connection.execute(text(statement))
    new = set(connection.execute(text(INSERT_NEW), {"now": now}).scalar_one())
    touched: set[int] = set()
    if len(new) < len(merged):
        connection.execute(text(LOCK_KNOWN))
        touched.update(connection.execute(text(UPDATE_KNOWN), {"now": now}).scalar_one())
        connection.execute(text(RETIRE_ADDRESSES))
    touched.update(connection.execute(text(SAVE_ADDRESSES), {"now": now}).scalar_one())
    touch(connection, new | touched)
    changed = len(touched - new)
    return Saved(
        new=len(new),
        changed=changed,
        unchanged=len(merged) - len(new) - changed,
        unusable=tuple(
            UnusableAddress(key=key, channel=channel, address=address, problem=problem)
            for key, channel, address, _, problem in addresses
            if problem is not None
        ),
        erased=tuple(sorted(erased)),
    )


def _copy(connection: Connection, statement: str, rows: Iterable[Row]) -> None:
    """Send rows as CSV, which is written several times faster than row by row; None and "" are NULL."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(written.getvalue())


def _person_row(person: Person) -> Row:
    return (
        person.key,
        person.name,
        person.language,
        person.time_zone,
        person.tier,
        person.birth_year,
        person.birth_month,
        person.birth_day,
        person.birth_calendar,
        person.birth_leap_month,
        person.joined_at,
        json.dumps(dict(person.attributes), ensure_ascii=False, default=str) if person.attributes else None,
    )


def _address_rows(people: Iterable[Person], secret: bytes) -> list[AddressRow]:
    rows: list[AddressRow] = []
    for person in people:
        for channel, given in (("sms", person.phone), ("email", person.email), ("wechat", person.openid)):
            if given:
                found = NORMALISERS[channel](given)
                mark = f"\\x{fingerprint(secret, channel, found.address).hex()}"
                rows.append((person.key, channel, found.address, mark, found.problem))
    return rows


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
