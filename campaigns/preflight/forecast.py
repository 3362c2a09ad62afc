"""What a preflight says of a campaign, as a whole and by channel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from campaigns.preflight.finding import Finding
from campaigns.preflight.pace import Pace
from campaigns.preflight.rehearsal import RefusedGroup
from campaigns.preflight.words import AccountForecast, Wording


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What messages would cost, in the installation's currency."""

    likely: Decimal  #: by the average of the sample, shared among the accounts by their weights
    least: Decimal  #: the same if the cheapest account carried everything
    most: Decimal  #: if the dearest carried everything, and every message were as long as the longest


@dataclass(frozen=True, kw_only=True)
class ChannelForecast:
    """What one channel would carry."""

    channel: str
    messages: int
    withheld: int  #: members of the control group, who get none
    quiet: int  #: messages that wait for the end of the member's quiet hours
    sampled: int  #: members whose words were tried
    written: int  #: of these, for whom there are words
    unwritten: Mapping[str, int]  #: the others by reason
    words: tuple[Wording, ...]
    accounts: tuple[AccountForecast, ...]
    cost: Cost
    first_at: datetime | None  #: None: there are no messages
    last_at: datetime | None
    pace: Pace | None


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What would become of a campaign launched at ``at``; nothing of it was kept."""

    campaign: str
    state: str
    purpose: str
    at: datetime
    has_audience: bool  #: False: everybody was considered, for it names nobody
    segment: str | None  #: what the audience was narrowed to
    considered: int
    messages: int
    withheld: int
    refused: tuple[RefusedGroup, ...]
    channels: tuple[ChannelForecast, ...]
    cost: Cost
    findings: tuple[Finding, ...]

    @property
    def could_go(self) -> bool:
        """Whether nothing would be refused as a whole."""
        return not any(finding.stops for finding in self.findings)


def cost_of(accounts: Sequence[AccountForecast]) -> Cost:
    """Put one channel's accounts together."""
    return Cost(
        likely=sum((account.likely * Decimal(str(account.share)) for account in accounts), Decimal(0)),
        least=min((account.likely for account in accounts), default=Decimal(0)),
        most=max((account.most for account in accounts), default=Decimal(0)),
    )


def total(costs: Sequence[Cost]) -> Cost:
    """Add up channels."""
    return Cost(
        likely=sum((cost.likely for cost in costs), Decimal(0)),
        least=sum((cost.least for cost in costs), Decimal(0)),
        most=sum((cost.most for cost in costs), Decimal(0)),
    )
