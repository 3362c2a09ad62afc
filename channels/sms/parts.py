"""How a text becomes short messages: in the GSM alphabet where it has every character, else in UCS-2.

Source: 3GPP TS 23.038, sections 6.2.1 (the alphabet and its extension) and 6.2.3 (UCS-2).
"""

ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("^{}\\[~]|€\f")  #: characters that need an escape before them, and so the room of two


def is_gsm(text: str) -> bool:
    """Say whether the GSM alphabet has every character of a text."""
    return all(character in ALPHABET or character in EXTENSION for character in text)


def count_parts(text: str) -> int:
    """Return how many short messages carry a text; neither an escape nor a surrogate pair is torn apart."""
    gsm = is_gsm(text)
    sizes = [2 if (character in EXTENSION if gsm else ord(character) > 0xFFFF) else 1 for character in text]
    alone, each = (160, 153) if gsm else (70, 67)
    if sum(sizes) <= alone:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > each:
            parts, used = parts + 1, 0
        used += size
    return parts
