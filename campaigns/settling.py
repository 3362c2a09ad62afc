"""Find out what became of sends whose answer was lost."""

from dataclasses import dataclass
from datetime import datetime, timedelta

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
from database.engine import Database

#: How long one round of questions to a provider may hold the sends it asks about.
ASKING_LEASE = timedelta(seconds=120)


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


def settle(carrier: Carrier, *, now: datetime, limit: int = 200) -> Settled:
    """Ask the provider about sends in doubt whose time has come.

    Does nothing for a provider that cannot be asked: there a receipt settles the send,
    or time closes it as unknown.
    """
    done = Settled()
    if not carrier.provider.can_look_up:
        return done
    with carrier.database.transaction() as connection:
        token, doubtful = take_doubtful(connection, carrier.provider.name, limit=limit, lease=ASKING_LEASE)
    unknown_there: list[InDoubt] = []
    for send in doubtful:
        try:
            report = _ask(carrier, send)
        except DeliveryError:
            done.unanswered += 1
            continue
        if report is None:
            unknown_there.append(send)
            continue
        with carrier.database.transaction() as connection:
            settle_found(connection, send, report, token=token, now=now)
        done.found += 1
    if unknown_there:
        with carrier.database.transaction() as connection:
            done.waiting_again = settle_not_found(
                connection, unknown_there, token=token, now=now, rules=carrier.settling
            )
    return done


def _ask(carrier: Carrier, send: InDoubt) -> DeliveryReport | None:
    message = Message(
        reference=reference_of(send.id, carrier.installation),
        channel=carrier.provider.channel,
        address=send.address,
        parts={},
    )
    return carrier.provider.look_up(message, sent_at=send.marked_at)
