"""One account with a provider: what it may do, and what it asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from channels.provider import Provider


@dataclass(frozen=True, kw_only=True)
class Account:
    """One of the accounts among which a channel's messages are shared."""

    name: str  #: unique here: its provider's name, and its own where it has one, as in sms.aliyun.backup
    provider: Provider
    weight: int = 100  #: its share of the channel beside the other accounts' weights; 0: it stands by for the others
    per_second: float | None = None  #: messages handed over a second at most, by all workers together; None: no limit
    per_day: int | None = None  #: messages a day at most, in the installation's time zone; None: no limit
    #: What one part costs, by the first digits of a telephone number without plus; "*" is every other address.
    prices: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def has_limits(self) -> bool:
        """Whether hand-overs have to be asked for."""
        return self.per_second is not None or self.per_day is not None

    def price_of(self, address: str, *, otherwise: Decimal) -> Decimal:
        """Return what one part to this address costs: by the longest beginning on the list, else ``otherwise``."""
        digits = address.removeprefix("+")
        known = (digits[:length] for length in range(len(digits), 0, -1)) if address.startswith("+") else ()
        found = next((self.prices[beginning] for beginning in known if beginning in self.prices), None)
        return found if found is not None else self.prices.get("*", otherwise)
