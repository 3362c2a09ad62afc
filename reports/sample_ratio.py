"""Sample ratio mismatch: do the arms have the sizes the draw should have given them?"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.numerics import chi_squared_above

#: Below this the draw, a filter or a join is broken: no lift is shown.
ALARM_BELOW = 0.001
#: With fewer expected members than this in an arm the test says nothing yet.
FEWEST_EXPECTED = 5


@dataclass(frozen=True, kw_only=True)
class SampleRatio:
    """The chi-squared test of assigned counts against planned shares."""

    chi2: float | None  #: None: too few members to tell, or only one arm was planned
    p_value: float | None
    alarm: bool


def sample_ratio(observed: Sequence[int], weights: Sequence[float], *, alarm_below: float = ALARM_BELOW) -> SampleRatio:
    """Compare members assigned per arm with the planned weights, which need not add up to one."""
    total, whole = sum(observed), sum(weights)
    expected = [total * weight / whole for weight in weights] if whole else []
    if len(expected) < 2 or min(expected) < FEWEST_EXPECTED:
        return SampleRatio(chi2=None, p_value=None, alarm=False)
    statistic = sum((seen - due) ** 2 / due for seen, due in zip(observed, expected, strict=True))
    p_value = chi_squared_above(len(expected) - 1, statistic)
    return SampleRatio(chi2=statistic, p_value=p_value, alarm=p_value < alarm_below)
