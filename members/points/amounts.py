"""How many points an event earns and when they expire: plain arithmetic, without the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from members.lifecycle import birthdays_on
from members.points.rules import WEEKDAYS, EarnRule, Expiry, Multiplier, PointsProgramme

ROUNDING = {"down": ROUND_FLOOR, "nearest": ROUND_HALF_UP, "up": ROUND_CEILING}


@dataclass(frozen=True, kw_only=True, slots=True)
class Earning:
    """What an event's points depend on."""

    occurred_at: datetime
    value: Decimal | None
    tier: str | None
    birth_calendar: str
    birth_month: int | None


LARGEST = 10**12  #: points in one row; more is a slip of the finger


def points_for(programme: PointsProgramme, rule: EarnRule, earning: Earning) -> int:
    """Return how many points the rule gives; never less than none, nor more than ``LARGEST``.

    Every whole ``per`` of the amount counts; multipliers follow, and rounding comes last.
    """
    plain = rule.points
    if rule.per is not None:
        plain = rule.points * ((earning.value or Decimal(0)) // rule.per)
    day = earning.occurred_at.astimezone(ZoneInfo(programme.time_zone)).date()
    times = [each.times for each in programme.multiply if _holds(each, rule, earning, day)]
    exact = plain * _together(times, programme.several)
    return max(0, int(min(exact, Decimal(LARGEST)).quantize(Decimal(1), ROUNDING[programme.rounding])))


def _together(times: Sequence[Decimal], several: str) -> Decimal:
    if several == "highest":
        return max(times, default=Decimal(1))
    product = Decimal(1)
    for each in times:
        product *= each
    return product


def _holds(multiplier: Multiplier, rule: EarnRule, earning: Earning, day: date) -> bool:
    asked = (
        not multiplier.rules or rule.rule in multiplier.rules,
        not multiplier.days or day in multiplier.days,
        not multiplier.weekdays or WEEKDAYS[day.weekday()] in multiplier.weekdays,
        not multiplier.days_of_month or day.day in multiplier.days_of_month,
        not multiplier.tiers or earning.tier in multiplier.tiers,
        not multiplier.birthday_month or _is_birthday_month(earning, day),
    )
    return all(asked)


def _is_birthday_month(earning: Earning, day: date) -> bool:
    month = day.month if earning.birth_calendar == "solar" else _lunar_month(day)
    return month is not None and month == earning.birth_month


@lru_cache(maxsize=4096)
def _lunar_month(day: date) -> int | None:
    """Return the number of the lunar month, leap or not, or None outside the calendar's tables."""
    return next((birthday.month for birthday in birthdays_on(day) if birthday.calendar == "lunar"), None)


def expires_at(expiry: Expiry | None, occurred_at: datetime, zone: str) -> datetime | None:
    """Return the local midnight at which points earned then are gone; None: they stay."""
    if expiry is None:
        return None
    earned_on = occurred_at.astimezone(ZoneInfo(zone)).date()
    if expiry.years is not None:
        last = date(earned_on.year + expiry.years, 12, 31)
    else:
        assert expiry.months is not None
        last = _months_later(earned_on, expiry.months)
    return datetime.combine(last + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def _months_later(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last where it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    after = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), after - timedelta(days=1))
