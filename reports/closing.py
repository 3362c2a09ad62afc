"""The closing sum: every member considered, in exactly one named place.

planned = accepted + delivered + failed + withheld + refused + in doubt + waiting + cancelled.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)

#: Where each state of a send stands in the sum.
PLACES: Mapping[str, str] = {
    "waiting": "waiting",
    "claimed": "waiting",
    "submitting": "waiting",
    "in_doubt": "in_doubt",
    "unknown": "in_doubt",
    "accepted": "accepted",
    "delivered": "delivered",
    "failed": "failed",
    "withheld": "withheld",
    "refused": "refused",
    "cancelled": "cancelled",
}


@dataclass
class Closing:
    """A closing sum being added up.

    ``accepted`` are those the provider took and has not yet said more about; the cost
    counts what carriers were asked to carry, and leaves out what was held back or refused.
    """

    accepted: int = 0
    delivered: int = 0
    failed: int = 0
    withheld: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    in_doubt: int = 0
    waiting: int = 0
    cancelled: int = 0
    cost: Decimal = Decimal(0)

    @property
    def planned(self) -> int:
        """Every member considered, by adding up the places."""
        return (
            self.accepted + self.delivered + self.failed + self.withheld + self.refused.total()
            + self.in_doubt + self.waiting + self.cancelled
        )  # fmt: skip

    def add(self, state: str, reason: str | None, members: int, cost: Decimal) -> None:
        """Count sends in a state of the ledger.

        Raises:
            KeyError: the state is not one of the ledger's.
        """
        place = PLACES[state]
        if place == "refused":
            self.refused[reason or "unknown"] += members
        else:
            setattr(self, place, getattr(self, place) + members)
        self.cost += cost

    def fields(self) -> dict[str, object]:
        """Return the sum under its stable names."""
        return {
            "planned": self.planned,
            "accepted": self.accepted,
            "delivered": self.delivered,
            "failed": self.failed,
            "withheld": self.withheld,
            "refused": dict(sorted(self.refused.items())),
            "in_doubt": self.in_doubt,
            "waiting": self.waiting,
            "cancelled": self.cancelled,
            "cost": self.cost,
        }


def close(rows: Iterable[Any], by: Callable[[Any], Key]) -> dict[Key, Closing]:
    """Add grouped rows (state, reason, members, cost and the grouping columns) up by a key."""
    sums: dict[Key, Closing] = {}
    for row in rows:
        sums.setdefault(by(row), Closing()).add(row.state, row.reason, row.members, row.cost)
    return sums
