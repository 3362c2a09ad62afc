"""What the messages caused: treated less control, with its intervals, its test and one verdict.

Pure arithmetic.  Counts are of members assigned, reached or not (intent to treat).
Undefined is None and never 0; an unbounded limit is ``inf``.
"""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.interval import ALPHA, Interval
from reports.means import Amounts, MeanDifference, compare_means
from reports.multiplicity import holm
from reports.proportions import difference, fisher, pooled_z, rate, ratio, smallest_expected, two_sided, wilson
from reports.sequential import EXPECTED_MEMBERS, SequentialInterval, always_valid
from reports.sizing import smallest_lift

#: Below this many expected responders in a cell the exact test is shown beside the usual one.
SMALL_CELL = 5


class Verdict(enum.StrEnum):
    """The one sentence a lift may be summed up in."""

    HELPED = "helped"  #: the interval lies above zero
    HARMED = "harmed"  #: the interval lies below zero
    NOT_SHOWN = "not shown"  #: zero is inside the interval, which is not the same as no effect
    TOO_FEW = "too few"  #: undefined, or so few that the exact test disagrees
    MISMATCH = "sample ratio mismatch"  #: the arms do not have the sizes drawn: nothing is shown
    NO_CONTROL = "no control group"  #: nobody was held back, so nothing can be known
    NO_GOAL = "no goal"  #: nothing was said to count as a response


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm's members: assigned, responded, and their amounts where the goal carries one."""

    assigned: int
    responded: int
    amounts: Amounts | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.responded <= self.assigned:
            raise ValueError("an arm cannot have more responders than members, nor fewer than none")


@dataclass(frozen=True, kw_only=True)
class Lift:
    """Treated less control.  Rates and relative lifts are fractions: 0.43 is 43 %."""

    treated: Arm
    control: Arm
    p_t: float | None
    p_t_interval: Interval
    p_c: float | None
    p_c_interval: Interval
    diff: float | None
    diff_interval: Interval  #: Mee
    relative: float | None  #: diff over the control's rate; None where that is 0
    relative_interval: Interval  #: Koopman, less one
    p_value: float | None  #: pooled z, two-sided
    fisher_p: float | None  #: only where an expected cell is below SMALL_CELL
    incremental: float | None  #: responders the messages brought: treated members times diff
    incremental_interval: Interval
    smallest_seen: float | None  #: the smallest rise of the control's rate these sizes show with 80 % power
    means: MeanDifference | None  #: None where no amounts were given
    verdict: Verdict


def lift(treated: Arm, control: Arm, *, alpha: float = ALPHA) -> Lift:
    """Compare the arms; every part that cannot be named is None."""
    counts = (treated.responded, treated.assigned, control.responded, control.assigned)
    p_t, p_c = rate(treated.responded, treated.assigned), rate(control.responded, control.assigned)
    diff = None if p_t is None or p_c is None else p_t - p_c
    absolute = difference(*counts, alpha=alpha)
    z = pooled_z(*counts)
    p_value = None if z is None else two_sided(z)
    small = smallest_expected(*counts) < SMALL_CELL
    fisher_p = fisher(*counts) if small else None
    both = treated.amounts is not None and control.amounts is not None
    return Lift(
        treated=treated,
        control=control,
        p_t=p_t,
        p_t_interval=wilson(treated.responded, treated.assigned, alpha=alpha),
        p_c=p_c,
        p_c_interval=wilson(control.responded, control.assigned, alpha=alpha),
        diff=diff,
        diff_interval=absolute,
        relative=diff / p_c if diff is not None and p_c else None,
        relative_interval=ratio(*counts, alpha=alpha).scaled(1.0, -1.0),
        p_value=p_value,
        fisher_p=fisher_p,
        incremental=None if diff is None else treated.assigned * diff,
        incremental_interval=absolute.scaled(treated.assigned),
        smallest_seen=None if p_c is None else smallest_lift(p_c, n_t=treated.assigned, n_c=control.assigned),
        means=compare_means(treated.amounts, control.amounts, alpha=alpha)
        if both and treated.amounts is not None and control.amounts is not None
        else None,
        verdict=_verdict(diff, p_value, fisher_p, alpha),
    )


def _verdict(diff: float | None, p_value: float | None, fisher_p: float | None, alpha: float) -> Verdict:
    if diff is None or p_value is None:
        return Verdict.TOO_FEW
    if fisher_p is not None and (fisher_p < alpha) != (p_value < alpha):
        return Verdict.TOO_FEW
    if p_value >= alpha:
        return Verdict.NOT_SHOWN
    return Verdict.HELPED if diff > 0 else Verdict.HARMED


def early_look(found: Lift, *, expected_members: int = EXPECTED_MEMBERS) -> SequentialInterval | None:
    """Return the interval of the same lift that may be looked at any day; None where it is undefined."""
    if found.diff is None or found.p_t is None or found.p_c is None:
        return None
    n_t, n_c = found.treated.assigned, found.control.assigned
    common = (found.treated.responded + found.control.responded) / (n_t + n_c)
    own = found.p_t * (1 - found.p_t) / n_t + found.p_c * (1 - found.p_c) / n_c
    pooled = common * (1 - common) * (1 / n_t + 1 / n_c)
    # The larger of the two, so that an early look never claims what the final test would deny.
    se = math.sqrt(max(own, pooled))
    return always_valid(found.diff, se, members=n_t + n_c, expected_members=expected_members)


def early_verdict(found: Lift, look: SequentialInterval | None, *, alpha: float = ALPHA) -> Verdict:
    """Say what may be said before the last window has closed: only what the sequential interval shows."""
    if look is None or found.verdict is Verdict.TOO_FEW:
        return Verdict.TOO_FEW
    if look.p_value >= alpha:
        return Verdict.NOT_SHOWN
    return Verdict.HELPED if (found.diff or 0) > 0 else Verdict.HARMED


def holm_p_values(lifts: Sequence[Lift]) -> list[float | None]:
    """Adjust the p-values of several variants against one control; None stays None and is not counted."""
    known = iter(holm([each.p_value for each in lifts if each.p_value is not None]))
    return [None if each.p_value is None else next(known) for each in lifts]


def lift_fields(found: Lift) -> dict[str, object]:
    """Return the lift under its stable names, as printed by ``--json``."""
    fields: dict[str, object] = {
        "n_t": found.treated.assigned,
        "x_t": found.treated.responded,
        "n_c": found.control.assigned,
        "x_c": found.control.responded,
        "p_t": found.p_t,
        "p_t_lo": found.p_t_interval.lo,
        "p_t_hi": found.p_t_interval.hi,
        "p_c": found.p_c,
        "p_c_lo": found.p_c_interval.lo,
        "p_c_hi": found.p_c_interval.hi,
        "diff": found.diff,
        "diff_lo": found.diff_interval.lo,
        "diff_hi": found.diff_interval.hi,
        "rel_lift": found.relative,
        "rel_lo": found.relative_interval.lo,
        "rel_hi": found.relative_interval.hi,
        "p_value": found.p_value,
        "fisher_p": found.fisher_p,
        "incremental": found.incremental,
        "incremental_lo": found.incremental_interval.lo,
        "incremental_hi": found.incremental_interval.hi,
        "smallest_seen": found.smallest_seen,
        "verdict": str(found.verdict),
    }
    if found.means is not None:
        fields |= _mean_fields(found, found.means)
    return fields


def _mean_fields(found: Lift, means: MeanDifference) -> dict[str, object]:
    treated = found.treated.assigned
    scaled = means.interval.scaled(treated)
    return {
        "mean_t": found.treated.amounts.mean if found.treated.amounts else None,
        "mean_c": found.control.amounts.mean if found.control.amounts else None,
        "mean_diff": means.diff,
        "mean_diff_lo": means.interval.lo,
        "mean_diff_hi": means.interval.hi,
        "mean_rel_lift": means.relative,
        "mean_rel_lo": means.relative_interval.lo,
        "mean_rel_hi": means.relative_interval.hi,
        "mean_p_value": means.p_value,
        "incremental_revenue": None if means.diff is None else means.diff * treated,
        "incremental_revenue_lo": scaled.lo,
        "incremental_revenue_hi": scaled.hi,
    }
