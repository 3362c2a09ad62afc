"""Whoever changes, removes, adds or moves a row of the consent log, or a link over it, is found and named."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from database.engine import Database
from database.tables import consents
from members.consent_chain import check_chain, link_all_consents, link_consents
from tests.makers import consent, make_members

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
#: What only a superuser who goes around our trigger can do.
AROUND = "SET LOCAL session_replication_role = replica"


@pytest.fixture
def chained(database: Database) -> Database:
    """Return a database whose 24 consents stand in four links."""
    with database.transaction() as connection:
        ids = make_members(connection, 6)
        consent(connection, ids, ["sms"], granted=False, now=NOW)
    with database.transaction() as connection:
        while link_consents(connection, now=NOW, most=6):
            pass
    return database


def tamper(database: Database, *statements: str) -> list[str]:
    with database.transaction() as connection:
        connection.execute(text(AROUND))
        for statement in statements:
            connection.execute(text(statement))
    return [flaw.told("en") for flaw in check_chain(database).flaws]


def test_an_untouched_log_holds_and_its_head_can_be_noted(chained: Database) -> None:
    seen = check_chain(chained)

    assert (seen.links, seen.consents, seen.waiting, seen.is_whole) == (4, 24, 0, True)
    assert check_chain(chained, noted=seen.head).is_whole
    assert not check_chain(chained, noted="00" * 32).is_whole


def test_what_is_not_linked_yet_waits_and_is_linked_once(chained: Database) -> None:
    head = check_chain(chained).head
    with chained.transaction() as connection:
        consent(connection, [1, 2], ["email"], granted=False, now=NOW)
    assert check_chain(chained).waiting == 2
    with chained.transaction() as connection:
        assert (link_all_consents(connection, now=NOW), link_all_consents(connection, now=NOW)) == (2, 0)
    seen = check_chain(chained, noted=head)

    assert (seen.links, seen.waiting, seen.is_whole) == (5, 0, True)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE consents SET granted = true WHERE id = 20", "link 4 "),
        ("UPDATE consents SET occurred_at = occurred_at - interval '1 us' WHERE id = 3", "link 1 "),
        ("UPDATE consents SET member_id = 2 WHERE id = 8", "link 2 "),
        ("UPDATE consents SET source = 'elsewhere' WHERE id = 8", "link 2 "),
        ("UPDATE consents SET proof_digest = sha256('x') WHERE id = 8", "link 2 "),
        ("UPDATE consents SET proof = '{\"forged\": 1}' WHERE id = 8", "the proof of consent 8 was changed"),
        ("DELETE FROM consents WHERE id = 13", "consent 13 was removed"),
        ("UPDATE consents SET id = 99 WHERE id = 24", "consent 24 was removed"),
        (
            "INSERT INTO consents (member_id, channel, purpose, granted, source, occurred_at) "
            "VALUES (1, 'sms', 'marketing', true, 'forged', now())",
            "consent 25 was added past the chain",
        ),
        ("UPDATE consent_links SET digest = sha256('x') WHERE id = 2", "link 2 "),
        ("DELETE FROM consent_links WHERE id = 2", "link 3 "),
        ("DELETE FROM consent_links WHERE id = 4", "consent 19 was added past the chain"),
    ],
)
def test_every_change_past_the_library_is_named(chained: Database, statement: str, named: str) -> None:
    assert any(named in flaw for flaw in tamper(chained, statement))


def test_links_or_rows_that_change_places_are_named(chained: Database) -> None:
    swapped = tamper(
        chained,
        "UPDATE consent_links SET id = 100 WHERE id = 2",
        "UPDATE consent_links SET id = 2 WHERE id = 3",
        "UPDATE consent_links SET id = 3 WHERE id = 100",
    )

    assert {flaw.split(" of ")[0] for flaw in swapped} >= {"link 2", "link 3"}


def test_a_row_swapped_with_another_is_named(chained: Database) -> None:
    swapped = tamper(
        chained,
        "UPDATE consents SET id = 100 WHERE id = 1",
        "UPDATE consents SET id = 1 WHERE id = 2",
        "UPDATE consents SET id = 2 WHERE id = 100",
    )

    assert any("link 1 " in flaw for flaw in swapped)


def test_an_announced_row_that_is_gone_before_its_link_is_named(chained: Database) -> None:
    with chained.transaction() as connection:
        consent(connection, [1], ["email"], granted=False, now=NOW)

    assert tamper(chained, "DELETE FROM consents WHERE id = 25") == ["consent 25 was removed"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM consents WHERE id = 1",
        "TRUNCATE consents CASCADE",
        "UPDATE consents SET granted = NOT granted WHERE id = 1",
        "UPDATE consents SET proof = '{\"order\": 2}' WHERE id = 1",
        "UPDATE consents SET proof = '{}', proof_digest = sha256('other') WHERE id = 1",
    ],
)
def test_postgresql_itself_refuses_to_change_a_consent(chained: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match="only added to"), chained.transaction() as connection:
        connection.execute(text(statement))


def _digest_of_proof(connection: Connection) -> tuple[object, object]:
    row = connection.execute(select(consents.c.proof, consents.c.proof_digest).where(consents.c.id == 1)).one()
    return row.proof, row.proof_digest


def test_a_proof_may_go_and_its_digest_holds_the_chain(chained: Database) -> None:
    with chained.transaction() as connection:
        before = _digest_of_proof(connection)
        connection.execute(text("UPDATE consents SET proof = '{}' WHERE id = 1"))
        after = _digest_of_proof(connection)

    assert after == ({}, before[1])
    assert check_chain(chained).is_whole
