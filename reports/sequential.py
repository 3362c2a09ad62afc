"""Looking early: an interval that stays true however often it is looked at, and bounds for planned looks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from reports.interval import ALPHA, Interval

#: Members expected when the decision is taken, where nobody has said.  It is fixed beforehand:
#: an N* that followed the data would undo the guarantee.
EXPECTED_MEMBERS = 10_000


@dataclass(frozen=True, kw_only=True)
class SequentialInterval:
    """An asymptotic confidence sequence at one moment."""

    rho: float
    half_width: float
    interval: Interval
    p_value: float  #: valid at every look


def always_valid(
    estimate: float, se: float, *, members: int, expected_members: int = EXPECTED_MEMBERS, alpha: float = ALPHA
) -> SequentialInterval | None:
    """Return the interval that covers the truth at every look together with probability 1 - alpha.

    ``members`` is both arms together, ``expected_members`` what it will be at the decision,
    where the interval is tightest.  None where the standard error is zero or unknown.

    Source: I. Waudby-Smith and others, arXiv 2103.06476, equation 9.
    """
    if se <= 0 or members <= 0:
        return None
    rho = math.sqrt((-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / expected_members)
    mixed = members * rho * rho
    half = (
        se
        * math.sqrt(members)
        * math.sqrt(2 * (mixed + 1) / (members * rho) ** 2 * math.log(math.sqrt(mixed + 1) / alpha))
    )
    exponent = mixed * (estimate / se) ** 2 / (2 * (mixed + 1))
    p_value = min(1.0, math.exp(0.5 * math.log(mixed + 1) - exponent))
    return SequentialInterval(
        rho=rho, half_width=half, interval=Interval(estimate - half, estimate + half), p_value=p_value
    )


#: Critical z per look for equally spaced looks at two-sided 5 %, Lan-DeMets spending.
#: Source: K. K. G. Lan, D. L. DeMets, *Biometrika* 70 (1983) 659-663, by recursive integration.
CRITICAL_Z: Mapping[str, Mapping[int, tuple[float, ...]]] = {
    "obrien_fleming": {
        1: (1.9599640,),
        2: (2.9625880, 1.9685956),
        3: (3.7103029, 2.5114275, 1.9930475),
        4: (4.3326336, 2.9631316, 2.3590443, 2.0140901),
        5: (4.8768849, 3.3570117, 2.6802801, 2.2898168, 2.0310320),
    },
    "pocock": {
        1: (1.9599640,),
        2: (2.1569992, 2.2009770),
        3: (2.2794282, 2.2949111, 2.2959384),
        4: (2.3683277, 2.3675243, 2.3581677, 2.3500295),
        5: (2.4379767, 2.4268138, 2.4101938, 2.3966454, 2.3859846),
    },
}


def critical_z(looks: int, *, spending: str = "obrien_fleming") -> tuple[float, ...]:
    """Return the bound of each planned look, first to last.

    Raises:
        ValueError: more than five looks, or an unknown spending rule.
    """
    try:
        return CRITICAL_Z[spending][looks]
    except KeyError:
        raise ValueError(f"no bounds for {looks} looks with {spending} spending") from None
