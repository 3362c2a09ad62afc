"""Ask for the last time whether sends may go, and mark them, in one statement before the call."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Connection,
    DateTime,
    Interval,
    Numeric,
    Select,
    SmallInteger,
    Text,
    Uuid,
    bindparam,
    case,
    column,
    exists,
    func,
    insert,
    literal,
    null,
    select,
    text,
    update,
)

from campaigns.sends.allowance import allowance_verdicts
from campaigns.sends.earlier import cost_with, counted_before, no_more_channels
from campaigns.sends.permission import cap_reached, consented, suppressed
from campaigns.sends.states import SendState, is_in
from campaigns.terms import Terms
from campaigns.timing import end_of_quiet, is_quiet
from database.holding import hold_members
from database.tables import addresses, attempts, campaigns, enrolments, members, sends


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A claimed send whose words are ready: what it will cost."""

    id: int
    member_id: int
    parts: int
    cost: Decimal
    permission: str | None = None  #: the provider's template that needs the member's yes; None: it needs none


#: The verdicts that do not refuse a send for good, and where they lead.
HELD_BACK: Mapping[str, SendState] = {
    "paused": SendState.WAITING,
    "in_turn": SendState.WAITING,  # another send to the same member is in this very window
    "quiet_hours": SendState.WAITING,
    "campaign_cancelled": SendState.CANCELLED,
    "journey_left": SendState.CANCELLED,
    "merged": SendState.WAITING,  # The person it is for is another row now, to which it is about to be moved.
    "expired": SendState.CANCELLED,
}

#: How long a send of a row that was merged is left to whoever moves it.
UNTIL_MOVED = timedelta(minutes=2)

#: The refusals that speak of the channel alone, so that another one may be tried.
FALL_BACK = ("unusable_address", "suppressed", "no_consent", "no_permission")

NOW = bindparam("now", type_=DateTime(timezone=True))
TOKEN = bindparam("held_by", type_=Uuid)


def _asked() -> CTE:
    offered = (
        func.unnest(
            bindparam("given_ids", type_=ARRAY(BigInteger)),
            bindparam("given_parts", type_=ARRAY(SmallInteger)),
            bindparam("given_costs", type_=ARRAY(Numeric)),
            bindparam("given_permissions", type_=ARRAY(Text)),
        )
        .table_valued(
            column("id", BigInteger), column("parts", SmallInteger), column("cost", Numeric), column("permission", Text)
        )
        .render_derived()
    )
    turn = func.row_number().over(partition_by=sends.c.member_id, order_by=sends.c.id) - 1
    alike = func.row_number().over(partition_by=(sends.c.member_id, offered.c.permission), order_by=sends.c.id) - 1
    words = offered.c.parts, offered.c.cost, offered.c.permission
    return (
        select(sends.c.id, turn.label("earlier"), alike.label("alike"), *words)
        .join(offered, offered.c.id == sends.c.id)
        .where(is_in(SendState.CLAIMED), sends.c.token == TOKEN)
        .cte("asked")
    )


def _verdicts(asked: CTE, terms: Terms) -> CTE:
    """Why each send may not go just now; NULL: it goes."""
    left = exists().where(enrolments.c.id == sends.c.enrolment_id, enrolments.c.state.in_(["exited", "stopped"]))
    purpose = literal(terms.purpose)
    quiet = terms.quiet_hours
    capped = cap_reached(sends.c.member_id, sends.c.channel, terms.caps, now=NOW, with_waiting=False, besides=sends.c.id)
    verdict = case(
        (campaigns.c.state == "cancelled", "campaign_cancelled"),
        (campaigns.c.state == "paused", "paused"),
        (members.c.erased_at.is_not(None), "erased"),
        (members.c.merged_into.is_not(None), "merged"),
        (left, "journey_left"),
        (sends.c.expires_at <= NOW, "expired"),
        (~addresses.c.is_current | addresses.c.problem.is_not(None), "unusable_address"),
        (suppressed(sends.c.channel, addresses.c.fingerprint, purpose), "suppressed"),
        (~consented(sends.c.member_id, sends.c.channel, purpose), "no_consent"),
        *([(is_quiet(NOW, members.c.time_zone, quiet), "quiet_hours")] if quiet else []),
        *allowance_verdicts(asked),
        *([(asked.c.earlier > 0, "in_turn"), (capped, "cap")] if terms.caps else []),
        else_=null(),
    )
    later = end_of_quiet(NOW, members.c.time_zone, quiet) if quiet else sends.c.not_before
    return (
        select(
            asked.c.id, asked.c.parts, asked.c.cost, asked.c.permission, verdict.label("verdict"), later.label("later")
        )
        .join(sends, sends.c.id == asked.c.id)
        .join(campaigns, campaigns.c.id == sends.c.campaign_id)
        .join(members, members.c.id == sends.c.member_id)
        .join(addresses, addresses.c.id == sends.c.address_id)
        .cte("verdicts")
        .prefix_with("MATERIALIZED")
    )


@lru_cache(maxsize=256)
def _statement(terms: Terms) -> Select[Any]:
    verdicts = _verdicts(_asked(), terms)
    verdict, goes = verdicts.c.verdict, verdicts.c.verdict.is_(None)
    waits = verdict.in_([name for name, state in HELD_BACK.items() if state is SendState.WAITING])
    ends = verdict.in_([name for name, state in HELD_BACK.items() if state is SendState.CANCELLED])
    may_fall_back = goes | waits | verdict.in_(FALL_BACK)
    state = case(
        (goes, SendState.SUBMITTING), (waits, SendState.WAITING), (ends, SendState.CANCELLED), else_=SendState.REFUSED
    )
    moved = (
        update(sends)
        .where(sends.c.id == verdicts.c.id, is_in(SendState.CLAIMED), sends.c.token == TOKEN)
        .values(
            state=state,
            reason=case((goes | waits, null()), else_=verdict),
            attempts=sends.c.attempts + case((goes, 1), else_=0),
            claims=case((goes | waits, 0), else_=sends.c.claims),
            provider=case((goes, bindparam("carried_by", type_=Text)), else_=sends.c.provider),
            parts=verdicts.c.parts,
            cost=case((goes | waits, cost_with(verdicts.c.cost)), else_=sends.c.spent),
            then_channels=case((may_fall_back, sends.c.then_channels), else_=no_more_channels()),
            counted_at=case((goes, NOW), (waits, sends.c.counted_at), else_=counted_before()),
            not_before=case(
                (verdict == "quiet_hours", verdicts.c.later), (verdict == "merged", NOW + UNTIL_MOVED), else_=sends.c.not_before
            ),
            token=case((goes, TOKEN), else_=null()),
            lease_until=case((goes, func.clock_timestamp() + bindparam("lease", type_=Interval)), else_=null()),
            state_at=func.clock_timestamp(),
        )
        .returning(sends.c.id, sends.c.attempts, sends.c.address_id, verdicts.c.permission, verdict)
        .cte("moved")
    )
    opened = select(
        moved.c.id, moved.c.attempts, bindparam("carried_by", type_=Text), moved.c.address_id, func.clock_timestamp(),
        moved.c.permission,
    ).where(moved.c.verdict.is_(None))  # fmt: skip
    written = (
        insert(attempts)
        .from_select(["send_id", "number", "provider", "address_id", "marked_at", "permission"], opened)
        .cte("written")
    )
    return select(moved.c.id, moved.c.attempts).where(moved.c.verdict.is_(None)).add_cte(written)


#: The mark must be on disk before the call; and planning the statement anew would cost more than running it.
_SETTINGS = text(
    "SELECT set_config('synchronous_commit', 'on', true), set_config('plan_cache_mode', 'force_generic_plan', true)"
)


def mark(
    connection: Connection,
    groups: Sequence[tuple[Terms, Sequence[Rendered]]],
    *,
    token: uuid.UUID,
    provider: str,
    now: datetime,
    lease: timedelta,
) -> dict[int, int]:
    """Mark the sends that may go as submitting; return the number of the attempt by send.

    ``groups`` are the window's sends by the terms of their campaigns.  Everything that
    may have changed since planning is asked again in the statement that marks: consent,
    suppression, permission, cap, quiet hours, expiry, erasure, pause, the journey.  Sends missing
    from the answer must not be handed over; their rows say why.  Commit before the call:
    the mark is what a crash leaves behind.
    """
    connection.execute(_SETTINGS)
    hold_members(connection, [send.member_id for _, rendered in groups for send in rendered])
    attempts_by_send: dict[int, int] = {}
    for terms, rendered in groups:
        given = {
            "given_ids": [send.id for send in rendered],
            "given_parts": [send.parts for send in rendered],
            "given_costs": [send.cost for send in rendered],
            "given_permissions": [send.permission for send in rendered],
            "held_by": token,
            "carried_by": provider,
            "now": now,
            "lease": lease,
        }
        attempts_by_send |= {row.id: row.attempts for row in connection.execute(_statement(terms), given)}
    return attempts_by_send
