"""The words by which a member's reply asks for no more messages, or for messages again.

A word counts only as the whole reply: width and case folded, spaces and hyphens inside left out,
and everything at the ends that is neither letter nor digit.  What merely holds such a word
("please don't stop", "退订后还能恢复吗") is an answer like any other.

Source: the replies that mainland operators and Twilio's default opt-out words prescribe
(拒收请回复R, 回T退订, 回TD退订, 回N退订; STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE, OPTOUT; START, UNSTOP).
"""

import enum
import re
import unicodedata
from typing import Final

LONGEST: Final = 40  #: characters of a reply that is looked at; longer ones are no single word
#: What advertisements tell members to answer.
CODES: Final = ("r", "t", "td", "n", "0000")
PLAIN_STOPS: Final = frozenset(
    {"退订", "退", "拒收", "取消", "不要", "取消订阅", "退訂", "取消訂閱"}
    | {"stop", "stopall", "unsubscribe", "unsub", "cancel", "end", "quit", "revoke", "optout"}
)
#: Some members send back the offer itself: 回T, 退订回T, 拒收请回复R.
COPIED: Final = ("回{}", "回复{}", "{}退订", "退订{}", "回{}退订", "退订回{}", "退订回复{}", "拒收回{}", "拒收回复{}", "拒收请回复{}")
STOP_WORDS: Final = PLAIN_STOPS | set(CODES) | {form.format(code) for form in COPIED for code in CODES}
#: Few on purpose: YES and the like answer any question.
START_WORDS: Final = frozenset({"start", "unstop", "订阅", "訂閱"})

_GAPS: Final = re.compile(r"[\s\-]+")


class Meaning(enum.StrEnum):
    """What a reply asks for."""

    STOP = "stop"  #: no more marketing
    START = "start"  #: marketing again
    OTHER = "other"  #: anything else: somebody is talking to us


def meaning_of(reply: str) -> Meaning:
    """Say what a whole reply means."""
    word = folded(reply)
    if word in STOP_WORDS:
        return Meaning.STOP
    return Meaning.START if word in START_WORDS else Meaning.OTHER


def folded(reply: str) -> str:
    """Return a reply in the form in which it is compared; an empty text where it is too long for a word."""
    trimmed = reply.strip()
    if len(trimmed) > LONGEST:
        return ""
    text = unicodedata.normalize("NFKC", trimmed).casefold()
    solid = [place for place, character in enumerate(text) if character.isalnum()]
    return _GAPS.sub("", text[solid[0] : solid[-1] + 1]) if solid else ""
