"""Every birthday is celebrated once a year, on the day the stated rules name."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from borax.calendars.lunardate import LunarDate
from sqlalchemy import insert, select

from database.engine import Database
from database.tables import members
from members.lifecycle import Birthday, February29, birthday_clause, birthdays_on

FIRST, LAST = 1990, 2040


def solar(month: int, day: int) -> Birthday:
    return Birthday(calendar="solar", month=month, day=day)


def lunar(month: int, day: int, *, leap_month: bool = False) -> Birthday:
    return Birthday(calendar="lunar", month=month, day=day, leap_month=leap_month)


def celebrated(first: date, last: date) -> Mapping[Birthday, list[date]]:
    found: dict[Birthday, list[date]] = defaultdict(list)
    day = first
    while day <= last:
        for birthday in birthdays_on(day):
            found[birthday].append(day)
        day += timedelta(days=1)
    return found


def tabled_months(first: int, last: int) -> Mapping[tuple[int, int, bool], list[date]]:
    """The days of every month of these lunar years, by asking the tables about one day after another."""
    found: dict[tuple[int, int, bool], list[date]] = defaultdict(list)
    day = date(first, 1, 1)
    while day < date(last + 1, 3, 1):
        tabled = LunarDate.from_solar(day)
        if first <= tabled.year <= last:
            found[tabled.year, tabled.month, bool(tabled.leap)].append(day)
            assert len(found[tabled.year, tabled.month, bool(tabled.leap)]) == tabled.day
        day += timedelta(days=1)
    return found


def test_each_lunar_birthday_comes_once_a_lunar_year_on_the_day_the_tables_name() -> None:
    months = tabled_months(FIRST, LAST)
    expected: dict[Birthday, list[date]] = defaultdict(list)
    for year in range(FIRST, LAST + 1):
        for month in range(1, 13):
            for leap in (False, True):
                days = months.get((year, month, leap), months[year, month, False])
                for day in range(1, 31):
                    expected[lunar(month, day, leap_month=leap)].append(days[min(day, len(days)) - 1])

    found = celebrated(months[FIRST, 1, False][0], months[LAST, 12, False][-1])
    assert {len(days) for days in months.values()} == {29, 30}
    assert {birthday: days for birthday, days in found.items() if birthday.calendar == "lunar"} == expected
    assert {len(days) for days in expected.values()} == {LAST - FIRST + 1}


@pytest.mark.parametrize(
    ("day", "birthday"),
    [
        # Published dates: the lunar new years of 2000, 2024 and 2026; mid-autumn 2025; New Year's Eve 2025
        # (a short twelfth month); the leap second month of 2023, sixth of 2025 and eleventh of 2033.
        (date(2000, 2, 5), lunar(1, 1)),
        (date(2024, 2, 10), lunar(1, 1)),
        (date(2026, 2, 17), lunar(1, 1)),
        (date(2025, 10, 6), lunar(8, 15)),
        (date(2025, 1, 28), lunar(12, 30)),
        (date(2023, 3, 22), lunar(2, 1, leap_month=True)),
        (date(2025, 7, 25), lunar(6, 1, leap_month=True)),
        (date(2033, 12, 22), lunar(11, 1, leap_month=True)),
        # Born in a leap sixth month, in a year without one.
        (date(2026, 7, 14), lunar(6, 1, leap_month=True)),
    ],
)
def test_known_lunar_days(day: date, birthday: Birthday) -> None:
    assert birthday in birthdays_on(day)


def test_the_ordinary_month_of_a_year_with_a_leap_month_does_not_celebrate_those_born_in_the_leap_month() -> None:
    assert lunar(6, 1, leap_month=True) not in birthdays_on(date(2025, 6, 25))
    assert lunar(6, 1) in birthdays_on(date(2025, 6, 25))
    assert lunar(6, 1) not in birthdays_on(date(2025, 7, 25))


@pytest.mark.parametrize(("february_29", "stands_in"), [("feb28", (2, 28)), ("mar1", (3, 1))])
def test_the_29th_of_february_is_celebrated_once_in_every_year(
    february_29: February29, stands_in: tuple[int, int]
) -> None:
    for year in range(FIRST, LAST + 1):
        days = [
            date(year, 1, 1) + timedelta(days=number)
            for number in range(365)
            if solar(2, 29) in birthdays_on(date(year, 1, 1) + timedelta(days=number), february_29=february_29)
        ]
        assert days == [date(year, 2, 29) if year % 4 == 0 else date(year, *stands_in)]


def test_other_solar_birthdays_keep_to_their_own_day() -> None:
    assert [b for b in birthdays_on(date(2024, 2, 28)) if b.calendar == "solar"] == [solar(2, 28)]
    assert [b for b in birthdays_on(date(2023, 3, 1)) if b.calendar == "solar"] == [solar(3, 1)]


def test_the_lunar_calendar_ends_with_the_lunar_year_2099() -> None:
    assert birthdays_on(date(1900, 1, 30)) == [solar(1, 30)]
    assert lunar(1, 1) in birthdays_on(date(1900, 1, 31))
    assert lunar(12, 30) in birthdays_on(date(2100, 2, 8))
    assert birthdays_on(date(2100, 2, 9)) == [solar(2, 9)]
    assert birthdays_on(date(2300, 5, 5)) == [solar(5, 5)]


def test_the_clause_finds_the_members_whose_day_it_is(database: Database) -> None:
    def born(key: str, month: int, day: int, calendar: str = "solar", *, leap: bool = False) -> dict[str, object]:
        return {
            "key": key,
            "birth_month": month,
            "birth_day": day,
            "birth_calendar": calendar,
            "birth_leap_month": leap,
        }

    people = [
        born("28 February", 2, 28),
        born("29 February", 2, 29),
        born("1 March", 3, 1),
        born("lunar new year", 1, 1, "lunar"),
        born("leap first month", 1, 1, "lunar", leap=True),
        {**born("unknown", 1, 1), "birth_month": None, "birth_day": None},
    ]
    with database.transaction() as connection:
        for person in people:
            connection.execute(insert(members).values(person))

        def found(day: date) -> set[str]:
            return set(connection.scalars(select(members.c.key).where(birthday_clause(day))))

        assert found(date(2023, 2, 28)) == {"28 February", "29 February"}
        assert found(date(2024, 2, 28)) == {"28 February"}
        assert found(date(2024, 2, 10)) == {"lunar new year", "leap first month"}
        assert found(date(2024, 6, 6)) == set()
