"""Plan sends for a group of members: one row each, in whichever arm, or with its refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Interval,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    false,
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
from campaigns.sends.sharing import is_shared, with_turns
from campaigns.sends.states import SendState
from campaigns.terms import Terms, terms_of
from campaigns.timing import earliest_time, seconds
from database.tables import addresses, assignments, experiments, members, sends

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
    following: str | None  #: the channels it may fall back to, with a space between; None: none


def offers_of(campaign: Campaign, rules: PlanningRules, channels: Sequence[str] | None) -> list[Offer]:
    """List the channels in order of preference; ``channels`` narrows or reorders the campaign's own."""
    words = campaign.template.compiled
    offers = []
    order = tuple(channels or campaign.definition.channels)
    for place, channel in enumerate(order, start=1):
        parts = words.estimated_parts(channel, words.default_language)
        cost = rules.prices.get(channel, Decimal(0)) * parts
        following = " ".join(order[place:]) if campaign.definition.fallback else ""
        offers.append(Offer(channel=channel, parts=parts, cost=cost, following=following or None))
    return offers


MOMENT = bindparam("plan_now", type_=DateTime(timezone=True))
CAMPAIGN = bindparam("plan_campaign", type_=BigInteger)
OWN_EXPERIMENT = bindparam("plan_experiment", type_=BigInteger)
HOLDS_BACK = bindparam("plan_holds_back", type_=Boolean)

_OFFERED = (("channel", Text), ("position", Integer), ("parts", Integer), ("cost", Numeric), ("following", Text))


def _possible_channels(group: CTE, terms: Terms) -> LateralFromClause:
    """For each member of the group the one channel to use, or the one that came furthest."""
    offered = (
        func.unnest(*(bindparam(f"plan_{name}", type_=ARRAY(kind)) for name, kind in _OFFERED))
        .table_valued(*(column(name, kind) for name, kind in _OFFERED))
        .render_derived(name="offered")
    )
    purpose = literal(terms.purpose)
    capped = cap_reached(group.c.member_id, offered.c.channel, terms.caps, now=MOMENT, with_waiting=True)
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
            offered.c.channel, offered.c.position, offered.c.parts, offered.c.cost, offered.c.following,
            addresses.c.id.label("address_id"), addresses.c.fingerprint, problem.label("problem"),
        )
        .select_from(offered.outerjoin(addresses, current))
        .correlate(group)
        .offset(0)  # Keeps PostgreSQL from asking everything once for each mention of the problem below.
        .subquery()
    )  # fmt: skip
    rank = func.array_position(literal(list(REFUSALS)), each.c.problem)
    return select(each).order_by(each.c.problem.is_not(None), rank, each.c.position).limit(1).lateral("chosen")


def _choices(group: CTE, terms: Terms) -> CTE:
    chosen = _possible_channels(group, terms)
    gone = (members.c.erased_at.is_not(None), "erased"), (members.c.merged_into.is_not(None), "merged")
    problem = case(*gone, else_=chosen.c.problem)
    shared = is_shared(group.c.member_id, chosen.c.channel, chosen.c.fingerprint)
    choices = (
        select(
            *(group.c[name] for name in GROUP_COLUMNS), CAMPAIGN.label("campaign_id"),
            members.c.time_zone, chosen.c.channel, chosen.c.address_id, chosen.c.parts, chosen.c.cost,
            chosen.c.following, problem.label("problem"), chosen.c.fingerprint,
            case((problem.is_(None), shared), else_=false()).label("shared"),
        )
        .select_from(group.join(members, members.c.id == group.c.member_id).join(chosen, true()))
        .cte("choices")
        .prefix_with("MATERIALIZED")
    )  # fmt: skip
    # Who orders two things is told of both; of news, one at an address is enough.
    return with_turns(choices, MOMENT) if terms.purpose == "marketing" else choices


def _arms(choices: CTE) -> CTE:
    """Add each member's arm: the journey's control first, then the campaign's own draw."""
    kept = and_(assignments.c.experiment_id == OWN_EXPERIMENT, assignments.c.member_id == choices.c.member_id)
    held_by_journey = func.coalesce(choices.c.arm == Arm.CONTROL.value, False)
    draws = and_(choices.c.problem.is_(None), ~held_by_journey, HOLDS_BACK | choices.c.arm.is_(None))
    bucket = case((draws, bucket_in_sql(experiments.c.salt, cast(choices.c.member_id, Text))))
    drawn_arm = func.coalesce(assignments.c.arm, arm_in_sql(bucket, experiments.c.control_share))
    decided = ("experiment_id", "arm", "fingerprint", "shared", "campaign_id")
    carried = [column for column in choices.c if column.name not in decided]
    refused = choices.c.problem.is_not(None)
    arm = case((refused, null()), (draws, drawn_arm), else_=choices.c.arm)
    experiment = case((refused, null()), (draws, OWN_EXPERIMENT), else_=choices.c.experiment_id)
    return (
        select(
            *carried, draws.label("draws"), bucket.label("bucket"), experiment.label("experiment_id"), arm.label("arm")
        )
        .select_from(choices.join(experiments, experiments.c.id == OWN_EXPERIMENT).outerjoin(assignments, kept))
        .cte("arms")
        .prefix_with("MATERIALIZED")
    )


def _rows(arms: CTE, terms: Terms, throttle: int | None) -> Select[Any]:
    not_before: ColumnElement[datetime] = earliest_time(MOMENT, arms.c.time_zone, terms.quiet_hours)
    if throttle is not None:
        turn = func.row_number().over(partition_by=arms.c.problem, order_by=arms.c.member_id) - 1
        not_before = not_before + seconds(turn * (60 / throttle))
    state = case(
        (arms.c.problem.is_not(None), SendState.REFUSED.value),
        (arms.c.arm == Arm.CONTROL.value, SendState.WITHHELD.value),
        else_=SendState.WAITING.value,
    )
    waits = arms.c.arm == Arm.TREATED.value
    return select(
        CAMPAIGN, arms.c.member_id, arms.c.occasion, arms.c.launch_id,
        arms.c.enrolment_id, arms.c.step, arms.c.channel, arms.c.address_id,
        bindparam("plan_words", type_=BigInteger), literal(terms.purpose), state, arms.c.problem,
        arms.c.experiment_id, arms.c.arm, MOMENT, not_before,
        not_before + bindparam("plan_expires_after", type_=Interval),
        case((arms.c.arm == Arm.CONTROL.value, MOMENT), else_=null()),
        arms.c.parts, case((waits, arms.c.cost), else_=literal(0)),
        case((waits, func.string_to_array(arms.c.following, " ")), else_=null()),
        case((waits & arms.c.following.is_not(None), cast(bindparam("plan_confirm_within"), Interval)), else_=null()),
    ).order_by(arms.c.member_id)  # fmt: skip


SEND_COLUMNS = [
    "campaign_id", "member_id", "occasion", "launch_id", "enrolment_id", "step", "channel", "address_id",
    "template_version_id", "purpose", "state", "reason", "experiment_id", "arm", "decided_at", "not_before",
    "expires_at", "counted_at", "parts", "cost", "then_channels", "confirm_within",
]  # fmt: skip


@lru_cache(maxsize=128)
def _statement(group: Select[Any], terms: Terms, throttle: int | None) -> Select[Any]:
    """Build the one statement of a plan; building it costs more than running it on a small group, so it is kept."""
    arms = _arms(_choices(group.cte("considered"), terms))
    decided = select(arms.c.experiment_id, arms.c.member_id, arms.c.arm, arms.c.bucket, MOMENT).where(arms.c.draws)
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
        .from_select(SEND_COLUMNS, _rows(arms, terms, throttle))
        .on_conflict_do_nothing(index_elements=["campaign_id", "member_id", "occasion"])
        .returning(sends.c.state, sends.c.reason)
        .cte("written")
    )
    counted = select(written.c.state, written.c.reason, func.count())
    return counted.group_by(written.c.state, written.c.reason).add_cte(drawn)


def plan(
    connection: Connection,
    campaign: Campaign,
    group: Select[Any],
    *,
    now: datetime,
    rules: PlanningRules,
    channels: Sequence[str] | None = None,
    given: Mapping[str, object] | None = None,
) -> Planned:
    """Write a send for every row of ``group``, in one statement, and say what became of them.

    ``group`` selects GROUP_COLUMNS; ``given`` are the values of its bound parameters, so
    that a caller who plans often can hand over the same select each time.  A row whose
    campaign, member and occasion have a send already is passed over: planning twice plans
    once.  Refusals come before the draw, so that both arms hold only members who could
    have been messaged.
    """
    definition = campaign.definition
    offers = offers_of(campaign, rules, channels)
    parameters: dict[str, object] = {
        **(given or {}),
        "plan_now": now,
        "plan_campaign": campaign.id,
        "plan_words": campaign.template_version_id,
        "plan_experiment": campaign.experiment_id,
        "plan_holds_back": definition.control.share > 0,
        "plan_expires_after": definition.expires_after or rules.expires_after,
        "plan_channel": [offer.channel for offer in offers],
        "plan_position": list(range(len(offers))),
        "plan_parts": [offer.parts for offer in offers],
        "plan_cost": [offer.cost for offer in offers],
        "plan_following": [offer.following for offer in offers],
        "plan_confirm_within": definition.fallback and definition.fallback.unconfirmed_after,
    }
    statement = _statement(group, terms_of(definition, rules), definition.throttle)
    found = connection.execute(statement, parameters).all()
    return Planned(
        waiting=sum(count for state, _, count in found if state == SendState.WAITING),
        withheld=sum(count for state, _, count in found if state == SendState.WITHHELD),
        refused={reason: count for state, reason, count in found if state == SendState.REFUSED},
    )
