"""Why a provider would turn a message down, as far as that can be told without a call."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from channels.errors import DeliveryError


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """One reason against one message."""

    sentence: str  #: English, with ``{names}`` for ``values``; free of personal data
    values: Mapping[str, object] = field(default_factory=dict)
    surely: bool = True  #: False: it depends on what only the provider knows


def objection_of(refusal: DeliveryError) -> Objection:
    """Return what an adapter itself refuses before it calls anybody."""
    return Objection(sentence=str(refusal))
