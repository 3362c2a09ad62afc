"""What came of one journey: entries, the way through its steps, the closing sum, the lift from entry on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text

from database.tables import journeys
from reports.arms import AMPLE_MEMORY, find_experiments, journey_arms
from reports.campaign_report import ZONE, step_order, unknown_name
from reports.closing import Closing, close
from reports.coupon_costs import journey_coupons_cost
from reports.goals import goal_of
from reports.report import ArmOutcome, DayLine, Effect, Entries, Report, StepLine, assess

ENTRIES = text("""
SELECT journey_id, state, coalesce(arm, 'none') AS arm, end_reason,
       (entered_at AT TIME ZONE :zone)::date AS day, count(*) AS members
FROM enrolments WHERE journey_id = ANY(:journey_ids) GROUP BY 1, 2, 3, 4, 5
""")

VISITS = text("""
SELECT enrolments.journey_id, step_runs.step, step_runs.kind, coalesce(step_runs.result, '') AS result, count(*) AS visits
FROM enrolments JOIN step_runs ON step_runs.enrolment_id = enrolments.id
WHERE enrolments.journey_id = ANY(:journey_ids) GROUP BY 1, 2, 3, 4
""")

GROUPS = text("""
SELECT enrolments.journey_id, coalesce(sends.step, '') AS step, campaigns.name AS campaign,
       coalesce(sends.channel, 'none') AS channel, sends.state, sends.reason,
       (sends.decided_at AT TIME ZONE :zone)::date AS day, count(*) AS members,
       sum(CASE WHEN sends.state IN ('waiting', 'claimed', 'withheld', 'refused', 'cancelled') THEN spent ELSE cost END) AS cost
FROM enrolments JOIN sends ON sends.enrolment_id = enrolments.id JOIN campaigns ON campaigns.id = sends.campaign_id
WHERE enrolments.journey_id = ANY(:journey_ids) GROUP BY 1, 2, 3, 4, 5, 6, 7
""")

CONTAMINATION = text("""
SELECT count(*) FROM enrolments JOIN sends ON sends.enrolment_id = enrolments.id
JOIN attempts ON attempts.send_id = sends.id
WHERE enrolments.journey_id = ANY(:journey_ids) AND enrolments.arm = 'control'
""")

Rows = Sequence[Row[tuple[Any, ...]]]


def journey_report(connection: Connection, name: str, *, now: datetime, zone: str = ZONE) -> Report:
    """Report on every version of a journey as of ``now``; the lift is that of the newest version's draw.

    Raises:
        InputRefused: there is no journey of this name.
    """
    versions = connection.execute(select(journeys).where(journeys.c.name == name).order_by(journeys.c.version)).all()
    if not versions:
        raise unknown_name(name, connection.execute(select(journeys.c.name).distinct()).scalars().all(), kind="journey")
    given = {"journey_ids": [row.id for row in versions], "zone": zone}
    connection.execute(AMPLE_MEMORY)
    entered = connection.execute(ENTRIES, given).all()
    visits = connection.execute(VISITS, given).all()
    groups = connection.execute(GROUPS, given).all()
    closing = close(groups, lambda row: "").get("", Closing())
    effect, arms = _effect(connection, versions, closing, now)
    return Report(
        kind="journey",
        name=name,
        title=versions[-1].definition.get("title") or {},
        made_at=now,
        zone=zone,
        closing=closing,
        arms=arms,
        effect=effect,
        steps=_steps(versions, visits, groups),
        channels=dict(sorted(close(groups, lambda row: str(row.channel)).items())),
        days=_days(entered, groups),
        entries=_entries(versions, entered),
    )


def _effect(connection: Connection, versions: Rows, closing: Closing, now: datetime) -> tuple[Effect, list[ArmOutcome]]:
    newest = versions[-1]
    ids = [row.id for row in versions]
    goal = goal_of(newest.definition)
    drawn = find_experiments(connection, [newest.experiment_id]) if newest.experiment_id is not None else []
    experiment = drawn[0] if drawn else None
    arms = journey_arms(connection, ids, experiment, goal, now=now) if experiment else []
    effect = assess(
        arms,
        experiment=experiment,
        goal=goal,
        members_still_enter=newest.state != "stopped",
        expected_members=None,
        contamination=connection.execute(CONTAMINATION, {"journey_ids": ids}).scalar_one(),
        cost=closing.cost + journey_coupons_cost(connection, ids),
        now=now,
    )
    return effect, arms


def _added(rows: Iterable[Row[tuple[Any, ...]]], column: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in rows:
        value = getattr(row, column)
        if value is not None:
            found[str(value)] += row.members
    return dict(sorted(found.items()))


def _entries(versions: Rows, entered: Rows) -> Entries:
    return Entries(
        entered=sum(row.members for row in entered),
        by_state=_added(entered, "state"),
        by_arm=_added(entered, "arm"),
        end_reasons=_added(entered, "end_reason"),
        versions=[row.version for row in versions],
    )


def _days(entered: Rows, groups: Rows) -> list[DayLine]:
    entries: Counter[date] = Counter()
    for row in entered:
        entries[row.day] += row.members
    closings: dict[date, Closing] = close(groups, lambda row: row.day)
    return [
        DayLine(day=day, entries=entries[day], closing=closings.get(day, Closing()))
        for day in sorted(entries.keys() | closings.keys())
    ]


def _steps(versions: Rows, visits: Rows, groups: Rows) -> list[StepLine]:
    """Join visits and sends per version and step; a step that plans nothing has no closing sum."""
    version_of = {row.id: row.version for row in versions}
    kinds: dict[tuple[int, str], str] = {}
    results: dict[tuple[int, str], Counter[str]] = {}
    for row in visits:
        place = (version_of[row.journey_id], row.step)
        kinds[place] = row.kind
        results.setdefault(place, Counter())[row.result] += row.visits
    named = {(version_of[row.journey_id], row.step): row.campaign for row in groups}
    closings = close(groups, lambda row: (version_of[row.journey_id], row.step))
    return [
        StepLine(
            step=step,
            kind=kinds.get((version, step), "send"),
            campaign=named.get((version, step)),
            version=version,
            visits=results[version, step].total() if (version, step) in results else None,
            results={name: number for name, number in sorted(results.get((version, step), Counter()).items()) if name},
            closing=closings.get((version, step)),
        )
        for version, step in sorted(kinds.keys() | closings.keys(), key=lambda place: (place[0], step_order(place[1])))
    ]
