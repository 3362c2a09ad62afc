"""What members send back: an end to marketing, its beginning again, or something to tell as an event.

A reply leaves a trace with its key at every member who has the address it came from: a consent
with its proof, or an event.  So the same reply told again changes nothing, also after the member
has changed their mind in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, text

from campaigns.holders import Holders, find_holders, happened_at, mark_of, sender_of
from channels.message import Channel, Reply
from members.consent import NewConsent, lift, record_consents, suppress
from members.events import NewEvent, record
from templates.reply_words import Meaning, meaning_of

SOURCE: Final = "replies"  #: of the events and consents that replies are
KIND: Final = "message.replied"
#: Where a word may bring back what a word ended: the operators and Twilio provide for it in SMS only.
MAY_START: Final = frozenset({Channel.SMS})

_TRACES = text("""
SELECT events.key FROM events WHERE events.source = :source AND events.key = ANY(:keys)
UNION ALL
SELECT (consents.proof ->> 'reply') || ':' || consents.member_id FROM consents
WHERE consents.member_id = ANY(:holders) AND consents.source = :source AND consents.proof ->> 'reply' = ANY(:marks)
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Heard:
    """A reply, and who may have sent it."""

    reply: Reply
    meaning: Meaning
    mark: str  #: its provider and key, in letters that any key can be written in
    fingerprint: bytes
    holders: Holders

    def key(self, member_id: int) -> str:
        return f"{self.mark}:{member_id}"


def follow_replies(connection: Connection, replies: Sequence[Reply], *, secret: bytes, now: datetime) -> None:
    """Do what the replies ask for; every one that asks for nothing becomes an event ``message.replied``.

    A stop holds for every send that is marked after this transaction commits.
    """
    heard = _heard(connection, replies, secret)
    known = _known(connection, heard)
    fresh = [each for each in heard if not any(each.key(member_id) in known for member_id in each.holders)]
    told = [each for each in fresh if each.meaning is Meaning.OTHER]
    # One after the other: of a stop and a start by the same hand the later one counts.
    for meaning, run in groupby((each for each in fresh if each.meaning is not Meaning.OTHER), lambda each: each.meaning):
        if meaning is Meaning.STOP:
            _stop(connection, list(run), now)
        else:
            told += [each for each in run if not _start(connection, each, now)]
    record(connection, [event for each in told for event in _events(each, now)], now=now)


def _heard(connection: Connection, replies: Sequence[Reply], secret: bytes) -> list[_Heard]:
    """Find who may have sent each reply and hold them; a reply told twice is heard once."""
    marks = {mark_of(reply): (reply, sender_of(reply, secret)) for reply in replies}
    holders = find_holders(connection, {sender for _, sender in marks.values()})
    return [
        _Heard(
            reply=reply,
            meaning=meaning_of(reply.text),
            mark=mark,
            fingerprint=sender[1],
            holders=holders.get(sender, {}),
        )
        for mark, (reply, sender) in marks.items()
    ]


def _known(connection: Connection, heard: Sequence[_Heard]) -> frozenset[str]:
    """Return the traces that these replies have left before."""
    given = {
        "source": SOURCE,
        "marks": [each.mark for each in heard],
        "keys": [each.key(member_id) for each in heard for member_id in each.holders],
        "holders": sorted({member_id for each in heard for member_id in each.holders}),
    }
    return frozenset(connection.execute(_TRACES, given).scalars())


def _stop(connection: Connection, heard: Sequence[_Heard], now: datetime) -> None:
    """Write each no with its proof and suppress the addresses, whoever may have them."""
    record_consents(connection, [_consent(each, holder, granted=False) for each in heard for holder in each.holders], now=now)
    by_origin: dict[tuple[str, str], list[bytes]] = {}
    for each in heard:
        by_origin.setdefault((each.reply.channel.value, each.reply.provider), []).append(each.fingerprint)
    for (channel, provider), marks in sorted(by_origin.items()):
        suppress(connection, channel, marks, reason="reply", source=provider, now=now)


def _start(connection: Connection, heard: _Heard, now: datetime) -> bool:
    """Take the member's own opt-out back; return False where there is none to be taken back."""
    if heard.reply.channel not in MAY_START or not heard.holders:
        return False
    returned = lift(connection, heard.reply.channel.value, heard.fingerprint, list(heard.holders))
    record_consents(connection, [_consent(heard, member_id, granted=True) for member_id in returned], now=now)
    return bool(returned)


def _consent(heard: _Heard, member_id: int, *, granted: bool) -> NewConsent:
    proof = {"reply": heard.mark, "provider": heard.reply.provider}
    channel = heard.reply.channel.value
    return NewConsent(
        member_id=member_id, channel=channel, purpose="marketing", granted=granted, source=SOURCE, proof=proof
    )


def _events(heard: _Heard, now: datetime) -> list[NewEvent]:
    """Tell that the members replied and how much; what they said is theirs and is not kept."""
    reply = heard.reply
    return [
        NewEvent(
            source=SOURCE,
            key=heard.key(member_id),
            member_key=member_key,
            kind=KIND,
            occurred_at=happened_at(reply, now),
            properties={"channel": reply.channel.value, "provider": reply.provider, "characters": len(reply.text)},
        )
        for member_id, member_key in heard.holders.items()
    ]
