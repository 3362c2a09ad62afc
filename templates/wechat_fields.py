"""What WeChat accepts in the fields of an approved template.

The kind of a field is its name without the number: ``thing1`` is a thing.  A value that
breaks its kind costs a call and is refused there, so it is made to fit, or refused, here.

Source: the platform's manual, "send a subscription notice", parameter limits by kind.
"""

import re
from collections.abc import Mapping
from typing import Final

ADDRESS_FIELD: Final = "url"  #: not a field of the template: where a tap on the notice leads
#: Not a field either: the whole words for ways without fields (answers, mass sends, WeCom), lines and all.
TEXT_FIELD: Final = "text"
UNTYPED: Final = frozenset({ADDRESS_FIELD, TEXT_FIELD})
LONGEST_TEXT: Final = 2048  #: bytes; the shortest limit of these ways, that of an answer to a member

_CJK: Final = "\u3400-\u9fff\uf900-\ufaff"
_DAY: Final = r"\d{4}年\d{1,2}月\d{1,2}日"
_CLOCK: Final = r"\d{1,2}:\d{2}(:\d{2})?"

#: Kind to (longest in UTF-16 units, pattern or None).
KINDS: Final[Mapping[str, tuple[int, re.Pattern[str] | None]]] = {
    "thing": (20, None),
    "character_string": (32, re.compile(rf"[^{_CJK}]+")),
    "number": (32, re.compile(r"-?\d+(\.\d+)?")),
    "letter": (32, re.compile(r"[A-Za-z]+")),
    "symbol": (5, re.compile(rf"[^{_CJK}A-Za-z0-9]+")),
    "time": (40, re.compile(rf"({_DAY} ?)?{_CLOCK}(~({_DAY} ?)?{_CLOCK})?|{_DAY}(~{_DAY})?")),
    "date": (40, re.compile(rf"{_DAY}( ?{_CLOCK})?(~{_DAY}( ?{_CLOCK})?)?")),
    "amount": (14, re.compile(r"[¥￥$€£]?\d{1,10}(\.\d{1,2})?元?")),
    "phone_number": (17, re.compile(r"[0-9+\-() ]+")),
    "car_number": (8, None),
    "name": (20, None),
    "phrase": (5, re.compile(rf"[{_CJK}]+")),
    "enum": (20, None),
    "const": (20, None),
}


def kind_of(field: str) -> str | None:
    """Return the kind of a field such as ``thing1``, or None when there is no such kind."""
    kind = field.rstrip("0123456789")
    return kind if kind in KINDS and kind != field else None


def fit(field: str, text: str) -> str:
    """Shorten a thing or a name to its limit; other kinds are left as they are."""
    kind = kind_of(field)
    if kind == "thing":
        return _shortened(text, 20)
    if kind == "name":
        return _shortened(text, 10 if re.search(f"[{_CJK}]", text) else 20)
    return text


def fits(field: str, text: str) -> bool:
    """Say whether WeChat takes this text in this field; an empty one it never does."""
    if field == ADDRESS_FIELD:
        return text.startswith(("https://", "http://"))
    if field == TEXT_FIELD:
        return 0 < len(text.strip().encode("utf-8", "surrogatepass")) <= LONGEST_TEXT
    longest, pattern = KINDS[kind_of(field) or "thing"]
    return 0 < _units(text) <= longest and (pattern is None or pattern.fullmatch(text) is not None)


def _units(text: str) -> int:
    # How an emoji is counted there is not written down; two is the safe answer.
    return len(text) + sum(character > "\uffff" for character in text)


def _shortened(text: str, longest: int) -> str:
    if _units(text) <= longest:
        return text
    while _units(text) > longest - 1:
        text = text[:-1]
    return text + "…"
