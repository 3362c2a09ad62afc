"""What members do with our account at a provider: each an event of theirs, and whoever leaves is left alone.

An address that unfollowed is suppressed until it follows again.  Which of the two came last is
asked of the events themselves, so that a word told twice, or late, changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from campaigns.holders import Holders, find_holders, happened_at, mark_of, sender_of
from channels.message import Contact, ContactKind, Grant
from members.consent import suppress, unsuppress
from members.events import NewEvent, record
from members.permissions import Permission, record_permissions

SOURCE: Final = "contacts"  #: of the events that contacts are
LEAVING: Final = frozenset({ContactKind.UNFOLLOWED, ContactKind.FORGOTTEN})
UNFOLLOWED: Final = "unfollowed"  #: the reason for which an address that left is suppressed

_LAST_WORD = text("""
SELECT DISTINCT ON (member_id) member_id, kind FROM events
WHERE member_id = ANY(:holders) AND source = :source AND kind = ANY(:kinds)
ORDER BY member_id, occurred_at DESC, id DESC
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Met:
    """A contact, and the members who have the address now."""

    contact: Contact
    fingerprint: bytes
    holders: Holders


def follow_contacts(connection: Connection, contacts: Sequence[Contact], *, secret: bytes, now: datetime) -> None:
    """Tell each contact as an event of the members who have its address, and stop or resume by the latest of them."""
    met = _met(connection, contacts, secret)
    record(connection, [event for each in met for event in _events(each, now)], now=now)
    turning = [each for each in met if each.contact.kind in {*LEAVING, ContactKind.FOLLOWED}]
    gone = _gone(connection, turning)
    by_origin: dict[tuple[str, str, bool], list[bytes]] = {}
    for each in turning:
        # Nobody here has an address that no member holds: its own word is the last one known.
        left = any(gone.get(one, False) for one in each.holders) if each.holders else each.contact.kind in LEAVING
        origin = (each.contact.channel.value, each.contact.provider, left)
        by_origin.setdefault(origin, []).append(each.fingerprint)
    for (channel, provider, left), marks in sorted(by_origin.items()):
        if left:
            suppress(connection, channel, marks, reason=UNFOLLOWED, source=provider, now=now)
        else:
            unsuppress(connection, channel, marks, reasons=(UNFOLLOWED,))


def keep_grants(connection: Connection, grants: Sequence[Grant], *, secret: bytes, now: datetime) -> int:
    """Keep what members permitted or withdrew; return how many words were new."""
    told = [
        Permission(
            provider=grant.provider,
            key=grant.key,
            channel=grant.channel.value,
            fingerprint=sender_of(grant, secret)[1],
            template_code=grant.template_code,
            kind=grant.kind.value,
            occurred_at=grant.occurred_at or now,
        )
        for grant in grants
    ]
    return record_permissions(connection, told)


def _met(connection: Connection, contacts: Sequence[Contact], secret: bytes) -> list[_Met]:
    senders = [sender_of(each, secret) for each in contacts]
    holders = find_holders(connection, senders)
    return [
        _Met(contact=each, fingerprint=sender[1], holders=holders.get(sender, {}))
        for each, sender in zip(contacts, senders, strict=True)
    ]


def _gone(connection: Connection, turning: Sequence[_Met]) -> Mapping[int, bool]:
    """Say of each holder whether the last thing told of them is that they left."""
    channels = {each.contact.channel.value for each in turning}
    leaving = {f"{channel}.{kind}" for channel in channels for kind in LEAVING}
    asked = {
        "holders": sorted({holder for each in turning for holder in each.holders}),
        "source": SOURCE,
        "kinds": sorted(leaving | {f"{channel}.{ContactKind.FOLLOWED}" for channel in channels}),
    }
    return {row.member_id: row.kind in leaving for row in connection.execute(_LAST_WORD, asked)}


def _events(met: _Met, now: datetime) -> list[NewEvent]:
    contact, mark = met.contact, mark_of(met.contact)
    detail = {} if contact.detail is None else {"detail": contact.detail[:200]}
    return [
        NewEvent(
            source=SOURCE,
            key=f"{mark}:{member_id}",
            member_key=member_key,
            kind=f"{contact.channel}.{contact.kind}",
            occurred_at=happened_at(contact, now),
            properties={"provider": contact.provider, **detail},
        )
        for member_id, member_key in met.holders.items()
    ]
