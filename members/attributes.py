"""The data dictionary: what each attribute of members means, and which values it may have.

Attributes that nobody defined are kept as they are told; one that is defined is held to its type::

    attribute: skin_type
    type: text
    title: {zh: 肤质, en: Skin type}
    values: [dry, oily, combination]
    personal: true
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from sqlalchemy import Connection, text

from language.problems import InputRefused, Problem
from members.dates import read_birthday, read_moment
from members.definitions import Definition, load_definitions
from members.mistakes import mistake
from members.person import is_text
from members.reckoning import touch

TAGS = "tags"  #: the attribute that holds a member's tags, a list
LONGEST_LIST = 200
LONGEST_VALUE = 1000  #: characters
YES = frozenset({"是", "有", "y", "yes", "true", "t", "1", "on"})
NO = frozenset({"否", "无", "n", "no", "false", "f", "0", "off"})

AttributeType = Literal["text", "number", "yes_no", "day", "moment", "list"]


class Attribute(Definition):
    """One attribute of members: what it means, its type, the values it may have."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[str] = "attribute"

    attribute: str
    type: AttributeType
    title: dict[Literal["zh", "en"], str] = Field(default_factory=dict)
    description: dict[Literal["zh", "en"], str] | str = ""
    values: tuple[str | int | float, ...] = ()  #: the only values there may be; none: any of the type
    personal: bool = False  #: whether it says something about the person that is to be guarded

    @model_validator(mode="after")
    def _values_are_of_the_type(self) -> Self:
        if self.values and self.type not in ("text", "number", "list"):
            raise mistake("only text, number and list have a choice of values; {type} has not", type=self.type)
        if self.type == "number" and any(isinstance(value, str) for value in self.values):
            raise mistake("the values of a number are numbers, without quotes")
        if self.type != "number" and any(not isinstance(value, str) for value in self.values):
            raise mistake("the values of a text are texts; put quotes around numbers")
        return self


Dictionary = Mapping[str, Attribute]


def load_dictionary(connection: Connection) -> Dictionary:
    """Return every defined attribute by name; tags are a list, whether or not somebody defined them."""
    return {TAGS: Attribute(attribute=TAGS, type="list"), **load_definitions(connection, Attribute)}


def defined_attributes(connection: Connection) -> frozenset[str]:
    """Return the names templates may say without being asked about them; none where nobody defined an attribute."""
    defined = load_definitions(connection, Attribute)
    return frozenset({TAGS, *defined}) if defined else frozenset()


def attribute_value(dictionary: Dictionary, name: str, told: str, zone: tzinfo) -> object | Problem:
    """Return what a cell of a file says of an attribute as it is kept, or what is wrong with it.

    Texts of attributes nobody defined are kept as they are.  A list is written with ``;``, ``；``, ``、`` or ``|``
    between its values, or as JSON; moments without an offset are in ``zone``.
    """
    field = f"attributes.{name}"
    attribute = dictionary.get(name)
    if attribute is None:
        return told
    if not is_text(told) or len(told) > LONGEST_VALUE * LONGEST_LIST:
        return Problem(sentence="a text is too long or has characters no text has", field=field)
    value = _READERS[attribute.type](told.strip(), zone)
    if value is None:
        return Problem(sentence=_WANTED[attribute.type], values={"found": repr(told)[:80]}, field=field)
    strange = _not_among(attribute, value)
    if strange is not None:
        listed = ", ".join(map(str, attribute.values))[:300]
        return Problem(
            sentence="{found} is none of the values of {name}: {listed}",
            values={"found": repr(strange)[:80], "name": name, "listed": listed},
            field=field,
        )
    return value


def attributes_reader(dictionary: Dictionary, zone: tzinfo) -> Callable[[Mapping[str, str]], Mapping[str, object] | Problem]:
    """Return what makes the attributes of a row of words, or says what is wrong with the first that is unusable."""

    def read(told: Mapping[str, str]) -> Mapping[str, object] | Problem:
        values: dict[str, object] = {}
        for name, words in told.items():
            value = attribute_value(dictionary, name, words, zone)
            if isinstance(value, Problem):
                return value
            values[name] = value
        return values

    return read


def _not_among(attribute: Attribute, value: object) -> object | None:
    """Return the first value that the attribute may not have; None: it may have them all."""
    if not attribute.values:
        return None
    several: Sequence[object] = value if isinstance(value, list) else (value,)
    return next((each for each in several if each not in attribute.values), None)


def _text(told: str, _: tzinfo) -> str | None:
    return told if len(told) <= LONGEST_VALUE else None


def _number(told: str, _: tzinfo) -> int | float | None:
    try:
        number = Decimal(told.replace(",", "").replace("，", ""))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= 10**15:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _yes_no(told: str, _: tzinfo) -> bool | None:
    said = told.lower()
    return True if said in YES else False if said in NO else None


def _day(told: str, _: tzinfo) -> str | None:
    found = read_birthday(told)
    if found is None or found.year is None:
        return None
    try:
        return date(found.year, found.month, found.day).isoformat()
    except ValueError:
        return None


def _moment(told: str, zone: tzinfo) -> str | None:
    found = read_moment(told, zone)
    return None if found is None else found.isoformat()


def _list(told: str, _: tzinfo) -> list[str] | None:
    if told.startswith("["):
        try:
            found = json.loads(told)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            return None
    else:
        for mark in "；、|":
            told = told.replace(mark, ";")
        found = told.split(";")
    named = list(dict.fromkeys(each.strip() for each in found if each.strip()))
    return named if len(named) <= LONGEST_LIST and all(len(each) <= LONGEST_VALUE for each in named) else None


_READERS: Mapping[AttributeType, Callable[[str, tzinfo], object | None]] = {
    "text": _text, "number": _number, "yes_no": _yes_no, "day": _day, "moment": _moment, "list": _list,
}  # fmt: skip

_WANTED: Mapping[AttributeType, str] = {
    "text": "a text of at most 1000 characters was expected; found {found}",
    "number": "a number was expected; found {found}",
    "yes_no": "是 or 否, yes or no was expected; found {found}",
    "day": "a day such as 2026-08-01 was expected; found {found}",
    "moment": "a day or moment such as 2026-08-01 or 2026-08-01 10:00 was expected; found {found}",
    "list": "a list such as 茶;咖啡 of at most 200 values was expected; found {found}",
}


@dataclass(frozen=True, kw_only=True)
class AttributeUsed:
    """An attribute as members have it."""

    name: str
    members: int
    misfits: int  #: members whose value is not of the type defined; 0 where none is defined


# The JSON types that values of a type have; days and moments are texts.
_JSON_TYPES: Mapping[str, str] = {"number": "number", "yes_no": "boolean", "list": "array"}

_IN_USE = text("""
SELECT told.name, count(*) AS members,
       count(*) FILTER (WHERE wanted.form IS NOT NULL AND jsonb_typeof(told.value) <> wanted.form) AS misfits
FROM members CROSS JOIN LATERAL jsonb_each(attributes) AS told (name, value)
LEFT JOIN jsonb_each_text(CAST(:forms AS jsonb)) AS wanted (name, form) ON wanted.name = told.name
WHERE erased_at IS NULL AND merged_into IS NULL GROUP BY told.name ORDER BY told.name
""")


def attributes_in_use(connection: Connection, dictionary: Dictionary) -> list[AttributeUsed]:
    """Return every attribute that some member has, by name, and how many of them have a value of another type."""
    forms = {name: _JSON_TYPES.get(one.type, "string") for name, one in dictionary.items()}
    rows = connection.execute(_IN_USE, {"forms": json.dumps(forms)})
    return [AttributeUsed(name=row.name, members=row.members, misfits=row.misfits) for row in rows]


# A tag that was there keeps its place; new ones follow in the order they are told.
_TAG = text("""
WITH told AS (
    SELECT id, CASE jsonb_typeof(attributes -> 'tags') WHEN 'array' THEN attributes -> 'tags'
                    WHEN 'string' THEN jsonb_build_array(attributes -> 'tags') ELSE '[]' END AS had
    FROM members WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
), wanted AS (
    SELECT id, had, coalesce((
        SELECT jsonb_agg(tag ORDER BY place) FROM (
            SELECT tag, min(place) AS place FROM (
                SELECT tag, place FROM jsonb_array_elements_text(had) WITH ORDINALITY AS old (tag, place)
                UNION ALL
                SELECT tag, 1000000 + place FROM unnest(CAST(:added AS text[])) WITH ORDINALITY AS new (tag, place)
            ) AS every WHERE tag <> ALL(CAST(:removed AS text[])) GROUP BY tag
        ) AS kept
    ), '[]') AS has FROM told
)
UPDATE members SET attributes = attributes || jsonb_build_object('tags', has), updated_at = :now
FROM wanted WHERE members.id = wanted.id AND has <> had RETURNING members.id
""")


def tag_members(
    connection: Connection, member_ids: Collection[int], *, add: Sequence[str], remove: Sequence[str], now: datetime
) -> int:
    """Give these members tags and take others away; return of how many that changed something.

    Raises:
        InputRefused: a tag to be added is none, or is none of the values the dictionary has for ``tags``.
    """
    attribute = load_dictionary(connection)[TAGS]
    problems = [problem for tag in add if (problem := _tag_problem(attribute, tag))]
    if problems:
        raise InputRefused(problems)
    given = {"ids": list(member_ids), "added": list(add), "removed": list(remove), "now": now}
    changed = connection.execute(_TAG, given).scalars().all()
    touch(connection, changed)
    return len(changed)


def _tag_problem(attribute: Attribute, tag: str) -> Problem | None:
    if not 0 < len(tag) <= 100 or not is_text(tag) or tag != tag.strip():
        return Problem(sentence="a tag has 1 to 100 characters; found {found}", values={"found": repr(tag)[:120]})
    if attribute.values and tag not in attribute.values:
        listed = ", ".join(map(str, attribute.values))[:300]
        values = {"found": repr(tag), "name": TAGS, "listed": listed}
        return Problem(sentence="{found} is none of the values of {name}: {listed}", values=values, field=TAGS)
    return None
