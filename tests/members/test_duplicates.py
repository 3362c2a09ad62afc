"""Which rows are one person for certain, and which a person must decide."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert, text

from database.engine import Database
from database.member_tables import identifiers
from database.tables import addresses, members
from members.identity.conflicts import find_conflict, keep_apart, note_conflicts, open_conflicts
from members.identity.duplicates import Pair, find_duplicates, first_round
from members.identity.identifiers import adopt_attributes

NOW = datetime(2026, 8, 1, tzinfo=UTC)


def a_row(connection: Connection, key: str, *, sms: str = "", email: str = "", **columns: object) -> int:
    given = {"key": key, "joined_at": NOW, **columns}
    member_id = connection.execute(insert(members).values(given).returning(members.c.id)).scalar_one()
    for channel, address in (("sms", sms), ("email", email)):
        if address:
            row = {"member_id": member_id, "channel": channel, "address": address, "fingerprint": f"{channel}{address}".encode()}
            connection.execute(insert(addresses).values(row))
    return member_id


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ({}, {}, None),
        ({"name": "王 芳"}, {"name": "王芳"}, None),
        ({"name": "Wang Fang"}, {"name": "wang fang"}, None),
        ({"name": "王芳"}, {"name": ""}, None),
        ({"name": "王芳"}, {"name": "李明"}, "name"),
        ({"birth_month": 3, "birth_day": 4}, {"birth_month": 3, "birth_day": 4}, None),
        ({"birth_month": 3, "birth_day": 4}, {"birth_month": 3, "birth_day": 5}, "birthday"),
        ({"birth_month": 3, "birth_day": 4, "birth_year": 1990}, {"birth_month": 3, "birth_day": 4, "birth_year": 1960}, "birthday"),
        ({"birth_month": 3, "birth_day": 4}, {"birth_month": 2, "birth_day": 8, "birth_calendar": "lunar"}, None),
        ({"name": "王芳", "birth_month": 3, "birth_day": 4}, {"name": "李明", "birth_month": 3, "birth_day": 5}, "birthday"),
    ],
)
@pytest.mark.parametrize("channel", ["sms", "email"])
def test_a_shared_address_is_certain_unless_it_speaks_of_two_people(
    database: Database, channel: str, first: dict[str, object], second: dict[str, object], problem: str | None
) -> None:
    with database.transaction() as connection:
        kept = a_row(connection, "a", **{channel: "same"}, **first)  # type: ignore[arg-type]
        gone = a_row(connection, "b", **{channel: "same"}, **second)  # type: ignore[arg-type]
        a_row(connection, "c", **{channel: "another"})

        assert find_duplicates(connection) == [Pair(kept_id=kept, gone_id=gone, matched_by=channel, problem=problem)]


@pytest.mark.parametrize("kind", ["unionid", "card"])
def test_a_shared_identifier_is_certain_whatever_else_differs(database: Database, kind: str) -> None:
    with database.transaction() as connection:
        later = a_row(connection, "a", sms="1", name="王芳")
        earlier = a_row(connection, "b", sms="1", name="李明", joined_at=datetime(2020, 1, 1, tzinfo=UTC))
        connection.execute(identifiers.insert(), [{"member_id": each, "kind": kind, "value": "u-1"} for each in (later, earlier)])

        assert find_duplicates(connection) == [Pair(kept_id=earlier, gone_id=later, matched_by=kind)]


def test_identifiers_are_taken_from_attributes_once(database: Database) -> None:
    with database.transaction() as connection:
        for key in ("a", "b"):
            a_row(connection, key, attributes={"unionid": " u-1 ", "card": "", "city": "x"})

        assert (adopt_attributes(connection, now=NOW), adopt_attributes(connection, now=NOW)) == (2, 0)
        assert [pair.matched_by for pair in find_duplicates(connection)] == ["unionid"]


def test_a_number_that_a_crowd_shares_is_nobodys_proof(database: Database) -> None:
    with database.transaction() as connection:
        first, *others = (a_row(connection, f"k{number}", sms="shop") for number in range(40))
        found = find_duplicates(connection)

    assert found == [Pair(kept_id=first, gone_id=each, matched_by="sms", problem="crowd") for each in others]


def test_erased_merged_and_unusable_rows_are_not_looked_at(database: Database) -> None:
    with database.transaction() as connection:
        ids = [a_row(connection, f"k{number}", sms="same") for number in range(4)]
        connection.execute(text("UPDATE members SET erased_at = now() WHERE id = :id"), {"id": ids[0]})
        connection.execute(text("UPDATE members SET merged_into = :other WHERE id = :id"), {"id": ids[1], "other": ids[2]})
        connection.execute(text("UPDATE addresses SET problem = 'not_valid' WHERE member_id = :id"), {"id": ids[3]})

        assert find_duplicates(connection) == []


def test_what_was_decided_to_be_apart_stays_apart(database: Database) -> None:
    with database.transaction() as connection:
        for key, name in (("a", "王芳"), ("b", "李明")):
            a_row(connection, key, sms="same", name=name)
        assert note_conflicts(connection, find_duplicates(connection), now=NOW) == 1
        assert note_conflicts(connection, find_duplicates(connection), now=NOW) == 1
        (waiting,) = open_conflicts(connection)
        assert (waiting.problem, find_conflict(connection, waiting.id).first_key) == ("name", "a")
        keep_apart(connection, waiting.id, now=NOW)

        assert (find_duplicates(connection), open_conflicts(connection)) == ([], [])


def test_a_round_has_each_row_in_one_pair(database: Database) -> None:
    with database.transaction() as connection:
        for number in range(5):
            a_row(connection, f"k{number}", sms="same")
        found = find_duplicates(connection)

    chosen = first_round(found)
    rows = [each for pair in chosen for each in (pair.kept_id, pair.gone_id)]
    assert len(found) == 10
    assert chosen
    assert len(rows) == len(set(rows))
