"""Find out what became of sends whose answer was lost."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from campaigns.accounts import Account
from campaigns.delivery import Carrier
from campaigns.sends import (
    InDoubt,
    SettlingRules,
    close_old_doubt,
    doubt_expired_marks,
    reference_of,
    settle_found,
    settle_not_found,
    take_back_claims,
    take_doubtful,
)
from channels.errors import DeliveryError
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
    unanswered: int = 0


def sweep(database: Database, rules: SettlingRules) -> int:
    """Move on what dead workers left behind; return how many sends moved.  Safe to run anywhere, at any time."""
    with database.transaction() as connection:
        moved = take_back_claims(connection)
        moved += doubt_expired_marks(connection, rules)
        return moved + close_old_doubt(connection, rules)


def settle(carrier: Carrier, *, now: datetime, limit: int = ASKED_TOGETHER) -> Settled:
    """Ask each account about its sends in doubt whose time has come.

    Does nothing for a provider that cannot be asked: there a receipt settles the send,
    or time closes it as unknown.
    """
    done = Settled()
    for account in carrier.accounts.accounts:
        if account.provider.can_look_up:
            _settle(carrier, account, done, now=now, limit=limit)
    return done


def _settle(carrier: Carrier, account: Account, done: Settled, *, now: datetime, limit: int) -> None:
    with carrier.database.transaction() as connection:
        token, doubtful = take_doubtful(connection, account.name, limit=limit, lease=carrier.lease)
    if not doubtful:
        return
    with ThreadPoolExecutor(AT_ONCE) as asking:
        answers = list(asking.map(partial(_ask, carrier.installation, account.provider), doubtful))
    done.unanswered += answers.count(None)
    nowhere = [send for send, answer in zip(doubtful, answers, strict=True) if answer is NOT_FOUND]
    with carrier.database.transaction() as connection:
        for send, answer in zip(doubtful, answers, strict=True):
            if isinstance(answer, DeliveryReport):
                settle_found(connection, send, answer, token=token, now=now)
                done.found += 1
        done.waiting_again += settle_not_found(connection, nowhere, token=token, now=now, rules=carrier.settling)


class _NotFound:
    """The provider's word that it knows nothing of a message."""


NOT_FOUND = _NotFound()


def _ask(installation: str, provider: Provider, send: InDoubt) -> DeliveryReport | _NotFound | None:
    """Ask about one send; None: the provider could not say, and is asked again later."""
    message = Message(
        reference=reference_of(send.id, installation),
        channel=provider.channel,
        address=send.address,
        parts={},
    )
    try:
        return provider.look_up(message, sent_at=send.marked_at) or NOT_FOUND
    except DeliveryError:
        return None
