"""How long a text message is, in the units that networks carry and providers bill."""

from dataclasses import dataclass
from typing import Final, Literal

Market = Literal["cn", "intl"]

#: Source: 3GPP TS 23.038, GSM 7 bit default alphabet and its extension table.
GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
GSM_ALL: Final = GSM_BASIC | GSM_EXTENDED

LONGEST_MAINLAND_TEXT: Final = 500  #: characters, signature included; networks there refuse more


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsLength:
    """What one text comes to."""

    encoding: Literal["GSM-7", "UCS-2"]  #: how it travels
    units: int  #: septets, UTF-16 units, or characters where the mainland bills
    parts: int  #: messages billed; 0 for an empty text


def sms_parts(text: str, *, market: Market = "cn") -> SmsLength:
    """Count a text's units and billed parts.

    ``cn`` bills characters whatever the alphabet: 70 in one part, 67 in each of several.
    ``intl`` bills 160 or 153 septets, or 70 or 67 UTF-16 units; a character that takes two
    units is never cut in half, so it may move whole into the next part.
    """
    is_gsm = GSM_ALL.issuperset(text)
    encoding: Literal["GSM-7", "UCS-2"] = "GSM-7" if is_gsm else "UCS-2"
    if market == "cn":
        return SmsLength(encoding=encoding, units=len(text), parts=_share(len(text), 70, 67))
    if is_gsm:
        widths = [2 if character in GSM_EXTENDED else 1 for character in text]
        return SmsLength(encoding=encoding, units=sum(widths), parts=_packed(widths, 160, 153))
    widths = [2 if character > "\uffff" else 1 for character in text]
    return SmsLength(encoding=encoding, units=sum(widths), parts=_packed(widths, 70, 67))


def _share(units: int, alone: int, joined: int) -> int:
    if units <= alone:
        return 1 if units else 0
    return -(-units // joined)


def _packed(widths: list[int], alone: int, joined: int) -> int:
    units = sum(widths)
    if units <= alone or units == len(widths):
        return _share(units, alone, joined)
    parts, used = 1, 0
    for width in widths:
        if used + width > joined:
            parts, used = parts + 1, 0
        used += width
    return parts
