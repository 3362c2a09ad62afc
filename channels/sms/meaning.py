"""What one of a provider's codes means for us."""

from collections.abc import Iterable
from typing import NamedTuple

from channels.errors import DeliveryError


class Meaning(NamedTuple):
    """The decision, a sentence for people, and a wait where one is known."""

    error: type[DeliveryError]
    sentence: str
    wait: float | None = None  #: seconds


def each(codes: Iterable[str], meaning: Meaning) -> dict[str, Meaning]:
    """Give several codes one meaning."""
    return dict.fromkeys(codes, meaning)
