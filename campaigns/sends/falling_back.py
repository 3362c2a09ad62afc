"""Let sends go on to the next channel where one refused them, has used up its day, or confirmed no arrival.

A send stays one row, so that caps, control and reports count it once.  Nothing falls back from a
lost answer: a send in doubt, or closed as unknown, may have arrived.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    false,
    func,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.sql.selectable import LateralFromClause

from campaigns.sends.earlier import NO_ATTEMPTS, NO_CHANNELS, with_channel_left
from campaigns.sends.permission import consented, suppressed
from campaigns.sends.sharing import is_anothers_turn, is_shared, turn_at, turns_taken
from campaigns.sends.states import SendState, found_in
from database.tables import addresses, attempts, campaigns, enrolments, members, sends

#: Why a send left a channel that took it.
UNCONFIRMED = "unconfirmed"
#: Why a send left a channel that was never given it: all its accounts have carried as many as they may in a day.
QUOTA = "quota"
#: How many are looked at in one statement.
TOGETHER = 2_000

_NOW = bindparam("fall_now", type_=DateTime(timezone=True))
_LIMIT = bindparam("fall_limit", type_=Integer)
_SPENT = bindparam("fall_spent", type_=ARRAY(Text))


@dataclass(frozen=True, kw_only=True)
class FellBack:
    """What a round came to, by number of sends."""

    moved: int = 0  #: waiting for their next channel
    restored: int = 0  #: came to nothing there, and stand as accepted on a channel before
    ended: int = 0  #: have no channel left, and stay as they are
    outrun: int = 0  #: lost the turn at their next address to another in this moment, and are looked at again

    @property
    def looked_at(self) -> int:
        """How many sends were due."""
        return self.moved + self.restored + self.ended + self.outrun


def has_fallen() -> ColumnElement[bool]:
    """The condition that a send came to nothing on its channel, and nobody has looked for another so far."""
    return and_(sends.c.then_channels.is_not(None), found_in(SendState.FAILED, SendState.REFUSED, SendState.CANCELLED))


def is_unconfirmed(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """The condition that the time in which a send's delivery should have been reported is over."""
    return and_(sends.c.confirm_by.is_not(None), found_in(SendState.ACCEPTED), sends.c.confirm_by <= now)


def _due() -> CTE:
    fallen = select(sends).where(has_fallen()).limit(_LIMIT).with_for_update(skip_locked=True).cte("fallen")
    awaited = (
        select(sends)
        .where(is_unconfirmed(_NOW))
        .order_by(sends.c.confirm_by)
        .limit(_LIMIT)
        .with_for_update(skip_locked=True)
        .cte("awaited")
    )
    stuck = (
        select(sends)
        .where(sends.c.then_channels.is_not(None), sends.c.unconfirmed.is_(None), found_in(SendState.WAITING))
        .where(sends.c.channel == func.any(_SPENT), sends.c.not_before <= _NOW)
        .order_by(sends.c.channel, sends.c.not_before)
        .limit(_LIMIT)
        .with_for_update(skip_locked=True)
        .cte("stuck")
    )
    return union_all(select(fallen), select(awaited), select(stuck)).cte("due")


def _may_go_on(due: CTE) -> ColumnElement[bool]:
    """The condition that another channel is to be tried: what would end the send on any channel did not happen."""
    gone = or_(members.c.erased_at.is_not(None), members.c.merged_into.is_not(None))
    erased = exists().where(members.c.id == due.c.member_id, gone)
    cancelled = exists().where(campaigns.c.id == due.c.campaign_id, campaigns.c.state == "cancelled")
    left = exists().where(enrolments.c.id == due.c.enrolment_id, enrolments.c.state.in_(["exited", "stopped"]))
    in_time = or_(due.c.expires_at.is_(None), due.c.expires_at > _NOW)
    return and_(due.c.state != SendState.CANCELLED, in_time, ~erased, ~cancelled, ~left)


def _next_channel(due: CTE) -> LateralFromClause:
    """The first channel left that the member may be messaged on, at an address whose turn is not another's."""
    left = (
        func.unnest(due.c.then_channels)
        .table_valued(column("channel", Text), with_ordinality="place")
        .render_derived(name="left_over")
    )
    # As in planning: of news, one at an address is enough.
    shared = and_(due.c.purpose == "marketing", is_shared(due.c.member_id, left.c.channel, addresses.c.fingerprint))
    return (
        select(
            left.c.channel, cast(left.c.place, Integer).label("place"), addresses.c.id.label("address_id"),
            addresses.c.fingerprint, shared.label("shared"),
        )
        .select_from(left)
        .join(addresses, and_(addresses.c.member_id == due.c.member_id, addresses.c.channel == left.c.channel))
        .where(
            addresses.c.is_current,
            addresses.c.problem.is_(None),
            ~suppressed(left.c.channel, addresses.c.fingerprint, due.c.purpose),
            consented(due.c.member_id, left.c.channel, due.c.purpose),
            ~and_(shared, is_anothers_turn(due, left.c.channel, addresses.c.fingerprint, _NOW)),
        )
        .order_by(left.c.place)
        .limit(1)
        .lateral("following")
    )  # fmt: skip


def _standing(due: CTE) -> LateralFromClause:
    """The last hand-over on a channel left before that was accepted and may have arrived."""
    where = func.coalesce(attempts.c.address_id, due.c.address_id)
    return (
        select(attempts.c.number, attempts.c.provider, addresses.c.channel, addresses.c.id.label("address_id"))
        .select_from(attempts)
        .join(addresses, addresses.c.id == where)
        .where(attempts.c.send_id == due.c.id, attempts.c.number == func.any(due.c.unconfirmed))
        .where(due.c.state != SendState.ACCEPTED)
        .order_by(attempts.c.number.desc())
        .limit(1)
        .lateral("standing")
    )


def _looked_up() -> CTE:
    due = _due()
    following, standing = _next_channel(due), _standing(due)
    return (
        select(
            due.c.id, following.c.address_id.label("next_address"), following.c.place,
            standing.c.number, standing.c.provider, standing.c.channel.label("before"), standing.c.address_id,
            due.c.campaign_id, due.c.member_id, due.c.occasion, due.c.enrolment_id,
            following.c.channel, following.c.fingerprint, func.coalesce(following.c.shared, false()).label("shared"),
        )
        .select_from(due.outerjoin(following, _may_go_on(due)).outerjoin(standing, true()))
        .cte("looked_up")
        .prefix_with("MATERIALIZED")
    )  # fmt: skip


def _outrun(found: CTE) -> ColumnElement[bool]:
    """Take the turns at shared addresses; the condition that one of ``found`` did not get it."""
    turns = turns_taken(found, _NOW)
    return exists().where(turn_at(found, turns), turns.c.member_id != found.c.member_id).correlate(found)


def _to_next(
    place: ColumnElement[int], channel: ColumnElement[str], address_id: ColumnElement[int]
) -> Mapping[str, Any]:
    """What a send is that waits for its next channel."""
    was_accepted = sends.c.state == SendState.ACCEPTED
    was_waiting = sends.c.state == SendState.WAITING
    why = case((was_accepted, UNCONFIRMED), (was_waiting, QUOTA), else_=sends.c.reason)
    billed = case((was_waiting, sends.c.spent), else_=sends.c.cost)
    count = func.cardinality(sends.c.then_channels)
    rest, last = sends.c.then_channels[place + 1 : count], place == count
    unconfirmed = case(
        (was_accepted, func.array_append(sends.c.unconfirmed, sends.c.attempts)), else_=sends.c.unconfirmed
    )
    return {
        "state": SendState.WAITING,
        "reason": null(),
        "channel": channel,
        "address_id": address_id,
        "then_channels": case((and_(last, unconfirmed.is_(None)), null()), else_=rest),
        "confirm_within": case((last, null()), else_=sends.c.confirm_within),
        "confirm_by": null(),
        "left_channels": with_channel_left(why),
        "unconfirmed": unconfirmed,
        "accepted_at": case((unconfirmed.is_(None), null()), else_=sends.c.accepted_at),
        "not_before": _NOW,
        "parts": null(),
        "spent": billed,
        "cost": billed,
        "earlier_attempts": sends.c.attempts,
        "provider": null(),
        "claims": 0,
        "token": null(),
        "lease_until": null(),
        "state_at": func.clock_timestamp(),
    }


@cache
def _statement() -> Select[tuple[int, int, int, int]]:
    found = _looked_up()
    moves, stands = found.c.place.is_not(None), found.c.number.is_not(None)
    outrun = _outrun(found)
    here = update(sends).where(sends.c.id == found.c.id)
    moved = here.where(moves, ~outrun).values(_to_next(found.c.place, found.c.channel, found.c.next_address))
    before = func.nullif(func.array_remove(sends.c.unconfirmed, found.c.number), NO_ATTEMPTS)
    restored = here.where(~moves, stands).values(
        state=SendState.ACCEPTED,
        reason=null(),
        channel=found.c.before,
        address_id=found.c.address_id,
        provider=found.c.provider,
        left_channels=with_channel_left(sends.c.reason),
        unconfirmed=before,
        then_channels=case((before.is_(None), null()), else_=NO_CHANNELS),
        confirm_within=null(),
        confirm_by=null(),
        state_at=func.clock_timestamp(),
    )
    stays = and_(sends.c.state == SendState.ACCEPTED, sends.c.unconfirmed.is_not(None))
    ended = here.where(~moves, ~stands).values(
        then_channels=case((stays, NO_CHANNELS), else_=null()),
        unconfirmed=case((stays, sends.c.unconfirmed), else_=null()),
        confirm_within=null(),
        confirm_by=null(),
    )
    counts = [
        select(func.count()).select_from(change.returning(sends.c.id).cte(name)).scalar_subquery().label(name)
        for name, change in (("moved", moved), ("restored", restored), ("ended", ended))
    ]
    return select(*counts, select(func.count()).select_from(found).where(outrun).scalar_subquery().label("outrun"))


def fall_back(
    connection: Connection, *, now: datetime, spent: Sequence[str] = (), limit: int = TOGETHER
) -> FellBack:
    """Let up to ``limit`` of each kind go on: what its channel refused or lost, what was not confirmed in time, and
    what waits for one of the ``spent`` channels, whose accounts have carried as many as they may today.

    Each goes to the first of its channels left on which the member may be messaged; quiet hours,
    caps and everything else are asked when it is marked there.  Where there is none a send stays
    as it is, unless a message accepted before may have arrived: then it stands as accepted there.
    """
    row = connection.execute(_statement(), {"fall_now": now, "fall_limit": limit, "fall_spent": list(spent)}).one()
    return FellBack(**row._mapping)
