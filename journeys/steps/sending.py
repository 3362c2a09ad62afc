"""The send step: a journey never sends, it asks a campaign to."""

from sqlalchemy import BigInteger, String, Text, bindparam, cast, literal, null, select

from campaigns.publishing import load_campaign
from campaigns.sends.planning import plan
from journeys.groups import moving
from journeys.steps.standing import Standing

_VISIT = literal("enrolment:") + cast(moving.c.enrolment_id, String) + literal(":") + cast(moving.c.visit, String)

#: Those who stand on one send step, in the form that planning takes; one select for all, so that its plan is kept.
_GROUP = select(
    moving.c.member_id,
    _VISIT.label("occasion"),
    cast(null(), BigInteger).label("launch_id"),
    moving.c.enrolment_id,
    moving.c.step,
    moving.c.experiment_id,
    moving.c.arm,
).where(
    moving.c.journey_id == bindparam("standing_journey", type_=BigInteger),
    moving.c.step == bindparam("standing_step", type_=Text),
)


def run_send(standing: Standing) -> None:
    """Let the campaign plan a send for everybody here, in either arm, and send them on."""
    step = standing.step.send
    assert step is not None
    campaign = load_campaign(standing.connection, step.campaign)
    plan(
        standing.connection,
        campaign,
        _GROUP,
        now=standing.now,
        rules=standing.rules,
        channels=step.channels,
        given={"standing_journey": standing.published.id, "standing_step": standing.path},
    )
    standing.send_on(standing.after, result=step.campaign)
