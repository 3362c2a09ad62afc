"""A pretend Mailgun: messages.mime of version 3, strict about key, form and mail, and signed webhooks."""

import base64
import binascii
import email
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from email import policy

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.mail_taking import Parcel, read_mail, shown, take, turn
from channels.simulator.misbehaving import answered, fault_of
from channels.simulator.receipts import Push, Receipt
from channels.simulator.world import World

PROVIDER = "email.mailgun"
REFERENCE = "tidings_reference"
ADDRESS = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
SWITCHES = frozenset({"o:tracking", "o:tracking-clicks", "o:tracking-opens", "o:testmode"})
BAD_ADDRESS = "to parameter is not a valid address. please check documentation"
REFUSED_WITH = {
    Fault.ADDRESS_REFUSED: BAD_ADDRESS,
    Fault.MEMBER_REFUSED: "refused to order",  # The real one says so by an event only.
    Fault.CONTENT_REFUSED: "message content is refused",
}
#: How a mail that does not arrive is told.
FAILURES = (
    ("bounce", 550, "5.1.1 user unknown"),
    ("suppress-bounce", 605, "Not delivering to previously bounced address"),
    ("generic", 554, "5.7.1 blocked"),
)


class MailgunDesk:
    """Takes whole mails for one domain."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.receipts.word(PROVIDER, self._word, batch=1)

    def routes(self) -> list[BaseRoute]:
        """Return where it is asked."""
        return [Route("/v3/{domain}/messages.mime", self.send, methods=["POST"])]

    async def send(self, request: Request) -> Response:
        """Take one mail."""
        if not self._known(request.headers.get("authorization", "")):
            return Response(b"Forbidden", status_code=401)
        if request.path_params["domain"] != self._world.settings.mail_domain:
            return _said(404, "Domain not found")
        fault, away = await fault_of(self._world.faults, request)
        if away is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return _said(503, "Service is unavailable")
        fields = _fields(request.headers.get("content-type", ""), await request.body())
        parcel, message_id, wrong = _parcel(fields)
        if fault in REFUSALS:
            wrong = REFUSED_WITH[fault]
        take(self._world, PROVIDER, parcel, fault, provider_ref=message_id, code=None if wrong is None else "400")
        if wrong is not None:
            return _said(400, wrong)
        queued = JSONResponse({"id": f"<{message_id}>", "message": "Queued. Thank you."})
        return await answered(fault, queued, self._world.faults)

    def _known(self, authorization: str) -> bool:
        kind, _, coded = authorization.partition(" ")
        try:
            login = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            return False
        return kind == "Basic" and hmac.compare_digest(login, f"api:{self._world.settings.mail_api_key}".encode())

    def _word(self, receipts: Sequence[Receipt]) -> Push:
        (told,) = receipts
        at, token = str(int(time.time())), secrets.token_hex(25)
        key = self._world.settings.mail_signing_key.encode()
        signature = hmac.digest(key, (at + token).encode(), "sha256").hex()
        said = {"timestamp": at, "token": token, "signature": signature}
        body = json.dumps({"signature": said, "event-data": _event(told)}).encode()
        return Push(provider=PROVIDER, query="", content_type="application/json", body=body, receipts=tuple(receipts))


def _fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """Read a form by the standard library's own parser; a field that comes twice, or none at all, spoils it."""
    if not content_type.startswith("multipart/form-data; boundary="):
        return {}
    whole = email.message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=policy.compat32)
    fields: dict[str, bytes] = {}
    for part in whole.walk() if whole.is_multipart() else ():
        name = part.get_param("name", header="Content-Disposition")
        if isinstance(name, str) and name not in fields:
            # What lies in a mail's part is a mail again, so its bytes are cut out of the body.
            fields[name] = _mail_in(body) if name == "message" else bytes(part.get_payload(decode=True) or b"")
    return fields


def _mail_in(body: bytes) -> bytes:
    start = body.find(b"\r\n\r\n", body.find(b'name="message"')) + 4
    boundary = body[: body.find(b"\r\n")]
    return body[start : body.find(b"\r\n" + boundary, start)]


def _parcel(fields: Mapping[str, bytes]) -> tuple[Parcel, str, str | None]:
    """Return the mail of a call, its id, and the words with which it is refused, None: it is good."""
    content = fields.get("message", b"")
    mail = read_mail(content)
    address, reference = fields.get("to", b"").decode(), fields.get(f"v:{REFERENCE}", b"").decode()
    parcel = Parcel(address=address, reference=reference, text=shown(mail) if mail else "", source=content)
    message_id = str(mail["Message-ID"]).strip("<>") if mail is not None and mail["Message-ID"] else ""
    checks = (
        (
            all(name in SWITCHES or name[:2] == "v:" for name in fields.keys() - {"to", "message"}),
            "a field is not known",
        ),
        (all(fields[name] in (b"yes", b"no") for name in SWITCHES & fields.keys()), "a switch is yes or no"),
        (ADDRESS.fullmatch(address), BAD_ADDRESS),
        (mail is not None, "message is no mail"),
        (message_id, "message has no id"),
    )
    return parcel, message_id, next((words for fine, words in checks if not fine), None)


def _event(told: Receipt) -> dict[str, object]:
    event: dict[str, object] = {
        "id": f"ev-{told.provider_ref}-{'delivered' if told.arrived else 'undelivered'}",
        "timestamp": told.sent_at.timestamp() + 2,
        "recipient": told.address,
        "message": {"headers": {"message-id": told.provider_ref, "to": told.address}},
        "user-variables": {REFERENCE: told.reference} if told.reference else {},
        "tags": [],
    }
    if told.arrived:
        return {**event, "event": "delivered", "delivery-status": {"code": 250, "message": "OK"}}
    reason, code, words = FAILURES[turn(told.provider_ref, len(FAILURES))]
    failed = {"event": "failed", "severity": "permanent", "reason": reason}
    return {**event, **failed, "delivery-status": {"code": code, "message": words}}


def _said(status: int, words: str) -> Response:
    return JSONResponse({"message": words}, status_code=status)
