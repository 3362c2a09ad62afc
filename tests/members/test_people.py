"""Saving people is an upsert in sets that changes only what is told and differs."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from database.engine import Database
from database.tables import addresses, consents, members
from members.people import Person, Saved, find_member, fingerprint, person_problem, save_people

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
SECRET = b"s" * 32

FANG = Person(
    key="1",
    name="王芳",
    tier="gold",
    birth_year=1990,
    birth_month=2,
    birth_day=28,
    joined_at=NOW,
    attributes={"city": "上海", "points": 10},
    phone="13800001234",
    email="a@example.com",
)


def counts(saved: Saved) -> tuple[int, int, int]:
    return saved.new, saved.changed, saved.unchanged


def phones(connection: Connection) -> list[tuple[str, bool, str | None]]:
    query = select(addresses.c.address, addresses.c.is_current, addresses.c.problem).where(addresses.c.channel == "sms")
    return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(addresses.c.id))]


def test_the_same_people_twice_change_nothing_at_all(database: Database) -> None:
    with database.transaction() as connection:
        assert counts(save_people(connection, [FANG, Person(key="2")], now=NOW, secret=SECRET)) == (2, 0, 0)
        before = connection.execute(select(members, func.pg_current_xact_id())).all()
    with database.transaction() as connection:
        later = NOW + timedelta(days=1)
        assert counts(save_people(connection, [FANG, Person(key="2")], now=later, secret=SECRET)) == (0, 0, 2)
        after = connection.execute(select(members)).all()
        assert [tuple(row) for row in after] == [tuple(row)[:-1] for row in before]
        assert {row.updated_at for row in after} == {NOW}
        assert connection.scalar(select(func.count()).select_from(consents)) == 0


def test_only_what_is_told_changes(database: Database) -> None:
    with database.transaction() as connection:
        save_people(connection, [FANG], now=NOW, secret=SECRET)
        told = Person(key="1", tier="silver", attributes={"points": 20})
        assert counts(save_people(connection, [told], now=NOW, secret=SECRET)) == (0, 1, 0)
        row = connection.execute(select(members)).one()
        assert (row.name, row.tier, row.attributes) == ("王芳", "silver", {"city": "上海", "points": 20})
        assert (row.birth_year, row.birth_month, row.joined_at) == (1990, 2, NOW)


def test_a_birthday_is_told_as_a_whole(database: Database) -> None:
    with database.transaction() as connection:
        save_people(connection, [FANG], now=NOW, secret=SECRET)
        lunar = Person(key="1", birth_month=6, birth_day=1, birth_calendar="lunar", birth_leap_month=True)
        save_people(connection, [lunar], now=NOW, secret=SECRET)
        row = connection.execute(select(members)).one()
        assert (row.birth_year, row.birth_month, row.birth_calendar, row.birth_leap_month) == (None, 6, "lunar", True)


def test_a_new_address_takes_the_place_of_the_old_one_and_the_old_one_may_come_back(database: Database) -> None:
    with database.transaction() as connection:
        save_people(connection, [FANG], now=NOW, secret=SECRET)
        other = Person(key="1", phone="139 0000 1234")
        assert counts(save_people(connection, [other], now=NOW, secret=SECRET)) == (0, 1, 0)
        assert phones(connection) == [("+8613800001234", False, None), ("+8613900001234", True, None)]
        save_people(connection, [FANG], now=NOW, secret=SECRET)
        assert phones(connection) == [("+8613800001234", True, None), ("+8613900001234", False, None)]
        mark = connection.scalar(select(addresses.c.fingerprint).where(addresses.c.address == "+8613800001234"))
        assert mark == fingerprint(SECRET, "sms", "+8613800001234")


def test_an_unusable_address_is_kept_with_its_problem_and_told(database: Database) -> None:
    with database.transaction() as connection:
        saved = save_people(connection, [Person(key="1", phone="010-62345678")], now=NOW, secret=SECRET)
        assert [(one.key, one.channel, one.problem) for one in saved.unusable] == [("1", "sms", "not_a_mobile")]
        assert phones(connection) == [("+861062345678", True, "not_a_mobile")]


def test_a_key_that_comes_twice_is_merged_with_the_later_telling_winning(database: Database) -> None:
    twice = [FANG, Person(key="1", name="王芳芳", phone="13900001234", attributes={"x": 1})]
    with database.transaction() as connection:
        assert counts(save_people(connection, twice, now=NOW, secret=SECRET)) == (1, 0, 0)
        row = connection.execute(select(members)).one()
        assert (row.name, row.tier, row.attributes) == ("王芳芳", "gold", {"city": "上海", "points": 10, "x": 1})
        assert phones(connection) == [("+8613900001234", True, None)]


def test_two_members_may_share_a_phone(database: Database) -> None:
    with database.transaction() as connection:
        shared = [Person(key="1", phone="13800001234"), Person(key="2", phone="13800001234")]
        save_people(connection, shared, now=NOW, secret=SECRET)
        assert len(phones(connection)) == 2


def test_savers_at_the_same_time_neither_deadlock_nor_leave_two_current_addresses(database: Database) -> None:
    def save(seed: int) -> None:
        people = [Person(key=str(index), tier=str(seed), phone=f"1380000{seed:02}{index:02}") for index in range(60)]
        with database.transaction() as connection:
            save_people(connection, people[seed:] + people[:seed], now=NOW, secret=SECRET)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(save, range(24)))

    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(members)) == 60
        current = select(func.count()).select_from(addresses).where(addresses.c.is_current)
        assert connection.scalar(current) == 60


def test_members_are_found_by_key_before_id(database: Database) -> None:
    with database.transaction() as connection:
        save_people(connection, [Person(key="2", name="key"), Person(key="x", name="id")], now=NOW, secret=SECRET)
        ids = {row.key: row.id for row in connection.execute(select(members.c.key, members.c.id))}
        assert (ids["2"], ids["x"]) == (1, 2)
        for asked, name in (("2", "key"), ("x", "id"), ("1", "key"), (1, "key")):
            found = find_member(connection, asked)
            assert found is not None
            assert found.name == name
        assert find_member(connection, "9" * 30) is None
        assert find_member(connection, "'; drop table members") is None


@pytest.mark.parametrize(
    "person",
    [
        Person(key=""),
        Person(key="k" * 201),
        Person(key="1", name="a\0b"),
        Person(key="1", name="n" * 2000),
        Person(key="1", time_zone="Mars/Olympus"),
        Person(key="1", birth_month=2, birth_day=30),
        Person(key="1", birth_year=2023, birth_month=2, birth_day=29),
        Person(key="1", birth_month=13, birth_day=1),
        Person(key="1", birth_month=5),
        Person(key="1", birth_month=5, birth_day=31, birth_calendar="lunar"),
        Person(key="1", birth_month=5, birth_day=1, birth_calendar="moon"),
        Person(key="1", birth_year=20, birth_month=5, birth_day=1),
    ],
)
def test_a_person_who_cannot_be_saved_has_a_reason(person: Person) -> None:
    assert person_problem(person) is not None


def test_a_birthday_on_29_february_may_have_a_leap_year_or_none() -> None:
    assert person_problem(Person(key="1", birth_month=2, birth_day=29)) is None
    assert person_problem(Person(key="1", birth_year=2024, birth_month=2, birth_day=29)) is None


def test_words_that_copying_takes_for_something_else_come_in_as_they_are(database: Database) -> None:
    odd = ["\\N", "a\\", "\\.", "tab\there", "line\nend\r", "\\x41", "'; --", "{}", '"quoted", twice']
    with database.transaction() as connection:
        save_people(connection, [Person(key=word, name=word, card=word) for word in odd], now=NOW, secret=SECRET)
        assert {tuple(row) for row in connection.execute(select(members.c.key, members.c.name))} == {
            (word, word) for word in odd
        }
        held = set(connection.execute(text("SELECT value FROM identifiers")).scalars())
        assert held == {word.strip() for word in odd}


def test_what_is_told_of_a_row_while_it_is_merged_lands_where_its_person_is(database: Database) -> None:
    def telling() -> None:
        with database.transaction() as connection:
            save_people(connection, [Person(key="2", phone="13800005678")], now=NOW, secret=SECRET)

    with database.transaction() as connection:
        save_people(connection, [Person(key="1"), Person(key="2")], now=NOW, secret=SECRET)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            connection.execute(text("SELECT FROM members FOR UPDATE"))
            told = pool.submit(telling)
            time.sleep(0.3)
            connection.execute(text("UPDATE members SET merged_into = 1 WHERE id = 2"))
        told.result(20)
    with database.transaction() as connection:
        assert connection.execute(select(addresses.c.member_id)).scalars().all() == [1]


@pytest.mark.parametrize(
    "told", [{"phone": "1\0"}, {"email": "a\ud800"}, {"openid": "\0"}, {"attributes": {"a": "b\0"}}, {"attributes": {"a": float("nan")}}]
)
def test_what_no_text_has_is_a_problem_wherever_it_stands(told: dict[str, Any]) -> None:
    assert person_problem(Person(key="1", **told)) is not None


def test_an_empty_word_told_later_leaves_what_was_told_before(database: Database) -> None:
    with database.transaction() as connection:
        save_people(connection, [Person(key="1", name="王芳"), Person(key="1", name="")], now=NOW, secret=SECRET)
        assert connection.execute(select(members.c.name)).scalar_one() == "王芳"
