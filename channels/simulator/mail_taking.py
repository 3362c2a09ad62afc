"""What the pretend mail providers that are called over HTTP have in common."""

import email
import hashlib
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.world import World

LONGEST_LINE = 998


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """One mail as a provider understood it."""

    address: str
    reference: str  #: what reports will give back
    text: str  #: what a mail client shows
    source: bytes = b""  #: the whole mail, or the call that holds it


def take(
    world: World, provider: str, parcel: Parcel, fault: Fault, *, provider_ref: str | None, code: str | None
) -> None:
    """Put a mail on record; without a code it is taken, and its report will come."""
    entry = world.record.append(
        provider=provider,
        reference=parcel.reference,
        address=parcel.address,
        text=parcel.text,
        source=parcel.source,
        accepted=code is None,
        answered=fault is Fault.NONE or fault in REFUSALS,
        provider_ref=provider_ref if code is None else None,
        code=code,
    )
    if code is None and provider_ref is not None:
        world.receipts.expect_of(entry)


def read_mail(content: bytes) -> EmailMessage | None:
    """Read a whole mail; None: no server would carry it."""
    if not content.isascii() or max(map(len, content.split(b"\r\n"))) > LONGEST_LINE:
        return None
    if content.count(b"\n") != content.count(b"\r\n"):
        return None
    found = email.message_from_bytes(content, policy=policy.SMTP)
    if not isinstance(found, EmailMessage) or found.defects or not all(found[name] for name in ("From", "To", "Date")):
        return None
    return found


def shown(mail: EmailMessage) -> str:
    """Return the subject and the words, as a mail client without pictures shows them."""
    body = mail.get_body(("plain", "html"))
    return f"{mail['Subject']}\n\n{body.get_content() if body is not None else ''}"


def turn(name: str, choices: int) -> int:
    """Choose for a name, the same however often it is asked."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % choices
