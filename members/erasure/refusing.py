"""Whoever was erased is not taken in again by the next file, unless somebody lifts it on purpose."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, exists, select, update

from database.holding import hold_told
from database.member_tables import erasures
from database.tables import suppressions
from language.problems import Problem
from members.addresses import fingerprint

#: Why a row about somebody erased is refused, for whoever tells it.
ERASED = "this member was erased and is not taken in again; to lift that on purpose: tidings members readmit"
ERASED_PROBLEM = Problem(sentence=ERASED, field="key")

_ANY = select(exists().where(erasures.c.lifted_at.is_(None)))


def key_fingerprint(secret: bytes, key: str) -> bytes:
    """Return the keyed hash by which a member's key is known after its erasure."""
    return fingerprint(secret, "member", key)


def erased_keys(connection: Connection, keys: Collection[str], *, secret: bytes) -> set[str]:
    """Return those of these keys whose member was erased and not readmitted; of the others nobody is erased until we commit.

    Whoever erases them at this moment is waited for: their key would be gone, and they would be made anew under it.
    """
    if not keys:
        return set()
    hold_told(connection, keys)
    if not connection.execute(_ANY).scalar_one():
        return set()
    marks = {key_fingerprint(secret, key): key for key in keys}
    found = select(erasures.c.fingerprint).where(
        erasures.c.fingerprint.in_(list(marks)), erasures.c.lifted_at.is_(None)
    )
    return {marks[bytes(mark)] for mark in connection.execute(found).scalars()}


def readmit(connection: Connection, key: str, *, secret: bytes, now: datetime) -> bool:
    """Let somebody of this key come in again, as somebody new; return whether an erasure stood against it.

    The addresses they had when they were erased are taken off the suppression list, where
    erasure alone had put them there.  No consent comes back.
    """
    lifted = (
        update(erasures)
        .where(erasures.c.fingerprint == key_fingerprint(secret, key), erasures.c.lifted_at.is_(None))
        .values(lifted_at=now)
        .returning(erasures.c.id)
    )
    ids = list(connection.execute(lifted).scalars())
    sources = [source_of(erasure_id) for erasure_id in ids]
    connection.execute(
        delete(suppressions).where(suppressions.c.reason == "erased", suppressions.c.source.in_(sources))
    )
    return bool(ids)


def source_of(erasure_id: int) -> str:
    """Return the source of the suppressions that an erasure made."""
    return f"erasure:{erasure_id}"
