"""Plan a campaign as a launch would, read what came of it, and take everything back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, DateTime, Select, Text, and_, cast, false, func, literal, select

from campaigns.campaign import Campaign
from campaigns.launching import Launched, launch
from campaigns.preflight.finding import MOST_EXAMPLES
from campaigns.rendering_facts import facts_for
from campaigns.rules import PlanningRules
from campaigns.sends import SendState, Unwritten
from campaigns.terms import terms_of
from campaigns.timing import is_quiet
from database.tables import addresses, members, sends

OCCASION = "preflight"


@dataclass(frozen=True, kw_only=True)
class RefusedGroup:
    """Members who would be sent nothing, for one reason."""

    reason: str
    members: int
    examples: tuple[str, ...]  #: keys, MOST_EXAMPLES at most


@dataclass(frozen=True, kw_only=True)
class PlannedChannel:
    """What planning gave to one channel."""

    channel: str
    messages: int
    withheld: int  #: members of the control group who would have had theirs here
    quiet: int  #: messages that wait for the end of the member's quiet hours
    first_at: datetime | None  #: when the first may go; None: there are none
    last_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """A member whose words are tried."""

    send: Unwritten
    key: str
    address_id: int
    facts: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What a launch would have planned."""

    launched: Launched
    channels: tuple[PlannedChannel, ...]  #: those that the campaign names, in its order
    refused: tuple[RefusedGroup, ...]  #: the largest first
    samples: Mapping[str, Sequence[Sampled]]  #: by channel


@contextmanager
def taken_back(connection: Connection) -> Iterator[None]:
    """Undo everything that the block writes, numbers drawn from sequences aside, and give its locks back."""
    tried = connection.begin_nested()
    try:
        yield
    finally:
        tried.rollback()


def rehearse(
    connection: Connection, campaign: Campaign, *, now: datetime, rules: PlanningRules, sample: int
) -> Rehearsed:
    """Launch the campaign and read what that planned; to be called within ``taken_back``.

    A campaign that is paused or over is planned all the same.
    """
    launched = launch(connection, replace(campaign, state="active"), occasion=OCCASION, now=now, rules=rules)
    assert launched is not None  # Nobody keeps this occasion, so it was never launched before.
    return Rehearsed(
        launched=launched,
        channels=_channels(connection, campaign, launched.id, now, rules),
        refused=_refused(connection, launched.id),
        samples={
            channel: _sample(connection, launched.id, channel, now, sample) for channel in campaign.definition.channels
        },
    )


def _channels(
    connection: Connection, campaign: Campaign, launch_id: int, now: datetime, rules: PlanningRules
) -> tuple[PlannedChannel, ...]:
    quiet = terms_of(campaign.definition, rules).quiet_hours
    waits = sends.c.state == SendState.WAITING
    moment = literal(now, DateTime(timezone=True))
    in_quiet = is_quiet(moment, members.c.time_zone, quiet) if quiet is not None else false()
    rows = connection.execute(
        select(
            sends.c.channel,
            func.count().filter(waits).label("messages"),
            func.count().filter(sends.c.state == SendState.WITHHELD).label("withheld"),
            func.count().filter(and_(waits, in_quiet)).label("quiet"),
            func.min(sends.c.not_before).filter(waits).label("first_at"),
            func.max(sends.c.not_before).filter(waits).label("last_at"),
        )
        .join(members, members.c.id == sends.c.member_id)
        .where(sends.c.launch_id == launch_id)
        .group_by(sends.c.channel)
    ).mappings()
    found = {row["channel"]: PlannedChannel(**row) for row in rows}
    order = campaign.definition.channels
    return tuple(found.get(channel) or _nothing(channel) for channel in order)


def _nothing(channel: str) -> PlannedChannel:
    return PlannedChannel(channel=channel, messages=0, withheld=0, quiet=0, first_at=None, last_at=None)


def _refused(connection: Connection, launch_id: int) -> tuple[RefusedGroup, ...]:
    turn = func.row_number().over(partition_by=sends.c.reason, order_by=sends.c.member_id).label("turn")
    size = func.count().over(partition_by=sends.c.reason).label("size")
    each = (
        select(sends.c.reason, sends.c.member_id, turn, size)
        .where(sends.c.launch_id == launch_id, sends.c.state == SendState.REFUSED)
        .subquery()
    )
    rows = connection.execute(
        select(each.c.reason, each.c.size, members.c.key)
        .join(members, members.c.id == each.c.member_id)
        .where(each.c.turn <= MOST_EXAMPLES)
        .order_by(each.c.size.desc(), each.c.reason, each.c.turn)
    ).all()
    return tuple(
        RefusedGroup(reason=reason, members=count, examples=tuple(row.key for row in found))
        for (reason, count), found in groupby(rows, key=lambda row: (row.reason, row.size))
    )


def _sample(connection: Connection, launch_id: int, channel: str, now: datetime, size: int) -> tuple[Sampled, ...]:
    rows = connection.execute(_drawn(launch_id, channel).limit(size)).mappings().all()
    facts = facts_for(connection, [row["member_id"] for row in rows], now, orders=True, loyalty=True)
    drawn = []
    for row in rows:
        given = dict(row)
        key, address_id = given.pop("key"), given.pop("address_id")
        known = facts.get(row["member_id"], {})  # Erased between the two statements: little is known of nobody.
        drawn.append(Sampled(send=Unwritten(**given), key=key, address_id=address_id, facts=known))
    return tuple(drawn)


def _drawn(launch_id: int, channel: str) -> Select[tuple[object, ...]]:
    """Select what waits on a channel in an order that has nothing to do with the members, and is the same every time."""
    return (
        select(
            sends.c.id, sends.c.member_id, sends.c.campaign_id, sends.c.template_version_id, members.c.language,
            addresses.c.address, addresses.c.id.label("address_id"), members.c.key,
        )
        .join(members, members.c.id == sends.c.member_id)
        .join(addresses, and_(addresses.c.id == sends.c.address_id, addresses.c.member_id == sends.c.member_id))
        .where(sends.c.launch_id == launch_id, sends.c.channel == channel, sends.c.state == SendState.WAITING)
        .order_by(func.md5(cast(sends.c.member_id, Text)))
    )  # fmt: skip
