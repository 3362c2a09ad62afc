"""What marks a cluster, and what it is called until somebody names it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from members.insight.buying import Numbers

#: A fact marks a cluster whose centre lies so many standard deviations or more from the mean.
MARKED = 0.5
#: Marks in a name.
NAMED_BY = 2

#: What a fact is called, and a cluster with little or much of it: sentences of ``language``.
WORDS: Mapping[str, tuple[str, str, str]] = {
    "days_since_last_order": ("days since the last order", "bought lately", "long quiet"),
    "days_since_first_order": ("days since the first order", "new with us", "long with us"),
    "orders": ("orders", "few orders", "many orders"),
    "spent": ("money spent", "little spent", "much spent"),
    "refunded": ("money refunded", "little refunded", "much refunded"),
    "average_order": ("average order", "small orders", "large orders"),
    "days_between_orders": ("days between orders", "orders often", "orders seldom"),
    "orders_7d": ("orders in 7 days", "few orders in 7 days", "many orders in 7 days"),
    "orders_30d": ("orders in 30 days", "few orders in 30 days", "many orders in 30 days"),
    "orders_90d": ("orders in 90 days", "few orders in 90 days", "many orders in 90 days"),
    "orders_365d": ("orders in a year", "few orders in a year", "many orders in a year"),
    "spent_7d": ("money spent in 7 days", "little spent in 7 days", "much spent in 7 days"),
    "spent_30d": ("money spent in 30 days", "little spent in 30 days", "much spent in 30 days"),
    "spent_90d": ("money spent in 90 days", "little spent in 90 days", "much spent in 90 days"),
    "spent_365d": ("money spent in a year", "little spent in a year", "much spent in a year"),
    "alive": ("chance of being a customer still", "likely gone", "likely to stay"),
    "expected_orders": ("orders expected", "few orders expected", "many orders expected"),
    "expected_value": ("money expected", "little money expected", "much money expected"),
}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """In what, and how far, a cluster differs from everybody."""

    fact: str
    distance: float  #: of the centre from everybody's mean, in standard deviations
    mean: float  #: among its members who are known
    everybody: float

    @property
    def times(self) -> float | None:
        """How many times everybody's mean; None: that is nothing."""
        return self.mean / self.everybody if self.everybody > 0 else None

    @property
    def word(self) -> str:
        """A cluster with little or much of it, as a sentence of ``language``."""
        return WORDS[self.fact][1 if self.distance < 0 else 2]


def marks(facts: Sequence[str], centre: Numbers, own: Numbers, everybody: Numbers) -> list[Mark]:
    """Return every fact of a cluster, the most telling first; ``own`` and ``everybody`` are unscaled, NaN: not known."""
    found = [
        Mark(fact=fact, distance=float(centre[place]), mean=_mean(own[:, place]), everybody=_mean(everybody[:, place]))
        for place, fact in enumerate(facts)
    ]
    return sorted(found, key=lambda mark: -abs(mark.distance))


def _mean(values: Numbers) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def called(found: Sequence[Mark]) -> list[str]:
    """Return the sentences a cluster is called by; none: it is like everybody."""
    return [mark.word for mark in found if abs(mark.distance) >= MARKED][:NAMED_BY]
