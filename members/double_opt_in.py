"""Double opt-in: a wish is noted, asked back, and counts only once its owner has confirmed it.

A wish is an event (``consent.requested``), so a journey can begin with it and send the question; it is no
consent, and nothing is sent because of it.  Confirming it, by the sealed link or at the desk, records the
yes with the wish as its proof.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select, text

from database.holding import hold_members
from database.tables import addresses, consents, events, members
from language.problems import refuse
from members.consent import OWN_REASONS, NewConsent, record_consents, unsuppress
from members.derived_events import SOURCE
from members.events import NewEvent, record
from members.identity.following import kept_ids, rows_of_person

KIND = "consent.requested"
CONFIRMED_BY = "double opt-in"  #: the source of the yes
LASTS = timedelta(days=7)  #: how long a wish can be confirmed, unless said otherwise

CHANNELS, PURPOSES = ("sms", "email", "wechat"), ("marketing", "service")


class Confirmation(StrEnum):
    """What came of confirming a wish."""

    CONFIRMED = "confirmed"
    AGAIN = "again"  #: it had been confirmed before; nothing changed
    EXPIRED = "expired"  #: or the address it was for is no longer theirs
    UNKNOWN = "unknown"  #: there is no such wish, or its member was erased


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Somebody's wish to hear from us, not yet confirmed."""

    id: int  #: of its event
    member_id: int
    channel: str
    purpose: str
    text_version: str
    requested_at: datetime
    expires_at: datetime
    mark: str = ""  #: keyed hash of the address it was for, in hexadecimal; empty: there was none


def request_opt_in(
    connection: Connection, member_id: int, channel: str, purpose: str = "marketing", *, source: str, now: datetime,
    text_version: str = "", lasts: timedelta = LASTS,
) -> Wish:  # fmt: skip
    """Note that the member wishes to hear from us on a channel; whoever confirms it within ``lasts`` agrees.

    Raises:
        InputRefused: there is no such channel or purpose.
    """
    if channel not in CHANNELS or purpose not in PURPOSES:
        raise refuse("{channel} and {purpose} are no channel and purpose of ours", channel=channel, purpose=purpose)
    member_id = kept_ids(connection, [member_id]).get(member_id, member_id)
    key = connection.execute(select(members.c.key).where(members.c.id == member_id)).scalar_one()
    occasion = f"{KIND}:{member_id}:{channel}:{purpose}:{now.isoformat()}"
    said = {"channel": channel, "purpose": purpose, "text_version": text_version, "asked_at": source,
            "expires_at": (now + lasts).isoformat(), "mark": "".join(_marks(connection, member_id, channel))}  # fmt: skip
    event = NewEvent(source=SOURCE, key=occasion, member_key=key, kind=KIND, occurred_at=now, properties=said)
    record(connection, [event], now=now, checked=True)  # By our own name, which nobody else may use.
    found = select(events.c.id).where(events.c.source == SOURCE, events.c.key == occasion)
    return Wish(
        id=connection.execute(found).scalar_one(), member_id=member_id, channel=channel, purpose=purpose,
        text_version=text_version, requested_at=now, expires_at=now + lasts,
    )  # fmt: skip


def find_wish(connection: Connection, member_id: int, wish_id: int) -> Wish | None:
    """Return the wish that a link speaks of; None: there is none, or its member was erased."""
    owner = kept_ids(connection, [member_id]).get(member_id, member_id)
    row = connection.execute(
        select(events.c.occurred_at, events.c.properties).where(
            events.c.id == wish_id, events.c.kind == KIND, events.c.source == SOURCE, events.c.member_id == owner
        )
    ).one_or_none()
    if row is None or not row.properties:
        return None
    said = row.properties
    return Wish(
        id=wish_id, member_id=owner, channel=said["channel"], purpose=said["purpose"], text_version=said["text_version"],
        requested_at=row.occurred_at, expires_at=datetime.fromisoformat(said["expires_at"]), mark=said.get("mark", ""),
    )  # fmt: skip


def confirm_opt_in(connection: Connection, member_id: int, wish_id: int, *, now: datetime) -> Confirmation:
    """Record the yes that a wish was for; doing it again changes nothing, also after a later no."""
    wish = find_wish(connection, member_id, wish_id)
    if wish is None:
        return Confirmation.UNKNOWN
    hold_members(connection, [wish.member_id])
    if _was_confirmed(connection, wish):
        return Confirmation.AGAIN
    if wish.expires_at <= now or (wish.mark and wish.mark not in _marks(connection, wish.member_id, wish.channel)):
        return Confirmation.EXPIRED
    proof = {"wish": wish.id, "requested_at": wish.requested_at.isoformat(), "confirmed_at": now.isoformat()}
    yes = NewConsent(
        member_id=wish.member_id, channel=wish.channel, purpose=wish.purpose, granted=True, source=CONFIRMED_BY,
        text_version=wish.text_version, proof=proof, occurred_at=now,
    )  # fmt: skip
    record_consents(connection, [yes], now=now)
    marks = [bytes.fromhex(mark) for mark in _marks(connection, wish.member_id, wish.channel)]
    unsuppress(connection, wish.channel, marks, reasons=OWN_REASONS)  # What their own wish had stopped, their own wish opens.
    return Confirmation.CONFIRMED


def is_agreed(connection: Connection, wish: Wish) -> bool:
    """Say whether the member agrees, now, to what the wish was for."""
    latest = text("SELECT granted FROM consent_now WHERE member_id = :member_id AND channel = :channel AND purpose = :purpose")
    asked = {"member_id": wish.member_id, "channel": wish.channel, "purpose": wish.purpose}
    return bool(connection.execute(latest, asked).scalar_one_or_none())


def _marks(connection: Connection, member_id: int, channel: str) -> list[str]:
    own = select(addresses.c.fingerprint).where(
        addresses.c.member_id == member_id, addresses.c.channel == channel, addresses.c.is_current
    )
    return [bytes(mark).hex() for mark in connection.execute(own).scalars()]


def _was_confirmed(connection: Connection, wish: Wish) -> bool:
    answered = select(consents.c.id).where(
        consents.c.member_id.in_(rows_of_person(connection, wish.member_id)),
        consents.c.source == CONFIRMED_BY,
        consents.c.proof["wish"].as_string() == str(wish.id),
    )
    return connection.execute(answered.limit(1)).first() is not None
