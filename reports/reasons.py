"""Why the ledger refused a send, in words."""

from collections.abc import Mapping

from reports.wording import said

#: Why the ledger refuses, in words.
REASONS: Mapping[str, str] = {
    "no_address": "no address",
    "unusable_address": "unusable address",
    "no_consent": "no consent",
    "no_permission": "no permission left",
    "suppressed": "suppressed",
    "shared_address": "another member has this address",
    "erased": "erased",
    "merged": "one person with another row",
    "cap": "frequency cap",
    "quiet_hours": "quiet hours",
    "expired": "expired",
    "campaign_cancelled": "campaign cancelled",
    "journey_left": "left the journey",
    "quota": "as many as its accounts may carry in a day",
    "unconfirmed": "no delivery was reported in time",
    "delivered_before": "it had arrived before",
    "address_refused": "address refused",
    "member_refused": "member refused",
    "content_refused": "content refused",
}


def reason_words(reason: str, language: str) -> str:
    """Say why the ledger refused; a reason without words is shown as it is stored."""
    return said(REASONS.get(reason, reason.replace("_", " ")), language)
