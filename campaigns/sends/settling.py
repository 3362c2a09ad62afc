"""Settle sends whose answer was lost: by asking the provider, or by policy; never by sending again blindly."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, DateTime, and_, case, exists, func, literal, null, or_, select, update

from campaigns.sends.claiming import Unwritten
from campaigns.sends.earlier import confirm_by, counted_before
from campaigns.sends.states import SendState, found_in
from channels.message import DeliveryReport, ReportStatus
from database.tables import addresses, attempts, members, sends
from members.reckoning import touch

#: Looks that must find nothing, each a settling time apart, before a send counts as never taken.
LOOKS_NEEDED = 2
#: How long a send waits at most to be asked about again, where the provider could not say; a longer settling time is kept.
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class SettlingRules:
    """How long doubt lasts."""

    #: How long after a lost answer the provider is first asked; longer than the provider
    #: may take to know of what it accepted.
    settle_after: timedelta = timedelta(minutes=10)
    #: When doubt that nobody can settle is closed as unknown: a receipt may come for days.
    close_after: timedelta = timedelta(hours=72)


@dataclass(frozen=True, kw_only=True, slots=True)
class InDoubt(Unwritten):
    """A send to ask the provider about."""

    attempt: int
    marked_at: datetime


def doubt_expired_marks(connection: Connection, rules: SettlingRules) -> int:
    """Put sends in doubt whose worker marked them and never wrote an answer; return how many."""
    lost = (
        update(sends)
        .where(found_in(SendState.SUBMITTING), sends.c.lease_until < func.clock_timestamp())
        .values(
            state=SendState.IN_DOUBT,
            lease_until=func.clock_timestamp() + rules.settle_after,
            state_at=func.clock_timestamp(),
        )
        .returning(sends.c.id, sends.c.attempts)
        .cte("lost")
    )
    ended = (
        update(attempts)
        .where(attempts.c.send_id == lost.c.id, attempts.c.number == lost.c.attempts, attempts.c.outcome.is_(None))
        .values(outcome="unknown", ended_at=func.clock_timestamp())
        .cte("ended")
    )
    return int(connection.execute(select(func.count()).select_from(lost).add_cte(ended)).scalar_one())


def take_doubtful(
    connection: Connection, provider: str, *, limit: int, lease: timedelta
) -> tuple[uuid.UUID, list[InDoubt]]:
    """Take sends in doubt with this provider whose time to be asked about has come."""
    token = uuid.uuid4()
    due = (
        select(sends.c.id)
        .where(
            found_in(SendState.IN_DOUBT),
            sends.c.provider == provider,
            sends.c.lease_until < func.clock_timestamp(),
        )
        .order_by(sends.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = func.array(due.scalar_subquery())  # An array: found once, not row by row.
    taken = (
        update(sends)
        .where(sends.c.id == func.any(found))
        .values(token=token, lease_until=func.clock_timestamp() + lease)
        .returning(
            sends.c.id, sends.c.member_id, sends.c.campaign_id, sends.c.template_version_id, sends.c.attempts, sends.c.address_id
        )
        .cte("taken")
    )
    rows = connection.execute(
        select(
            taken.c.id, taken.c.member_id, taken.c.campaign_id, taken.c.template_version_id, members.c.language,
            addresses.c.address, taken.c.attempts.label("attempt"), attempts.c.marked_at,
        )
        .join(members, members.c.id == taken.c.member_id)
        .join(addresses, addresses.c.id == taken.c.address_id)
        .join(attempts, and_(attempts.c.send_id == taken.c.id, attempts.c.number == taken.c.attempts))
    )  # fmt: skip
    return token, [InDoubt(**row._mapping) for row in rows]


_STATE_OF = {
    ReportStatus.ACCEPTED: SendState.ACCEPTED,
    ReportStatus.DELIVERED: SendState.DELIVERED,
    ReportStatus.FAILED: SendState.FAILED,
    ReportStatus.BOUNCED: SendState.FAILED,
    ReportStatus.COMPLAINED: SendState.DELIVERED,
}


def settle_found(
    connection: Connection, doubtful: InDoubt, report: DeliveryReport, *, token: uuid.UUID, now: datetime
) -> bool:
    """Move a send to what the provider says became of it, and return whether it moved.

    It does not where the message the provider found is already known to be another send's: two
    sends may have had the same words for the same address.
    """
    state = _STATE_OF[report.status]
    taken = func.coalesce(sends.c.accepted_at, literal(now, DateTime(timezone=True)))
    moved = connection.execute(
        update(sends)
        .where(sends.c.id == doubtful.id, sends.c.state == SendState.IN_DOUBT, sends.c.token == token)
        .where(~_is_anothers(report.provider_ref or ""))
        .values(
            state=state,
            reason=report.code if state is SendState.FAILED else null(),
            accepted_at=taken,
            confirm_by=confirm_by(literal(now, DateTime(timezone=True))),
            delivered_at=now if state is SendState.DELIVERED else null(),
            token=null(),
            lease_until=null(),
            state_at=func.clock_timestamp(),
        )
    )
    if moved.rowcount:
        connection.execute(
            update(attempts)
            .where(attempts.c.send_id == doubtful.id, attempts.c.number == doubtful.attempt)
            .values(outcome="accepted", provider_ref=report.provider_ref, code=report.code)
        )
        touch(connection, [doubtful.member_id])
    return bool(moved.rowcount)


def _is_anothers(provider_ref: str) -> ColumnElement[bool]:
    """The condition that another send than the one at hand was taken as the message of this name."""
    return exists().where(
        attempts.c.provider == sends.c.provider, attempts.c.provider_ref == provider_ref, attempts.c.send_id != sends.c.id
    )


def settle_not_found(
    connection: Connection, doubtful: Sequence[InDoubt], *, token: uuid.UUID, now: datetime, rules: SettlingRules
) -> int:
    """Note that the provider knows nothing of these sends; those asked about often enough wait again.

    Returns how many wait again.
    """
    ids = [send.id for send in doubtful]
    looked = (
        update(attempts)
        .where(attempts.c.send_id == sends.c.id, attempts.c.number == sends.c.attempts)
        .where(sends.c.id.in_(ids), sends.c.token == token, sends.c.state == SendState.IN_DOUBT)
        .values(
            looks=attempts.c.looks + 1,
            outcome=case((attempts.c.looks + 1 >= LOOKS_NEEDED, "not_sent"), else_=attempts.c.outcome),
        )
        .returning(attempts.c.send_id, attempts.c.looks)
        .cte("looked")
    )
    never = looked.c.looks >= LOOKS_NEEDED
    moved = (
        update(sends)
        .where(sends.c.id == looked.c.send_id)
        .values(
            state=case((never, SendState.WAITING), else_=SendState.IN_DOUBT),
            counted_at=case((never, counted_before()), else_=sends.c.counted_at),
            not_before=case((never, literal(now, DateTime(timezone=True))), else_=sends.c.not_before),
            token=null(),
            lease_until=case((never, null()), else_=func.clock_timestamp() + rules.settle_after),
            state_at=func.clock_timestamp(),
        )
        .returning(sends.c.state)
        .cte("moved")
    )
    return int(
        connection.execute(
            select(func.count()).select_from(moved).where(moved.c.state == SendState.WAITING)
        ).scalar_one()
    )


def ask_later(
    connection: Connection, doubtful: Sequence[InDoubt], *, token: uuid.UUID, rules: SettlingRules
) -> int:
    """Let sends the provider could say nothing of wait as long again as they have been in doubt; return how many.

    So the wait doubles from look to look: it is a settling time at least, and ``LONGEST_WAIT`` at most.
    """
    doubted = func.clock_timestamp() - attempts.c.marked_at
    wait = func.greatest(rules.settle_after, func.least(doubted, LONGEST_WAIT))
    moved = connection.execute(
        update(sends)
        .where(sends.c.id.in_([send.id for send in doubtful]))
        .where(sends.c.token == token, sends.c.state == SendState.IN_DOUBT)
        .where(attempts.c.send_id == sends.c.id, attempts.c.number == sends.c.attempts)
        .values(token=null(), lease_until=func.clock_timestamp() + wait)
    )
    return moved.rowcount


def close_old_doubt(connection: Connection, rules: SettlingRules) -> int:
    """Close doubt nobody settled in time as unknown; such a send is never sent again by itself."""
    old = exists().where(
        attempts.c.send_id == sends.c.id,
        attempts.c.number == sends.c.attempts,
        attempts.c.marked_at < func.clock_timestamp() - rules.close_after,
    )
    done = connection.execute(
        update(sends)
        .where(
            found_in(SendState.IN_DOUBT),
            or_(sends.c.lease_until.is_(None), sends.c.lease_until < func.clock_timestamp()),
            old,
        )
        .values(state=SendState.UNKNOWN, token=None, lease_until=None, state_at=func.clock_timestamp())
    )
    return done.rowcount
