"""Carry what is due on one channel: claim, write the words, mark a window, call, record."""

import hashlib
import hmac
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from sqlalchemy import Connection, select

from campaigns.accounts import Account, Accounts, Admission
from campaigns.campaign import CampaignDefinition
from campaigns.rendering_facts import facts_for
from campaigns.rules import PlanningRules
from campaigns.sends import (
    Answer,
    Rendered,
    SettlingRules,
    Unwritten,
    claim,
    fail_unrendered,
    mark,
    record,
    release,
)
from campaigns.terms import Terms, terms_of
from campaigns.writing import write_message
from channels.message import Blame, Message, Outcome, OutcomeKind, Purpose
from database.engine import Database
from database.tables import addresses, campaigns, sends, template_versions
from members.consent import suppress
from templates.rendering import CompiledTemplate, RenderRefused, compile_content

#: How long a claim or a mark is a worker's own, by the database's clock.
LEASE = timedelta(seconds=60)
#: The share of a lease in which calls may begin; in the rest those that began may end.
CALLING_SHARE = 0.75


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """What delivering on one channel needs, besides the rows."""

    database: Database
    accounts: Accounts
    rules: PlanningRules
    secret: bytes
    public_url: str
    settling: SettlingRules = field(default_factory=SettlingRules)
    lease: timedelta = LEASE

    @property
    def installation(self) -> str:
        """The eight digits that tell our references from another installation's."""
        return installation_mark(self.secret)


def installation_mark(secret: bytes) -> str:
    """Return eight hexadecimal digits that stand for the installation that holds ``secret``."""
    return hmac.new(secret, b"installation", hashlib.sha256).hexdigest()[:8]


@dataclass(kw_only=True)
class Delivered:
    """What one round of delivery came to, by number of sends."""

    claimed: int = 0
    unrendered: int = 0
    held_back: int = 0  #: refused, postponed or cancelled by the last check
    turned_away: bool = False  #: whether no account would take the rest now
    outcomes: dict[OutcomeKind, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ready:
    """A claimed send with its words."""

    claimed: Unwritten
    message: Message
    parts: int

    def priced(self, account: Account, otherwise: Decimal) -> Rendered:
        """Return what the ledger is told of it when ``account`` carries it."""
        cost = account.price_of(self.message.address, otherwise=otherwise) * self.parts
        return Rendered(
            id=self.claimed.id,
            member_id=self.claimed.member_id,
            parts=self.parts,
            cost=cost,
            permission=account.provider.permission_for(self.message),
        )


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
        terms = _terms_by_campaign(connection, {send.campaign_id for send in claimed}, carrier.rules)
        ready, refused = _render(connection, carrier, claimed, terms, now)
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


def _terms_by_campaign(connection: Connection, campaign_ids: set[int], rules: PlanningRules) -> Mapping[int, Terms]:
    rows = connection.execute(select(campaigns.c.id, campaigns.c.definition).where(campaigns.c.id.in_(campaign_ids)))
    return {row.id: terms_of(CampaignDefinition.model_validate(row.definition), rules) for row in rows}


def messages_again(
    connection: Connection, carrier: Carrier, unwritten: Sequence[Unwritten], now: datetime
) -> dict[int, Message]:
    """Write sends' messages once more, by send, those of erased members left out.

    The words are the same unless what is known of the member has changed since.
    """
    terms = _terms_by_campaign(connection, {send.campaign_id for send in unwritten}, carrier.rules)
    ready, _ = _render(connection, carrier, unwritten, terms, now)
    return {each.claimed.id: each.message for each in ready}


def _templates(connection: Connection, ids: set[int]) -> Mapping[int, CompiledTemplate]:
    rows = connection.execute(
        select(template_versions.c.id, template_versions.c.content).where(template_versions.c.id.in_(ids))
    )
    return {row.id: compile_content(row.content) for row in rows}


def _render(
    connection: Connection,
    carrier: Carrier,
    claimed: Sequence[Unwritten],
    terms: Mapping[int, Terms],
    now: datetime,
) -> tuple[list[_Ready], list[tuple[int, str]]]:
    """Write each send's words; one that cannot be written ends here and stops no other."""
    facts = facts_for(connection, [send.member_id for send in claimed], now)
    templates = _templates(connection, {send.template_version_id for send in claimed})
    ready, refused = [], []
    for send in claimed:
        known = facts.get(send.member_id)
        if known is None:
            refused.append((send.id, "erased"))
            continue
        known["brand"] = carrier.rules.brand
        try:
            purpose = Purpose(terms[send.campaign_id].purpose)
            ready.append(_ready(carrier, send, templates[send.template_version_id], known, purpose))
        except RenderRefused as reason:
            refused.append((send.id, f"words:{reason.reason}"))
    return ready, refused


def _ready(
    carrier: Carrier, send: Unwritten, template: CompiledTemplate, facts: Mapping[str, object], purpose: Purpose
) -> _Ready:
    message, words = write_message(
        send,
        template,
        facts,
        channel=carrier.accounts.channel,
        purpose=purpose,
        secret=carrier.secret,
        public_url=carrier.public_url,
        installation=carrier.installation,
    )
    return _Ready(claimed=send, message=message, parts=words.billed_parts)


def _carry(
    carrier: Carrier,
    admission: Admission,
    window: Sequence[_Ready],
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
    attempts = _mark(carrier, account, window, terms, token, now)
    going = [ready for ready in window if ready.claimed.id in attempts]
    done.held_back += len(window) - len(going)
    if not going:
        carrier.accounts.learn(admission, [])
        return
    outcomes = account.provider.deliver([ready.message for ready in going], deadline=deadline)
    answers = [
        Answer(send_id=ready.claimed.id, attempt=attempts[ready.claimed.id], outcome=outcome)
        for ready, outcome in zip(going, outcomes, strict=True)
    ]
    with carrier.database.transaction() as connection:
        record(connection, answers, token=token, now=now, settle_after=carrier.settling.settle_after)
        _suppress_refused(connection, answers, account, now)
    carrier.accounts.learn(admission, outcomes)
    for outcome in outcomes:
        done.outcomes[outcome.kind] = done.outcomes.get(outcome.kind, 0) + 1


def _mark(
    carrier: Carrier,
    account: Account,
    window: Sequence[_Ready],
    terms: Mapping[int, Terms],
    token: uuid.UUID,
    now: datetime,
) -> dict[int, int]:
    price = carrier.rules.prices.get(carrier.accounts.channel.value, Decimal(0))
    groups: dict[Terms, list[Rendered]] = {}
    for ready in window:
        groups.setdefault(terms[ready.claimed.campaign_id], []).append(ready.priced(account, price))
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
    for blame, reason in ((Blame.ADDRESS, "hard_bounce"), (Blame.MEMBER, "reply")):
        ids = [answer.send_id for answer in answers if _is_refused(answer.outcome, blame)]
        if not ids:
            continue
        found = connection.execute(
            select(addresses.c.fingerprint).join(sends, sends.c.address_id == addresses.c.id).where(sends.c.id.in_(ids))
        ).scalars()
        channel = account.provider.channel.value
        suppress(connection, channel, list(found), reason=reason, source=account.name, now=now)


def _is_refused(outcome: Outcome, blame: Blame) -> bool:
    return outcome.kind is OutcomeKind.REJECTED and outcome.blame is blame
