"""A pretend SendGrid: mail/send of version 3, strict about key and fields, and a signed Event Webhook."""

import base64
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.mail_taking import Parcel, take, turn
from channels.simulator.misbehaving import answered, fault_of
from channels.simulator.receipts import Push, Receipt
from channels.simulator.webhook_keys import sign_events
from channels.simulator.world import World

PROVIDER = "email.sendgrid"
REFERENCE = "tidings_reference"
KNOWN = frozenset(
    {"personalizations", "from", "reply_to", "subject", "content", "headers", "custom_args", "tracking_settings"}
    | {"attachments"}
)
#: Headers the real one writes by itself and refuses to be told.
RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
ADDRESS = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
MOST_ARGUMENTS = 10_000  #: bytes
TO, CONTENT = "personalizations.0.to.0.email", "content.0.value"
REFUSED_WITH = {
    Fault.ADDRESS_REFUSED: TO,
    Fault.MEMBER_REFUSED: "custom_args",  # The real one says so by an event only.
    Fault.CONTENT_REFUSED: CONTENT,
}
#: How a mail that does not arrive is told.
BOUNCES = (
    {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 user unknown"},
    {"event": "bounce", "type": "blocked", "status": "5.7.1", "reason": "550 5.7.1 blocked"},
    {"event": "dropped", "reason": "Bounced Address"},
)


class SendGridDesk:
    """Takes mails one by one."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.receipts.word(PROVIDER, self._word, batch=world.settings.receipts.batch)

    def routes(self) -> list[BaseRoute]:
        """Return where it is asked."""
        return [Route("/v3/mail/send", self.send, methods=["POST"])]

    async def send(self, request: Request) -> Response:
        """Take one mail."""
        right = f"Bearer {self._world.settings.mail_api_key}".encode()
        if not hmac.compare_digest(request.headers.get("authorization", "").encode("latin-1"), right):
            return _refused(401, "", "The provided authorization grant is invalid, expired, or revoked")
        if request.headers.get("content-type") != "application/json":
            return _refused(415, "", "Content-Type should be application/json.")
        fault, away = await fault_of(self._world.faults, request)
        if away is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return _refused(503, "", "Service unavailable")
        try:
            body = await request.body()
            asked = json.loads(body)
            parcel, wrong = _parcel(asked, body), _wrong_field(asked, self._world.settings.mail_domain)
        except (ValueError, LookupError, TypeError, AttributeError):
            parcel, wrong = Parcel(address="", reference="", text=""), "personalizations"
        wrong = REFUSED_WITH.get(fault, wrong)
        message_id = f"Sim-{self._world.record.next_seq:018d}"
        code = None if wrong is None else f"400 {wrong}"
        take(self._world, PROVIDER, parcel, fault, provider_ref=message_id, code=code)
        if wrong is not None or fault in REFUSALS:
            return _refused(400, wrong or "", "refused")
        return await answered(
            fault, Response(status_code=202, headers={"X-Message-Id": message_id}), self._world.faults
        )

    def _word(self, receipts: Sequence[Receipt]) -> Push:
        body = json.dumps([_event(each) for each in receipts], separators=(",", ":")).encode() + b"\r\n"
        at = str(int(time.time()))
        return Push(
            provider=PROVIDER,
            query="",
            content_type="application/json",
            body=body,
            receipts=tuple(receipts),
            headers={
                "X-Twilio-Email-Event-Webhook-Timestamp": at,
                "X-Twilio-Email-Event-Webhook-Signature": sign_events(
                    self._world.settings.mail_signing_key, at.encode() + body
                ),
            },
        )


def _parcel(asked: Mapping[str, Any], body: bytes) -> Parcel:
    return Parcel(
        address=str(asked["personalizations"][0]["to"][0]["email"]),
        reference=str(asked.get("custom_args", {}).get(REFERENCE, "")),
        text=f"{asked['subject']}\n\n{asked['content'][0]['value']}",
        source=body,
    )


def _wrong_field(asked: Mapping[str, Any], domain: str) -> str | None:
    """Return the field the real service would not take; None: they are good."""
    kinds = [each["type"] for each in asked["content"]]
    headers, arguments = asked.get("headers", {}), asked.get("custom_args", {})
    one = len(asked["personalizations"]) == 1 and len(asked["personalizations"][0]["to"]) == 1
    texts = all(isinstance(each, str) for each in (*headers.values(), *arguments.values()))
    checks = (
        (asked.keys() <= KNOWN, ""),
        (one, "personalizations"),
        (ADDRESS.fullmatch(asked["personalizations"][0]["to"][0]["email"]), TO),
        (asked["from"]["email"].endswith(f"@{domain}"), "from.email"),
        (isinstance(asked["subject"], str) and asked["subject"], "subject"),
        (kinds in (["text/plain"], ["text/html"], ["text/plain", "text/html"]), "content"),
        (all(each["value"] for each in asked["content"]), CONTENT),
        (texts and not RESERVED & {name.lower() for name in headers}, "headers"),
        (len(json.dumps(arguments)) <= MOST_ARGUMENTS, "custom_args"),
        (all(_is_picture(each, asked["content"][-1]) for each in asked.get("attachments", [])), "attachments"),
    )
    return next((field for fine, field in checks if not fine), None)


def _is_picture(attached: Mapping[str, str], shown: Mapping[str, str]) -> bool:
    """Say whether an attachment is whole, stands inside the mail, and is spoken of there."""
    named = {"content", "type", "filename", "disposition", "content_id"}
    base64.b64decode(attached["content"], validate=True)
    inline = attached["disposition"] == "inline" and shown["type"] == "text/html"
    return attached.keys() == named and inline and f"cid:{attached['content_id']}" in shown["value"]


def _event(told: Receipt) -> dict[str, object]:
    said = {"event": "delivered", "response": "250 2.0.0 OK"}
    if not told.arrived:
        said = BOUNCES[turn(told.provider_ref, len(BOUNCES))]
    return {
        "email": told.address,
        "timestamp": int(told.sent_at.timestamp()) + 2,
        "sg_event_id": f"ev-{told.provider_ref}-{'delivered' if told.arrived else 'undelivered'}",
        "sg_message_id": f"{told.provider_ref}.recvd-simulated-1.0",
        REFERENCE: told.reference,
        **said,
    }


def _refused(status: int, field: str, words: str) -> Response:
    return JSONResponse({"errors": [{"message": words, "field": field or None, "help": None}]}, status_code=status)
