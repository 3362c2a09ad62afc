"""Write down what a provider answered."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Float,
    FromClause,
    Interval,
    Numeric,
    Select,
    SmallInteger,
    TableValuedAlias,
    Text,
    Uuid,
    bindparam,
    case,
    column,
    func,
    literal,
    null,
    select,
    update,
)

from campaigns.sends.earlier import confirm_by, cost_with, counted_before, no_more_channels
from campaigns.sends.states import SendState, is_in
from campaigns.timing import seconds
from channels.message import Blame, Outcome, OutcomeKind
from database.tables import attempts, sends

#: How often a message that surely did not leave is tried before it is given up.
TRIES = 12
#: The first wait before another try; each next one doubles it, up to an hour.
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)

#: The reason a rejected send is given, by whose matter the rejection is.
REASONS = {
    Blame.ADDRESS: "address_refused",
    Blame.MEMBER: "member_refused",
    Blame.CONTENT: "content_refused",
    Blame.ACCOUNT: "provider_misconfigured",
    Blame.NOBODY: "rejected",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One provider's answer to one attempt."""

    send_id: int
    attempt: int
    outcome: Outcome


_COLUMNS = (
    ("send_id", BigInteger), ("number", SmallInteger), ("outcome", Text), ("reason", Text), ("code", Text),
    ("provider_ref", Text), ("parts", SmallInteger), ("cost", Numeric), ("retry_after", Float),
)  # fmt: skip


def _given() -> TableValuedAlias:
    arrays = (bindparam(f"given_{name}", type_=ARRAY(kind)) for name, kind in _COLUMNS)
    columns = (column(name, kind) for name, kind in _COLUMNS)
    return func.unnest(*arrays).table_valued(*columns).render_derived().alias("given")


def _end_attempts(given: FromClause) -> CTE:
    return (
        update(attempts)
        .where(attempts.c.send_id == given.c.send_id, attempts.c.number == given.c.number)
        .values(
            outcome=given.c.outcome,
            code=given.c.code,
            provider_ref=given.c.provider_ref,
            ended_at=func.clock_timestamp(),
        )
        .returning(attempts.c.send_id)
        .cte("ended")
    )


def _hold() -> CTE:
    """Hold the sends in the order of their ids, as whoever applies reports does, so that nobody waits in a ring."""
    return (
        select(sends.c.id)
        .where(sends.c.id == func.any(bindparam("given_send_id", type_=ARRAY(BigInteger))))
        .order_by(sends.c.id)
        .with_for_update()
        .cte("held")
        .prefix_with("MATERIALIZED")
    )


def _wait(given: FromClause) -> ColumnElement[timedelta]:
    doubled = seconds(FIRST_WAIT.total_seconds() * func.power(2, sends.c.attempts - sends.c.earlier_attempts - 1))
    asked_for = seconds(func.coalesce(given.c.retry_after, 0))
    return func.least(func.greatest(doubled, asked_for), literal(LONGEST_WAIT, Interval))


def _record_statement() -> Select[Any]:
    given, held = _given(), _hold()
    now = bindparam("now", type_=DateTime(timezone=True))
    accepted, not_sent, unknown, rejected = (
        given.c.outcome == kind.value
        for kind in (OutcomeKind.ACCEPTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN, OutcomeKind.REJECTED)
    )
    again = not_sent & (sends.c.attempts - sends.c.earlier_attempts < TRIES)
    settle_at = func.clock_timestamp() + bindparam("settle_after", type_=Interval)
    moved = (
        update(sends)
        .where(
            sends.c.id == held.c.id,
            held.c.id == given.c.send_id,
            sends.c.token == bindparam("held_by", type_=Uuid),
            is_in(SendState.SUBMITTING, SendState.IN_DOUBT),
        )
        .values(
            state=case(
                (accepted, SendState.ACCEPTED), (again, SendState.WAITING), (unknown, SendState.IN_DOUBT),
                else_=SendState.FAILED,
            ),
            reason=case((accepted | again | unknown, null()), else_=given.c.reason),
            accepted_at=case((accepted, now), else_=sends.c.accepted_at),
            confirm_by=case((accepted, confirm_by(now)), else_=null()),
            counted_at=case((not_sent, counted_before()), else_=sends.c.counted_at),
            not_before=case((again, now + _wait(given)), else_=sends.c.not_before),
            parts=func.coalesce(given.c.parts, sends.c.parts),
            cost=case((not_sent | rejected, sends.c.spent), else_=func.coalesce(cost_with(given.c.cost), sends.c.cost)),
            token=case((unknown, sends.c.token), else_=null()),
            lease_until=case((unknown, settle_at), else_=null()),
            state_at=func.clock_timestamp(),
        )
        .returning(sends.c.id)
        .cte("moved")
    )  # fmt: skip
    return select(func.count()).select_from(moved).add_cte(_end_attempts(given))


_RECORD = _record_statement()


def record(
    connection: Connection, answers: Sequence[Answer], *, token: uuid.UUID, now: datetime, settle_after: timedelta
) -> int:
    """Write the answers of one window and move its sends on; return how many moved.

    A send whose lease was lost meanwhile keeps what others decided; its attempt is
    written all the same.  Lost answers are in doubt and are looked at again after
    ``settle_after``.
    """
    outcomes = [answer.outcome for answer in answers]
    parameters: dict[str, object] = {
        "given_send_id": [answer.send_id for answer in answers],
        "given_number": [answer.attempt for answer in answers],
        "given_outcome": [outcome.kind.value for outcome in outcomes],
        "given_reason": [
            "not_sent" if outcome.kind is OutcomeKind.NOT_SENT else REASONS[outcome.blame] for outcome in outcomes
        ],
        "given_code": [outcome.code for outcome in outcomes],
        "given_provider_ref": [outcome.provider_ref for outcome in outcomes],
        "given_parts": [outcome.parts for outcome in outcomes],
        "given_cost": [outcome.cost for outcome in outcomes],
        "given_retry_after": [outcome.retry_after for outcome in outcomes],
        "held_by": token,
        "now": now,
        "settle_after": settle_after,
    }
    return int(connection.execute(_RECORD, parameters).scalar_one())


def fail_unrendered(connection: Connection, reasons: Sequence[tuple[int, str]], *, token: uuid.UUID) -> None:
    """End claimed sends whose words could not be written, each with its reason."""
    given = (
        func.unnest(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("reasons", type_=ARRAY(Text)))
        .table_valued(column("id", BigInteger), column("reason", Text))
        .render_derived()
        .alias("given")
    )
    connection.execute(
        update(sends)
        .where(sends.c.id == given.c.id, sends.c.state == SendState.CLAIMED, sends.c.token == token)
        .values(
            state=SendState.FAILED, reason=given.c.reason, cost=sends.c.spent, then_channels=no_more_channels(),
            token=None, lease_until=None, state_at=func.clock_timestamp(),
        ),
        {"ids": [send_id for send_id, _ in reasons], "reasons": [reason for _, reason in reasons]},
    )  # fmt: skip
