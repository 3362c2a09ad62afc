"""Find out what became of sends whose answer was lost."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from campaigns.accounts import Account
from campaigns.carrier import Carrier
from campaigns.sends import (
    InDoubt,
    SettlingRules,
    ask_later,
    close_old_doubt,
    doubt_expired_marks,
    reference_of,
    settle_found,
    settle_not_found,
    take_back_claims,
    take_doubtful,
)
from campaigns.writing import messages_again
from channels.errors import DeliveryError
from channels.fitting import fitted_report
from channels.message import DeliveryReport, Message
from channels.provider import Provider
from database.engine import Database

#: How many sends one round asks about, and how many questions are with the provider at once.
ASKED_TOGETHER = 128
AT_ONCE = 16


@dataclass(kw_only=True)
class Settled:
    """What a round of settling came to, by number of sends."""

    found: int = 0
    waiting_again: int = 0
    unanswered: int = 0  #: asked about again later


def sweep(database: Database, rules: SettlingRules) -> int:
    """Move on what dead workers left behind; return how many sends moved.  Safe to run anywhere, at any time."""
    with database.transaction() as connection:
        moved = take_back_claims(connection)
        moved += doubt_expired_marks(connection, rules)
        return moved + close_old_doubt(connection, rules)


def settle(carrier: Carrier, *, now: datetime, limit: int = ASKED_TOGETHER) -> Settled:
    """Ask each account about its sends in doubt whose time has come.

    Does nothing for a provider that cannot be asked: there a receipt settles the send,
    or time closes it as unknown.  Where the provider cannot say, nothing is guessed: the
    send stays in doubt, and is asked about more and more seldom.
    """
    done = Settled()
    for account in carrier.accounts.accounts:
        if account.provider.can_look_up:
            _settle(carrier, account, done, now=now, limit=limit)
    return done


def _settle(carrier: Carrier, account: Account, done: Settled, *, now: datetime, limit: int) -> None:
    with carrier.database.transaction() as connection:
        token, doubtful = take_doubtful(connection, account.name, limit=limit, lease=carrier.lease)
        messages = _messages(connection, carrier, account.provider, doubtful, now)
    if not doubtful:
        return
    with ThreadPoolExecutor(AT_ONCE) as asking:
        sent = [send.marked_at for send in doubtful]
        answers = list(asking.map(_ask, [account.provider] * len(doubtful), messages, sent))
    nowhere, unsaid = [], []
    with carrier.database.transaction() as connection:
        for send, answer in zip(doubtful, answers, strict=True):
            if isinstance(answer, _NotFound):
                nowhere.append(send)
            elif answer is not None and settle_found(connection, send, answer, token=token, now=now):
                done.found += 1
            else:
                unsaid.append(send)
        done.waiting_again += settle_not_found(connection, nowhere, token=token, now=now, rules=carrier.settling)
        done.unanswered += ask_later(connection, unsaid, token=token, rules=carrier.settling)


class _NotFound:
    """The provider's word that it knows nothing of a message."""


NOT_FOUND = _NotFound()


def _messages(
    connection: Connection, carrier: Carrier, provider: Provider, doubtful: Sequence[InDoubt], now: datetime
) -> list[Message]:
    """Return what the provider is asked about, with words only where it knows a message by nothing else."""
    written = messages_again(connection, carrier, doubtful, now) if provider.look_up_reads_words and doubtful else {}
    return [
        written.get(send.id)
        or Message(
            reference=reference_of(send.id, carrier.installation), channel=provider.channel, address=send.address, parts={}
        )
        for send in doubtful
    ]


def _ask(provider: Provider, message: Message, sent_at: datetime) -> DeliveryReport | _NotFound | None:
    """Ask about one message; None: the provider could not say, and is asked again later."""
    try:
        found = provider.look_up(message, sent_at=sent_at)
    except DeliveryError:
        return None
    return NOT_FOUND if found is None else fitted_report(found)
