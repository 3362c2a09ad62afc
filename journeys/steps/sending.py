"""The send step: a journey never sends, it asks a campaign to."""

from sqlalchemy import BigInteger, String, cast, literal, null, select

from campaigns.publishing import load_campaign
from campaigns.sends.planning import plan
from journeys.groups import moving
from journeys.steps.standing import Standing


def run_send(standing: Standing) -> None:
    """Let the campaign plan a send for everybody here, in either arm, and send them on."""
    step = standing.step.send
    assert step is not None
    campaign = load_campaign(standing.connection, step.campaign)
    visit = literal("enrolment:") + cast(moving.c.enrolment_id, String) + literal(":") + cast(moving.c.visit, String)
    group = select(
        moving.c.member_id,
        visit.label("occasion"),
        cast(null(), BigInteger).label("launch_id"),
        moving.c.enrolment_id,
        moving.c.step,
        moving.c.experiment_id,
        moving.c.arm,
    ).where(standing.here)
    plan(standing.connection, campaign, group, now=standing.now, rules=standing.rules, channels=step.channels)
    standing.send_on(standing.after, result=step.campaign)
