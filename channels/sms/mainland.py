"""What the mainland's providers turn down in a text message whose words they put together themselves.

They have approved a template, and are given values for its variables.

Source: the error codes isv.PARAM_NOT_SUPPORT_URL, isv.UNSUPPORTED_CONTENT (Alibaba Cloud),
ProhibitedUseUrlInTemplateParameter, TemplateParameterLengthLimit (Tencent Cloud) and their pages on template
variables; 500 characters are the most that both bill and carry.  Read in November 2026.
"""

import re
from collections.abc import Iterator, Mapping

from channels.objections import Objection
from channels.sms.signature import signed
from language.lengths import LONGEST_MAINLAND_TEXT

_ADDRESS = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
#: Emoji, and whatever else lies beyond the characters that every network carries.
_EMOJI = re.compile("[\U00010000-\U0010ffff\u2600-\u27bf\ufe0f]")


def length_objections(text: str, sign_name: str) -> Iterator[Objection]:
    """Say where a text with its signature is longer than networks there take."""
    if len(signed(text, sign_name)) > LONGEST_MAINLAND_TEXT:
        sentence = "the text comes to more than {longest} characters, the most that networks in the mainland take"
        yield Objection(sentence=sentence, values={"longest": LONGEST_MAINLAND_TEXT})


def address_objections(variables: Mapping[str, str]) -> Iterator[Objection]:
    """Say which values hold an address on the web, as links of ours are."""
    for name, value in variables.items():
        if _ADDRESS.search(value):
            sentence = "the variable {name} holds an address on the web, which is turned down unless the account was granted it"
            yield Objection(sentence=sentence, values={"name": name}, surely=False)


def emoji_objections(variables: Mapping[str, str]) -> Iterator[Objection]:
    """Say which values hold pictures."""
    for name, value in variables.items():
        if _EMOJI.search(value):
            yield Objection(
                sentence="the variable {name} holds an emoji, and such texts are turned down", values={"name": name}
            )


def long_objections(variables: Mapping[str, str], longest: int) -> Iterator[Objection]:
    """Say which values are longer than what accounts are given that were granted no more."""
    for name, value in variables.items():
        if len(value) > longest:
            sentence = "the variable {name} has more than {longest} characters, too many for accounts opened since 2024"
            yield Objection(sentence=sentence, values={"name": name, "longest": longest}, surely=False)
