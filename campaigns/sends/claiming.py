"""Take waiting sends for one worker, and give them back."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Interval,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    select,
    update,
)

from campaigns.sends.earlier import no_more_channels
from campaigns.sends.states import SendState, found_in
from database.tables import addresses, campaigns, members, sends

#: How many sends are claimed together at most, by how many of their claimers have died: what
#: may have killed one is tried among fewer and fewer others, and alone at last.
TOGETHER = (10_000, 50, 5, 1, 1, 1, 1, 1)
#: Claims by processes that died holding the send, after which it is set aside.
POISONED_AFTER = len(TOGETHER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unwritten:
    """What is needed to write a send's words."""

    id: int
    member_id: int
    campaign_id: int
    template_version_id: int
    language: str
    address: str


_NOW = bindparam("claim_now", type_=DateTime(timezone=True))
_CHANNEL = bindparam("claim_channel", type_=String)


def is_due(channel: ColumnElement[str], now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """The condition that a send of a channel is waiting, its time has come, and its campaign is not paused."""
    running = exists().where(campaigns.c.id == sends.c.campaign_id, campaigns.c.state != "paused")
    return and_(found_in(SendState.WAITING), sends.c.channel == channel, sends.c.not_before <= now, running)


def _due(limit: ColumnElement[int]) -> Select[int]:
    return select(sends.c.id).where(is_due(_CHANNEL, _NOW)).order_by(sends.c.not_before).limit(limit)


@cache
def _least_claims() -> Select[int | None]:
    """Of the sends whose turn it is: how often the one claimed least often was claimed."""
    due = _due(bindparam("claim_limit", type_=Integer)).with_only_columns(sends.c.claims, maintain_column_froms=True)
    return select(func.min(due.subquery().c.claims))


@cache
def _take() -> Select[*tuple[object, ...]]:
    """Claim, and return what is needed to write the words; built once, for building costs more than running."""
    alike = _due(bindparam("claim_together", type_=Integer)).where(sends.c.claims <= bindparam("claim_least", type_=Integer))
    found = func.array(alike.with_for_update(skip_locked=True, of=sends).scalar_subquery())  # An array: found once, not row by row.
    taken = (
        update(sends)
        .where(sends.c.id == func.any(found))
        .values(
            state=SendState.CLAIMED,
            token=bindparam("claim_token", type_=sends.c.token.type),
            claims=sends.c.claims + 1,
            lease_until=func.clock_timestamp() + bindparam("claim_lease", type_=Interval),
            state_at=func.clock_timestamp(),
        )
        .returning(
            sends.c.id, sends.c.member_id, sends.c.campaign_id, sends.c.template_version_id, sends.c.address_id
        )
        .cte("taken")
    )
    return (
        select(
            taken.c.id, taken.c.member_id, taken.c.campaign_id, taken.c.template_version_id, members.c.language,
            addresses.c.address,
        )
        .join(members, members.c.id == taken.c.member_id)
        .join(addresses, addresses.c.id == taken.c.address_id)
        .order_by(taken.c.id)
    )  # fmt: skip


def claim(
    connection: Connection, channel: str, *, now: datetime, limit: int, lease: timedelta
) -> tuple[uuid.UUID, list[Unwritten]]:
    """Take up to ``limit`` due sends of a channel under a fresh token, for ``lease``.

    Nothing has been said to a provider yet, so a claim is always safe to take back.
    """
    token, due = uuid.uuid4(), {"claim_channel": channel, "claim_now": now}
    least = connection.execute(_least_claims(), due | {"claim_limit": limit}).scalar_one()
    if least is None:
        return token, []
    together = min(limit, TOGETHER[min(least, len(TOGETHER) - 1)])
    told = {"claim_together": together, "claim_least": least, "claim_token": token, "claim_lease": lease}
    return token, [Unwritten(**row._mapping) for row in connection.execute(_take(), due | told)]


def release(connection: Connection, token: uuid.UUID) -> int:
    """Give back whatever is still only claimed under ``token``; return how many."""
    given = connection.execute(
        update(sends)
        .where(sends.c.token == token, sends.c.state == SendState.CLAIMED)
        .values(state=SendState.WAITING, token=None, lease_until=None, claims=sends.c.claims - 1)
    )
    return given.rowcount


def take_back_claims(connection: Connection) -> int:
    """Return sends whose claimer let its lease pass to waiting; set aside those that keep killing it."""
    poisoned = sends.c.claims >= POISONED_AFTER
    done = connection.execute(
        update(sends)
        .where(found_in(SendState.CLAIMED), sends.c.lease_until < func.clock_timestamp())
        .values(
            state=case((poisoned, SendState.FAILED), else_=SendState.WAITING),
            reason=case((poisoned, "poison"), else_=sends.c.reason),
            then_channels=case((poisoned, no_more_channels()), else_=sends.c.then_channels),
            token=None,
            lease_until=None,
            state_at=func.clock_timestamp(),
        )
    )
    return done.rowcount
