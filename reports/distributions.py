"""The distributions that the standard library lacks; scipy, which takes long to read, is read when one is asked for."""

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
