"""What Twilio's error codes mean for us, at the hand-over and in a delivery report.

A code that is not here leaves the outcome unknown: an answer nobody documented is never
taken for a yes, and never for a no after which the message could be sent once more.  So
does 20500, an internal error that promises nothing about the message.

Source: https://www.twilio.com/docs/api/errors, read in November 2026.
"""

from collections.abc import Mapping

from channels.errors import (
    AddressRefused,
    ContentRefused,
    MemberRefused,
    MessageRefused,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.meaning import Meaning, each

MEANINGS: Mapping[str, Meaning] = {
    "20503": Meaning(ProviderUnavailable, "the provider could not take it now"),
    "20429": Meaning(ProviderUnavailable, "the provider asked for fewer calls", wait=1.0),
    # Ten hours' worth of messages wait behind this sender; feeding it more helps nobody.
    "21611": Meaning(ProviderUnavailable, "the sender's queue at the provider is full", wait=600.0),
    **each(
        ("21211", "21214", "21217", "21614"),
        Meaning(AddressRefused, "the provider says that this is not a mobile number"),
    ),
    # It speaks of the pair of numbers; from another sender the address may well be reached.
    "21612": Meaning(MessageRefused, "this number cannot be reached from our sender"),
    "21610": Meaning(MemberRefused, "this number has refused messages of this sender"),
    **each(
        ("21602", "21617", "21619", "21655", "35117"),
        Meaning(ContentRefused, "the provider refuses this text or its length"),
    ),
    "21408": Meaning(ProviderMisconfigured, "our account may not send to this country"),
    **each(
        ("20003", "20404", "21212", "21603", "21606", "21608", "21609", "21703", "21705", "35118"),
        Meaning(ProviderMisconfigured, "the provider does not accept our key, sender, address or settings"),
    ),
}

#: Codes of a delivery report after which the address will never receive: no such handset, or a landline.
DEAD = frozenset({"30005", "30006"})
