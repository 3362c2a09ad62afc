"""The two machine-readable reports about a mail: what became of it, and that somebody complained.

Source: RFC 3464 (delivery status), RFC 5965 (feedback), and what servers make of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from channels.email.incoming import IncomingMail, Part, read_headers

_MOST_RECIPIENTS = 100
_MOST_BYTES = 262_144
_ADDRESS = re.compile(
    r"[^\s<>\"'();,:@]{1,128}@[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9.\u0080-\U0010ffff-]{0,250}[A-Za-z0-9])?"
)
_OUTLOOK_HEADER = "x-hmxmroriginalrecipient"
#: Feedback that says the member wants no more.  "not-spam" says the opposite, "auth-failure" and "virus" nothing of it.
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})

Fields = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientStatus:
    """One recipient's block of a delivery status."""

    address: str | None  #: None: the block names none
    action: str  #: failed, delayed, delivered, relayed, expanded; other servers' words are made one of these
    status: str  #: as it came; empty: none
    diagnostic: str  #: the remote server's words; empty: none
    expired: bool = False  #: the server gave up trying, whatever the last try was told


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryStatus:
    """A whole delivery status."""

    envelope_id: str | None  #: what the sender gave as ENVID
    recipients: tuple[RecipientStatus, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """A whole feedback report."""

    kind: str  #: abuse, fraud, opt-out, not-spam, …
    addresses: tuple[str, ...]  #: whom it names; often nobody, for privacy

    @property
    def complains(self) -> bool:
        return self.kind in _COMPLAINTS


def address_in(text: str) -> str | None:
    """Return the first address in a text, its domain in lower case."""
    found = _ADDRESS.search(text[:1000])
    if found is None:
        return None
    local, _, domain = found[0].rpartition("@")
    return f"{local}@{domain.lower()}"


def delivery_status(mail: IncomingMail) -> DeliveryStatus | None:
    """Return the delivery status a mail carries; None: it carries none that names a recipient."""
    envelope_id, recipients = None, []
    for part in mail.parts:
        if part.content_type in ("message/delivery-status", "message/global-delivery-status"):
            for fields in _blocks(part):
                envelope_id = envelope_id or _first(fields, "original-envelope-id") or None
                if {"final-recipient", "original-recipient", "action"} & fields.keys():
                    recipients.append(_recipient(fields))
    if not recipients:
        return None
    return DeliveryStatus(envelope_id=envelope_id, recipients=tuple(recipients[:_MOST_RECIPIENTS]))


def feedback(mail: IncomingMail) -> Feedback | None:
    """Return the feedback report a mail carries, or None."""
    part = mail.part("message/feedback-report")
    if part is None:
        return _outlook_complaint(mail)
    fields = read_headers(part.body)
    named = (*fields.get("original-rcpt-to", ()), *fields.get("removal-recipient", ()))
    addresses = dict.fromkeys(found for each in named[:_MOST_RECIPIENTS] if (found := address_in(each)))
    return Feedback(kind=_first(fields, "feedback-type").lower(), addresses=tuple(addresses))


def _outlook_complaint(mail: IncomingMail) -> Feedback | None:
    """Return the complaint in a mail of Outlook's programme, which returns our mail with a header of its own."""
    returned = mail.part("message/rfc822")
    header = {} if returned is None else read_headers(returned.body)
    named = address_in(_first(header, _OUTLOOK_HEADER) or mail.first(_OUTLOOK_HEADER))
    return Feedback(kind="abuse", addresses=(named,)) if named else None


def _blocks(part: Part) -> list[Fields]:
    blocks = re.split(rb"\n[ \t]*\n", part.body[:_MOST_BYTES], maxsplit=2 * _MOST_RECIPIENTS)
    return [fields for block in blocks if (fields := read_headers(block))]


def _recipient(fields: Fields) -> RecipientStatus:
    final, original = _first(fields, "final-recipient"), _first(fields, "original-recipient")
    status, diagnostic = _first(fields, "status"), _first(fields, "diagnostic-code")
    return RecipientStatus(
        # The address we wrote to, where the server knows it; the final one may be where a member's mail is forwarded.
        address=address_in(_untyped(original)) or address_in(_untyped(final)),
        action=_action(_first(fields, "action"), status, waits="will-retry-until" in fields),
        status=status[:200],
        diagnostic=_untyped(diagnostic),
        expired=_first(fields, "action").lower().startswith("expired"),
    )


def _action(word: str, status: str, *, waits: bool) -> str:
    """Return the action in RFC 3464's words: some servers write "error" or "expired" for a failure."""
    known = re.match(r"\s*(failed|delayed|delivered|relayed|expanded)\b", word, re.IGNORECASE)
    if known:
        return known[1].lower()
    if word:
        return "failed"
    return "delivered" if status.startswith("2") else "delayed" if status.startswith("4") and waits else "failed"


def _untyped(value: str) -> str:
    """Return a field's value without the type in front of it, such as ``rfc822;`` or ``smtp;``."""
    return re.sub(r"^[A-Za-z0-9_-]{1,40}\s*;\s*", "", value.strip())


def _first(fields: Fields, name: str) -> str:
    return fields.get(name, ("",))[0].strip()
