"""Carry what is due on one channel: claim, write the words, mark a window, call, record."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sqlalchemy import Connection, select, tuple_

from campaigns.accounts import Account, Admission
from campaigns.carrier import Carrier
from campaigns.holders import find_holders
from campaigns.sends import (
    Answer,
    Rendered,
    claim,
    fail_unrendered,
    mark,
    record,
    release,
)
from campaigns.terms import Terms
from campaigns.writing import Written, terms_by_campaign, write_words
from channels.fitting import fitted_outcome
from channels.message import Blame, OutcomeKind
from database.tables import addresses, attempts
from members.consent import suppress

#: The share of a lease in which calls may begin; in the rest those that began may end.
CALLING_SHARE = 0.75
#: Why the address of a refused message is suppressed, by whose matter the refusal is.
SUPPRESSED = {Blame.ADDRESS: "hard_bounce", Blame.MEMBER: "reply"}


@dataclass(kw_only=True)
class Delivered:
    """What one round of delivery came to, by number of sends."""

    claimed: int = 0
    unrendered: int = 0
    held_back: int = 0  #: refused, postponed or cancelled by the last check
    turned_away: bool = False  #: whether no account would take the rest now
    outcomes: dict[OutcomeKind, int] = field(default_factory=dict)

    @property
    def may_fall_back(self) -> bool:
        """Whether something may go on to another channel for what came of it; what was turned away waits."""
        return self.held_back > 0 or not {OutcomeKind.REJECTED, OutcomeKind.NOT_SENT}.isdisjoint(self.outcomes)


class _Stopped(Protocol):
    def __call__(self) -> bool: ...


def never() -> bool:
    """The answer of a round that nobody stops."""
    return False


def deliver(carrier: Carrier, *, now: datetime, limit: int = 1024, stopped: _Stopped = never) -> Delivered:
    """Carry up to ``limit`` due sends of the carrier's channel, and say what came of them.

    ``stopped`` is asked between windows: when it says yes, when no account would take more, or
    when half of the lease is over, the rest is given back.  An exception leaves every send either
    claimed, and taken back when its lease ends, or marked, and put in doubt then.
    """
    limit = carrier.accounts.room(now=now, limit=limit)
    if not limit:
        return Delivered(turned_away=True)
    half_time = time.monotonic() + carrier.lease.total_seconds() / 2
    with carrier.database.transaction() as connection:
        token, claimed = claim(connection, carrier.accounts.channel.value, now=now, limit=limit, lease=carrier.lease)
    done = Delivered(claimed=len(claimed))
    if not claimed:
        return done
    with carrier.database.transaction() as connection:
        terms = terms_by_campaign(connection, {send.campaign_id for send in claimed}, carrier.rules)
        ready, refused = write_words(connection, carrier, claimed, terms, now)
        if refused:
            fail_unrendered(connection, refused, token=token)
    done.unrendered = len(refused)
    while ready and not stopped():
        admission = carrier.accounts.admit(wanted=len(ready), now=now)
        if admission is None:
            done.turned_away = True
            break
        window, ready = ready[: admission.count], ready[admission.count :]
        _carry(carrier, admission, window, terms, token, now, done)
        if time.monotonic() > half_time:
            break
    with carrier.database.transaction() as connection:
        release(connection, token)
    return done


def _carry(
    carrier: Carrier,
    admission: Admission,
    window: Sequence[Written],
    terms: Mapping[int, Terms],
    token: uuid.UUID,
    now: datetime,
    done: Delivered,
) -> None:
    """Mark one window, hand it over, and write down the answers."""
    time.sleep(admission.seconds)
    # The deadline is taken before the mark, so that it is never later than the lease allows:
    # a worker that is frozen between mark and call finds it passed and calls nobody.
    deadline = time.monotonic() + carrier.lease.total_seconds() * CALLING_SHARE
    account = admission.account
    numbers = _mark(carrier, account, window, terms, token, now)
    going = [ready for ready in window if ready.send.id in numbers]
    done.held_back += len(window) - len(going)
    if not going:
        carrier.accounts.learn(admission, [])
        return
    answered = account.provider.deliver([ready.message for ready in going], deadline=deadline)
    outcomes = [fitted_outcome(each) for each in answered]
    answers = [
        Answer(send_id=ready.send.id, attempt=numbers[ready.send.id], outcome=outcome)
        for ready, outcome in zip(going, outcomes, strict=True)
    ]
    with carrier.database.transaction() as connection:
        # This holds members, and they are held before any send's row, as where sends are marked.
        _suppress_refused(connection, answers, account, now)
        record(connection, answers, token=token, now=now, settle_after=carrier.settling.settle_after)
    carrier.accounts.learn(admission, outcomes)
    for outcome in outcomes:
        done.outcomes[outcome.kind] = done.outcomes.get(outcome.kind, 0) + 1


def _mark(
    carrier: Carrier,
    account: Account,
    window: Sequence[Written],
    terms: Mapping[int, Terms],
    token: uuid.UUID,
    now: datetime,
) -> dict[int, int]:
    price = carrier.rules.prices.get(carrier.accounts.channel.value, Decimal(0))
    groups: dict[Terms, list[Rendered]] = {}
    for ready in window:
        groups.setdefault(terms[ready.send.campaign_id], []).append(ready.priced(account, price))
    with carrier.database.transaction() as connection:
        return mark(
            connection,
            list(groups.items()),
            token=token,
            provider=account.name,
            now=now,
            lease=carrier.lease,
        )


def _suppress_refused(connection: Connection, answers: Sequence[Answer], account: Account, now: datetime) -> None:
    """Put addresses on the suppression list that the provider will never reach, or whose owner said no."""
    refused = {
        (answer.send_id, answer.attempt): SUPPRESSED[answer.outcome.blame]
        for answer in answers
        if answer.outcome.kind is OutcomeKind.REJECTED and answer.outcome.blame in SUPPRESSED
    }
    if not refused:
        return
    found = connection.execute(
        select(attempts.c.send_id, attempts.c.number, addresses.c.fingerprint)
        .join(addresses, addresses.c.id == attempts.c.address_id)
        .where(tuple_(attempts.c.send_id, attempts.c.number).in_(refused))
    ).all()
    channel = account.provider.channel.value
    find_holders(connection, [(channel, row.fingerprint) for row in found])  # Held at once, for either reason.
    for reason in SUPPRESSED.values():
        marks = [row.fingerprint for row in found if refused[row.send_id, row.number] == reason]
        suppress(connection, channel, marks, reason=reason, source=account.name, now=now)
