"""What the coupons cost that messages carried and members redeemed."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Connection, text

_OF_CAMPAIGN = text("""
SELECT coalesce(sum(coupons.cost), 0) FROM sends
JOIN coupons ON coupons.occasion = concat('send:', sends.id) AND coupons.redeemed_at IS NOT NULL
WHERE sends.campaign_id = :campaign_id
""")
_OF_JOURNEYS = text("""
SELECT coalesce(sum(coupons.cost), 0) FROM enrolments JOIN sends ON sends.enrolment_id = enrolments.id
JOIN coupons ON coupons.occasion = concat('send:', sends.id) AND coupons.redeemed_at IS NOT NULL
WHERE enrolments.journey_id = ANY(:journey_ids)
""")


def campaign_coupons_cost(connection: Connection, campaign_id: int) -> Decimal:
    """Return what the redeemed coupons of a campaign's sends cost."""
    return Decimal(connection.execute(_OF_CAMPAIGN, {"campaign_id": campaign_id}).scalar_one())


def journey_coupons_cost(connection: Connection, journey_ids: Sequence[int]) -> Decimal:
    """Return what the redeemed coupons of a journey's sends cost."""
    return Decimal(connection.execute(_OF_JOURNEYS, {"journey_ids": list(journey_ids)}).scalar_one())
