"""Permissions with their proof, append-only, and the stops that outlive everything else."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from database.holding import hold_members
from database.tables import addresses, suppressions
from members.identity.following import kept_ids
from members.reckoning import touch


@dataclass(frozen=True, kw_only=True, slots=True)
class NewConsent:
    """A member's yes or no to one purpose on one channel, with its proof."""

    member_id: int
    channel: str  #: sms, email or wechat
    purpose: str  #: marketing or service
    granted: bool
    source: str  #: where it was given: checkout, preference centre, import, reply
    text_version: str = ""  #: which wording was agreed to
    proof: Mapping[str, object] = field(default_factory=dict)
    occurred_at: datetime | None = None  #: None: the moment it is recorded


_TOLD = """
FROM json_to_recordset(CAST(:rows AS json)) AS told (
    place integer, member_id bigint, channel text, purpose text, granted boolean, source text, text_version text,
    proof jsonb, occurred_at timestamptz, dated boolean
)
"""

_APPEND = """
WITH added AS (
INSERT INTO consents (member_id, channel, purpose, granted, source, text_version, proof, proof_digest, occurred_at, recorded_at)
SELECT told.member_id, told.channel, told.purpose, told.granted, told.source, told.text_version, told.proof,
       sha256(convert_to(told.proof::text, 'UTF8')), told.occurred_at, :now
"""

# Announced for the chain (members/consent_chain.py) by the statement that adds them.
_ANNOUNCE = """
ORDER BY place RETURNING id
), announced AS (INSERT INTO unlinked_consents (consent_id) SELECT id FROM added)
SELECT count(*) FROM added
"""

# A told consent is news when it is the member's first on this channel and purpose, or when it is later
# than the latest and says otherwise.  A yes without a date of its own is nobody's answer to a no.
_NEWS = """
LEFT JOIN LATERAL (
    SELECT granted, occurred_at FROM consents
    WHERE (member_id, channel, purpose) = (told.member_id, told.channel, told.purpose)
    ORDER BY occurred_at DESC, id DESC LIMIT 1
) AS latest ON true
WHERE latest.granted IS NULL
   OR (latest.granted <> told.granted AND told.occurred_at >= latest.occurred_at AND (told.dated OR NOT told.granted))
"""


def record_consents(
    connection: Connection, consents_told: Iterable[NewConsent], *, now: datetime, only_news: bool = False
) -> int:
    """Append consents in one statement; return how many rows were added.

    With ``only_news`` those are left out that repeat what stands, that are older than it, or that
    would turn a no into a yes without a date of their own: a file exported before the member
    unsubscribed must not win.
    """
    rows = [_row(place, consent, now) for place, consent in enumerate(consents_told)]
    if not rows:
        return 0
    kept = _hold(connection, {cast(int, row["member_id"]) for row in rows})
    for row in rows if kept else ():
        row["member_id"] = kept.get(cast(int, row["member_id"]), row["member_id"])
    touch(connection, {cast(int, row["member_id"]) for row in rows})
    statement = "".join((_APPEND, _TOLD, _NEWS if only_news else "", _ANNOUNCE))
    added = connection.execute(text(statement), {"rows": json.dumps(rows, ensure_ascii=False), "now": now})
    return int(added.scalar_one())


def _hold(connection: Connection, member_ids: Collection[int]) -> Mapping[int, int]:
    """Hold these members; return the row each merged one's person has now, which is held too."""
    hold_members(connection, list(member_ids))
    kept = kept_ids(connection, member_ids)
    if kept:
        hold_members(connection, list(kept.values()))
    return kept


def _row(place: int, consent: NewConsent, now: datetime) -> dict[str, object]:
    return {
        "place": place,
        "member_id": consent.member_id,
        "channel": consent.channel,
        "purpose": consent.purpose,
        "granted": consent.granted,
        "source": consent.source,
        "text_version": consent.text_version,
        "proof": dict(consent.proof),
        "occurred_at": (consent.occurred_at or now).isoformat(),
        "dated": consent.occurred_at is not None,
    }


_LATEST = """
SELECT granted, source, occurred_at FROM consents
WHERE member_id = :member AND channel = :channel AND purpose = :purpose ORDER BY occurred_at DESC, id DESC LIMIT 1
"""
#: Before any answer.
NEVER = datetime.fromisoformat("1900-01-01T00:00:00+00:00")


def latest_answers(told: Iterable[NewConsent], *, now: datetime) -> list[NewConsent]:
    """Leave of several answers for one member, channel and purpose the latest, in whatever order they stand.

    A no without a moment is of ``now``; a yes without one gives way to any other; of two at one moment the no stands.
    """

    def weight(one: NewConsent) -> tuple[datetime, bool]:
        return one.occurred_at or (NEVER if one.granted else now), not one.granted

    latest: dict[tuple[int, str, str], NewConsent] = {}
    for one in told:
        place = one.member_id, one.channel, one.purpose
        if place not in latest or weight(one) >= weight(latest[place]):
            latest[place] = one
    return list(latest.values())


def withdraw(
    connection: Connection,
    member_id: int,
    channel: str,
    purpose: str = "marketing",
    *,
    source: str,
    now: datetime,
    proof: Mapping[str, object] | None = None,
) -> bool:
    """Record that the member no longer wants this; return False where they had said so already.

    A no that somebody else told us is not the member's own, and may be taken back; theirs is recorded beside it.
    Holds for every send marked after this transaction commits, whatever moment an earlier answer claims.
    """
    # Two clicks at once would both find the yes; the second waits here and then finds the no.
    member_id = _hold(connection, [member_id]).get(member_id, member_id)
    asked = {"member": member_id, "channel": channel, "purpose": purpose}
    known = connection.execute(text(_LATEST), asked).one_or_none()
    if known and not known.granted and known.source in (*OWN_SOURCES, source):
        return False
    no = NewConsent(
        member_id=member_id, channel=channel, purpose=purpose, granted=False, source=source, proof=proof or {},
        occurred_at=max(now, known.occurred_at) if known else now,
    )  # fmt: skip
    return record_consents(connection, [no], now=now) == 1


def suppress(
    connection: Connection,
    channel: str,
    fingerprints: Sequence[bytes],
    *,
    reason: str,
    source: str,
    now: datetime,
) -> int:
    """Stop these addresses for ever; return how many were not stopped before, whose first reason is kept."""
    rows = [
        {"channel": channel, "fingerprint": mark, "reason": reason, "source": source, "created_at": now}
        for mark in sorted(set(fingerprints))
    ]
    if not rows:
        return 0
    held = _holders(connection, channel, [row["fingerprint"] for row in rows])
    hold_members(connection, held)
    touch(connection, held)
    return len(
        connection.execute(
            upsert(suppressions).on_conflict_do_nothing().returning(suppressions.c.fingerprint), rows
        ).all()
    )


def _holders(connection: Connection, channel: str, fingerprints: Collection[object]) -> list[int]:
    """Return whose these addresses are or were."""
    theirs = select(addresses.c.member_id).distinct().where(
        addresses.c.channel == channel, addresses.c.fingerprint.in_(fingerprints)
    )
    return list(connection.execute(theirs).scalars())


#: Where a member's own no comes from: a reply, or the link in a message.  Others were told to us by somebody else.
OWN_SOURCES = ("replies", "link")
#: Sources that are written by us alone: what we make of them holds only where nobody else says them.
OUR_SOURCES = frozenset({*OWN_SOURCES, "merge", "unmerge", "import undone", "double opt-in"})
NO_SOURCE = "{source} is what we write ourselves; say where it was said, such as counter, phone or letter"
#: Reasons to suppress that are the member's own wish; the others are no longer theirs to take back.
OWN_REASONS = ("reply", "unsubscribed")

_OWN_NO = """
SELECT told.member_id FROM unnest(CAST(:holders AS bigint[])) AS told (member_id) CROSS JOIN LATERAL (
    SELECT granted, source FROM consents
    WHERE (consents.member_id, channel, purpose) = (told.member_id, :channel, 'marketing')
    ORDER BY occurred_at DESC, id DESC LIMIT 1
) AS latest
WHERE NOT latest.granted AND latest.source = ANY(:sources) ORDER BY told.member_id
"""


def lift(connection: Connection, channel: str, mark: bytes, holders: Sequence[int]) -> list[int]:
    """Take an address off the suppression list where its owner put it there; return whose no stands to be taken back.

    ``holders`` are the members who have the address now.  Nothing changes, and nobody is
    returned, where the address is suppressed for another reason, where it is not
    suppressed, or where no holder's latest word is a no of their own.
    """
    hold_members(connection, holders)
    asked = {"holders": list(holders), "channel": channel, "sources": list(OWN_SOURCES)}
    returning = list(connection.execute(text(_OWN_NO), asked).scalars())
    if not returning:
        return []
    return returning if unsuppress(connection, channel, [mark], reasons=OWN_REASONS) else []


def unsuppress(
    connection: Connection, channel: str, fingerprints: Sequence[bytes], *, reasons: Collection[str]
) -> int:
    """Take off the list what stands there for one of these reasons; return how many addresses that were."""
    lifted = delete(suppressions).where(
        suppressions.c.channel == channel,
        suppressions.c.fingerprint.in_(fingerprints),
        suppressions.c.reason.in_(reasons),
    )
    touch(connection, _holders(connection, channel, fingerprints))
    return connection.execute(lifted).rowcount
