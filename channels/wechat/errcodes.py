"""What WeChat's errcodes mean for a message, code by code.

Business errors come with HTTP 200.  A code that is not here leaves the outcome unknown.

Source: https://developers.weixin.qq.com/doc/service/guide/dev/errorcode.html, read in November 2026.
"""

import re
from collections.abc import Mapping

from channels.errors import (
    AddressBusy,
    AddressRefused,
    ContentRefused,
    DeliveryError,
    MemberRefused,
    MessageRefused,
    OutcomeUnknown,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.meaning import Meaning, each

#: The token is no longer good; a new one may be asked for, once.
TOKEN_REFUSED = frozenset({40001, 40014, 42001})
#: A field of the template is empty or breaks its rule; the answer names it.
FIELD_REFUSED = 47003

MEANINGS: Mapping[int, Meaning] = {
    -1: Meaning(ProviderUnavailable, "the provider is busy", wait=2.0),
    **each((42010, 45011), Meaning(ProviderUnavailable, "this minute's calls are used up", wait=60.0)),
    43108: Meaning(AddressBusy, "another message to this member is under way", wait=5.0),
    **each(
        (40251, 45009, 45028),
        Meaning(ProviderMisconfigured, "today's calls are used up", wait=3600.0),
    ),
    **each(
        (40003, 46004),
        Meaning(AddressRefused, "the provider knows no such openid for this account"),
    ),
    **each(
        (43004, 50005),
        Meaning(MemberRefused, "this member does not follow the account"),
    ),
    **each((43019, 48002), Meaning(MemberRefused, "this member blocks the account's messages")),
    # One click of the member allows one message of one template, so this speaks of no other message.
    43101: Meaning(MessageRefused, "this member has no subscription left for this template"),
    **each((45015, 45047, 50002), Meaning(MessageRefused, "this member cannot be reached in this way now")),
    FIELD_REFUSED: Meaning(MessageRefused, "a field of this message is empty or breaks its rule"),
    **each((40250, 45002), Meaning(MessageRefused, "the provider does not accept this message's words")),
    **each((40249, 45168), Meaning(ContentRefused, "the provider forbids these words")),
    **each(
        (40036, 40037, 41030, 43100, 43116, 45026, 45027),
        Meaning(ContentRefused, "the provider does not accept this template or its page"),
    ),
    # It is sent by the provider itself once its reviewers agree, and must not be sent again by us.
    40252: Meaning(OutcomeUnknown, "the provider holds this message back for review"),
    40241: Meaning(OutcomeUnknown, "the provider took the same words for this member a minute ago"),
    # Only a mass send hears this, and only when a call of the very same members came before it.
    45066: Meaning(OutcomeUnknown, "the provider was asked for this very send a minute ago", wait=60.0),
    **each(
        (43107, 45103, 48001, 48004, 48008, 50001, 50004, 61007),
        Meaning(ProviderMisconfigured, "this account may not send such messages"),
    ),
    **each(
        (40013, 40125, 40164, 40243, 89501, 89503, 89506, 89507),
        Meaning(ProviderMisconfigured, "the provider does not accept our key or our network address"),
    ),
    **each(
        (40002, 40032, 40033, 41001, 43002, 44002, 45067, 47001),
        Meaning(ProviderMisconfigured, "the provider cannot read what we send"),
    ),
}


def refusal(
    said: Mapping[str, object], *, provider: str, meanings: Mapping[int, Meaning] = MEANINGS
) -> DeliveryError | None:
    """Return what an answer's errcode means; None: it means yes."""
    code = errcode(said)
    if code == 0:
        return None
    meaning = meanings.get(code) if code is not None else None
    if meaning is None:
        return OutcomeUnknown(
            "the answer holds a code that is not documented", provider=provider, code=str(said.get("errcode"))[:20]
        )
    sentence = meaning.sentence
    if code == FIELD_REFUSED and (field := re.search(r"data\.([a-z_]+\d*)\.", str(said.get("errmsg", "")))):
        sentence = f"the field {field[1]} of this message is empty or breaks its rule"
    return meaning.error(sentence, provider=provider, code=str(code), retry_after=meaning.wait)


def errcode(said: Mapping[str, object]) -> int | None:
    """Read the errcode, which may come as text and is left out of some successes; None: it is no number."""
    try:
        return int(str(said.get("errcode", 0)))
    except ValueError:
        return None
