"""Every table is on the register of erasure, with every column of words: a new one fails here until it is declared."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import LargeBinary

from database.every_table import metadata
from members.erasure.register import FREE, HELD

TABLES = sorted(metadata.tables.values(), key=lambda table: table.name)
#: Tables that tell of a member although no foreign key leads there.
KNOWN_BY_NUMBER = {"receipts", "permissions", "suppressions", "unprocessed_events", "unlinked_consents", "erasures", "touched_members", "pulls"}


def leads_to_members(table: Table, seen: frozenset[str] = frozenset()) -> bool:
    targets = {key.column.table for key in table.foreign_keys}
    return (
        table.name == "members"
        or "member_id" in table.c
        or any(leads_to_members(each, seen | {table.name}) for each in targets if each.name not in seen | {table.name})
    )


def words_of(table: Table) -> Iterator[str]:
    for column in table.columns:
        if isinstance(column.type, Text | JSONB | LargeBinary | ARRAY) or table.name == "members":
            yield column.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_with_a_way_to_members_is_held_and_no_other(table: Table) -> None:
    expected = HELD if leads_to_members(table) or table.name in KNOWN_BY_NUMBER else FREE

    assert table.name in expected, f"declare {table.name} in members/erasure/register.py"
    assert (table.name in HELD) != (table.name in FREE)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_of_words_goes_is_written_over_or_stays_for_a_reason(table: Table) -> None:
    if table.name in FREE:
        assert set(words_of(table)) == set(FREE[table.name].words)
    elif not HELD[table.name].goes:
        held = HELD[table.name]
        assert set(words_of(table)) <= set(held.blanked) | set(held.stays), f"declare the columns of {table.name}"
        assert set(held.blanked) | set(held.stays) <= set(table.columns.keys())
        assert not set(held.blanked) & set(held.stays)
        assert all(held.stays.values())


def test_the_register_names_no_table_that_is_not_there() -> None:
    assert set(HELD) | set(FREE) == {table.name for table in TABLES}
