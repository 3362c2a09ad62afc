"""An import taken back: members it made are emptied, what it changed goes back, its consents are answered.

Only what nobody has touched since is taken back; the rest is left and counted.  A command that was
killed goes on when it is given again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Text, cast, func, literal, not_, or_, select, text, true

from database.engine import Database
from database.every_table import metadata
from database.holding import hold_members
from database.member_tables import identifiers, imports
from database.tables import addresses, events, members
from language.problems import refuse
from members.consent import NewConsent, record_consents
from members.import_keeping import KEPT_FOR
from members.import_undoing_sql import (
    EMPTY_ADDRESSES,
    IMPORTS,
    ITS_CHANGES,
    ITS_CONSENTS,
    MADE,
    RESTORE_FIELDS,
    RETIRE_TOLD_ADDRESSES,
    RETURN_ADDRESSES,
    TAKE_IDENTIFIERS,
    TOLD_MARKS,
    WHOSE_CONSENTS,
)
from members.reckoning import touch
from members.segments.storing import hold_definitions

BATCH = 5000
HELD_AT_ONCE = 1_000  #: members whose consents are answered in one transaction: there is room to hold few thousand
SOURCE = "import undone"

#: What follows from members' data and would follow again; it does not hold a member here.
DERIVED = (
    "facts", "order_facts", "channel_facts", "segment_members", "segment_rechecks", "member_tiers", "rfm_scores",
    "predictions", "member_clusters", "member_places",
)  # fmt: skip
#: A member of whom nothing is known.
NOTHING: dict[str, object] = {
    **dict.fromkeys(("tier", "birth_year", "birth_month", "birth_day", "joined_at")), "name": "", "attributes": {},
}  # fmt: skip
#: The key of such a member; a file may have any other, so it is like none.
GONE_KEY = literal("undone:").concat(cast(members.c.id, Text)).concat(":").concat(cast(func.gen_random_uuid(), Text))
#: What the import itself wrote.
OWN = ("addresses", "identifiers", "import_changes")


@dataclass(frozen=True, kw_only=True)
class Undone:
    """What taking an import back did."""

    removed: int = 0  #: members it had made
    kept: int = 0  #: of those: something has happened to them since
    restored: int = 0  #: members who have again what they had before
    left: int = 0  #: fields that somebody has changed since
    consents: int = 0  #: answers that were answered


def list_imports(connection: Connection) -> list[dict[str, Any]]:
    """Return every import, the latest first, with how many members it made and changed."""
    return [dict(row) for row in connection.execute(text(IMPORTS)).mappings()]


def undo_import(database: Database, import_id: int, *, now: datetime) -> Undone:
    """Take an import of members back, in batches.

    Raises:
        InputRefused: there is no such import, or it is too long ago.
    """
    with database.transaction() as connection:
        entry = _begin(connection, import_id, now)
    undone = Undone(consents=_answer_consents(database, import_id, now))
    while True:
        with database.transaction() as connection:
            ids = list(connection.execute(text(ITS_CHANGES), {"import_id": import_id, "most": BATCH}).scalars())
            if not ids:
                break
            restored, left = _restore(connection, import_id, ids, now)
        undone = replace(undone, restored=undone.restored + restored, left=undone.left + left)
    after = 0
    while True:
        with database.transaction() as connection:
            asked = {"import_id": import_id, "after": after, "most": BATCH}
            ids = list(connection.execute(text(MADE), asked).scalars())
            if not ids:
                break
            after = ids[-1]
            removed = _remove(connection, ids, entry, now)
        undone = replace(undone, removed=undone.removed + removed, kept=undone.kept + len(ids) - removed)
    with database.transaction() as connection:
        connection.execute(imports.update().where(imports.c.id == import_id).values(made=[]))
    return undone


def _begin(connection: Connection, import_id: int, now: datetime) -> Row[Any]:
    """Hold the import's entry and stop whoever is still at it."""
    entry = connection.execute(select(imports).where(imports.c.id == import_id).with_for_update()).one_or_none()
    if entry is None or entry.kind != "members":
        raise refuse("there is no import {id} of members; see tidings members imports list", id=import_id)
    if entry.started_at < now - KEPT_FOR:
        raise refuse(
            "an import can be undone for {days} days; this one is of {day}",
            days=KEPT_FOR.days,
            day=entry.started_at.date().isoformat(),
        )
    if entry.undone_at is None:
        connection.execute(imports.update().where(imports.c.id == import_id).values(undone_at=now))
    return entry


def _answer_consents(database: Database, import_id: int, now: datetime) -> int:
    """Say again what stood before the import's consents; where nothing did, a no."""
    with database.transaction() as connection:
        ids = connection.execute(text(WHOSE_CONSENTS), {"import_id": str(import_id)}).scalars().all()
    said = 0
    for start in range(0, len(ids), HELD_AT_ONCE):
        with database.transaction() as connection:
            said += _answer_some(connection, import_id, ids[start : start + HELD_AT_ONCE], now)
    return said


def _answer_some(connection: Connection, import_id: int, ids: Sequence[int], now: datetime) -> int:
    # Held first: an answer that somebody gives meanwhile is then seen.
    hold_members(connection, ids)
    found = connection.execute(text(ITS_CONSENTS), {"import_id": str(import_id), "ids": list(ids)}).all()
    answers = [
        NewConsent(
            member_id=row.member_id,
            channel=row.channel,
            purpose=row.purpose,
            granted=bool(row.granted),
            source=SOURCE,
            text_version=row.text_version or "",
            proof={"import": import_id, "as_in": row.before_id},
            occurred_at=max(now, row.occurred_at),
        )
        for row in found
    ]
    return record_consents(connection, answers, now=now)


def _restore(connection: Connection, import_id: int, ids: Sequence[int], now: datetime) -> tuple[int, int]:
    """Give these members back what they had; return how many and how many fields were left."""
    _hold_rows(connection, ids)
    asked = {"import_id": import_id, "ids": ids, "now": now}
    row = connection.execute(text(RESTORE_FIELDS), asked).one()
    restored, left = set(row.restored), int(row.left_alone)
    returned = connection.execute(text(RETIRE_TOLD_ADDRESSES), asked).all()
    connection.execute(text(RETURN_ADDRESSES), asked | {"former": [row.former for row in returned]})
    taken = connection.execute(text(TAKE_IDENTIFIERS), asked).scalars().all()
    left += connection.execute(text(TOLD_MARKS), asked).scalar_one() - len(returned) - len(taken)
    forget = "DELETE FROM import_changes WHERE import_id = :import_id AND member_id = ANY(:ids)"
    connection.execute(text(forget), asked)
    restored.update((row.member_id for row in returned), taken)
    touch(connection, restored)
    return len(restored), left


def _hold_rows(connection: Connection, ids: Sequence[int]) -> None:
    """Wait for whoever is changing these members: what they leave is what is looked at."""
    connection.execute(select(members.c.id).where(members.c.id.in_(ids)).order_by(members.c.id).with_for_update())


def _remove(connection: Connection, ids: Sequence[int], entry: Row[Any], now: datetime) -> int:
    """Empty those of these members to whom nothing has happened; return how many.

    The rows stay, out of everybody's reach: the database would look through every send ever made
    for each address before it let one go.
    """
    hold_definitions(connection)
    _hold_rows(connection, ids)
    later = [
        select(literal(1)).where(table.c.member_id == members.c.id, which, not_(_of_the_import(table.c.created_at, entry)))
        for table, which in ((addresses, addresses.c.is_current), (identifiers, true()))
    ]
    empty = (
        members.update()
        .where(
            members.c.id.in_(ids),
            members.c.merged_into.is_(None),
            _of_the_import(members.c.updated_at, entry),
            *(not_(each.correlate(members).exists()) for each in later),
            not_(_happened()),
        )
        .values({**NOTHING, "key": GONE_KEY, "erased_at": now, "updated_at": now})
        .returning(members.c.id)
    )
    gone = list(connection.execute(empty).scalars())
    connection.execute(text(EMPTY_ADDRESSES), {"ids": gone})
    for name in (*DERIVED, "identifiers", "import_changes"):
        table = metadata.tables[name]
        connection.execute(table.delete().where(table.c.member_id.in_(gone)))
    return len(gone)


def _of_the_import(moment: ColumnElement[datetime], entry: Row[Any]) -> ColumnElement[bool]:
    """Return whether a moment is that of the command that made the member, or of the import's last one.

    What came in between is somebody else's: an import may be killed on Monday and go on a day later.
    """
    return or_(moment == members.c.created_at, moment == entry.last_at)


def _happened() -> ColumnElement[bool]:
    """Return the condition that a row of any other table is a member's."""
    rows = [
        select(literal(1)).where(key.parent == members.c.id, *([events.c.source != "tidings"] if table is events else []))
        for table in metadata.sorted_tables
        for key in table.foreign_keys
        if key.column is members.c.id and table.name not in (*DERIVED, *OWN)
    ]
    return or_(*(row.correlate(members).exists() for row in rows))
