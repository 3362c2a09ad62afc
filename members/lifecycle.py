"""On which days a birthday is celebrated: solar with 29 February, and lunar with its leap months."""

from bisect import bisect_right
from calendar import isleap
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Literal

from borax.calendars.lunardate import LCalendars
from sqlalchemy import ColumnElement, and_, false, or_

from database.tables import members

February29 = Literal["feb28", "mar1"]  #: where the 29th is celebrated in years that have none
FIRST_YEAR, LAST_YEAR = 1900, 2099  #: the lunar years the calendar's tables hold
FIRST_DAY, LAST_DAY = date(1900, 1, 31), date(2100, 2, 8)  #: the first and the last day of these years


@dataclass(frozen=True, kw_only=True, order=True)
class Birthday:
    """A birthday as it is stored with a member."""

    calendar: str  #: solar or lunar
    month: int
    day: int
    leap_month: bool = False  #: born in the second, intercalary month of this number


def birthdays_on(day: date, *, february_29: February29 = "feb28") -> list[Birthday]:
    """Return the stored birthdays that are celebrated on this local day, the solar ones first.

    Solar: every day its own; 29 February in a common year on 28 February or 1 March, as chosen.

    Lunar: somebody born in a leap month celebrates in the leap month of that number when the
    year has it, else in the ordinary month of that number.  Somebody born in an ordinary month
    celebrates in the ordinary month only.  Where the month has 29 days, those born on its 30th
    celebrate on the 29th.  So each lunar birthday comes exactly once in each lunar year.

    The lunar calendar is known for the lunar years 1900 to 2099, which end on 8 February 2100.
    On the days before and after, only solar birthdays are returned.
    """
    return [*_solar(day, february_29), *(_lunar(day) if FIRST_DAY <= day <= LAST_DAY else ())]


def _solar(day: date, february_29: February29) -> list[Birthday]:
    found = [Birthday(calendar="solar", month=day.month, day=day.day)]
    stands_in = (2, 28) if february_29 == "feb28" else (3, 1)
    if not isleap(day.year) and (day.month, day.day) == stands_in:
        found.append(Birthday(calendar="solar", month=2, day=29))
    return found


def _lunar(day: date) -> list[Birthday]:
    here = _months()[bisect_right(_months(), day, key=lambda month: month.first_day) - 1]
    lunar_day = (day - here.first_day).days + 1
    days = [29, 30] if lunar_day == 29 == here.length else [lunar_day]
    born_in_leap_month = [True] if here.is_leap else [False]
    if not here.is_leap and not here.has_leap_twin:
        born_in_leap_month.append(True)
    return [
        Birthday(calendar="lunar", month=here.number, day=number, leap_month=leap)
        for leap in born_in_leap_month
        for number in days
    ]


@dataclass(frozen=True, kw_only=True)
class _Month:
    number: int
    is_leap: bool
    has_leap_twin: bool  #: the year has a leap month of the same number
    first_day: date
    length: int  #: 29 or 30 days


@cache
def _months() -> tuple[_Month, ...]:
    """Return every month the tables hold, the earliest first."""
    found: list[_Month] = []
    first_day = FIRST_DAY
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        leap = LCalendars.leap_month(year)
        for number, length, is_leap in LCalendars.iter_year_month(year):
            twin = number == leap
            found.append(
                _Month(number=number, is_leap=bool(is_leap), has_leap_twin=twin, first_day=first_day, length=length)
            )
            first_day += timedelta(days=length)
    return tuple(found)


def birthday_clause(day: date, *, february_29: February29 = "feb28") -> ColumnElement[bool]:
    """Say in SQL whether a row of ``members`` has its birthday on this local day; read from the index."""
    return or_(false(), *(_is(birthday) for birthday in birthdays_on(day, february_29=february_29)))


def _is(birthday: Birthday) -> ColumnElement[bool]:
    same_day = and_(
        members.c.birth_calendar == birthday.calendar,
        members.c.birth_month == birthday.month,
        members.c.birth_day == birthday.day,
    )
    if birthday.calendar == "solar":
        return same_day
    return and_(same_day, members.c.birth_leap_month.is_(birthday.leap_month))


def joined_days(celebrated: date, year: int, *, february_29: February29 = "feb28") -> list[date]:
    """Return the days of an earlier ``year`` whose anniversary is kept on this day."""
    leap_day = date(year, 2, 29) if isleap(year) else None
    if (celebrated.month, celebrated.day) == (2, 29):
        return [leap_day] if leap_day else []
    days = [celebrated.replace(year=year)]
    stand_in = (2, 28) if february_29 == "feb28" else (3, 1)
    if leap_day and not isleap(celebrated.year) and (celebrated.month, celebrated.day) == stand_in:
        days.append(leap_day)
    return days
