"""On which days a birthday is celebrated: solar with 29 February, and lunar with its leap months."""

from calendar import isleap
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from lunar_python import LunarYear, Solar
from sqlalchemy import ColumnElement, and_, false, or_

from database.tables import members

February29 = Literal["feb28", "mar1"]  #: where the 29th is celebrated in years that have none
FIRST_DAY, LAST_DAY = date(1900, 2, 1), date(2199, 12, 31)  #: between these the lunar calendar is computed


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

    Before 1900 and after 2199 no lunar birthdays are returned.
    """
    return [*_solar(day, february_29), *(_lunar(day) if FIRST_DAY <= day <= LAST_DAY else ())]


def _solar(day: date, february_29: February29) -> list[Birthday]:
    found = [Birthday(calendar="solar", month=day.month, day=day.day)]
    stands_in = (2, 28) if february_29 == "feb28" else (3, 1)
    if not isleap(day.year) and (day.month, day.day) == stands_in:
        found.append(Birthday(calendar="solar", month=2, day=29))
    return found


def _lunar(day: date) -> list[Birthday]:
    # The lunar year begins in January or February.
    months = (*_months(day.year - 1), *_months(day.year))
    here = max((month for month in months if month.first_day <= day), key=lambda month: month.first_day)
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


@lru_cache(maxsize=400)
def _months(lunar_year: int) -> tuple[_Month, ...]:
    """Return the twelve or thirteen months of the lunar year that begins in this solar year."""
    computed = LunarYear.fromYear(lunar_year)
    leap_month = computed.getLeapMonth()  # 0 in a year without one
    return tuple(
        _Month(
            number=abs(month.getMonth()),
            is_leap=month.isLeap(),
            has_leap_twin=abs(month.getMonth()) == leap_month,
            first_day=_solar_day(Solar.fromJulianDay(month.getFirstJulianDay())),
            length=month.getDayCount(),
        )
        for month in computed.getMonths()
        if month.getYear() == lunar_year
    )


def _solar_day(found: Solar) -> date:
    return date(found.getYear(), found.getMonth(), found.getDay())


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
