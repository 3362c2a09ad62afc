"""Hand out everything kept about one member, in a form that people and programs read."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from members.erasure.erasing import whole_persons
from members.erasure.register import HELD

#: Columns that are machinery: they say nothing about anybody and would only be in the way.
MACHINERY = ("token", "lease_until", "fingerprint", "proof_digest", "digest")


def export_member(connection: Connection, member_id: int) -> dict[str, Any]:
    """Return every row that speaks of the member, by table, those merged with theirs included.

    Tables without such a row are left out; so are those that say no more than the others.
    """
    ids = whole_persons(connection, [member_id])
    found = {name: _rows(connection, name, held.whose, ids) for name, held in HELD.items() if held.told}
    return {name: rows for name, rows in reversed(found.items()) if rows}


def _rows(connection: Connection, table: str, whose: str, ids: list[int]) -> list[dict[str, Any]]:
    rows = connection.execute(text(f"SELECT * FROM {table} WHERE {whose}"), {"ids": ids})  # noqa: S608 - The register's words.
    return sorted((_readable(dict(row)) for row in rows.mappings()), key=lambda row: str(row.get("id", "")).rjust(20))


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in row.items()
        if name not in MACHINERY and value is not None
    }
