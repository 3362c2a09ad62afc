"""What a mail in the bounce mailbox says: of whom, with which verdict, about which of our messages.

``read_bounce`` takes any bytes, from anybody, and never raises.
"""

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from channels.email.bounce_notices import Notice, NoticeFinding, looks_like_notice, paragraphs_of, read_notice, words_of
from channels.email.bounce_reasons import Verdict, enhanced_code, gentlest, judge, reply_code
from channels.email.incoming import IncomingMail, read_headers, read_mail
from channels.email.mime import REFERENCE_HEADER
from channels.email.report_fields import DeliveryStatus, Feedback, address_in, delivery_status, feedback
from channels.email.return_address import ReturnAddress, any_reference

_LONGEST_DIAGNOSTIC = 500
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ARRIVED_AT = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "to")
_RETURNED = ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "text/rfc822-header", "message/global")
_AUTOMATIC_SUBJECT = re.compile(
    r"^\W*(?:自动回复|自动答复|自動回覆|auto(?:matic|mated)?[ -]?(?:reply|response)|out of (?:the )?office|away\b|vacation)",
    re.IGNORECASE,
)


class MailKind(enum.StrEnum):
    """What kind of mail it is."""

    BOUNCE = "bounce"  #: a mail server gave up, or for one recipient at least
    DELAYED = "delayed"  #: a mail server is still trying
    DELIVERED = "delivered"  #: a mail server says it arrived, or was passed on
    COMPLAINT = "complaint"  #: a feedback report
    AUTO_REPLY = "auto_reply"  #: nobody wrote it, and nothing came back
    OTHER = "other"  #: a person's mail, or anything else


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The verdict on one address."""

    address: str | None  #: None: the mail names nobody, only the message is known
    verdict: Verdict
    final: bool  #: whether nothing more will be tried for this message
    action: str | None = None  #: failed, delayed, delivered, relayed or expanded
    status: str | None = None  #: the enhanced code that says most, such as 5.1.1
    reply: int | None = None  #: the SMTP reply code, such as 550
    diagnostic: str = ""  #: the remote server's words


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounce:
    """A mail, read."""

    kind: MailKind
    findings: tuple[Finding, ...]  #: one for each address
    reference: str | None  #: of our message it is about; None: not to be known, or not to be believed
    reference_from: str | None  #: return_address, header, envelope_id or message_id
    returned_to: str | None  #: the address the mail came to
    envelope_id: str | None
    message_id: str | None  #: of our message, where it was returned
    own_message_id: str | None  #: of this mail itself
    written_at: datetime | None  #: what it says of its own date

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The different verdicts in it, NONE where there is no other."""
        return tuple(verdict for verdict in Verdict if any(each.verdict is verdict for each in self.findings)) or (
            Verdict.NONE,
        )


def read_bounce(raw: bytes, return_address: ReturnAddress | None = None) -> Bounce:
    """Read a mail that came to the bounce mailbox.

    With a ``return_address`` that has a secret only a reference named there is believed;
    without one, also a reference in the returned mail, and without an address any that
    looks like one.
    """
    mail = read_mail(raw)
    status, complaint = delivery_status(mail), feedback(mail)
    notice: Notice | None = None
    if complaint is not None:
        kind, findings = _from_feedback(complaint, mail)
    elif status is not None:
        kind, findings = _from_status(status, mail)
    elif not _is_automatic(mail) and (looks_like_notice(mail) or _came_from_nobody(mail, return_address)):
        notice = read_notice(mail)
        kind, findings = _from_notice(notice)
    else:
        automatic = _is_automatic(mail) or mail.first("auto-submitted").lower().startswith("auto-")
        kind, findings = (MailKind.AUTO_REPLY if automatic else MailKind.OTHER), []
    returned = _returned_headers(mail, notice)
    envelope_id = None if status is None else status.envelope_id
    reference, source = _reference(mail, returned, envelope_id, return_address)
    if kind in (MailKind.BOUNCE, MailKind.COMPLAINT) and not findings and reference:
        # Nobody is named, but the message is known.
        verdict = Verdict.SOFT if complaint is None else _complaint_verdict(complaint)
        findings = [Finding(address=None, verdict=verdict, final=True)]
    return Bounce(
        kind=kind,
        findings=tuple(_one_each(findings)),
        reference=reference,
        reference_from=source,
        returned_to=next(_arrived_at(mail), None),
        envelope_id=envelope_id,
        message_id=_angled(returned.get("message-id", ("",))[0]),
        own_message_id=_angled(mail.first("message-id")),
        written_at=_moment(mail.first("date")),
    )


def _from_feedback(complaint: Feedback, mail: IncomingMail) -> tuple[MailKind, list[Finding]]:
    verdict = _complaint_verdict(complaint)
    addresses: Sequence[str] = complaint.addresses
    if not addresses:
        named = address_in(_returned_headers(mail, None).get("to", ("",))[0])
        addresses = [named] if named else []
    return MailKind.COMPLAINT, [
        Finding(address=address, verdict=verdict, final=True, diagnostic=complaint.kind[:100]) for address in addresses
    ]


def _complaint_verdict(complaint: Feedback) -> Verdict:
    return Verdict.COMPLAINT if complaint.complains else Verdict.NONE


def _from_status(status: DeliveryStatus, mail: IncomingMail) -> tuple[MailKind, list[Finding]]:
    text = words_of(mail)
    paragraphs = paragraphs_of(text)
    alone = text if len(status.recipients) == 1 else ""
    findings = []
    for each in status.recipients:
        verdict = {"failed": None, "delayed": Verdict.SOFT}.get(each.action, Verdict.NONE)
        if verdict is None:
            told = paragraphs.get((each.address or "").lower()) or alone
            verdict = judge(status=each.status, diagnostic=each.diagnostic, told=" ".join(told.split()))
            verdict = Verdict.SOFT if each.expired and verdict is Verdict.HARD else verdict
        findings.append(
            Finding(
                address=each.address,
                verdict=verdict,
                final=each.action != "delayed",
                action=each.action,
                status=enhanced_code(each.diagnostic, each.status),
                reply=reply_code(each.diagnostic),
                diagnostic=each.diagnostic[:_LONGEST_DIAGNOSTIC],
            )
        )
    actions = {each.action for each in status.recipients}
    if "failed" in actions:
        return MailKind.BOUNCE, findings
    return (MailKind.DELAYED if "delayed" in actions else MailKind.DELIVERED), findings


def _from_notice(notice: Notice) -> tuple[MailKind, list[Finding]]:
    findings = [
        Finding(
            address=each.address,
            verdict=_notice_verdict(notice, each),
            final=not notice.delayed,
            action="delayed" if notice.delayed else "failed",
            status=enhanced_code(each.diagnostic, each.told),
            reply=reply_code(each.diagnostic),
            diagnostic=each.diagnostic[:_LONGEST_DIAGNOSTIC],
        )
        for each in notice.findings
    ]
    return (MailKind.DELAYED if notice.delayed else MailKind.BOUNCE), findings


def _notice_verdict(notice: Notice, finding: NoticeFinding) -> Verdict:
    if notice.delayed:
        return Verdict.SOFT
    if notice.gave_up:
        return Verdict.HARD
    return judge(status="", diagnostic=finding.diagnostic, told=finding.told)


def _one_each(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield one finding per address: where there are several, the one that does the address the least harm."""
    by_address: dict[str | None, list[Finding]] = {}
    for each in findings:
        by_address.setdefault(each.address.lower() if each.address else None, []).append(each)
    for several in by_address.values():
        verdict = gentlest(each.verdict for each in several)
        yield next(each for each in several if each.verdict is verdict)


def _is_automatic(mail: IncomingMail) -> bool:
    """Say whether a mail is somebody's automatic answer; a mail server's own reports call themselves that, too."""
    if looks_like_notice(mail) and not _AUTOMATIC_SUBJECT.search(mail.first("subject")[:200]):
        return False
    return bool(
        mail.first("auto-submitted").lower().startswith(("auto-replied", "auto-notified"))
        or {"x-autoreply", "x-autorespond", "x-autoresponder"} & mail.headers.keys()
        or mail.first("precedence").lower() in ("auto_reply", "auto-reply")
        or ("x-failed-recipients" not in mail.headers and _AUTOMATIC_SUBJECT.search(mail.first("subject")[:200]))
    )


def _came_from_nobody(mail: IncomingMail, return_address: ReturnAddress | None) -> bool:
    """Say whether a mail without a sender came to an address that names one of our messages."""
    if return_address is None or mail.first("return-path").strip() != "<>":
        return False
    return any(return_address.read(address) for address in _arrived_at(mail))


def _arrived_at(mail: IncomingMail) -> Iterator[str]:
    for name in _ARRIVED_AT:
        for value in mail.headers.get(name, ())[:10]:
            if address := address_in(value):
                yield address


def _returned_headers(mail: IncomingMail, notice: Notice | None) -> Mapping[str, tuple[str, ...]]:
    part = mail.part(*_RETURNED)
    if part is not None:
        return read_headers(part.body)
    return notice.returned if notice is not None else {}


def _reference(
    mail: IncomingMail,
    returned: Mapping[str, tuple[str, ...]],
    envelope_id: str | None,
    return_address: ReturnAddress | None,
) -> tuple[str | None, str | None]:
    """Return the reference of our message and where it was found."""
    wrote_from = [found for value in returned.get("return-path", ()) if (found := address_in(value))]
    addresses = (*_arrived_at(mail), *wrote_from)
    if return_address is not None:
        named = next(filter(None, map(return_address.read, addresses)), None)
        if named or return_address.secret is not None:
            return named, ("return_address" if named else None)
    header = returned.get(REFERENCE_HEADER.lower(), ("",))[0].strip()
    guessed = next(filter(None, map(any_reference, addresses)), None) if return_address is None else None
    message_id = (_angled(returned.get("message-id", ("",))[0]) or "").partition("@")[0]
    for candidate, source in (
        (header, "header"),
        (envelope_id, "envelope_id"),
        (guessed, "return_address"),
        (message_id, "message_id"),
    ):
        if candidate and _REFERENCE.fullmatch(candidate):
            return candidate, source
    return None, None


def _angled(value: str) -> str | None:
    """Return a Message-ID without its angle brackets, or None."""
    return value.strip().strip("<>")[:500] or None


def _moment(value: str) -> datetime | None:
    """Return a Date header as aware UTC, or None where it is no date."""
    try:
        return parsedate_to_datetime(value[:100]).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
