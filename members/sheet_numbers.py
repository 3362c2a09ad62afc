"""Numbers in the cells of a workbook: plain ones, and days, which are numbers with a style."""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from xml.etree.ElementTree import Element

#: Styles of days and hours that every spreadsheet knows by number; 27 to 36 and 50 to 58 are East Asian days.
DAY_STYLES = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_WORDS_IN_A_STYLE = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.')
_PARTS_OF_A_DAY = re.compile(r"[ymdhs年月日]", re.IGNORECASE)
FIRST_DAY, FIRST_DAY_1904 = date(1899, 12, 30), date(1904, 1, 1)
NO_29_FEBRUARY_1900 = 60  #: the number of a day there never was, which spreadsheets count all the same


class Digits(str):
    """The words of a cell that holds a whole number."""

    __slots__ = ()


def days_in_styles(elements: Iterable[Element]) -> frozenset[int]:
    """Return the places of the cell styles that show a number as a day or hour.

    ``elements`` are the workbook's ``numFmt`` and ``cellXfs`` elements, in their order.
    """
    own: dict[int, bool] = {}
    days: set[int] = set()
    for element in elements:
        if element.tag.endswith("numFmt"):
            shown = _WORDS_IN_A_STYLE.sub("", element.get("formatCode", "").partition(";")[0])
            own[int(element.get("numFmtId") or 0)] = _PARTS_OF_A_DAY.search(shown.replace("General", "")) is not None
            continue
        formats = [int(style.get("numFmtId") or 0) for style in element]
        days = {place for place, known in enumerate(formats) if own.get(known, known in DAY_STYLES)}
    return frozenset(days)


def words_of_number(told: str, *, is_day: bool, since_1904: bool) -> str:
    """Write a number the way a person would: 13800001234, not 1.38e10; 2026-08-01, not 46235.

    Raises:
        ValueError: it is no number.
    """
    number = float(told)
    if is_day and 0 <= number < 2_958_466:
        return _day(number, since_1904=since_1904)
    if number.is_integer():
        plain = told.lstrip("-")
        return Digits(told if plain.isascii() and plain.isdigit() else int(number))
    return f"{number:.15g}"


def _day(number: float, *, since_1904: bool) -> str:
    first = FIRST_DAY_1904 if since_1904 else FIRST_DAY
    early = timedelta(days=1) if not since_1904 and number < NO_29_FEBRUARY_1900 else timedelta()
    moment = datetime.combine(first, time()) + timedelta(seconds=round(number * 86_400)) + early
    if number < 1:
        return moment.time().isoformat()
    whole = not (moment.hour or moment.minute or moment.second)
    return moment.date().isoformat() if whole else moment.isoformat(sep=" ")
