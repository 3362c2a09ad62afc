"""Members, responders and amounts per arm, counted where the rows are."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, select, text

from database.tables import experiments
from reports.goals import Goal
from reports.lift import Arm
from reports.means import Amounts
from reports.report import ArmOutcome, Experiment

#: A report groups members by the million; in the usual few megabytes that would spill to disk.
AMPLE_MEMORY = text("SET LOCAL work_mem = '128MB'")

#: A member counts once per arm, an event once per member, however many sends and windows it fell in.
_PER_ARM = """
, per_member AS (
    SELECT arm, member_id, sum(coalesce(value, 0)) AS total FROM credited GROUP BY arm, member_id
), responders AS (
    SELECT arm, count(*) AS responded, sum(total) AS total, sum(total * total) AS squares FROM per_member GROUP BY arm
), assigned AS (
    SELECT arm, count(*) AS assigned, max(last_at) AS last_at FROM held GROUP BY arm
)
SELECT arm, assigned, last_at, coalesce(responded, 0) AS responded,
       coalesce(total, 0) AS total, coalesce(squares, 0) AS squares
FROM assigned LEFT JOIN responders USING (arm) ORDER BY arm DESC
"""

_CAMPAIGN = """
WITH held AS (
    SELECT arm, member_id, max(decided_at) AS last_at FROM sends
    WHERE campaign_id = :campaign_id AND experiment_id = :experiment_id GROUP BY arm, member_id
), credited AS (
    SELECT DISTINCT sends.arm, sends.member_id, responses.event_id, responses.value
    FROM responses JOIN sends ON sends.id = responses.send_id
    WHERE sends.campaign_id = :campaign_id AND sends.experiment_id = :experiment_id
      AND responses.occurred_at < sends.decided_at + CAST(:within AS interval) AND responses.occurred_at <= :now
)"""

_JOURNEY = """
WITH held AS (
    SELECT arm, member_id, max(entered_at) AS last_at FROM enrolments
    WHERE journey_id = ANY(:journey_ids) AND experiment_id = :experiment_id GROUP BY arm, member_id
), credited AS (
    SELECT DISTINCT enrolments.arm, enrolments.member_id, events.id AS event_id,
           CASE WHEN CAST(:counts_value AS boolean) THEN events.value END AS value
    FROM enrolments JOIN events ON events.member_id = enrolments.member_id AND events.kind = CAST(:event AS text)
      AND events.occurred_at >= enrolments.entered_at AND events.occurred_at < enrolments.entered_at + CAST(:within AS interval)
      AND events.occurred_at <= :now
    WHERE journey_id = ANY(:journey_ids) AND experiment_id = :experiment_id
)"""

CAMPAIGN_ARMS = text("\n".join((_CAMPAIGN, _PER_ARM)))
JOURNEY_ARMS = text("\n".join((_JOURNEY, _PER_ARM)))


def campaign_arms(
    connection: Connection, campaign_id: int, experiment: Experiment, goal: Goal | None, *, now: datetime
) -> list[ArmOutcome]:
    """Count the arms of a campaign from its sends and their credited responses, treated first."""
    given = {
        "campaign_id": campaign_id,
        "experiment_id": experiment.id,
        "within": goal.within if goal else None,
        "now": now,
    }
    return _outcomes(connection.execute(CAMPAIGN_ARMS, given), goal)


def journey_arms(
    connection: Connection, journey_ids: list[int], experiment: Experiment, goal: Goal | None, *, now: datetime
) -> list[ArmOutcome]:
    """Count the arms of a journey from its entries: the window opens when a member enters, treated first."""
    given = {
        "journey_ids": journey_ids,
        "experiment_id": experiment.id,
        "event": goal.event if goal else None,
        "within": goal.within if goal else None,
        "counts_value": goal is not None and goal.counts_value,
        "now": now,
    }
    return _outcomes(connection.execute(JOURNEY_ARMS, given), goal)


def _outcomes(rows: Iterable[Row[tuple[Any, ...]]], goal: Goal | None) -> list[ArmOutcome]:
    found = []
    for row in rows:
        amounts = Amounts(n=row.assigned, total=float(row.total), squares=float(row.squares))
        counts = Arm(
            assigned=row.assigned,
            responded=row.responded,
            amounts=amounts if goal is not None and goal.counts_value else None,
        )
        found.append(ArmOutcome(arm=row.arm, counts=counts, last_decided_at=row.last_at))
    return found


def find_experiments(connection: Connection, ids: Iterable[int]) -> list[Experiment]:
    """Return the draws with these ids, oldest first."""
    query = select(experiments).where(experiments.c.id.in_(list(ids))).order_by(experiments.c.id)
    return [
        Experiment(id=row.id, name=row.name, control_share=float(row.control_share or Decimal(0)))
        for row in connection.execute(query)
    ]
