"""Segment's message shape, read strictly and one message at a time, into people and events.

Source: https://segment.com/docs/connections/spec/, read in November 2026.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import msgspec

from config.settings import Ingest
from members.events import NewEvent, event_problem
from members.person import Person, person_problem

SOURCE = "api"
MOST = 1000  #: messages in one batch

#: Traits that are fields of a member; every other trait becomes an attribute.
FIELDS = {
    "name": "name", "tier": "tier", "phone": "phone", "email": "email", "openid": "openid",
    "timezone": "time_zone", "time_zone": "time_zone",
    "createdAt": "joined_at", "created_at": "joined_at", "joined_at": "joined_at",
}  # fmt: skip
BIRTHDAY = re.compile(r"(?:(\d{4})|-)-(\d{2})-(\d{2})(?:T.*)?")


class Told(msgspec.Struct, rename="camel"):
    """One message; what is not named here is not looked at."""

    type: str = ""
    user_id: str | int | None = None
    anonymous_id: str | None = None
    message_id: str | None = None
    event: str | None = None
    timestamp: datetime | None = None
    properties: dict[str, object] = {}
    traits: dict[str, object] = {}


class Batch(msgspec.Struct):
    """Many messages; each is kept raw, so that a bad one spoils only itself."""

    batch: list[msgspec.Raw]


@dataclass(kw_only=True)
class Sorted:
    """What a request said, ready to be stored, and what of it was refused."""

    people: list[Person] = field(default_factory=list)
    people_places: list[int] = field(default_factory=list)  #: the index in the request of each person
    events: list[NewEvent] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  #: the index in the request of each event
    undated: set[int] = field(default_factory=set)  #: places whose moment is that of their arrival
    refused: dict[int, str] = field(default_factory=dict)  #: index in the request to the reason

    @property
    def keys(self) -> set[str]:
        """The members' keys that were told."""
        return {person.key for person in self.people} | {event.member_key for event in self.events}

    def refuse(self, keys: Collection[str], reason: str) -> None:
        """Take out what was told of these members."""
        people = [each for each in zip(self.people, self.people_places, strict=True) if each[0].key in keys]
        events = [each for each in zip(self.events, self.places, strict=True) if each[0].member_key in keys]
        self.refused |= {place: reason for _, place in (*people, *events)}
        for person, place in people:
            self.people.remove(person)
            self.people_places.remove(place)
        for event, place in events:
            self.events.remove(event)
            self.places.remove(place)


_single = msgspec.json.Decoder(Told)
_batch = msgspec.json.Decoder(Batch)


def split_batch(body: bytes) -> Sequence[msgspec.Raw]:
    """Take a batch apart without reading its messages.

    Raises:
        msgspec.DecodeError: it is not {"batch": […]}.
    """
    return _batch.decode(body).batch


def sort_messages(bodies: Sequence[bytes | msgspec.Raw], ingest: Ingest, *, kind: str | None, now: datetime) -> Sorted:
    """Read every message; ``kind`` says what a single one is, None: each says so itself."""
    found = Sorted()
    for index, body in enumerate(bodies):
        try:
            told = _single.decode(body)
            _sort(told, kind or told.type, ingest, index, now, found)
        except msgspec.DecodeError as error:
            found.refused[index] = f"not a message: {error}"
        except Unusable as unusable:
            found.refused[index] = str(unusable)
    return found


class Unusable(Exception):
    """A message that is whole and still cannot be used; the words are for its sender."""


def _sort(told: Told, kind: str, ingest: Ingest, index: int, now: datetime, found: Sorted) -> None:
    if kind not in ("identify", "track"):
        raise Unusable(f"type {kind[:40]!r} is not taken here; identify and track are")
    if told.user_id in (None, ""):
        raise Unusable("userId is missing; messages go to members, and an anonymousId names none")
    if kind == "identify":
        found.people.append(_person(told))
        found.people_places.append(index)
        return
    found.events.append(_event(told, ingest, now))
    found.places.append(index)
    if told.timestamp is None:
        found.undated.add(index)


def _event(told: Told, ingest: Ingest, now: datetime) -> NewEvent:
    if not told.message_id:
        raise Unusable("messageId is missing; without it the same event told twice would count twice")
    if not told.event:
        raise Unusable("event is missing: what happened?")
    event = NewEvent(
        source=SOURCE,
        key=told.message_id,
        member_key=str(told.user_id),
        kind=ingest.kinds.get(told.event) or kind_of(told.event),
        occurred_at=told.timestamp or now,
        value=_value(told.properties, ingest.values),
        properties=told.properties,
    )
    problem = event_problem(event)
    if problem is not None:
        raise Unusable(str(problem))
    return event


def kind_of(name: str) -> str:
    """Return a sender's name for an event as a kind: ``Product Viewed`` becomes ``product_viewed``."""
    if re.fullmatch(r"\w+(?:[.\-]\w+)*", name):
        return name
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")


def _value(properties: Mapping[str, object], names: Sequence[str]) -> Decimal | None:
    for name in names:
        amount = properties.get(name)
        if isinstance(amount, int | float) and not isinstance(amount, bool):
            return Decimal(str(amount))
        if isinstance(amount, str) and re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?", amount):
            return Decimal(amount)
    return None


def _person(told: Told) -> Person:
    person = Person(key=str(told.user_id), **dict(_fields(told.traits)))  # type: ignore[arg-type]
    problem = person_problem(person)
    if problem is not None:
        raise Unusable(str(problem))
    return person


def _fields(traits: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    attributes: dict[str, object] = {}
    for name, value in traits.items():
        if value is None:
            continue
        if name in FIELDS:
            yield FIELDS[name], _moment(str(value)) if FIELDS[name] == "joined_at" else str(value)
        elif name in ("language", "locale"):
            yield "language", str(value)[:2].lower()
        elif name in ("birthday", "birth_date"):
            yield from _birthday(str(value))
        elif name not in ("firstName", "lastName"):
            attributes[name] = value
    if "name" not in traits and ("firstName" in traits or "lastName" in traits):
        yield "name", " ".join(str(traits[part]) for part in ("firstName", "lastName") if traits.get(part))
    yield "attributes", attributes


def _moment(text: str) -> datetime:
    try:
        return msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise Unusable("a moment is written as 2026-08-01T09:30:00+08:00") from None


def _birthday(text: str) -> Iterator[tuple[str, object]]:
    found = BIRTHDAY.fullmatch(text)
    if not found:
        raise Unusable("a birthday is written as 1990-08-01, or as --08-01 where the year is not known")
    yield "birth_year", int(found[1]) if found[1] else None
    yield "birth_month", int(found[2])
    yield "birth_day", int(found[3])
