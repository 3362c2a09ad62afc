"""Where a function crosses zero."""

import math
from collections.abc import Callable

MOST_STEPS = 200  #: halving alone needs fewer than these to come down to neighbouring numbers


def crossing(function: Callable[[float], float], start: float, end: float, *, precision: float) -> float:
    """Return where the function, of opposite signs at the two ends, is zero; ``precision`` is how near to that.

    Each step guesses by inverse quadratic interpolation where the last three points are in good order and halves
    the bracket elsewhere, so it is never slower than halving.

    Source: T. R. Chandrupatla, *Advances in Engineering Software* 28 (1997) 145-149.

    Raises:
        ValueError: the signs at both ends are the same.
    """
    a, b, f_a, f_b = start, end, function(start), function(end)
    if f_a * f_b > 0:
        raise ValueError("the function has one sign at both ends")
    share = 0.5
    for _ in range(MOST_STEPS):
        nearest, value = (a, f_a) if abs(f_a) < abs(f_b) else (b, f_b)
        if value == 0 or a == b:
            break
        least = min(0.5, (precision + 2 * math.ulp(nearest)) / abs(b - a))
        if least == 0.5:
            break
        middle = a + min(1 - least, max(least, share)) * (b - a)
        f_m = function(middle)
        if (f_m > 0) == (f_a > 0):
            c, f_c = a, f_a
        else:
            c, f_c, b, f_b = b, f_b, a, f_a
        a, f_a = middle, f_m
        share = _next_share(a, f_a, b, f_b, c, f_c)
    return nearest


def _next_share(a: float, f_a: float, b: float, f_b: float, c: float, f_c: float) -> float:
    """Return how far from a toward b to look next; c is the point that was given up last."""
    if f_b in (f_a, f_c) or c == b:
        return 0.5
    x, y = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
    if not 1 - math.sqrt(1 - x) < y < math.sqrt(x):
        return 0.5
    return f_a / (f_b - f_a) * f_c / (f_b - f_c) + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
