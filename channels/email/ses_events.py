"""What Amazon SES tells about a mail, in our words.

Source: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html and
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html, read in November 2026.
"""

from channels.email.mime import REFERENCE_HEADER
from channels.email.webhook_fields import Fields, inner, is_about_the_address, moment, objects, words
from channels.message import DeliveryReport, ReportStatus

#: The tag that carries our reference.
TAG = "tidings-reference"
HARD = frozenset({"General", "NoEmail", "Suppressed", "OnAccountSuppressionList"})
#: Complaints that are none.
HARMLESS = frozenset({"not-spam", "auth-failure"})
STATUSES = {
    "Send": ReportStatus.ACCEPTED,
    "DeliveryDelay": ReportStatus.ACCEPTED,
    "Delivery": ReportStatus.DELIVERED,
    "Reject": ReportStatus.FAILED,
    "Rendering Failure": ReportStatus.FAILED,
    "Bounce": ReportStatus.FAILED,
    "Complaint": ReportStatus.COMPLAINED,
}
#: Where the event's own words lie, if not under its name in small letters.
PLACES = {"DeliveryDelay": "deliveryDelay", "Rendering Failure": "failure"}


def read_event(event: Fields, *, provider: str) -> DeliveryReport | None:
    """Translate one event or notification; None: it says nothing of what became of the mail."""
    kind = words(event, "eventType") or words(event, "notificationType")
    mail = inner(event, "mail")
    message_id = words(mail, "messageId")
    told = inner(event, PLACES.get(kind, kind.lower()))
    status = _status(kind, told)
    if status is None or not message_id:
        return None
    return DeliveryReport(
        provider=provider,
        # One mail has one receiver, so whichever way an event comes, and however often, this is the same.
        key=":".join(filter(None, (message_id, kind, words(told, "feedbackId")))),
        status=status,
        reference=_reference(mail),
        provider_ref=message_id,
        code=_code(told),
        occurred_at=moment(told.get("timestamp")) or moment(mail.get("timestamp")),
        raw=event,
    )


def _status(kind: str, told: Fields) -> ReportStatus | None:
    if kind == "Complaint" and words(told, "complaintSubType") == "OnAccountSuppressionList":
        return ReportStatus.FAILED  # An earlier complaint: this mail never left.
    if kind == "Complaint" and words(told, "complaintFeedbackType") in HARMLESS:
        return None
    if kind == "Bounce" and words(told, "bounceType") == "Permanent" and words(told, "bounceSubType") in HARD:
        servers = [f"{words(each, 'status')} {words(each, 'diagnosticCode')}" for each in _bounced(told)]
        return ReportStatus.BOUNCED if all(map(is_about_the_address, servers)) else ReportStatus.FAILED
    return STATUSES.get(kind)


def _bounced(told: Fields) -> list[Fields]:
    return objects(told, "bouncedRecipients")


def _code(told: Fields) -> str | None:
    said = [words(told, name) for name in ("bounceType", "bounceSubType", "complaintFeedbackType", "complaintSubType")]
    said += [words(told, name) for name in ("delayType", "reason")]
    said += [words(each, "status") for each in _bounced(told)[:1]]
    return " ".join(filter(None, said))[:120] or None


def _reference(mail: Fields) -> str | None:
    tagged = inner(mail, "tags").get(TAG)
    if isinstance(tagged, list) and tagged and isinstance(tagged[0], str):
        return tagged[0]
    headers = objects(mail, "headers")
    named = (words(each, "value") for each in headers if words(each, "name").lower() == REFERENCE_HEADER.lower())
    return next(named, None) or None
