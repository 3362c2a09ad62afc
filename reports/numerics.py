"""What scipy works out for the reports; it takes long to read, so each part of it is read when it is first asked for."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def _special() -> Any:
    return import_module("scipy.special")


def student_below(df: float, t: float) -> float:
    """Return the chance that Student's t with ``df`` degrees of freedom is at most ``t``."""
    return float(_special().stdtr(df, t))


def student_quantile(df: float, chance: float) -> float:
    """Return the t below which Student's t stays with the given chance."""
    return float(_special().stdtrit(df, chance))


def chi_squared_above(df: float, statistic: float) -> float:
    """Return the chance that chi-squared with ``df`` degrees of freedom exceeds the statistic."""
    return float(_special().chdtrc(df, statistic))


def exact_test(x_t: int, n_t: int, x_c: int, n_c: int) -> float:
    """Return Fisher's exact two-sided p-value of two arms of which none is empty."""
    return float(import_module("scipy.stats").fisher_exact([[x_t, n_t - x_t], [x_c, n_c - x_c]]).pvalue)


def crossing(function: Callable[[float], float], start: float, end: float, *, precision: float) -> float:
    """Return where the function, of opposite signs at the two ends, is zero; ``precision`` is how near to that.

    Raises:
        ValueError: the signs at both ends are the same.
    """
    return float(import_module("scipy.optimize").brentq(function, start, end, xtol=precision, rtol=8.9e-16, maxiter=500))
