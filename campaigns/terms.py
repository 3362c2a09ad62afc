"""The terms on which a campaign may message a member: its own, or the installation's."""

from dataclasses import dataclass

from campaigns.campaign import CampaignDefinition
from campaigns.rules import Cap, PlanningRules, QuietHours


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is asked of every send when it is planned and again at the last moment."""

    purpose: str  #: marketing or service
    quiet_hours: QuietHours | None  #: None: any hour will do
    caps: tuple[Cap, ...]
    coupon: str | None = None  #: which each message carries; None: none


def terms_of(definition: CampaignDefinition, rules: PlanningRules) -> Terms:
    """Settle which terms hold; caps and the installation's quiet hours are for marketing only."""
    marketing = definition.purpose == "marketing"
    quiet = rules.quiet_hours if marketing else None
    caps = rules.caps if definition.caps == "default" else definition.caps
    return Terms(
        purpose=definition.purpose,
        quiet_hours=quiet if definition.quiet_hours == "default" else definition.quiet_hours,
        caps=caps if marketing else (),
        coupon=definition.coupon,
    )
