"""Which messages may share one call to a provider, and how each of them is found again afterwards.

A call for many numbers has room for one label of ours, which look-ups and reports give back together with
the number.  So the label of a batch spells the references of all of its messages, and says which number has
which: any process can read it, without remembering anything.  A label has to be short, so it also decides
how many messages a batch can hold: at 255 characters some sixty whose references were given out together.

A label ``b1.PREFIX.LEAST.MODULUS.WIDTH.ENTRIES`` means: a reference is PREFIX and a number that is LEAST
or more.  ENTRIES is a row of bits in URL-safe Base64, filled up with zeros at the end.  Each entry is
twelve bits, a telephone number modulo MODULUS, and WIDTH bits, by how much its reference exceeds LEAST.
MODULUS is chosen so that no two numbers of the batch leave the same remainder.  The label of a message that
goes alone is its reference.
"""

import base64
import functools
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from channels.concurrency import Crew
from channels.message import Message, Outcome, OutcomeKind

TAG_BITS = 12
LARGEST_MODULUS, SMALLEST_MODULUS = 1 << TAG_BITS, 1 << (TAG_BITS - 1)
#: What a message of a batch comes to when the batch was surely turned down and the message may be good all the same.
ALONE = Outcome(kind=OutcomeKind.NOT_SENT, detail="the batch it was in was turned down")
_REFERENCE = re.compile(r"([A-Za-z0-9_-]{0,40}?)(0|[1-9]\d{0,18})")
_NUMBER = re.compile(r"\+([1-9]\d{4,14})")
_LABEL = re.compile(r"b1\.([A-Za-z0-9_-]{0,40})\.(\d{1,19})\.(\d{1,4})\.(\d{1,2})\.([A-Za-z0-9_-]{1,1000})")


class _Piece(NamedTuple):
    """One message that may share a call; pieces are in the order of their references."""

    ordinal: int  #: the number its reference ends in
    place: int  #: where it stands among all messages
    number: int  #: the telephone number, country code and all


class Batch(NamedTuple):
    """Messages for one call, and the label that finds them again."""

    places: tuple[int, ...]
    label: str


class Limits(NamedTuple):
    """How large a batch may be."""

    messages: int
    label: int  #: characters


def batches(messages: Sequence[Message], kinds: Sequence[Hashable | None], limits: Limits) -> list[Batch]:
    """Put together messages of one kind, no number twice.

    ``kinds`` are the messages' own; None: a message that goes alone.  Messages that are in no batch have
    to be sent alone.
    """
    groups: dict[tuple[Hashable, str], dict[int, _Piece]] = {}
    for place, (message, kind) in enumerate(zip(messages, kinds, strict=True)):
        spelled, number = _REFERENCE.fullmatch(message.reference), _NUMBER.fullmatch(message.address)
        if kind is not None and spelled and number:
            piece = _Piece(int(spelled[2]), place, int(number[1]))
            groups.setdefault((kind, spelled[1]), {}).setdefault(piece.number, piece)
    return [each for (_, prefix), pieces in groups.items() for each in _split(prefix, sorted(pieces.values()), limits)]


def carry_batches(
    crew: Crew,
    messages: Sequence[Message],
    planned: Sequence[Batch],
    together: Callable[[Sequence[Message], str, float], Sequence[Outcome]],
    alone: Callable[[Message, float], Outcome],
    *,
    deadline: float,
) -> list[Outcome]:
    """Call ``together`` for each batch with its label, then ``alone`` for all others; outcomes in the messages' order.

    A message whose outcome from ``together`` is ``ALONE`` itself is one of the others.
    """
    outcomes = crew.carry_groups(
        messages,
        [batch.places for batch in planned],
        lambda turn, group, until: together(group, planned[turn].label, until),
        deadline=deadline,
        ungrouped=ALONE,
    )
    left = [place for place, outcome in enumerate(outcomes) if outcome is ALONE]
    for place, outcome in zip(
        left, crew.carry([messages[each] for each in left], alone, deadline=deadline), strict=True
    ):
        outcomes[place] = outcome
    return outcomes


def reference_in(label: str, number: str) -> str | None:
    """Return the reference of the message that went to an E.164 number under a label, alone or in a batch.

    None: the label is a batch's, and the number is not one of it.
    """
    if (read := _read(label)) is None:
        return label
    prefix, modulus, ordinals = read
    found = _NUMBER.fullmatch(number)
    ordinal = ordinals.get(int(found[1]) % modulus) if found else None
    return None if ordinal is None else f"{prefix}{ordinal}"


def message_id(biz_id: str, reference: str) -> str:
    """Return the provider's id of one message of a batch: the batch's BizId is not one message's own."""
    return f"{biz_id}:{reference}"


def is_batch(label: str) -> bool:
    """Say whether a label is the one of a batch."""
    return _LABEL.fullmatch(label) is not None


def _split(prefix: str, pieces: Sequence[_Piece], limits: Limits) -> list[Batch]:
    found: list[Batch] = []
    while len(pieces) > 1:
        count = _fitting(prefix, pieces[: limits.messages], limits.label)
        if count > 1 and (label := _spell(prefix, pieces[:count])) is not None:
            found.append(Batch(tuple(piece.place for piece in pieces[:count]), label))
        pieces = pieces[count:]
    return found


def _fitting(prefix: str, pieces: Sequence[_Piece], longest: int) -> int:
    """Return how many of the pieces, from the first on, one label has room for."""
    least, count = pieces[0].ordinal, len(pieces)
    room = (longest - len(f"b1.{prefix}.{least}.{LARGEST_MODULUS}.99.")) * 3 // 4 * 8
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
def _read(label: str) -> tuple[str, int, Mapping[int, int]] | None:
    """Return the prefix, the modulus, and what references end in by remainder; None: not a batch's label."""
    spelled = _LABEL.fullmatch(label)
    if spelled is None:
        return None
    prefix, least, modulus, width = spelled[1], int(spelled[2]), int(spelled[3]), int(spelled[4])
    packed = base64.urlsafe_b64decode(spelled[5] + "=" * (-len(spelled[5]) % 4)) if len(spelled[5]) % 4 != 1 else b""
    size = TAG_BITS + width
    count = len(packed) * 8 // size
    row = int.from_bytes(packed) >> len(packed) * 8 - count * size
    entries = [row >> size * (count - 1 - turn) & (1 << size) - 1 for turn in range(count)]
    return prefix, max(1, modulus), {each >> width: least + (each & (1 << width) - 1) for each in entries}
