"""A report before it takes a form: the same numbers for JSON, CSV, table, page and chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from reports.closing import Closing
from reports.economics import Economics, economics
from reports.goals import Goal
from reports.interval import Interval
from reports.lift import Arm, Lift, Verdict, early_look, early_verdict, lift
from reports.proportions import rate, wilson
from reports.sample_ratio import SampleRatio, sample_ratio
from reports.sequential import EXPECTED_MEMBERS, SequentialInterval

TREATED = "treated"
CONTROL = "control"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The draw whose arms a report compares."""

    id: int
    name: str
    control_share: float


@dataclass(frozen=True, kw_only=True)
class ArmOutcome:
    """One arm's members, everybody assigned, reached or not."""

    arm: str
    counts: Arm
    last_decided_at: datetime | None  #: when the youngest window opened

    @property
    def rate(self) -> float | None:
        """Share of members who responded; None where nobody was assigned."""
        return rate(self.counts.responded, self.counts.assigned)

    @property
    def rate_interval(self) -> Interval:
        """Wilson's interval of the rate."""
        return wilson(self.counts.responded, self.counts.assigned)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What the messages caused, or why that cannot be said."""

    verdict: Verdict
    experiment: Experiment | None
    goal: Goal | None
    lift: Lift | None  #: None: no control group, no goal, or a sample ratio mismatch
    interim: bool  #: windows are open or members still enter: only the sequential interval counts
    look: SequentialInterval | None
    expected_members: int  #: N* of the sequential interval
    srm: SampleRatio
    contamination: int  #: messages handed over for control members; must be 0
    economics: Economics | None


@dataclass(frozen=True, kw_only=True)
class StepLine:
    """One step of a journey, or of the journeys a campaign is used in."""

    step: str  #: path such as 0 or 2.0.1; empty: not from a journey
    kind: str = "send"
    campaign: str | None = None
    version: int | None = None
    visits: int | None = None
    results: Mapping[str, int] = field(default_factory=dict)  #: branch taken, share drawn, how a wait ended
    closing: Closing | None = None  #: None: the step plans no sends


@dataclass(frozen=True, kw_only=True)
class DayLine:
    """What was decided on one local day."""

    day: date
    entries: int = 0
    closing: Closing


@dataclass(frozen=True, kw_only=True)
class Entries:
    """Enrolments of a journey."""

    entered: int
    by_state: Mapping[str, int]
    by_arm: Mapping[str, int]
    end_reasons: Mapping[str, int]
    versions: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of one campaign or journey."""

    kind: Literal["campaign", "journey"]
    name: str
    title: Mapping[str, str]  #: by language; may be empty
    made_at: datetime
    zone: str  #: of the days
    closing: Closing
    arms: Sequence[ArmOutcome]
    effect: Effect
    steps: Sequence[StepLine]
    channels: Mapping[str, Closing]  #: by channel; "none" where refused before a channel was found
    days: Sequence[DayLine]
    entries: Entries | None = None  #: None: a campaign


def assess(
    arms: Sequence[ArmOutcome],
    *,
    experiment: Experiment | None,
    goal: Goal | None,
    members_still_enter: bool,
    expected_members: int | None,
    contamination: int,
    cost: Decimal,
    now: datetime,
) -> Effect:
    """Compare the arms and reach one verdict, in the order the rules demand.

    Nothing is compared without a control group, without a goal, or while the sample ratio
    is wrong.  Before the last window has closed only the sequential interval decides.
    """
    by_arm = {each.arm: each for each in arms}
    treated, control = by_arm.get(TREATED), by_arm.get(CONTROL)
    latest = max((each.last_decided_at for each in arms if each.last_decided_at is not None), default=None)
    window_open = goal is not None and latest is not None and latest + goal.within > now
    interim = members_still_enter or window_open
    expected = expected_members or EXPECTED_MEMBERS
    srm = _sample_ratio(treated, control, experiment)
    found: Lift | None = None
    look: SequentialInterval | None = None
    if goal is None:
        verdict = Verdict.NO_GOAL
    elif treated is None or control is None or experiment is None:
        verdict = Verdict.NO_CONTROL
    elif srm.alarm:
        verdict = Verdict.MISMATCH
    else:
        found = lift(treated.counts, control.counts)
        look = early_look(found, expected_members=expected) if interim else None
        verdict = early_verdict(found, look) if interim else found.verdict
    return Effect(
        verdict=verdict,
        experiment=experiment,
        goal=goal,
        lift=found,
        interim=interim,
        look=look,
        expected_members=expected,
        srm=srm,
        contamination=contamination,
        economics=_economics(found, cost),
    )


def _sample_ratio(treated: ArmOutcome | None, control: ArmOutcome | None, experiment: Experiment | None) -> SampleRatio:
    if experiment is None or experiment.control_share <= 0:
        return SampleRatio(chi2=None, p_value=None, alarm=False)
    observed = [each.counts.assigned if each else 0 for each in (treated, control)]
    return sample_ratio(observed, [1 - experiment.control_share, experiment.control_share])


def _economics(found: Lift | None, cost: Decimal) -> Economics | None:
    if found is None:
        return None
    means, treated = found.means, found.treated.assigned
    return economics(
        treated=treated,
        cost=float(cost),
        margin=1.0,
        revenue=None if means is None or means.diff is None else means.diff * treated,
        revenue_interval=Interval(None, None) if means is None else means.interval.scaled(treated),
        responders=found.incremental,
    )
