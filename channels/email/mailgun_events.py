"""What Mailgun tells about a mail, in our words.

Source: https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure, read in November 2026.
"""

from channels.email.webhook_fields import Fields, inner, is_about_the_address, moment, words
from channels.message import Callback, Channel, DeliveryReport, Reply, ReportStatus

#: The variable that carries our reference.
REFERENCE = "tidings_reference"
STATUSES = {
    "accepted": ReportStatus.ACCEPTED,
    "delivered": ReportStatus.DELIVERED,
    "failed": ReportStatus.FAILED,
    "rejected": ReportStatus.FAILED,
    "complained": ReportStatus.COMPLAINED,
}
#: Reasons of a permanent failure that are about the address.
DEAD = frozenset({"bounce", "suppress-bounce"})


def read_event(event: Fields, *, provider: str) -> Callback:
    """Translate one event; opens, clicks and kinds we do not know say nothing of what became of the mail."""
    status = _status(event)
    headers = inner(inner(event, "message"), "headers")
    message_id = words(headers, "message-id").strip("<>")
    address = words(event, "recipient").strip().lower()
    key = words(event, "id") or ":".join((message_id, words(event, "event"), words(event, "timestamp")))
    at = moment(event.get("timestamp"))
    if words(event, "event") == "unsubscribed" and address:
        reply = Reply(provider=provider, key=key, channel=Channel.EMAIL, address=address, text="STOP", occurred_at=at)
        return Callback(replies=(reply,))
    if status is None:
        return Callback()
    report = DeliveryReport(
        provider=provider,
        key=key,
        status=status,
        reference=words(inner(event, "user-variables"), REFERENCE) or None,
        provider_ref=message_id or None,
        code=_code(event),
        occurred_at=at,
        raw=event,
    )
    return Callback(reports=(report,))


def _status(event: Fields) -> ReportStatus | None:
    kind = words(event, "event")
    if kind != "failed":
        return STATUSES.get(kind)
    if words(event, "severity") == "temporary":
        return ReportStatus.ACCEPTED  # It will be tried again.
    told = inner(event, "delivery-status")
    blamed = words(event, "severity") == "permanent" and words(event, "reason") in DEAD
    if not blamed or words(told, "bounce-type") == "soft":
        return ReportStatus.FAILED
    server = " ".join(words(told, name) for name in ("code", "enhanced-code", "message", "description"))
    return ReportStatus.BOUNCED if is_about_the_address(server) else ReportStatus.FAILED


def _code(event: Fields) -> str | None:
    told = inner(event, "delivery-status")
    said = (words(event, "severity"), words(event, "reason"), words(told, "code"), words(told, "enhanced-code"))
    return " ".join(filter(None, said))[:120] or None
