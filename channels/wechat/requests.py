"""What WeChat is asked: messages in its own words."""

import hashlib
import re
from collections.abc import Mapping

from channels.errors import ContentRefused
from channels.message import Message

ANY_TEMPLATE = "*"
PAGE_PART = "url"  #: the part of a message that is not a field but the page a tap opens
#: What JSON could only say escaped, which the provider refuses for the whole account, and what no text may hold.
UNSAYABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
TEXT_PART = "text"  #: the whole words, for ways without fields; without it the fields' words stand below each other
NO_FIELDS = frozenset({PAGE_PART, TEXT_PART})


def notice(message: Message, template_ids: Mapping[str, str], *, provider: str) -> dict[str, object]:
    """Return a subscription notice.

    Raises:
        ContentRefused: the account has no template for these words.
    """
    return {**filled(message, template_ids, provider), **_opening("page", message)}


def template_message(message: Message, template_ids: Mapping[str, str], *, provider: str) -> dict[str, object]:
    """Return a template message, marked so that the provider takes it once in ten minutes.

    Raises:
        ContentRefused: the account has no template for these words.
    """
    asked = {**filled(message, template_ids, provider), "client_msg_id": own_id(message.reference)}
    return {**asked, **_opening("url", message)}


def customer_service_message(message: Message) -> dict[str, object]:
    """Return a text to somebody who has written to us, or acted, a short while ago."""
    return {"touser": message.address, "msgtype": "text", "text": {"content": plain_text(message)}}


def plain_text(message: Message, *, page: bool = True) -> str:
    """Return a message's words without fields; ``page`` False: without the page, whose address is one member's own."""
    if TEXT_PART in message.parts:
        return _said(message.parts[TEXT_PART])
    return "\n".join(_said(words) for name, words in message.parts.items() if page or name != PAGE_PART)


def own_id(*references: str) -> str:
    """Return an id of ours that the provider takes: at most 32 plain characters, the same for the same references."""
    if len(references) == 1 and re.fullmatch(r"[A-Za-z0-9_-]{1,32}", references[0]):
        return references[0]
    return hashlib.sha256("\n".join(references).encode()).hexdigest()[:32]


def template_id_of(message: Message, template_ids: Mapping[str, str]) -> str | None:
    """Return the account's template for a message's words; None: it has none."""
    return template_ids.get(message.template) or template_ids.get(ANY_TEMPLATE)


def filled(message: Message, template_ids: Mapping[str, str], provider: str) -> dict[str, object]:
    """Return whom a message is for, its template, and the template's fields.

    Raises:
        ContentRefused: the account has no template for these words, or they have no fields.
    """
    template_id = template_id_of(message, template_ids)
    if template_id is None:
        raise ContentRefused("this account has no notice template for these words", provider=provider)
    fields = {name: {"value": _said(words)} for name, words in message.parts.items() if name not in NO_FIELDS}
    if not fields:
        raise ContentRefused("these words have no fields, which a notice must have", provider=provider)
    return {"touser": message.address, "template_id": template_id, "data": fields}


def _said(words: str) -> str:
    return UNSAYABLE.sub("", words)


def _opening(name: str, message: Message) -> dict[str, object]:
    return {name: message.parts[PAGE_PART]} if PAGE_PART in message.parts else {}
