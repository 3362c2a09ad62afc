"""What came of one campaign: the closing sum, the arms, the lift, per step, channel and day."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from database.tables import campaigns, launches
from language.problems import InputRefused, refuse
from reports.arms import AMPLE_MEMORY, campaign_arms, find_experiments
from reports.closing import Closing, close
from reports.coupon_costs import campaign_coupons_cost
from reports.goals import goal_of
from reports.report import ArmOutcome, DayLine, Effect, Experiment, Report, StepLine, assess

ZONE = "Asia/Shanghai"  #: whose days a report counts, unless told otherwise

# One pass over the campaign's sends; everything but the arms is added up from these groups.
GROUPS = text("""
SELECT coalesce(step, '') AS step, coalesce(channel, 'none') AS channel, state, reason, experiment_id,
       enrolment_id IS NOT NULL AS from_journey, (decided_at AT TIME ZONE :zone)::date AS day,
       count(*) AS members,
       sum(CASE WHEN state IN ('waiting', 'claimed', 'withheld', 'refused', 'cancelled') THEN spent ELSE cost END) AS cost
FROM sends WHERE campaign_id = :campaign_id
GROUP BY 1, 2, 3, 4, 5, 6, 7
""")

# A control member counts as messaged whichever send of the campaign was handed over.
CONTAMINATION = text("""
SELECT count(*) FROM assignments
JOIN sends ON sends.campaign_id = :campaign_id AND sends.member_id = assignments.member_id
JOIN attempts ON attempts.send_id = sends.id
WHERE assignments.experiment_id = :experiment_id AND assignments.arm = 'control'
""")

Rows = Sequence[Row[tuple[Any, ...]]]


def campaign_report(connection: Connection, name: str, *, now: datetime, zone: str = ZONE) -> Report:
    """Report on a campaign as of ``now``; responses are those credited so far.

    Raises:
        InputRefused: there is no campaign of this name.
    """
    campaign = connection.execute(select(campaigns).where(campaigns.c.name == name)).one_or_none()
    if campaign is None:
        raise unknown_name(name, connection.execute(select(campaigns.c.name)).scalars().all(), kind="campaign")
    connection.execute(AMPLE_MEMORY)
    groups = connection.execute(GROUPS, {"campaign_id": campaign.id, "zone": zone}).all()
    closing = close(groups, lambda row: "").get("", Closing())
    experiment = _experiment(connection, groups, name)
    arms, effect = _effect(connection, campaign, experiment, groups, closing, now)
    steps = close((row for row in groups if row.from_journey), lambda row: str(row.step))
    return Report(
        kind="campaign",
        name=name,
        title=campaign.definition.get("title") or {},
        made_at=now,
        zone=zone,
        closing=closing,
        arms=arms,
        effect=effect,
        steps=[StepLine(step=step, campaign=name, closing=steps[step]) for step in sorted(steps, key=step_order)],
        channels=dict(sorted(close(groups, lambda row: str(row.channel)).items())),
        days=[DayLine(day=day, closing=each) for day, each in sorted(close(groups, lambda row: row.day).items())],
    )


def _experiment(connection: Connection, groups: Rows, name: str) -> Experiment | None:
    """Return the draw to compare: one with a control before one without, its own before a journey's, the newest."""
    ids = {row.experiment_id for row in groups if row.experiment_id is not None}
    own = f"campaign:{name}"

    def worth(found: Experiment) -> tuple[bool, bool, int]:
        return found.control_share > 0, found.name == own or found.name.startswith(f"{own}#"), found.id

    return max(find_experiments(connection, ids), key=worth, default=None) if ids else None


def _effect(
    connection: Connection,
    campaign: Row[tuple[Any, ...]],
    experiment: Experiment | None,
    groups: Rows,
    closing: Closing,
    now: datetime,
) -> tuple[list[ArmOutcome], Effect]:
    goal = goal_of(campaign.definition)
    arms = campaign_arms(connection, campaign.id, experiment, goal, now=now) if experiment else []
    leaked = 0
    if experiment is not None:
        leaked = connection.execute(
            CONTAMINATION, {"campaign_id": campaign.id, "experiment_id": experiment.id}
        ).scalar_one()
    from_journey = any(row.from_journey for row in groups)
    expected = connection.execute(
        select(func.sum(launches.c.considered)).where(launches.c.campaign_id == campaign.id)
    ).scalar_one()
    effect = assess(
        arms,
        experiment=experiment,
        goal=goal,
        members_still_enter=campaign.next_run_at is not None or (from_journey and campaign.state != "cancelled"),
        expected_members=int(expected) if expected else None,
        contamination=leaked,
        cost=closing.cost + campaign_coupons_cost(connection, campaign.id),
        now=now,
    )
    return arms, effect


def step_order(path: str) -> tuple[tuple[int, int, str], ...]:
    """Sort step paths as a journey runs them: 2 before 10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in path.split("."))


def unknown_name(name: str, known: Iterable[str], *, kind: str) -> InputRefused:
    """Make the refusal of a name that is not there, with the nearest one that is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return refuse("there is no {noun} called {name}; is it {near}?", noun=kind, name=name, near=near[0])
    return refuse(
        "there is no {noun} called {name}; there are: {known}",
        noun=kind,
        name=name,
        known=", ".join(sorted(names)[:20]) or "—",
    )
