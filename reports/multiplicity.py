"""Several variants at once: p-values that stay honest together."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust so that the chance of any false alarm stays at the level; order kept.

    Source: S. Holm, *Scandinavian Journal of Statistics* 6 (1979) 65-70.
    """
    count = len(p_values)
    adjusted = [0.0] * count
    highest = 0.0
    for rank, place in enumerate(sorted(range(count), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (count - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust so that the share of false alarms among all alarms stays at the level; order kept.

    Source: Y. Benjamini, Y. Hochberg, *JRSS B* 57 (1995) 289-300.
    """
    count = len(p_values)
    adjusted = [0.0] * count
    lowest = 1.0
    for rank, place in enumerate(sorted(range(count), key=lambda index: -p_values[index])):
        lowest = min(lowest, p_values[place] * count / (count - rank))
        adjusted[place] = lowest
    return adjusted
