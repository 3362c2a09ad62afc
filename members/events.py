"""Events: what happened to members, stored once per (source, key) however often they are told."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from sqlalchemy import Connection, Row, text

from database.holding import hold_told
from language.problems import InputRefused, Problem
from members.derived_events import SOURCE
from members.facts import MERGE, TOTALS
from members.person import encode_json, is_text, properties_text

AHEAD = timedelta(minutes=5)  #: how far a sender's clock may run before ours without remark
LARGEST_VALUE = Decimal(10) ** 12
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)

#: Properties added to an event whose moment lay in the future, and what moment was told.
CLAMPED, CLAIMED_AT = "_clamped", "_claimed_at"

_KIND = re.compile(r"\w+(?:[.\-]\w+)*")
_CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """An event as it is told."""

    source: str  #: who tells it: shop, pos, file name's namespace
    key: str  #: the source's own id for it; the same key again is the same event
    member_key: str  #: the CRM's id of the member; unknown ones are created
    kind: str  #: order.paid, member.joined, message.clicked, …
    occurred_at: datetime
    value: Decimal | float | None = None  #: an amount; None: this kind carries none
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What became of a batch: its length is ``stored + duplicates + len(mismatched)``."""

    stored: int
    duplicates: int  #: told before, in the same words
    mismatched: tuple[int, ...]  #: indexes whose (source, key) is taken by an event that says something else


CREATE_MEMBERS = """
INSERT INTO members (key, created_at, updated_at)
SELECT key, :now, :now FROM json_array_elements_text(CAST(:keys AS json)) AS told (key)
WHERE NOT EXISTS (SELECT FROM members WHERE members.key = told.key) ORDER BY key
ON CONFLICT (key) DO NOTHING
"""

# Rows go in sorted by key, then by member, so that two batches always lock in the same order.
# One JSON text is written and read several times faster than an array per column.
_STORE_EVENTS = """
WITH told AS (
    SELECT told.*, coalesce(members.merged_into, members.id) AS member_id
    FROM json_to_recordset(CAST(:rows AS json)) AS told (
        place integer, source text, key text, member text, kind text, at timestamptz, value numeric, properties jsonb
    ) JOIN members ON members.key = told.member
), stored AS (
    INSERT INTO events (source, key, member_id, kind, occurred_at, received_at, value, properties)
    SELECT source, key, member_id, kind, at, :now, value, coalesce(properties, '{}') FROM told ORDER BY source, key
    ON CONFLICT (source, key) DO NOTHING
    RETURNING id, source, key, member_id, kind, occurred_at, value
), unprocessed AS (
    INSERT INTO unprocessed_events (event_id) SELECT id FROM stored
), touched AS (
    INSERT INTO touched_members (member_id) SELECT DISTINCT member_id FROM stored
), fresh AS ("""
_KNOWN_BEFORE = ") SELECT place FROM told WHERE (source, key) NOT IN (SELECT source, key FROM stored)"
STORE = "".join((_STORE_EVENTS, TOTALS.format(events="stored"), "), totals AS (", MERGE, _KNOWN_BEFORE))

TOLD_BEFORE = """
SELECT events.source, events.key, events.kind, events.occurred_at, events.value, events.properties,
       ARRAY(SELECT key FROM members WHERE id = events.member_id OR merged_into = events.member_id) AS member_keys
FROM unnest(CAST(:sources AS text[]), CAST(:keys AS text[])) AS told (source, key) JOIN events USING (source, key)
"""


def event_problem(event: NewEvent) -> Problem | None:
    """Say why an event cannot be stored, or None if it can."""
    if not (0 < len(event.source) <= 200 and 0 < len(event.key) <= 500 and 0 < len(event.member_key) <= 200):
        return Problem(sentence="source, key and member must each be told, in at most 200, 500 and 200 characters")
    if not is_text(event.source + event.key + event.member_key):
        return Problem(sentence="a text is too long or has characters no text has")
    if event.source == SOURCE:
        return Problem(
            sentence="{source} tells what follows from events; whoever tells these needs another name",
            values={"source": SOURCE},
            field="source",
        )
    if len(event.kind) > 100 or not _KIND.fullmatch(event.kind):
        return Problem(
            sentence="{kind} is no kind of event; expected words and dots, such as order.paid",
            values={"kind": repr(event.kind[:80])},
            field="kind",
        )
    if event.occurred_at.tzinfo is None or not EARLIEST <= event.occurred_at < LATEST:
        return Problem(sentence="the moment must have its offset from UTC and a year from 1900", field="occurred_at")
    if event.value is not None and amount(event.value) is None:
        return Problem(sentence="the value must be a number below 1 000 000 000 000", field="value")
    if event.properties and properties_text(event.properties) is None:
        return Problem(sentence="properties must be plain JSON of at most 64 KiB", field="properties")
    return None


def amount(value: Decimal | float) -> Decimal | None:
    """Return the value in whole hundredths, half a hundredth away from zero; None: it cannot be stored."""
    try:
        exact = value if isinstance(value, Decimal) else Decimal(str(value))
        return exact.quantize(_CENT, ROUND_HALF_UP) if abs(exact) < LARGEST_VALUE else None
    except (InvalidOperation, TypeError):
        return None


def record(connection: Connection, batch: Sequence[NewEvent], *, now: datetime, checked: bool = False) -> Recorded:
    """Store what is new of a batch, with its totals and its bell for the triggers, in one statement.

    Members not known yet are created by their key.  A moment more than five minutes ahead of ``now``
    becomes ``now`` and the event says so.  Telling an event again changes nothing; telling another
    one under a key already taken changes nothing and is reported by its index.  ``checked`` says that
    ``event_problem`` was asked about each before and had nothing to say.

    Raises:
        InputRefused: ``event_problem`` has something to say about one of them; nothing is stored.
    """
    problems = [] if checked else [problem for event in batch if (problem := event_problem(event))]
    if problems:
        raise InputRefused(problems)
    first: dict[tuple[str, str], int] = {}
    again: list[int] = []
    for place, event in enumerate(batch):
        if first.setdefault((event.source, event.key), place) != place:
            again.append(place)
    again += _store(connection, batch, list(first.values()), now)
    mismatched = _mismatched(connection, batch, sorted(again)) if again else ()
    return Recorded(stored=len(batch) - len(again), duplicates=len(again) - len(mismatched), mismatched=mismatched)


def _store(connection: Connection, batch: Sequence[NewEvent], places: Sequence[int], now: datetime) -> list[int]:
    """Insert the events at these places of the batch; return the places of those that were stored before."""
    if not places:
        return []
    latest = now + AHEAD
    rows = [_row(place, batch[place], now if batch[place].occurred_at > latest else None) for place in places]
    keys = list({batch[place].member_key for place in places})
    connection.execute(text(CREATE_MEMBERS), {"keys": encode_json(keys), "now": now})
    hold_told(connection, keys)  # Before anything is written: who merges holds members first too.
    return list(connection.execute(text(STORE), {"rows": encode_json(rows), "now": now}).scalars())


def _row(place: int, event: NewEvent, clamped_to: datetime | None) -> dict[str, object]:
    moment, properties = event.occurred_at, event.properties
    if clamped_to is not None:
        properties = {**properties, CLAMPED: True, CLAIMED_AT: moment.astimezone(UTC).isoformat()}
    row: dict[str, object] = {
        "place": place,
        "source": event.source,
        "key": event.key,
        "member": event.member_key,
        "kind": event.kind,
        "at": (clamped_to or moment).isoformat(),
    }
    if event.value is not None:
        row["value"] = str(amount(event.value))
    if properties:
        row["properties"] = dict(properties)
    return row


def _mismatched(connection: Connection, batch: Sequence[NewEvent], places: Sequence[int]) -> tuple[int, ...]:
    """Return which of these events, whose keys are taken, say something else than what is kept."""
    keys = sorted({(batch[place].source, batch[place].key) for place in places})
    known = connection.execute(
        text(TOLD_BEFORE), {"sources": [key[0] for key in keys], "keys": [key[1] for key in keys]}
    )
    kept = {(row.source, row.key): row for row in known}
    return tuple(
        place for place in places if not _says_the_same(batch[place], kept[batch[place].source, batch[place].key])
    )


def _says_the_same(told: NewEvent, kept: Row[tuple[object, ...]]) -> bool:
    """Compare as both were told: a clamped moment by the one claimed, which does not move with the clock."""
    properties = dict(kept.properties)
    claim = properties.pop(CLAIMED_AT, None) if properties.pop(CLAMPED, None) else None
    kept_at = kept.occurred_at if claim is None else datetime.fromisoformat(claim)
    value = None if told.value is None else amount(told.value)
    wanted = json.loads(encode_json(dict(told.properties)))
    told_now = (told.kind, told.occurred_at, value, wanted)
    return told.member_key in kept.member_keys and (kept.kind, kept_at, kept.value, properties) == told_now
