"""The filters that templates may use, and no others.

Each is a function of a plain value, and none can make a text longer than ``LONGEST_TEXT``:
a chain of filters therefore cannot be used to fill the memory.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import partial
from urllib.parse import quote

from jinja2 import Undefined
from jinja2.exceptions import FilterArgumentError
from markupsafe import Markup

LONGEST_TEXT = 8_000  #: characters that one value may have
DATE_STYLES = ("full", "month_day", "short", "field")
MOST_PLACES = 8  #: decimal places that may be asked for

ENGLISH_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def filters_for(language: str) -> Mapping[str, Callable[..., object]]:
    """Return every allowed filter, speaking ``zh`` or ``en`` where words are made."""
    return {
        "abs": _absolute,
        "capitalize": lambda value: _text(value).capitalize(),
        "date": partial(_date, language),
        "default": _default,
        "first": lambda value: _end(value, 0),
        "float": _float,
        "int": _int,
        "join": _join,
        "last": lambda value: _end(value, -1),
        "length": len,
        "lower": lambda value: _text(value).lower(),
        "money": _money,
        "number": lambda value, places=0: _money(value, "", places),
        "plural": _plural,
        "replace": _replace,
        "round": _round,
        "title": lambda value: _text(value).title(),
        "trim": lambda value: _text(value).strip(),
        "truncate": _truncate,
        "upper": lambda value: _text(value).upper(),
        "urlencode": lambda value: _bounded(quote(_text(value), safe="")),
    }


def _bounded(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise FilterArgumentError("the text became too long")
    return text


def _text(value: object) -> str:
    if isinstance(value, Mapping | list | tuple):
        raise FilterArgumentError("a list is not a text")
    # Markup is made plain again, so that a filter can never carry unescaped words past the escaping.
    return _bounded(value.unescape() if isinstance(value, Markup) else str(value))


def _number(value: object) -> Decimal:
    try:
        number = Decimal(_text(value))
    except InvalidOperation:
        raise FilterArgumentError("not a number") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 18:
        raise FilterArgumentError("not a usable number")
    return number


def _absolute(value: object) -> Decimal:
    return abs(_number(value))


def _default(value: object, instead: object = "", _even_if_false: bool = False) -> object:
    """Give ``instead`` where there is no value; an empty text is no value."""
    missing = isinstance(value, Undefined) or value is None or value == ""
    return instead if missing or (_even_if_false and not value) else value


def _date(language: str, value: object, style: str = "full") -> str:
    """Write a day: ``full`` 2026年3月5日 / 5 March 2026, ``month_day``, ``short`` 2026-03-05.

    ``field`` is the full Chinese form in any language: WeChat's date fields take no other.
    """
    if isinstance(value, Undefined):
        str(value)
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value[:10])
        except ValueError:
            raise FilterArgumentError("not a date") from None
    if not isinstance(value, date | datetime) or style not in DATE_STYLES:
        raise FilterArgumentError("not a date, or an unknown style")
    if style == "short":
        return f"{value.year:04}-{value.month:02}-{value.day:02}"
    if language == "zh" or style == "field":
        day = f"{value.month}月{value.day}日"
        return day if style == "month_day" else f"{value.year}年{day}"
    day = f"{value.day} {ENGLISH_MONTHS[value.month - 1]}"
    return f"{day} {value.year}" if style == "full" else day


def _money(value: object, symbol: str = "", places: int = 2) -> str:
    """Write an amount with thousands marked, rounded half up: 1,234.50 or ¥1,234.50."""
    number = _rounded(_number(value), places)
    sign = "-" if number < 0 else ""
    return _bounded(f"{sign}{_text(symbol)}{abs(number):,}")


def _rounded(number: Decimal, places: object) -> Decimal:
    if not isinstance(places, int) or not 0 <= places <= MOST_PLACES:
        raise FilterArgumentError("places must be from 0 to 8")
    return number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _round(value: object, places: int = 0) -> Decimal:
    return _rounded(_number(value), places)


def _int(value: object, instead: int = 0) -> int:
    try:
        return int(_number(value))
    except FilterArgumentError:
        return instead


def _float(value: object, instead: float = 0.0) -> float:
    try:
        return float(_number(value))
    except FilterArgumentError:
        return instead


def _end(value: object, index: int) -> object:
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, str | list | tuple):
        raise FilterArgumentError("neither a text nor a list")
    return value[index] if value else ""


def _join(value: object, between: str = "") -> str:
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, list | tuple):
        raise FilterArgumentError("not a list")
    return _bounded(_text(between).join(_text(item) for item in value[:100]))


def _plural(value: object, one: str, many: str) -> str:
    return _text(one if _number(value) == 1 else many)


def _replace(value: object, old: str, new: str) -> str:
    text, old, new = _text(value), _text(old), _text(new)
    found = text.count(old)
    # Counted first: the longer text is never made where it would be refused.
    if len(text) + found * (len(new) - len(old)) > LONGEST_TEXT:
        raise FilterArgumentError("the text became too long")
    return text.replace(old, new)


def _truncate(value: object, length: int = 20, end: str = "…") -> str:
    text, end = _text(value), _text(end)
    if not isinstance(length, int) or length < len(end):
        raise FilterArgumentError("length must be a number not below that of the ending")
    return text if len(text) <= length else text[: length - len(end)] + end
