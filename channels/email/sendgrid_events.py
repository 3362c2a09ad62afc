"""What SendGrid tells about mails, in our words.

Source: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event, read in November 2026.
"""

import re
from collections.abc import Sequence

from channels.email.webhook_fields import Fields, is_about_the_address, moment, words
from channels.message import Callback, Channel, DeliveryReport, Reply, ReportStatus

#: The custom argument that carries our reference.
REFERENCE = "tidings_reference"
STATUSES = {
    "processed": ReportStatus.ACCEPTED,
    "deferred": ReportStatus.ACCEPTED,
    "delivered": ReportStatus.DELIVERED,
    "bounce": ReportStatus.FAILED,
    "dropped": ReportStatus.FAILED,
    "spamreport": ReportStatus.COMPLAINED,
}
UNSUBSCRIBED = frozenset({"unsubscribe", "group_unsubscribe"})
#: Classes of bounces that are about the sender, the text or the moment.
NOT_THE_ADDRESS = frozenset(
    {"Content", "Reputation", "Frequency or Volume Too High", "Technical Failure", "Mailbox Unavailable"}
)
#: What stands behind the message's own id in an event: the machine that handled it.
_MACHINE = re.compile(r"\.(?:filter|recvd).*", re.DOTALL)


def read_events(events: Sequence[Fields], *, provider: str) -> Callback:
    """Translate a batch; opens, clicks and kinds we do not know say nothing of what became of a mail."""
    reports = [_report(each, provider) for each in events]
    replies = [_goodbye(each, provider) for each in events]
    return Callback(
        reports=tuple(each for each in reports if each is not None),
        replies=tuple(each for each in replies if each is not None),
        content_type="text/plain",
    )


def _key(event: Fields) -> str:
    parts = (words(event, "sg_message_id"), words(event, "event"), words(event, "timestamp"), words(event, "email"))
    return words(event, "sg_event_id") or ":".join(parts)


def _report(event: Fields, provider: str) -> DeliveryReport | None:
    status = _status(event)
    if status is None:
        return None
    said = [words(event, name) for name in ("status", "type", "bounce_classification")]
    if words(event, "event") == "dropped":
        said.append(words(event, "reason"))
    return DeliveryReport(
        provider=provider,
        key=_key(event),
        status=status,
        reference=words(event, REFERENCE) or None,
        provider_ref=_MACHINE.sub("", words(event, "sg_message_id")) or None,
        code=" ".join(filter(None, said))[:120] or None,
        occurred_at=moment(event.get("timestamp")),
        raw=event,
    )


def _status(event: Fields) -> ReportStatus | None:
    kind = words(event, "event")
    if kind == "dropped" and words(event, "reason") == "Bounced Address":
        return ReportStatus.BOUNCED
    if kind == "bounce" and words(event, "type") == "bounce":
        server = f"{words(event, 'status')} {words(event, 'reason')}"
        blamed = words(event, "bounce_classification") not in NOT_THE_ADDRESS and is_about_the_address(server)
        return ReportStatus.BOUNCED if blamed else ReportStatus.FAILED
    return STATUSES.get(kind)


def _goodbye(event: Fields, provider: str) -> Reply | None:
    """Return the reply that an unsubscribing at the provider's amounts to."""
    address = words(event, "email").strip().lower()
    if words(event, "event") not in UNSUBSCRIBED or not address:
        return None
    return Reply(
        provider=provider,
        key=_key(event),
        channel=Channel.EMAIL,
        address=address,
        text="STOP",
        occurred_at=moment(event.get("timestamp")),
    )
