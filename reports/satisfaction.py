"""Net promoter score and satisfaction, with the intervals that so many answers allow."""

import math
from collections.abc import Callable

from reports.interval import ALPHA, NOT_ESTIMABLE, Interval, quantile
from reports.numerics import crossing


def net_promoters(promoters: int, detractors: int, answers: int) -> float | None:
    """Return the share of promoters less that of detractors, from -1 to 1; None: nobody answered."""
    return (promoters - detractors) / answers if answers else None


def net_promoters_interval(promoters: int, detractors: int, answers: int, *, alpha: float = ALPHA) -> Interval:
    """Return the score interval of the net promoter score.

    Both shares are of the same people, so their difference is that of two cells of one multinomial:
    the interval holds every difference that the score test does not reject.  It stays within -1 and 1
    and is no point where all answers are alike, as the usual normal one is.

    Source: T. Tango, *Statistics in Medicine* 17 (1998) 891-908.
    """
    if answers == 0:
        return NOT_ESTIMABLE
    found, z = (promoters - detractors) / answers, quantile(alpha)

    def margin(d: float) -> float:
        """Distance from the estimate less what chance allows: positive where d is rejected."""
        least = _detractors_given_difference(d, promoters, detractors, answers)
        return abs(found - d) - z * math.sqrt(max(0.0, 2 * least + d - d * d) / answers)

    return Interval(_limit(margin, found, -1.0), _limit(margin, found, 1.0))


def _detractors_given_difference(d: float, promoters: int, detractors: int, answers: int) -> float:
    """Return the likeliest share of detractors among all pairs of shares whose difference is d."""
    b = (2 * answers - promoters + detractors) * d - promoters - detractors
    c = -detractors * d * (1 - d)
    root = math.sqrt(max(0.0, b * b - 8 * answers * c))
    return max(0.0, -d, (root - b) / (4 * answers))


def _limit(margin: Callable[[float], float], inside: float, outermost: float) -> float:
    """Return where the margin crosses zero between the estimate and the outermost difference."""
    near = inside + math.copysign(1e-12, outermost - inside)
    if inside == outermost or margin(outermost) <= 0:
        return outermost
    return inside if margin(near) >= 0 else crossing(margin, near, outermost, precision=1e-12)
