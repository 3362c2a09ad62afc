"""The members behind an address that a provider tells us something about."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, select, tuple_

from channels.message import Contact, Grant, Reply
from database.holding import hold_members
from database.tables import addresses, members
from members.addresses import NORMALISERS, fingerprint
from members.events import EARLIEST, LATEST

#: A channel, and the fingerprint of an address of it.
Sender = tuple[str, bytes]
#: The keys of the members who have an address now, by their ids.
Holders = Mapping[int, str]


def sender_of(told: Reply | Contact | Grant, secret: bytes) -> Sender:
    """Return the address that something came from, spelled as members' addresses are."""
    channel = told.channel.value
    spelled = NORMALISERS[channel](told.address.encode(errors="replace").decode()).address
    return channel, fingerprint(secret, channel, spelled)


def find_holders(connection: Connection, senders: Collection[Sender]) -> Mapping[Sender, Holders]:
    """Find who has each of these addresses now, and hold them until the transaction ends.

    Those who had one before are held too, as suppressing it will hold them: all at once,
    in one order, so that nobody waits in a ring.  Addresses that nobody has are left out.
    """
    rows = connection.execute(
        select(addresses.c.channel, addresses.c.fingerprint, addresses.c.is_current, members.c.id, members.c.key)
        .join(members, members.c.id == addresses.c.member_id)
        .where(tuple_(addresses.c.channel, addresses.c.fingerprint).in_(sorted(set(senders))))
    ).all()
    hold_members(connection, [row.id for row in rows])
    holders: dict[Sender, dict[int, str]] = {}
    for row in (row for row in rows if row.is_current):
        holders.setdefault((row.channel, bytes(row.fingerprint)), {})[row.id] = row.key
    return holders


def happened_at(told: Reply | Contact, now: datetime) -> datetime:
    """Return the moment the provider names, or ``now`` where it names none that an event may have."""
    moment = told.occurred_at
    dated = moment is not None and moment.tzinfo is not None and EARLIEST <= moment < LATEST
    return moment if dated and moment is not None else now


def mark_of(told: Reply | Contact) -> str:
    """Return its provider and key, in letters that any key of ours can be written in."""
    return f"{told.provider}:{hashlib.sha256(told.key.encode(errors='backslashreplace')).hexdigest()[:32]}"
