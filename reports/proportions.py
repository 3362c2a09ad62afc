"""Two response rates: their intervals, their difference, their ratio and the test that belongs to both.

The difference (Mee), the ratio (Koopman) and the pooled z test invert one and the same
score statistic, so no report can show a p-value that contradicts its own intervals.
Every function takes counts of members: ``n`` assigned and ``x`` of them responded.
"""

import math
from collections.abc import Callable

from reports.interval import ALPHA, NOT_ESTIMABLE, Interval, quantile
from reports.numerics import crossing, exact_test

#: Root finding stops here; far below anything a report prints.
PRECISION = 1e-15


def rate(x: int, n: int) -> float | None:
    """Return the share that responded; None where nobody was assigned."""
    return x / n if n else None


def wilson(x: int, n: int, *, alpha: float = ALPHA) -> Interval:
    """Return the score interval of one rate.

    Source: E. B. Wilson, *JASA* 22 (1927) 209-212.
    """
    if n == 0:
        return NOT_ESTIMABLE
    z = quantile(alpha)
    share = x / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    below = 0.0 if x == 0 else (middle - half) / (1 + z * z / n)
    above = 1.0 if x == n else (middle + half) / (1 + z * z / n)
    return Interval(below, above)


def pooled_z(x_t: int, n_t: int, x_c: int, n_c: int) -> float | None:
    """Return z of the difference under one common rate; None where nobody or everybody responded."""
    if n_t == 0 or n_c == 0 or x_t + x_c in (0, n_t + n_c):
        return None
    common = (x_t + x_c) / (n_t + n_c)
    return (x_t / n_t - x_c / n_c) / math.sqrt(common * (1 - common) * (1 / n_t + 1 / n_c))


def two_sided(z: float) -> float:
    """Return the two-sided p-value of a normal deviate, exact far into the tail."""
    return math.erfc(abs(z) / math.sqrt(2))


def smallest_expected(x_t: int, n_t: int, x_c: int, n_c: int) -> float:
    """Return the smallest expected count of the two-by-two table under one common rate."""
    total = n_t + n_c
    if total == 0:
        return 0.0
    responded = x_t + x_c
    return min(n_t, n_c) * min(responded, total - responded) / total


def fisher(x_t: int, n_t: int, x_c: int, n_c: int) -> float | None:
    """Return Fisher's exact two-sided p-value; None where an arm is empty."""
    return None if n_t == 0 or n_c == 0 else exact_test(x_t, n_t, x_c, n_c)


def difference(x_t: int, n_t: int, x_c: int, n_c: int, *, alpha: float = ALPHA) -> Interval:
    """Return Mee's score interval of treated rate less control rate.

    It holds every difference d that the score test does not reject: the rates under
    the restriction p_t - p_c = d are estimated by maximum likelihood.

    Source: R. W. Mee, *Biometrics* 40 (1984) 1175-1176.
    """
    if n_t == 0 or n_c == 0:
        return NOT_ESTIMABLE
    found = x_t / n_t - x_c / n_c
    z = quantile(alpha)

    def margin(d: float) -> float:
        """Distance from the estimate less what chance allows: positive where d is rejected."""
        control = _control_rate_given_difference(d, x_t, n_t, x_c, n_c)
        treated = min(1.0, max(0.0, control + d))
        return abs(found - d) - z * math.sqrt(treated * (1 - treated) / n_t + control * (1 - control) / n_c)

    return Interval(_limit(margin, found, -1.0), _limit(margin, found, 1.0))


def ratio(x_t: int, n_t: int, x_c: int, n_c: int, *, alpha: float = ALPHA) -> Interval:
    """Return Koopman's score interval of treated rate over control rate.

    Unbounded above where nobody in the control responded; None where nobody responded at all.

    Source: P. A. R. Koopman, *Biometrics* 40 (1984) 513-517.
    """
    if n_t == 0 or n_c == 0 or x_t + x_c == 0:
        return NOT_ESTIMABLE
    p_t, p_c = x_t / n_t, x_c / n_c
    z = quantile(alpha)

    def margin(r: float) -> float:
        """Distance of the rates from the ratio r less what chance allows: positive where r is rejected."""
        control = _control_rate_given_ratio(r, x_t, n_t, x_c, n_c)
        treated = min(1.0, control * r)
        spread = treated * (1 - treated) / n_t + r * r * control * (1 - control) / n_c
        return abs(p_t - r * p_c) - z * math.sqrt(max(0.0, spread))

    lowest = 0.0 if x_t == 0 else _limit(margin, _start(p_t, p_c, p_t), 0.0)
    if x_c == 0:
        return Interval(lowest, math.inf)
    far = max(1.0, p_t / p_c)
    while margin(far) <= 0:
        far *= 2
    return Interval(lowest, _limit(margin, p_t / p_c, far))


def _start(p_t: float, p_c: float, otherwise: float) -> float:
    """Return a ratio that is surely not rejected: the estimate, or a large one where it is unbounded."""
    return p_t / p_c if p_c > 0 else 1e12 * otherwise


def _limit(margin: Callable[[float], float], inside: float, outermost: float) -> float:
    """Return where the margin crosses zero between a value inside the interval and the outermost one."""
    if inside == outermost:
        return outermost
    # Where both rates are 0 or 1 the margin touches zero at the estimate itself: step off it.
    step = 1e-12 * max(1.0, abs(inside))
    near = inside - step if outermost < inside else inside + step
    if margin(near) >= 0:
        return inside
    if margin(outermost) <= 0:
        return outermost
    return crossing(margin, near, outermost, precision=PRECISION)


def _control_rate_given_ratio(r: float, x_t: int, n_t: int, x_c: int, n_c: int) -> float:
    """Return the likeliest control rate among all pairs of rates whose ratio is r."""
    a = (n_t + n_c) * r
    b = n_t * r + x_t + n_c + x_c * r
    c = x_t + x_c
    # The smaller root, written so that nothing cancels when the rates are small.
    return min(1.0, 2 * c / (b + math.sqrt(max(0.0, b * b - 4 * a * c))))


def _control_rate_given_difference(d: float, x_t: int, n_t: int, x_c: int, n_c: int) -> float:
    """Return the likeliest control rate among all pairs of rates whose difference is d.

    Source: O. S. Miettinen, M. Nurminen, *Statistics in Medicine* 4 (1985) 213-226, appendix 1.
    """
    total, responded = n_t + n_c, x_t + x_c
    l2 = ((n_t + 2 * n_c) * d - total - responded) / total
    l1 = ((n_c * d - total - 2 * x_c) * d + responded) / total
    l0 = x_c * d * (1 - d) / total
    q = (l2 / 3) ** 3 - l1 * l2 / 6 + l0 / 2
    p = math.copysign(math.sqrt(max(0.0, (l2 / 3) ** 2 - l1 / 3)), q)
    angle = (math.pi + math.acos(max(-1.0, min(1.0, q / p**3)))) / 3 if p else math.pi / 2
    root = 2 * p * math.cos(angle) - l2 / 3
    low, high = max(0.0, -d), min(1.0, 1.0 - d)
    root = min(high, max(low, root))
    for _ in range(2):  # The arc cosine loses half its digits near its ends; Newton brings them back.
        slope = (3 * root + 2 * l2) * root + l1
        value = ((root + l2) * root + l1) * root + l0
        if slope == 0:
            break
        better = min(high, max(low, root - value / slope))
        if abs(((better + l2) * better + l1) * better + l0) >= abs(value):
            break
        root = better
    return root
