"""Plan sends for a group of members: one row each, in whichever arm, or with its refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Interval,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.selectable import LateralFromClause

from campaigns.campaign import Campaign
from campaigns.control import Arm, arm_in_sql, bucket_in_sql
from campaigns.rules import PlanningRules
from campaigns.sends.permission import cap_reached, consented, suppressed
from campaigns.sends.states import SendState
from campaigns.terms import Terms, terms_of
from campaigns.timing import earliest_time, seconds
from database.tables import addresses, assignments, experiments, members, sends
from templates.rendering import compile_content

#: What a group handed to ``plan`` must select, by these names.
GROUP_COLUMNS = ("member_id", "occasion", "launch_id", "enrolment_id", "step", "experiment_id", "arm")

#: Where no channel may be used, the reason told is that of the channel that came furthest.
REFUSALS = ("cap", "suppressed", "no_consent", "unusable_address", "no_address")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What became of a group: how many wait, how many are withheld, who was refused and why."""

    waiting: int = 0
    withheld: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)  #: by reason


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A channel the campaign may use, and what one message on it is expected to cost."""

    channel: str
    parts: int
    cost: Decimal


def offers_of(campaign: Campaign, rules: PlanningRules, channels: Sequence[str] | None) -> list[Offer]:
    """List the channels in order of preference; ``channels`` narrows or reorders the campaign's own."""
    words = compile_content(campaign.template_content)
    offers = []
    for channel in channels or campaign.definition.channels:
        parts = words.estimated_parts(channel, words.default_language)
        offers.append(Offer(channel=channel, parts=parts, cost=rules.prices.get(channel, Decimal(0)) * parts))
    return offers


def _possible_channels(group: CTE, offers: Sequence[Offer], terms: Terms, now: datetime) -> LateralFromClause:
    """For each member of the group the one channel to use, or the one that came furthest."""
    # Arrays and not VALUES: SQLAlchemy compiles a statement with VALUES anew each time, which costs more than it runs.
    told = (
        ("channel", Text, [offer.channel for offer in offers]),
        ("position", Integer, list(range(len(offers)))),
        ("parts", Integer, [offer.parts for offer in offers]),
        ("cost", Numeric, [offer.cost for offer in offers]),
    )
    offered = (
        func.unnest(*(literal(listed, ARRAY(kind)) for _, kind, listed in told))
        .table_valued(*(column(name, kind) for name, kind, _ in told))
        .render_derived(name="offered")
    )
    purpose = literal(terms.purpose)
    capped = cap_reached(
        group.c.member_id, offered.c.channel, terms.caps, now=literal(now, DateTime(timezone=True)), with_waiting=True
    )
    problem = case(
        (addresses.c.id.is_(None), "no_address"),
        (addresses.c.problem.is_not(None), "unusable_address"),
        (suppressed(offered.c.channel, addresses.c.fingerprint, purpose), "suppressed"),
        (~consented(group.c.member_id, offered.c.channel, purpose), "no_consent"),
        (capped, "cap"),
        else_=null(),
    )
    current = and_(
        addresses.c.member_id == group.c.member_id, addresses.c.channel == offered.c.channel, addresses.c.is_current
    )
    each = (
        select(
            offered.c.channel, offered.c.position, offered.c.parts, offered.c.cost,
            addresses.c.id.label("address_id"), problem.label("problem"),
        )
        .select_from(offered.outerjoin(addresses, current))
        .correlate(group)
        .subquery()
    )  # fmt: skip
    rank = func.array_position(literal(list(REFUSALS)), each.c.problem)
    return select(each).order_by(each.c.problem.is_not(None), rank, each.c.position).limit(1).lateral("chosen")


def _choices(group: CTE, offers: Sequence[Offer], terms: Terms, now: datetime) -> CTE:
    chosen = _possible_channels(group, offers, terms, now)
    problem = case((members.c.erased_at.is_not(None), "erased"), else_=chosen.c.problem)
    return (
        select(
            *(group.c[name] for name in GROUP_COLUMNS),
            members.c.time_zone, chosen.c.channel, chosen.c.address_id, chosen.c.parts, chosen.c.cost,
            problem.label("problem"),
        )
        .select_from(group.join(members, members.c.id == group.c.member_id).join(chosen, true()))
        .cte("choices")
        .prefix_with("MATERIALIZED")
    )  # fmt: skip


def _arms(choices: CTE, campaign: Campaign) -> CTE:
    """Add each member's arm: the journey's control first, then the campaign's own draw."""
    share, own = campaign.definition.control.share, campaign.experiment_id
    kept = and_(assignments.c.experiment_id == own, assignments.c.member_id == choices.c.member_id)
    bucket = bucket_in_sql(experiments.c.salt, cast(choices.c.member_id, Text))
    held_by_journey = func.coalesce(choices.c.arm == Arm.CONTROL.value, False)
    draws = and_(choices.c.problem.is_(None), ~held_by_journey, literal(share > 0) | choices.c.arm.is_(None))
    drawn_arm = func.coalesce(assignments.c.arm, arm_in_sql(bucket, experiments.c.control_share))
    carried = [column for column in choices.c if column.name not in ("experiment_id", "arm")]
    arm = case((choices.c.problem.is_not(None), null()), (draws, drawn_arm), else_=choices.c.arm)
    experiment = case(
        (choices.c.problem.is_not(None), null()), (draws, literal(own, BigInteger)), else_=choices.c.experiment_id
    )
    return (
        select(
            *carried, draws.label("draws"), bucket.label("bucket"), experiment.label("experiment_id"), arm.label("arm")
        )
        .select_from(choices.join(experiments, experiments.c.id == own).outerjoin(assignments, kept))
        .cte("arms")
        .prefix_with("MATERIALIZED")
    )


def _rows(arms: CTE, campaign: Campaign, terms: Terms, expires_after: timedelta, now: datetime) -> Select[Any]:
    moment = literal(now, DateTime(timezone=True))
    not_before: ColumnElement[datetime] = earliest_time(moment, arms.c.time_zone, terms.quiet_hours)
    if campaign.definition.throttle is not None:
        turn = func.row_number().over(partition_by=arms.c.problem, order_by=arms.c.member_id) - 1
        not_before = not_before + seconds(turn * (60 / campaign.definition.throttle))
    state = case(
        (arms.c.problem.is_not(None), SendState.REFUSED.value),
        (arms.c.arm == Arm.CONTROL.value, SendState.WITHHELD.value),
        else_=SendState.WAITING.value,
    )
    waits = arms.c.arm == Arm.TREATED.value
    return select(
        literal(campaign.id, BigInteger), arms.c.member_id, arms.c.occasion, arms.c.launch_id, arms.c.enrolment_id,
        arms.c.step, arms.c.channel, arms.c.address_id, literal(campaign.template_version_id, BigInteger),
        literal(terms.purpose), state, arms.c.problem, arms.c.experiment_id, arms.c.arm, moment, not_before,
        not_before + literal(expires_after, Interval),
        case((arms.c.arm == Arm.CONTROL.value, moment), else_=null()),
        arms.c.parts, case((waits, arms.c.cost), else_=literal(0)),
    ).order_by(arms.c.member_id)  # fmt: skip


SEND_COLUMNS = [
    "campaign_id", "member_id", "occasion", "launch_id", "enrolment_id", "step", "channel", "address_id",
    "template_version_id", "purpose", "state", "reason", "experiment_id", "arm", "decided_at", "not_before",
    "expires_at", "counted_at", "parts", "cost",
]  # fmt: skip


def plan(
    connection: Connection,
    campaign: Campaign,
    group: Select[Any],
    *,
    now: datetime,
    rules: PlanningRules,
    channels: Sequence[str] | None = None,
) -> Planned:
    """Write a send for every row of ``group``, in one statement, and say what became of them.

    ``group`` selects GROUP_COLUMNS.  A row whose campaign, member and occasion have a
    send already is passed over: planning twice plans once.  Refusals come before the
    draw, so that both arms hold only members who could have been messaged.
    """
    terms, offers = terms_of(campaign.definition, rules), offers_of(campaign, rules, channels)
    expires_after = campaign.definition.expires_after or rules.expires_after
    arms = _arms(_choices(group.cte("considered"), offers, terms, now), campaign)
    decided = select(
        arms.c.experiment_id, arms.c.member_id, arms.c.arm, arms.c.bucket, literal(now, DateTime(timezone=True))
    ).where(arms.c.draws)
    drawn = (
        insert(assignments)
        .from_select(
            ["experiment_id", "member_id", "arm", "bucket", "decided_at"], decided.distinct().order_by(arms.c.member_id)
        )
        .on_conflict_do_nothing()
        .cte("drawn")
    )
    written = (
        insert(sends)
        .from_select(SEND_COLUMNS, _rows(arms, campaign, terms, expires_after, now))
        .on_conflict_do_nothing(index_elements=["campaign_id", "member_id", "occasion"])
        .returning(sends.c.state, sends.c.reason)
        .cte("written")
    )
    counted = (
        select(written.c.state, written.c.reason, func.count())
        .group_by(written.c.state, written.c.reason)
        .add_cte(drawn)
    )
    found = connection.execute(counted).all()
    return Planned(
        waiting=sum(count for state, _, count in found if state == SendState.WAITING),
        withheld=sum(count for state, _, count in found if state == SendState.WITHHELD),
        refused={reason: count for state, reason, count in found if state == SendState.REFUSED},
    )
