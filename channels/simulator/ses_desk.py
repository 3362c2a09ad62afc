"""A pretend Amazon SES: SendEmail of whole mails, strict about signature, fields and mail; events through SNS.

It checks and signs by code of its own, so that a mistake in ours cannot hide.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.mail_taking import Parcel, read_mail, shown, take, turn
from channels.simulator.misbehaving import answered, fault_of
from channels.simulator.receipts import Push, Receipt
from channels.simulator.webhook_keys import CERTIFICATE_NAME, TopicKey
from channels.simulator.world import World

PROVIDER = "email.ses"
PATH = "/v2/email/outbound-emails"
TAG = "tidings-reference"
REGION = "us-east-1"
CLOCK_TOLERANCE = timedelta(minutes=5)
KNOWN = frozenset({"Destination", "Content", "EmailTags", "ConfigurationSetName", "FromEmailAddress"})
NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
ADDRESS = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([a-z0-9-]+)/ses/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
REFUSED_WITH = {
    Fault.ADDRESS_REFUSED: ("BadRequestException", "Illegal address"),
    Fault.MEMBER_REFUSED: ("MessageRejected", "Email was refused."),  # The real one says so by an event only.
    Fault.CONTENT_REFUSED: ("MessageRejected", "Email contains invalid content."),
}
#: How a mail that does not arrive comes back.
BOUNCES = (("Permanent", "NoEmail", "5.1.1"), ("Permanent", "General", "5.1.1"), ("Transient", "MailboxFull", "4.2.2"))


class SesDesk:
    """Takes whole mails, and hands out the certificate that signs what it tells."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = TopicKey()
        world.receipts.word(PROVIDER, self._word, batch=1)

    def routes(self) -> list[BaseRoute]:
        """Return where it is asked."""
        return [
            Route(PATH, self.send, methods=["POST"]),
            Route(f"/{CERTIFICATE_NAME}", self.certificate, methods=["GET"]),
        ]

    async def certificate(self, request: Request) -> Response:
        """Show the certificate."""
        return Response(self._key.certificate, media_type="application/x-pem-file")

    async def send(self, request: Request) -> Response:
        """Take one mail."""
        headers, body = dict(request.headers), await request.body()
        if (code := self._gateway(headers, body)) is not None:
            return _refused(403, code, "The request cannot be let in.")
        fault, away = await fault_of(self._world.faults, request)
        if away is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return _refused(503, "ServiceUnavailable", "Service is unavailable.")
        parcel, wrong = _parcel(body)
        if fault in REFUSALS:
            wrong = REFUSED_WITH[fault]
        message_id = f"0100{self._world.record.next_seq:012x}-51a0517e-000000"
        take(self._world, PROVIDER, parcel, fault, provider_ref=message_id, code=wrong[0] if wrong else None)
        if wrong is not None:
            return _refused(400, *wrong)
        return await answered(fault, JSONResponse({"MessageId": message_id}), self._world.faults)

    def _gateway(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """Return the code with which a request is turned away; None: it is let in."""
        said = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if said is None or headers.get("content-type") != "application/json":
            return "IncompleteSignatureException"
        names = said[4].split(";")
        if names != sorted(names) or not {"host", "x-amz-date"} <= set(names) <= headers.keys():
            return "IncompleteSignatureException"
        if said[1] != self._world.settings.access_key_id:
            return "UnrecognizedClientException"
        moment = headers["x-amz-date"]
        if said[3] != REGION or moment[:8] != said[2] or not _in_time(moment):
            return "InvalidSignatureException"
        lines = [f"{name}:{' '.join(headers[name].split())}" for name in names]
        canonical = "\n".join(["POST", PATH, "", *lines, "", said[4], hashlib.sha256(body).hexdigest()])
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        key = ("AWS4" + self._world.settings.access_key_secret).encode()
        scope = [said[2], REGION, "ses", "aws4_request"]
        for word in (*scope, "\n".join(["AWS4-HMAC-SHA256", moment, "/".join(scope), hashed])):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        return None if hmac.compare_digest(key.hex(), said[5]) else "InvalidSignatureException"

    def _word(self, receipts: Sequence[Receipt]) -> Push:
        (told,) = receipts
        event = json.dumps(_event(told))
        at = _moment(datetime.now(UTC))
        envelope = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": self._world.settings.sns_topic,
            "Subject": "Amazon SES Email Event Notification",
            "Message": event,
            "Timestamp": at,
        }
        signed = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        words = "".join(f"{name}\n{envelope[name]}\n" for name in signed)
        envelope |= {"SignatureVersion": "2", "Signature": self._key.sign(words)}
        envelope["SigningCertURL"] = f"https://sns.{REGION}.amazonaws.com/{CERTIFICATE_NAME}"
        return Push(
            provider=PROVIDER,
            query="",
            content_type="text/plain; charset=UTF-8",
            body=json.dumps(envelope).encode(),
            receipts=tuple(receipts),
            headers={"x-amz-sns-message-type": "Notification"},
        )


def _parcel(body: bytes) -> tuple[Parcel, tuple[str, str] | None]:
    """Read a call; return its mail, and the code and words with which it is refused, None: it is good."""
    try:
        asked = json.loads(body)
        (address,) = asked["Destination"]["ToAddresses"]
        content = base64.b64decode(asked["Content"]["Raw"]["Data"], validate=True)
        tags = {each["Name"]: each["Value"] for each in asked.get("EmailTags", [])}
    except (ValueError, LookupError, TypeError, AttributeError, binascii.Error):
        return Parcel(address="", reference="", text=""), ("BadRequestException", "The call is not as documented.")
    mail = read_mail(content)
    parcel = Parcel(address=str(address), reference=tags.get(TAG, ""), text=shown(mail) if mail else "", source=content)
    if not asked.keys() <= KNOWN or not all(NAME.fullmatch(each) for each in (*tags, *tags.values())):
        return parcel, ("BadRequestException", "A field is not known.")
    if not ADDRESS.fullmatch(parcel.address):
        return parcel, ("BadRequestException", "Illegal address")
    if mail is None:
        return parcel, ("BadRequestException", "The raw message is no mail.")
    return parcel, None


def _event(told: Receipt) -> dict[str, Any]:
    mail = {
        "timestamp": _moment(told.sent_at),
        "messageId": told.provider_ref,
        "destination": [told.address],
        "headersTruncated": False,
        "headers": [{"name": "X-Tidings-Reference", "value": told.reference}],
        "tags": {TAG: [told.reference], "ses:operation": ["SendRawEmail"]} if told.reference else {},
    }
    at = _moment(told.sent_at + timedelta(seconds=2))
    if told.arrived:
        delivery = {"timestamp": at, "recipients": [told.address], "smtpResponse": "250 2.0.0 OK"}
        return {"eventType": "Delivery", "mail": mail, "delivery": delivery}
    kind, more, status = BOUNCES[turn(told.provider_ref, len(BOUNCES))]
    bounce = {
        "feedbackId": f"fb-{told.provider_ref}",
        "bounceType": kind,
        "bounceSubType": more,
        "bouncedRecipients": [{"emailAddress": told.address, "action": "failed", "status": status}],
        "timestamp": at,
    }
    return {"eventType": "Bounce", "mail": mail, "bounce": bounce}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _in_time(said: str) -> bool:
    try:
        at = datetime.strptime(said, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - at) < CLOCK_TOLERANCE


def _refused(status: int, code: str, words: str) -> Response:
    return JSONResponse({"message": words}, status_code=status, headers={"x-amzn-ErrorType": code})
