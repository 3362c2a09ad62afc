"""Addresses in messages that lead back to us: tracked clicks and unsubscribing.

A token says by itself which send or member it stands for and is sealed with 128 bits of
HMAC-SHA256, so nothing needs to be stored and nothing can be guessed.  Tokens are kept to
40 characters (for ids below 2**48): a longer List-Unsubscribe header would be folded into
an encoded word by Python's mail policy, and one-click unsubscribing would stop working.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

UNSUBSCRIBE: Final = "unsubscribe"  #: the link every message has without declaring it
CHANNEL_NUMBERS: Final = ("sms", "email", "wechat")  #: places are part of tokens already sent: only ever append
SEAL_BYTES: Final = 16


class HasLinks(Protocol):
    """Anything that names its tracked links in a lasting order."""

    @property
    def link_names(self) -> Sequence[str]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Click:
    """What a click token says."""

    send_id: int
    link_index: int  #: place in the template's ``link_names``


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsubscribe:
    """What an unsubscribe token says."""

    member_id: int
    channel: str
    send_id: int  #: 0: not from one send


def click_token(secret: bytes, send_id: int, link_index: int) -> str:
    """Seal one link of one send."""
    return _seal(secret, b"click", bytes([link_index]) + _short(send_id))


def read_click_token(secret: bytes, token: str) -> Click | None:
    """Return what the token says, or None when it is not one of ours, whole and unchanged."""
    said = _unseal(secret, b"click", token)
    if said is None:
        return None
    return Click(send_id=int.from_bytes(said[1:], "big"), link_index=said[0])


def unsubscribe_token(secret: bytes, member_id: int, channel: str, send_id: int) -> str:
    """Seal a member's wish to hear no more on one channel."""
    member = _short(member_id)
    head = bytes([CHANNEL_NUMBERS.index(channel) << 4 | len(member)])
    return _seal(secret, b"unsubscribe", head + member + _short(send_id))


def read_unsubscribe_token(secret: bytes, token: str) -> Unsubscribe | None:
    """Return what the token says, or None when it is not one of ours, whole and unchanged."""
    said = _unseal(secret, b"unsubscribe", token)
    if said is None:
        return None
    channel, end = CHANNEL_NUMBERS[said[0] >> 4], 1 + (said[0] & 15)
    return Unsubscribe(
        member_id=int.from_bytes(said[1:end], "big"),
        channel=channel,
        send_id=int.from_bytes(said[end:], "big"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class OptIn:
    """What an opt-in token says."""

    member_id: int
    wish_id: int


def opt_in_token(secret: bytes, member_id: int, wish_id: int) -> str:
    """Seal a member's wish, for the link by which they confirm it."""
    member = _short(member_id)
    return _seal(secret, b"opt-in", bytes([len(member)]) + member + _short(wish_id))


def read_opt_in_token(secret: bytes, token: str) -> OptIn | None:
    """Return what the token says, or None when it is not one of ours, whole and unchanged."""
    said = _unseal(secret, b"opt-in", token)
    if said is None:
        return None
    end = 1 + said[0]
    return OptIn(member_id=int.from_bytes(said[1:end], "big"), wish_id=int.from_bytes(said[end:], "big"))


def links_for(
    compiled: HasLinks, *, base_url: str, secret: bytes, send_id: int, member_id: int, channel: str
) -> dict[str, str]:
    """Return the address of every link of a template for one send, ``unsubscribe`` included."""
    base = base_url.rstrip("/")
    links = {name: f"{base}/c/{click_token(secret, send_id, index)}" for index, name in enumerate(compiled.link_names)}
    links[UNSUBSCRIBE] = f"{base}/u/{unsubscribe_token(secret, member_id, channel, send_id)}"
    return links


def _short(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _mac(secret: bytes, kind: bytes, said: bytes) -> bytes:
    # The kind is sealed in, so that a click token is never taken for permission to unsubscribe.
    return hmac.digest(secret, kind + b"\x1f" + said, hashlib.sha256)[:SEAL_BYTES]


def _seal(secret: bytes, kind: bytes, said: bytes) -> str:
    return base64.urlsafe_b64encode(said + _mac(secret, kind, said)).rstrip(b"=").decode()


def _unseal(secret: bytes, kind: bytes, token: str) -> bytes | None:
    try:
        sealed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        return None
    said, seal = sealed[:-SEAL_BYTES], sealed[-SEAL_BYTES:]
    # The seal alone would let foreign characters and spare bits of the last letter pass.
    if len(said) < 2 or base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != token:
        return None
    return said if hmac.compare_digest(seal, _mac(secret, kind, said)) else None
