"""People made ready for the database: addresses in one spelling, rows as the text that COPY takes.

Nothing here needs a database, so the next batch is made ready while the last one is being written.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from members.addresses import NORMALISERS, NormalisedAddress, fingerprint
from members.misspellings import likely_domain
from members.person import Person, UnusableAddress, merge

Row = tuple[object, ...]
NULL = "\\N"
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NO_ACCOUNTS: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Misspelling:
    """A mailbox that can be used but looks misspelt."""

    key: str  #: the member's
    address: str
    near: str  #: the address probably meant


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedPeople:
    """A set of people, each key once, as rows for COPY: None and "" are NULL there."""

    keys: tuple[str, ...]
    people: str
    addresses: str
    identifiers: str
    unusable: tuple[UnusableAddress, ...]
    misspelt: tuple[Misspelling, ...]
    respelt: frozenset[str]  #: keys of members with a number or mailbox that was not written as it is kept
    marks: Mapping[str, Sequence[int]]  #: by key, phone and email: a hash of each that was told

    @property
    def count(self) -> int:
        return len(self.keys)


def prepare_people(
    people: Iterable[Person], *, secret: bytes, accounts: Mapping[str, str] = NO_ACCOUNTS
) -> PreparedPeople:
    """Make rows of people; a key that comes twice is merged.

    ``accounts`` says whose unionids and card numbers are told, by ``unionid`` and ``card``.
    """
    marks: dict[str, list[int]] = {"key": [], "phone": [], "email": []}
    merged: dict[str, Person] = {}
    for person in people:
        known = merged.get(person.key)
        merged[person.key] = person if known is None else merge(known, person)
        marks["key"].append(hash(person.key))
    found = _Addresses(secret)
    for person in merged.values():
        found.add(person)
    marks["phone"], marks["email"] = found.marks["sms"], found.marks["email"]
    return PreparedPeople(
        keys=tuple(merged),
        people="".join([_line(_person_row(person)) for person in merged.values()]),
        addresses="".join(found.lines),
        identifiers="".join(_identifier_lines(merged.values(), accounts)),
        unusable=tuple(found.unusable),
        misspelt=tuple(found.misspelt),
        respelt=frozenset(found.respelt),
        marks=marks,
    )


class _Addresses:
    """The addresses of people in one spelling each, and what was remarkable about them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.lines: list[str] = []
        self.unusable: list[UnusableAddress] = []
        self.misspelt: list[Misspelling] = []
        self.respelt: list[str] = []
        self.marks: dict[str, list[int]] = {"sms": [], "email": [], "wechat": []}

    def add(self, person: Person) -> None:
        """Take in one person's addresses."""
        key = person.key.translate(ESCAPES)
        for channel, given in (("sms", person.phone), ("email", person.email), ("wechat", person.openid)):
            if not given:
                continue
            found = NORMALISERS[channel](given)
            address = found.address
            mark = fingerprint(self._secret, channel, address).hex()
            self.marks[channel].append(hash(address))
            if found.problem is None:
                # What can be used has nothing in it that would need escaping.
                self.lines.append(f"{key}\t{channel}\t{address}\t{NULL}\t\\\\x{mark}\n")
            else:
                told = address.translate(ESCAPES)
                self.lines.append(f"{key}\t{channel}\t{told}\t{found.problem}\t\\\\x{mark}\n")
                self._keep_unusable(person.key, channel, found)
            if given != address and f"+86{given}" != address:
                self.respelt.append(person.key)
            if channel == "email" and found.problem is None:
                self._look_for_slips(person.key, address)

    def _keep_unusable(self, key: str, channel: str, found: NormalisedAddress) -> None:
        assert found.problem is not None
        self.unusable.append(UnusableAddress(key=key, channel=channel, address=found.address, problem=found.problem))

    def _look_for_slips(self, key: str, address: str) -> None:
        name, _, domain = address.rpartition("@")
        near = likely_domain(domain)
        if near:
            self.misspelt.append(Misspelling(key=key, address=address, near=f"{name}@{near}"))


def _line(values: Row) -> str:
    """Write one row as COPY reads it: tabs between, ``\\N`` for None and ""."""
    told = [NULL if value is None or value == "" else value if type(value) is str else str(value) for value in values]
    line = "\t".join(told)
    # Hardly any row has something to escape; four looks at the whole of it are cheaper than one at each value.
    as_meant = line.count("\t") == len(told) - 1 and line.count("\\") == values.count(None) + values.count("")
    if not as_meant or "\n" in line or "\r" in line:
        line = "\t".join(value if value is NULL else value.translate(ESCAPES) for value in told)
    return line + "\n"


def _person_row(person: Person) -> Row:
    return (
        person.key,
        person.name,
        person.language,
        person.time_zone,
        person.tier,
        person.birth_year,
        person.birth_month,
        person.birth_day,
        person.birth_calendar,
        person.birth_leap_month,
        person.joined_at,
        json.dumps(dict(person.attributes), ensure_ascii=False, default=str) if person.attributes else None,
    )


def _identifier_lines(people: Iterable[Person], accounts: Mapping[str, str]) -> Iterator[str]:
    # An account that is not named is the empty word, not NULL.
    for person in people:
        for kind, value in (("unionid", person.unionid), ("card", person.card)):
            if value:
                account = accounts.get(kind, "").translate(ESCAPES)
                yield f"{_line((person.key, kind, value.strip()))[:-1]}\t{account}\n"
