"""Bounces and complaints as delivery reports."""

import hashlib

from channels.email.bounce_reasons import Verdict
from channels.email.bounces import Bounce, MailKind
from channels.email.mime import PROVIDER
from channels.message import DeliveryReport, ReportStatus


def report_of(bounce: Bounce, raw: bytes) -> DeliveryReport | None:
    """Return what a mail means for the message it is about; None: nothing, or the message is not known.

    The same mail has the same key however often and over whatever way it comes.
    """
    status = _status(bounce)
    if status is None or bounce.reference is None:
        return None
    decisive = next(each for each in bounce.findings if each.verdict is not Verdict.NONE)
    identity = bounce.own_message_id or hashlib.sha256(raw).hexdigest()
    key = hashlib.sha256(f"{identity}\n{bounce.reference}\n{status}".encode("utf-8", "replace")).hexdigest()
    return DeliveryReport(
        provider=PROVIDER,
        key=key[:40],
        status=status,
        reference=bounce.reference,
        code=" ".join(str(each) for each in (decisive.reply, decisive.status) if each) or None,
        occurred_at=bounce.written_at,
        raw={
            "kind": str(bounce.kind),
            "verdicts": [str(each) for each in bounce.verdicts],
            "address": decisive.address,
            "diagnostic": decisive.diagnostic.replace("\0", ""),
            "message_id": bounce.own_message_id,
        },
    )


def _status(bounce: Bounce) -> ReportStatus | None:
    """Return the report's status; an address is called dead only where nothing in the mail says otherwise."""
    verdicts = set(bounce.verdicts) - {Verdict.NONE}
    if bounce.kind is MailKind.COMPLAINT:
        return ReportStatus.COMPLAINED if Verdict.COMPLAINT in verdicts else None
    if bounce.kind is not MailKind.BOUNCE or not verdicts:
        return None
    return ReportStatus.BOUNCED if verdicts == {Verdict.HARD} else ReportStatus.FAILED
