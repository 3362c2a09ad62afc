"""Everything kept about one member, for the person who asks."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, select

from database.tables import addresses, consents, events, members, suppressions
from members.facts import read_facts
from members.facts.reckoned import read_channel_facts, read_order_facts

LAST_EVENTS = 20

Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One member; rows by the names of their columns, the latest first where there is a time."""

    member: dict[str, Any]
    addresses: Rows  #: with ``suppressed``: the reason the address is stopped for, or None
    consents: Rows  #: every answer ever given
    facts: Rows
    orders: dict[str, Any]  #: empty: nothing was ever bought
    channels: Rows  #: how the member answers on each
    events: Rows  #: the last twenty


def read_profile(connection: Connection, member_id: int) -> Profile:
    """Read everything kept about the member with this id, who must exist."""
    address_of = and_(
        suppressions.c.channel == addresses.c.channel, suppressions.c.fingerprint == addresses.c.fingerprint
    )
    own_addresses = (
        select(
            addresses.c.channel,
            addresses.c.address,
            addresses.c.is_current,
            addresses.c.problem,
            suppressions.c.reason.label("suppressed"),
            addresses.c.created_at,
        )
        .outerjoin_from(addresses, suppressions, address_of)
        .where(addresses.c.member_id == member_id)
        .order_by(addresses.c.channel, addresses.c.is_current.desc(), addresses.c.id.desc())
    )
    told = (
        consents.c[name] for name in ("channel", "purpose", "granted", "source", "text_version", "occurred_at", "proof")
    )
    own_consents = (
        select(*told)
        .where(consents.c.member_id == member_id)
        .order_by(consents.c.occurred_at.desc(), consents.c.id.desc())
    )
    last_events = (
        select(events.c.occurred_at, events.c.kind, events.c.value, events.c.source, events.c.key, events.c.properties)
        .where(events.c.member_id == member_id)
        .order_by(events.c.occurred_at.desc(), events.c.id.desc())
        .limit(LAST_EVENTS)
    )
    return Profile(
        member=_rows(connection, select(members).where(members.c.id == member_id))[0],
        addresses=_rows(connection, own_addresses),
        consents=_rows(connection, own_consents),
        facts=read_facts(connection, member_id),
        orders=read_order_facts(connection, member_id),
        channels=read_channel_facts(connection, member_id),
        events=_rows(connection, last_events),
    )


def _rows(connection: Connection, query: Select[Any]) -> Rows:
    return [dict(row) for row in connection.execute(query).mappings()]
