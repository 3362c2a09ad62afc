"""Which messages Alibaba Cloud may be given in one SendBatchSms call, and how each is found again afterwards.

A batch has one OutId for all of its numbers, and look-ups and reports give back that OutId and the number.
So the OutId of a batch spells the references of all of its messages, and says which number has which: any
process can read it, without remembering anything.  It has to fit into 255 characters, which is enough for
some sixty messages whose references were given out together.

An OutId ``b1.PREFIX.LEAST.MODULUS.WIDTH.ENTRIES`` means: a reference is PREFIX and a number that is LEAST
or more.  ENTRIES is a row of bits in URL-safe Base64, filled up with zeros at the end.  Each entry is
twelve bits, a telephone number modulo MODULUS, and WIDTH bits, by how much its reference exceeds LEAST.
MODULUS is chosen so that no two numbers of the batch leave the same remainder.
"""

import base64
import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from channels.message import Message

MOST = 100  #: messages in one call, the provider's limit
LONGEST = 255  #: characters of an OutId
TAG_BITS = 12
LARGEST_MODULUS, SMALLEST_MODULUS = 1 << TAG_BITS, 1 << (TAG_BITS - 1)
_REFERENCE = re.compile(r"([A-Za-z0-9_-]{0,40}?)(0|[1-9]\d{0,18})")
_MAINLAND = re.compile(r"\+86(1\d{10})")
_OUT_ID = re.compile(r"b1\.([A-Za-z0-9_-]{0,40})\.(\d{1,19})\.(\d{1,4})\.(\d{1,2})\.([A-Za-z0-9_-]{1,250})")


class _Piece(NamedTuple):
    """One message that may share a call; pieces are in the order of their references."""

    ordinal: int  #: the number its reference ends in
    place: int  #: where it stands among all messages
    number: int  #: the telephone number at home


class Batch(NamedTuple):
    """Messages for one call, and the OutId that finds them again."""

    places: tuple[int, ...]
    out_id: str


def batches(messages: Sequence[Message], templates: Sequence[str | None], *, most: int) -> list[Batch]:
    """Put together what may share a call: one template, numbers of the mainland, no number twice.

    ``templates`` are the messages' template codes; None: none is approved.  Messages that are in no
    batch have to be sent alone.  ``most`` is the largest batch that is wanted.
    """
    groups: dict[tuple[str, str], dict[int, _Piece]] = {}
    for place, (message, template) in enumerate(zip(messages, templates, strict=True)):
        spelled, home = _REFERENCE.fullmatch(message.reference), _MAINLAND.fullmatch(message.address)
        if template is not None and spelled and home:
            piece = _Piece(int(spelled[2]), place, int(home[1]))
            groups.setdefault((template, spelled[1]), {}).setdefault(piece.number, piece)
    return [each for (_, prefix), pieces in groups.items() for each in _split(prefix, sorted(pieces.values()), most)]


def reference_in(out_id: str, number: str) -> str | None:
    """Return the reference of the message that went to ``number`` under an OutId, whether alone or in a batch.

    None: the OutId is a batch's, and the number is not one of it.
    """
    if (read := _read(out_id)) is None:
        return out_id
    prefix, modulus, ordinals = read
    home = re.fullmatch(r"(?:\+86|0086|86)?(1\d{10})", number)
    ordinal = ordinals.get(int(home[1]) % modulus) if home else None
    return None if ordinal is None else f"{prefix}{ordinal}"


def message_id(biz_id: str, reference: str) -> str:
    """Return the provider's id of one message of a batch: the batch's BizId is not one message's own."""
    return f"{biz_id}:{reference}"


def is_batch(out_id: str) -> bool:
    """Say whether an OutId is the one of a batch."""
    return _OUT_ID.fullmatch(out_id) is not None


def _split(prefix: str, pieces: Sequence[_Piece], most: int) -> list[Batch]:
    found: list[Batch] = []
    while len(pieces) > 1:
        count = _fitting(prefix, pieces[: min(most, MOST)])
        if count > 1 and (out_id := _spell(prefix, pieces[:count])) is not None:
            found.append(Batch(tuple(piece.place for piece in pieces[:count]), out_id))
        pieces = pieces[count:]
    return found


def _fitting(prefix: str, pieces: Sequence[_Piece]) -> int:
    """Return how many of the pieces, from the first on, one OutId has room for."""
    least, count = pieces[0].ordinal, len(pieces)
    room = (LONGEST - len(f"b1.{prefix}.{least}.{LARGEST_MODULUS}.99.")) * 3 // 4 * 8
    while count > 1 and count * (TAG_BITS + _width(least, pieces[count - 1])) > room:
        count -= 1
    return count


def _width(least: int, last: _Piece) -> int:
    return max(1, (last.ordinal - least).bit_length())


def _spell(prefix: str, pieces: Sequence[_Piece]) -> str | None:
    modulus = _modulus([piece.number for piece in pieces])
    least, width = pieces[0].ordinal, _width(pieces[0].ordinal, pieces[-1])
    if modulus is None or len({piece.ordinal for piece in pieces}) < len(pieces):
        return None
    row = 0
    for piece in pieces:
        row = row << TAG_BITS + width | piece.number % modulus << width | piece.ordinal - least
    length = len(pieces) * (TAG_BITS + width)
    entries = (row << -length % 8).to_bytes(-(-length // 8))
    return f"b1.{prefix}.{least}.{modulus}.{width}.{base64.urlsafe_b64encode(entries).decode().rstrip('=')}"


def _modulus(numbers: Sequence[int]) -> int | None:
    """Return a modulus under which the numbers all differ; None: there is none that is allowed."""
    for modulus in range(LARGEST_MODULUS, SMALLEST_MODULUS, -1):
        if len({number % modulus for number in numbers}) == len(numbers):
            return modulus
    return None


@functools.lru_cache(maxsize=256)
def _read(out_id: str) -> tuple[str, int, Mapping[int, int]] | None:
    """Return the prefix, the modulus, and what references end in by remainder; None: not a batch's OutId."""
    spelled = _OUT_ID.fullmatch(out_id)
    if spelled is None:
        return None
    prefix, least, modulus, width = spelled[1], int(spelled[2]), int(spelled[3]), int(spelled[4])
    packed = base64.urlsafe_b64decode(spelled[5] + "=" * (-len(spelled[5]) % 4)) if len(spelled[5]) % 4 != 1 else b""
    size = TAG_BITS + width
    count = len(packed) * 8 // size
    row = int.from_bytes(packed) >> len(packed) * 8 - count * size
    entries = [row >> size * (count - 1 - turn) & (1 << size) - 1 for turn in range(count)]
    return prefix, max(1, modulus), {each >> width: least + (each & (1 << width) - 1) for each in entries}
