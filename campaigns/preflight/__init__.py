"""What a campaign would do if it were launched: whom it would reach, what it would cost, and what would stop it."""

from campaigns.preflight.asking import Asked, Installation, preflight
from campaigns.preflight.finding import Finding
from campaigns.preflight.forecast import ChannelForecast, Preflight
from campaigns.preflight.pace import Pace
from campaigns.preflight.rehearsal import RefusedGroup
from campaigns.preflight.words import AccountForecast, Wording

__all__ = [
    "AccountForecast", "Asked", "ChannelForecast", "Finding", "Installation", "Pace", "Preflight", "RefusedGroup",
    "Wording", "preflight",
]  # fmt: skip
