"""Two means of a skewed amount per assigned member: Welch's test and Fieller's ratio.

Both use one and the same t quantile, so the relative interval leaves out zero exactly
when the absolute one does, or says that it cannot be named.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from reports.interval import ALPHA, NOT_ESTIMABLE, Interval
from reports.numerics import student_below, student_quantile


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What is needed of one arm's amounts: non-buyers count as 0 and are in ``n``."""

    n: int
    total: float
    squares: float  #: sum of the squared amounts

    @property
    def mean(self) -> float | None:
        """Amount per assigned member; None where nobody is."""
        return self.total / self.n if self.n else None

    @property
    def variance(self) -> float | None:
        """Sample variance (n - 1); None below two members."""
        if self.n < 2:
            return None
        return max(0.0, (self.squares - self.total * self.total / self.n) / (self.n - 1))


@dataclass(frozen=True, kw_only=True)
class MeanDifference:
    """Treated mean less control mean; every field is None where it is undefined."""

    diff: float | None
    se: float | None
    df: float | None
    p_value: float | None
    interval: Interval
    relative: float | None
    relative_interval: Interval  #: Fieller's; None where the control's mean may be zero
    g: float | None  #: Fieller's g; 1 or more means the relative lift is not estimable


def amounts_of(values: Iterable[float]) -> Amounts:
    """Sum one arm's amounts, exactly."""
    kept = list(values)
    return Amounts(n=len(kept), total=math.fsum(kept), squares=math.fsum(value * value for value in kept))


def compare_means(treated: Amounts, control: Amounts, *, alpha: float = ALPHA) -> MeanDifference:
    """Compare two means without assuming equal variances.

    Source: B. L. Welch, *Biometrika* 34 (1947) 28-35; E. C. Fieller, *JRSS B* 16 (1954) 175-185.
    """
    m_t, m_c = treated.mean, control.mean
    diff = None if m_t is None or m_c is None else m_t - m_c
    relative = None if diff is None or not m_c else diff / m_c
    spread = _spread(treated, control)
    if diff is None or spread is None:
        return MeanDifference(
            diff=diff, se=None, df=None, p_value=None, interval=NOT_ESTIMABLE, relative=relative,
            relative_interval=NOT_ESTIMABLE, g=None,
        )  # fmt: skip
    se, df = spread
    t = student_quantile(df, 1 - alpha / 2)
    ratio, g = _fieller(treated, control, t)
    return MeanDifference(
        diff=diff,
        se=se,
        df=df,
        p_value=2 * student_below(df, -abs(diff) / se),
        interval=Interval(diff - t * se, diff + t * se),
        relative=relative,
        relative_interval=ratio.scaled(1.0, -1.0),
        g=g,
    )


def _spread(treated: Amounts, control: Amounts) -> tuple[float, float] | None:
    """Return the standard error and Satterthwaite's degrees of freedom; None where they are undefined."""
    v_t, v_c = treated.variance, control.variance
    if v_t is None or v_c is None or v_t + v_c == 0:
        return None
    a, b = v_t / treated.n, v_c / control.n
    # By shares of the whole, since squares of very small variances would vanish.
    share = a / (a + b)
    return math.sqrt(a + b), 1 / (share**2 / (treated.n - 1) + (1 - share) ** 2 / (control.n - 1))


def _fieller(treated: Amounts, control: Amounts, t: float) -> tuple[Interval, float | None]:
    m_t, m_c, v_t, v_c = treated.mean, control.mean, treated.variance, control.variance
    if m_t is None or v_t is None or v_c is None or not m_c or m_c < 0:
        return NOT_ESTIMABLE, None
    g = t * t * (v_c / control.n / m_c) / m_c
    if g >= 1:
        return NOT_ESTIMABLE, g
    ratio = m_t / m_c
    half = t / m_c * math.sqrt(v_t / treated.n * (1 - g) + ratio * ratio * v_c / control.n)
    return Interval((ratio - half) / (1 - g), (ratio + half) / (1 - g)), g
