"""Launch campaigns: by hand, at their hour, or again and again."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from campaigns.audience import audience_of, launch_group
from campaigns.campaign import Campaign
from campaigns.publishing import load_campaign
from campaigns.rules import PlanningRules
from campaigns.sends import Planned, plan
from database.tables import campaigns, launches
from language.problems import refuse


@dataclass(frozen=True, kw_only=True)
class Launched:
    """One launch and what became of its audience."""

    id: int
    campaign: str
    occasion: str
    planned: Planned

    @property
    def considered(self) -> int:
        """How many members the launch looked at; each has a send."""
        return self.planned.waiting + self.planned.withheld + sum(self.planned.refused.values())


def launch(
    connection: Connection, campaign: Campaign, *, occasion: str, now: datetime, rules: PlanningRules
) -> Launched | None:
    """Freeze the audience as it is now and plan a send for each of its members.

    None: this occasion was launched before, and nothing happens.

    Raises:
        InputRefused: the campaign is not active.
    """
    if campaign.state != "active":
        raise refuse("campaign {name} is {state} and cannot be launched", name=campaign.name, state=campaign.state)
    begun = connection.execute(
        insert(launches)
        .values(campaign_id=campaign.id, occasion=occasion, launched_at=now)
        .on_conflict_do_nothing()
        .returning(launches.c.id)
    ).scalar_one_or_none()
    if begun is None:
        return None
    group = launch_group(audience_of(connection, campaign, now=now), begun)
    planned = plan(connection, campaign, group, now=now, rules=rules)
    launched = Launched(id=begun, campaign=campaign.name, occasion=occasion, planned=planned)
    connection.execute(update(launches).where(launches.c.id == begun).values(considered=launched.considered))
    return launched


def launch_due(connection: Connection, *, now: datetime, rules: PlanningRules) -> list[Launched]:
    """Launch every active campaign whose hour has come, each occasion once, however many schedulers ask.

    An hour that passed while nothing was running is launched once, late; hours missed
    before that one are not made up for.
    """
    due = connection.execute(
        select(campaigns.c.name, campaigns.c.next_run_at)
        .where(campaigns.c.state == "active", campaigns.c.next_run_at <= now)
        .order_by(campaigns.c.next_run_at)
        .with_for_update(skip_locked=True)
    ).all()
    done = []
    for name, hour in due:
        campaign = load_campaign(connection, name)
        launched = launch(connection, campaign, occasion=f"schedule:{hour.isoformat()}", now=now, rules=rules)
        schedule = campaign.definition.schedule
        following = schedule.next_after(now) if schedule is not None and schedule.cron is not None else None
        connection.execute(update(campaigns).where(campaigns.c.id == campaign.id).values(next_run_at=following))
        if launched is not None:
            done.append(launched)
    return done


def schedule_launch(connection: Connection, campaign: Campaign, *, at: datetime) -> None:
    """Let the campaign be launched once at ``at`` by whichever scheduler runs then."""
    connection.execute(update(campaigns).where(campaigns.c.id == campaign.id).values(next_run_at=at))
