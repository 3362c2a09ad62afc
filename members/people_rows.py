"""People made ready for the database: addresses in one spelling, rows as the text that COPY takes.

Nothing here needs a database, so the next batch is made ready while the last one is being written.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from members.addresses import NORMALISERS, fingerprint
from members.misspellings import likely_domain
from members.person import Person, UnusableAddress, merge

Row = tuple[object, ...]
NO_ACCOUNTS: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Misspelling:
    """A mailbox that can be used but looks misspelt."""

    key: str  #: the member's
    address: str
    near: str  #: the address probably meant


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedPeople:
    """A set of people, each key once, as rows for COPY in CSV: None and "" are NULL there."""

    count: int
    people: str
    addresses: str
    identifiers: str
    unusable: tuple[UnusableAddress, ...]
    misspelt: tuple[Misspelling, ...]
    respelt: frozenset[str]  #: keys of members with a number or mailbox that was not written as it is kept
    marks: Mapping[str, Sequence[int]]  #: by key, phone and email: a hash of each that was told


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
        count=len(merged),
        people=_written([_person_row(person) for person in merged.values()]),
        addresses=_written(found.rows),
        identifiers=_written(_identifier_rows(merged.values(), accounts)),
        unusable=tuple(found.unusable),
        misspelt=tuple(found.misspelt),
        respelt=frozenset(found.respelt),
        marks=marks,
    )


class _Addresses:
    """The addresses of people in one spelling each, and what was remarkable about them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.rows: list[Row] = []
        self.unusable: list[UnusableAddress] = []
        self.misspelt: list[Misspelling] = []
        self.respelt: list[str] = []
        self.marks: dict[str, list[int]] = {"sms": [], "email": [], "wechat": []}

    def add(self, person: Person) -> None:
        for channel, given in (("sms", person.phone), ("email", person.email), ("wechat", person.openid)):
            if not given:
                continue
            found = NORMALISERS[channel](given)
            address, key = found.address, person.key
            mark = fingerprint(self._secret, channel, address)
            self.rows.append((key, channel, address, "\\x" + mark.hex(), found.problem))
            self.marks[channel].append(hash(address))
            if found.problem is not None:
                unusable = UnusableAddress(key=key, channel=channel, address=address, problem=found.problem)
                self.unusable.append(unusable)
            elif channel == "email":
                name, _, domain = address.rpartition("@")
                near = likely_domain(domain)
                if near:
                    self.misspelt.append(Misspelling(key=key, address=address, near=f"{name}@{near}"))
            if given != address and f"+86{given}" != address:
                self.respelt.append(key)


def _written(rows: Iterable[Row]) -> str:
    """Write rows as CSV, which the database takes in several times faster than row by row."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


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


def _identifier_rows(people: Iterable[Person], accounts: Mapping[str, str]) -> list[Row]:
    return [
        (person.key, kind, accounts.get(kind, ""), value.strip())
        for person in people
        for kind, value in (("unionid", person.unionid), ("card", person.card))
        if value
    ]
