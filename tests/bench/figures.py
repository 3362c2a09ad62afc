"""What is reported: a figure, its reference, and the target it should reach."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a figure must reach first; None: not asked for."""

    at_least: float | None = None
    at_most: float | None = None
    ratio_at_least: float | None = None  #: value divided by reference

    def is_reached(self, value: float, ratio: float | None) -> bool:
        """Say whether everything asked for is there; a ratio nobody measured is not."""
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.ratio_at_least is None or (ratio is not None and ratio >= self.ratio_at_least))
        )

    def in_words(self, unit: str) -> str:
        """Return the target as people write it."""
        asked = [
            f"at least {self.at_least:g} {unit}" if self.at_least is not None else "",
            f"at most {self.at_most:g} {unit}" if self.at_most is not None else "",
            f"at least {self.ratio_at_least:g} times the reference" if self.ratio_at_least is not None else "",
        ]
        return " and ".join(words for words in asked if words)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured figure."""

    name: str  #: P-1, P-2, …
    what: str
    value: float
    unit: str
    first: Target
    reference: float | None = None  #: in the same unit; None: nothing to compare with
    reference_is: str | None = None
    sizes: Mapping[str, object]  #: how much was carried, and whatever explains the value
    seconds: float  #: what the value was measured over

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of its reference."""
        return self.value / self.reference if self.reference else None

    def as_dict(self) -> dict[str, object]:
        """Return the figure ready for JSON, numbers with as many digits as mean something."""
        return {
            "name": self.name,
            "what": self.what,
            "value": rounded(self.value),
            "unit": self.unit,
            "reference": rounded(self.reference),
            "reference_is": self.reference_is,
            "ratio": rounded(self.ratio),
            "first": self.first.in_words(self.unit),
            "reached": self.first.is_reached(self.value, self.ratio),
            "sizes": dict(self.sizes),
            "seconds": rounded(self.seconds),
        }


def rounded(value: float | None) -> float | None:
    """Return the number with four digits that count; large ones keep all before the point."""
    if value is None:
        return None
    return float(round(value)) if abs(value) >= 1000 else float(f"{value:.4g}")


def scaled(count: int, scale: float, *, at_least: int = 20) -> int:
    """Return a size of the full bench at this scale."""
    return max(at_least, round(count * scale))
