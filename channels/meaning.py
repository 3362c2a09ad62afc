"""What one of a provider's codes means for us."""

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from channels.errors import DeliveryError

Code = TypeVar("Code", str, int)


class Meaning(NamedTuple):
    """The decision, a sentence for people, and a wait where one is known."""

    error: type[DeliveryError]
    sentence: str
    wait: float | None = None  #: seconds
    about_one: bool = False  #: in a call for several messages it may be about one of them, and nothing was sent


def each(codes: Iterable[Code], meaning: Meaning) -> dict[Code, Meaning]:
    """Give several codes one meaning."""
    return dict.fromkeys(codes, meaning)
