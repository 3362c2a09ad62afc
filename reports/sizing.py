"""Before launch: how many members are needed, and what a given audience can show."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from reports.interval import ALPHA, quantile
from reports.numerics import crossing

POWER = 0.8
_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class Size:
    """Members needed in each arm, before rounding up."""

    treated: float
    control: float

    @property
    def audience(self) -> int:
        """Both arms together, each rounded up."""
        return math.ceil(self.treated) + math.ceil(self.control)


def needed_size(base: float, diff: float, *, control_share: float, alpha: float = ALPHA, power: float = POWER) -> Size:
    """Return the size at which a true difference ``diff`` from ``base`` is seen with the given power.

    Source: J. L. Fleiss and others, *Biometrics* 36 (1980) 343-346, for unequal arms.
    """
    k = control_share / (1 - control_share)
    treated = base + diff
    pooled = (treated + k * base) / (1 + k)
    null = quantile(alpha) * math.sqrt(pooled * (1 - pooled) * (1 + 1 / k))
    alternative = _NORMAL.inv_cdf(power) * math.sqrt(treated * (1 - treated) + base * (1 - base) / k)
    members = (null + alternative) ** 2 / diff**2
    return Size(treated=members, control=members * k)


def power_of(base: float, diff: float, *, n_t: float, n_c: float, alpha: float = ALPHA) -> float:
    """Return the chance of a significant result, either way, when the true difference is ``diff``."""
    treated = base + diff
    pooled = (n_t * treated + n_c * base) / (n_t + n_c)
    null = math.sqrt(pooled * (1 - pooled) * (1 / n_t + 1 / n_c))
    alternative = math.sqrt(treated * (1 - treated) / n_t + base * (1 - base) / n_c)
    if alternative == 0:
        return 0.0 if null == 0 else 1.0
    z = quantile(alpha)
    return _NORMAL.cdf((diff - z * null) / alternative) + _NORMAL.cdf((-diff - z * null) / alternative)


def smallest_lift(base: float, *, n_t: int, n_c: int, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Return the smallest rise of the rate, in rate points, that these sizes see with the given power.

    None where not even a rate of one would be seen.
    """
    if not 0 < base < 1 or n_t < 1 or n_c < 1:
        return None

    def shortfall(diff: float) -> float:
        return power_of(base, diff, n_t=n_t, n_c=n_c, alpha=alpha) - power

    highest = (1 - base) * (1 - 1e-9)
    if shortfall(highest) < 0:
        return None
    return crossing(shortfall, 1e-12, highest, precision=1e-14)


def smallest_mean_lift(sd: float, *, n_t: int, n_c: int, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Return the smallest difference of two means seen with the given power; ``sd`` from past amounts."""
    if n_t < 1 or n_c < 1:
        return None
    return (quantile(alpha) + _NORMAL.inv_cdf(power)) * sd * math.sqrt(1 / n_t + 1 / n_c)


def effective_size(n_t: int, n_c: int) -> float | None:
    """Return the size one arm of an even split would need for the same precision, times one half."""
    return n_t * n_c / (n_t + n_c) if n_t + n_c else None
