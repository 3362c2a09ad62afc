"""Consent is only ever added to, and the latest answer stands."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import func, insert, select, text

from database.engine import Database
from database.tables import consents, members, suppressions
from members.consent import OUR_SOURCES, OWN_SOURCES, NewConsent, record_consents, suppress, withdraw
from members.double_opt_in import CONFIRMED_BY
from members.identity.answers import MERGE, UNMERGE
from members.import_maps import ConsentMap
from members.import_undoing import SOURCE

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def member(database: Database) -> int:
    with database.transaction() as connection:
        found = connection.scalar(insert(members).values(key="1").returning(members.c.id))
    assert found is not None
    return found


def consent(member: int, *, granted: bool = True, occurred_at: datetime | None = None) -> NewConsent:
    return NewConsent(
        member_id=member,
        channel="sms",
        purpose="marketing",
        granted=granted,
        source="checkout",
        text_version="7",
        proof={"order": "o1"},
        occurred_at=occurred_at,
    )


def stands(database: Database) -> bool | None:
    with database.transaction() as connection:
        found: bool | None = connection.scalar(text("SELECT granted FROM consent_now"))
    return found


def test_the_latest_answer_stands_whatever_order_they_are_told_in(database: Database, member: int) -> None:
    later, earlier = NOW - timedelta(days=1), NOW - timedelta(days=2)
    with database.transaction() as connection:
        told = [consent(member, granted=False, occurred_at=later), consent(member, occurred_at=earlier)]
        assert record_consents(connection, told, now=NOW) == 2
    assert stands(database) is False
    with database.transaction() as connection:
        row = connection.execute(select(consents).where(consents.c.granted)).one()
        assert (row.source, row.text_version, row.proof, row.recorded_at) == ("checkout", "7", {"order": "o1"}, NOW)


def test_of_two_answers_at_one_moment_the_one_told_last_stands(database: Database, member: int) -> None:
    with database.transaction() as connection:
        record_consents(connection, [consent(member), consent(member, granted=False)], now=NOW)
    assert stands(database) is False


def test_withdrawing_twice_is_recorded_once(database: Database, member: int) -> None:
    with database.transaction() as connection:
        record_consents(connection, [consent(member)], now=NOW)
        assert withdraw(connection, member, "sms", "marketing", source="page", now=NOW + timedelta(seconds=1))
        assert not withdraw(connection, member, "sms", "marketing", source="page", now=NOW + timedelta(seconds=2))
        assert connection.scalar(select(func.count()).select_from(consents)) == 2
    assert stands(database) is False


def test_withdrawing_what_was_never_given_is_recorded(database: Database, member: int) -> None:
    with database.transaction() as connection:
        assert withdraw(connection, member, "sms", source="reply", now=NOW)
    assert stands(database) is False


def test_an_address_is_suppressed_once_and_keeps_its_first_reason(database: Database) -> None:
    with database.transaction() as connection:
        first = suppress(connection, "sms", [b"a", b"b", b"a"], reason="complaint", source="report", now=NOW)
        again = suppress(connection, "sms", [b"b", b"c"], reason="reply", source="T", now=NOW)
        other = suppress(connection, "email", [b"a"], reason="hard_bounce", source="report", now=NOW)
        none = suppress(connection, "email", [], reason="reply", source="", now=NOW)
        assert (first, again, other, none) == (2, 1, 1, 0)
        reason = select(suppressions.c.reason).where(suppressions.c.fingerprint == b"b")
        assert connection.scalar(reason) == "complaint"


def test_no_file_may_say_that_an_answer_came_from_ourselves() -> None:
    assert {*OWN_SOURCES, MERGE, UNMERGE, SOURCE, CONFIRMED_BY} == OUR_SOURCES
    for source in OUR_SOURCES:
        with pytest.raises(ValidationError, match="is what we write ourselves"):
            ConsentMap(source=source, text_version="1")
