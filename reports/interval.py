"""A pair of limits, and the normal quantile every limit is made from."""

from dataclasses import dataclass
from statistics import NormalDist

ALPHA = 0.05  #: two-sided; every interval of a report is at 1 - ALPHA unless told otherwise


@dataclass(frozen=True)
class Interval:
    """Lower and upper limit; ``inf`` where a side is unbounded, None where it cannot be named at all."""

    lo: float | None
    hi: float | None

    def scaled(self, factor: float, shift: float = 0.0) -> "Interval":
        """Multiply both limits by a factor that is not negative, then add the shift."""
        return Interval(
            None if self.lo is None else self.lo * factor + shift,
            None if self.hi is None else self.hi * factor + shift,
        )


NOT_ESTIMABLE = Interval(None, None)


def quantile(alpha: float = ALPHA) -> float:
    """Return the normal deviate that leaves ``alpha`` outside on both sides together: 1.96 for 0.05."""
    return NormalDist().inv_cdf(1 - alpha / 2)
