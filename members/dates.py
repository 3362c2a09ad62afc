"""Days and moments as exports write them: 2026-08-01, 2026/8/1, 20260801, 8月1日, 正月十五."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

_DAY = r"(?P<year>\d{4})(?:[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?|(?P<month2>\d{2})(?P<day2>\d{2}))"
_HOUR = (
    r"(?:[T ]?\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>[.,]\d{1,9})?)?"
    r"\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?)?"
)
_MOMENT = re.compile(_DAY + _HOUR, re.ASCII)
_BIRTHDAY = re.compile(_DAY + r"(?:[T ]0?0:00(?::00)?)?", re.ASCII)
_MONTH_AND_DAY = re.compile(r"(\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)
_LUNAR = re.compile(
    r"(?:农历|阴历)?\s*(?:(?P<year>\d{4})[-/.年])?(?P<leap>[闰閏])?(?P<month>[^-/.月]+)[-/.月](?P<day>[^日]+)日?"
)

_MONTHS = {name: number for number, name in enumerate("正二三四五六七八九十冬腊", 1)} | {
    "一": 1,
    "十一": 11,
    "十二": 12,
    "臘": 12,
}
_TENS = {"初": 0, "十": 10, "廿": 20, "二十": 20, "卅": 30, "三十": 30}
_ONES = {name: number for number, name in enumerate("一二三四五六七八九十", 1)}


@dataclass(frozen=True, slots=True)
class BirthdayRead:
    """A birthday as a file tells it; whether there is such a day is checked when the person is."""

    year: int | None  #: None: the file names month and day only
    month: int
    day: int
    leap_month: bool = False


@lru_cache(maxsize=20_000)
def read_moment(text: str, zone: tzinfo) -> datetime | None:
    """Read a moment; without an offset it is in ``zone``, without an hour it is midnight.  None: it is none."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    try:
        local = datetime(
            int(found["year"]),
            int(found["month"] or found["month2"]),
            int(found["day"] or found["day2"]),
            int(found["hour"] or 0),
            int(found["minute"] or 0),
            int(found["second"] or 0),
            int(found["fraction"][1:7].ljust(6, "0")) if found["fraction"] else 0,
            tzinfo=_offset(found["offset"]) if found["offset"] else zone,
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=200)
def _offset(text: str) -> tzinfo | None:
    return datetime.strptime(text.replace("Z", "+0000").replace(":", ""), "%z").tzinfo


@lru_cache(maxsize=50_000)
def read_birthday(text: str) -> BirthdayRead | None:
    """Read a solar birthday, with its year or without; None: it is none."""
    trimmed = text.strip()
    found = _BIRTHDAY.fullmatch(trimmed)
    if found:
        month, day = found["month"] or found["month2"], found["day"] or found["day2"]
        return BirthdayRead(int(found["year"]), int(month), int(day))
    short = _MONTH_AND_DAY.fullmatch(trimmed)
    return BirthdayRead(None, int(short[1]), int(short[2])) if short else None


@lru_cache(maxsize=20_000)
def read_lunar_birthday(text: str) -> BirthdayRead | None:
    """Read a lunar birthday in figures or in words, a leap month with 闰 before it; None: it is none."""
    trimmed = text.strip()
    plain = _BIRTHDAY.fullmatch(trimmed)
    if plain:
        return read_birthday(trimmed)
    found = _LUNAR.fullmatch(trimmed)
    if found is None:
        return None
    month, day = _lunar_month(found["month"].strip()), _lunar_day(found["day"].strip())
    if month is None or day is None:
        return None
    return BirthdayRead(int(found["year"]) if found["year"] else None, month, day, bool(found["leap"]))


def _lunar_month(words: str) -> int | None:
    return int(words) if words.isascii() and words.isdigit() and len(words) <= 2 else _MONTHS.get(words)


def _lunar_day(words: str) -> int | None:
    if words.isascii() and words.isdigit() and len(words) <= 2:
        return int(words)
    if words in _ONES or words in _TENS:
        return _ONES.get(words) or _TENS.get(words)
    tens, ones = _TENS.get(words[:-1]), _ONES.get(words[-1:])
    return tens + ones if tens is not None and ones is not None else None
