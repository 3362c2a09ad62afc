"""Twilio SendGrid: mails by its API of version 3, and its signed Event Webhook."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import Field, SecretStr, field_validator

from channels.email.api_mail import ENDPOINT, ApiMail, ApiMailSettings, WrittenMail
from channels.email.inline_images import attachments
from channels.email.mailbox import one_line
from channels.email.sendgrid_events import REFERENCE, read_events
from channels.email.webhook_fields import is_fresh, objects, read_json, utc_now, words
from channels.errors import (
    AddressRefused,
    CallbackRefused,
    ContentRefused,
    DeliveryError,
    MessageRefused,
    OutcomeUnknown,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.http import Answer, unexpected
from channels.message import Callback, CallbackRequest, Message, Outcome, OutcomeKind
from channels.waits import until_reset

PATH = "/v3/mail/send"
SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
#: What would rewrite our links, add pixels, or put other ways to unsubscribe in the place of ours.
UNTOUCHED = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}
_RECEIVER = re.compile(r"personalizations\.\d+\.to\b")


def _key(said: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(base64.b64decode(said, validate=True))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("this is not the verification key as the provider's console shows it")
    return key


class SendGridSettings(ApiMailSettings):
    """One API key, its sender, and the key by which its events are known."""

    api_key: SecretStr
    #: The verification key of the signed Event Webhook.  None: every callback is refused.
    webhook_key: str | None = None
    callback_window: float = Field(default=90_000.0, gt=0)  #: seconds a callback may be old
    endpoint: str = Field(default="https://api.sendgrid.com", pattern=ENDPOINT)

    @field_validator("webhook_key")
    @classmethod
    def _is_a_key(cls, said: str | None) -> str | None:
        if said is not None:
            _key(said)
        return said


class SendGrid(ApiMail):
    """Carries each mail in a call of its own.

    Source: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send, read in November 2026.
    """

    name: ClassVar[str] = "email.sendgrid"
    takes_whole_mails: ClassVar[bool] = False

    def __init__(self, settings: SendGridSettings, *, clock: Callable[[], datetime] = utc_now) -> None:
        """``clock`` says what age callbacks are measured by."""
        super().__init__(settings, endpoint=settings.endpoint, wait=until_reset)
        self._settings = settings
        self._clock = clock
        self._webhook_key = _key(settings.webhook_key) if settings.webhook_key else None

    def read_callback(self, request: CallbackRequest) -> Callback:
        self._verify(request)
        events = read_json(request.body, self.name)
        if not isinstance(events, list):
            raise CallbackRefused("the callback is not a list of events", provider=self.name)
        return read_events([each for each in events if isinstance(each, dict)], provider=self.name)

    def _verify(self, request: CallbackRequest) -> None:
        """Check the signature over the time and the bytes as they came.

        Raises:
            CallbackRefused: it is not the provider's, or too old.
        """
        if self._webhook_key is None:
            raise CallbackRefused("no webhook_key is set, so no callback can be verified", provider=self.name)
        said = request.headers.get(TIMESTAMP, "")
        try:
            signature = base64.b64decode(request.headers.get(SIGNATURE, ""), validate=True)
            self._webhook_key.verify(signature, said.encode() + request.body, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            raise CallbackRefused("the signature is not the provider's", provider=self.name) from None
        at = datetime.fromtimestamp(int(said), UTC) if re.fullmatch(r"[0-9]{1,11}", said) else None
        if not is_fresh(at, now=self._clock(), window=timedelta(seconds=self._settings.callback_window)):
            raise CallbackRefused("the callback is too old, or from the future", provider=self.name)

    def _send(self, mail: WrittenMail, message: Message, deadline: float) -> Outcome:
        headers = {
            "Authorization": f"Bearer {self._settings.api_key.get_secret_value()}",
            "Content-Type": "application/json",
        }
        body = json.dumps(self._request(mail, message)).encode()
        answer = self._http.post(PATH, headers=headers, body=body, deadline=deadline)
        if answer.status != 202:
            raise self._refusal(answer)
        given = answer.headers.get("X-Message-Id", "")
        if not given:
            raise OutcomeUnknown("the answer says yes and names no message", provider=self.name)
        return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=given, code="202")

    def _request(self, mail: WrittenMail, message: Message) -> dict[str, object]:
        settings, parts = self._settings, message.parts
        sender = {"email": settings.sender_address}
        if settings.sender_name:
            sender["name"] = settings.sender_name
        kinds = (("text/plain", parts.get("text")), ("text/html", parts.get("html")))  # In this order, or refused.
        asked: dict[str, object] = {
            "personalizations": [{"to": [{"email": mail.to}]}],
            "from": sender,
            "subject": one_line(parts["subject"]),
            "content": [{"type": kind, "value": value} for kind, value in kinds if value],
            "headers": dict(mail.headers),
            "custom_args": {REFERENCE: mail.reference},
            "tracking_settings": UNTOUCHED,
        }
        if message.images:
            asked["attachments"] = attachments(message.images, provider=self.name)
        if settings.reply_to:
            asked["reply_to"] = {"email": settings.reply_to}
        return asked

    def _refusal(self, answer: Answer) -> DeliveryError:
        """Return what the answer means; its own words are left out, for they may repeat the address."""
        try:
            said = answer.members(self.name)
        except DeliveryError as error:
            return error if answer.status != 413 else self._too_large()
        problems = objects(said, "errors")
        if not problems:
            return unexpected(answer.status, self.name)
        field = words(problems[0], "field")
        code = f"{answer.status} {field}".strip()[:80]
        match answer.status:
            case 400:
                refused, sentence = _wrong_field(field)
                return refused(sentence, provider=self.name, code=code)
            case 413:
                return self._too_large()
            case 415:
                return ProviderMisconfigured("the provider does not read what we write", provider=self.name, code=code)
            case 503:
                return ProviderUnavailable("the provider is not available now", provider=self.name, code=code)
        return unexpected(answer.status, self.name)

    def _too_large(self) -> DeliveryError:
        return ContentRefused("the mail is larger than the provider takes", provider=self.name, code="413")


def _wrong_field(field: str) -> tuple[type[DeliveryError], str]:
    if _RECEIVER.match(field):
        return AddressRefused, "the provider says that this is no address"
    if field.startswith(("from", "reply_to")):
        return ProviderMisconfigured, "the provider does not take this sender"
    if field.startswith(("subject", "content")):
        return ContentRefused, "the provider does not take these words"
    return MessageRefused, "a field of the call was refused"
