"""What may be told about one member, and what is wrong with it."""

import json
from calendar import isleap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import available_timezones

from language.problems import Problem

ZONES = frozenset(available_timezones())
BIRTHDAY = ("birth_year", "birth_month", "birth_day", "birth_calendar", "birth_leap_month")
#: Fields of which each is believed by itself.
TOLD_ALONE = ("name", "language", "time_zone", "tier", "joined_at", "phone", "email", "openid", "unionid", "card")
MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
NO_SUCH_DAY = Problem(sentence="there is no such day in the calendar", field="birthday")
LARGEST_PROPERTIES = 65_536  #: characters of JSON
LONGEST_TEXT = 1000  #: characters of a name, tier or key; more is a file read the wrong way

encode_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """What is told about one member.  None, "" and an attribute not named leave what is known untouched."""

    key: str  #: the CRM's own id
    name: str | None = None
    language: str | None = None
    time_zone: str | None = None
    tier: str | None = None
    birth_year: int | None = None  #: None with a month: the year is not known
    birth_month: int | None = None  #: None: nothing is told about the birthday
    birth_day: int | None = None
    birth_calendar: str | None = None  #: solar or lunar; None with a month: solar
    birth_leap_month: bool = False
    joined_at: datetime | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    phone: str | None = None  #: as written; normalised when saved
    email: str | None = None
    openid: str | None = None
    unionid: str | None = None  #: WeChat's id of the person across the accounts of one company
    card: str | None = None  #: the number of a card


@dataclass(frozen=True, kw_only=True, slots=True)
class UnusableAddress:
    """An address that was kept although it cannot be used."""

    key: str  #: the member's
    channel: str
    address: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class SharedIdentifier:
    """A unionid or card number told of one member that another member has too: two rows of one person, perhaps."""

    key: str  #: of the member it was told of
    kind: str  #: unionid or card
    value: str
    other_key: str


@dataclass(frozen=True, kw_only=True)
class Saved:
    """How many members were new, changed in themselves or an address, and the same as before."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    unusable: tuple[UnusableAddress, ...] = ()
    erased: tuple[str, ...] = ()  #: keys of those who were erased and are not taken in again
    shared: tuple[SharedIdentifier, ...] = ()
    new_ids: tuple[int, ...] = ()

    def __add__(self, other: "Saved") -> "Saved":
        return Saved(
            new=self.new + other.new,
            changed=self.changed + other.changed,
            unchanged=self.unchanged + other.unchanged,
            unusable=self.unusable + other.unusable,
            erased=self.erased + other.erased,
            shared=self.shared + other.shared,
            new_ids=self.new_ids + other.new_ids,
        )


def person_problem(person: Person) -> Problem | None:
    """Say why a person cannot be saved, or None if they can.  Unusable addresses are no reason."""
    if not person.key or len(person.key) > 200:
        return Problem(sentence="a member's key has 1 to 200 characters", field="key")
    words = f"{person.key}{person.name}{person.tier}{person.language}{person.unionid}{person.card}"
    ways = f"{person.phone}{person.email}{person.openid}"
    if len(words) > LONGEST_TEXT or not is_text(words + ways):
        strange = "phone" if len(words) <= LONGEST_TEXT and is_text(words) else "name"
        return Problem(sentence="a text is too long or has characters no text has", field=strange)
    if person.attributes and properties_text(person.attributes) is None:
        return Problem(sentence="attributes must be plain JSON of at most 64 KiB", field="attributes")
    if person.time_zone is not None and person.time_zone not in ZONES:
        return Problem(
            sentence="{zone} is no time zone; expected a name such as Asia/Shanghai",
            values={"zone": person.time_zone[:80]},
            field="time_zone",
        )
    if person.birth_calendar not in (None, "solar", "lunar"):
        return Problem(sentence="the calendar of a birthday is solar or lunar", field="birth_calendar")
    return _birthday_problem(person)


def is_text(words: str) -> bool:
    """Say whether the database can hold the words: no NUL, no half of a surrogate pair."""
    if words.isascii():
        return "\0" not in words
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in words


def properties_text(properties: Mapping[str, object]) -> str | None:
    """Return what is told by names of one's own as JSON, or None where it cannot be stored."""
    try:
        written = encode_json(dict(properties))
        written.encode()
    except (TypeError, ValueError, RecursionError):
        return None
    return written if len(written) <= LARGEST_PROPERTIES and "\\u0000" not in written else None


def _birthday_problem(person: Person) -> Problem | None:
    month, day = person.birth_month, person.birth_day
    if month is None and day is None and person.birth_year is None:
        return None
    if month is None or day is None or not 1 <= month <= 12:
        return NO_SUCH_DAY
    longest = 30 if person.birth_calendar == "lunar" else MONTH_LENGTHS[month - 1]
    if not 1 <= day <= longest or not 1850 <= (person.birth_year or 1900) <= 2200:
        return NO_SUCH_DAY
    if person.birth_year and (month, day) == (2, 29) and longest == 29 and not isleap(person.birth_year):
        return NO_SUCH_DAY
    return None


def merge(earlier: Person, later: Person) -> Person:
    """Return what both tell together; where both tell something, the later one is believed."""
    told = {
        name: value
        for name in TOLD_ALONE
        if (value := getattr(later, name)) not in (None, "")
    }
    if later.birth_month is not None:
        told |= {name: getattr(later, name) for name in BIRTHDAY}
    return replace(earlier, **told, attributes={**earlier.attributes, **later.attributes})
