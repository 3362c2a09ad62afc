"""Mailgun: whole mails by its API of version 3, and webhooks that are signed by a token."""

import base64
import hashlib
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pydantic import Field, SecretStr

from channels.email.api_mail import ENDPOINT, ApiMail, ApiMailSettings, WrittenMail
from channels.email.mailgun_events import REFERENCE, read_event
from channels.email.webhook_fields import Fields, inner, is_fresh, read_json, utc_now, words
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

TOKENS_KEPT = 200_000
_RECEIVER = re.compile(r"(?<![-\w])'?to'? parameter|recipient address", re.IGNORECASE)
_SENDER = re.compile(r"(?<![-\w])'?from'? parameter|not allowed to send|domain is not verified", re.IGNORECASE)
_LATER = re.compile(r"limit exceeded|try again after|rate limit", re.IGNORECASE)
_TOO_LARGE = re.compile(r"too large|exceeds the (?:maximum )?size", re.IGNORECASE)


class MailgunSettings(ApiMailSettings):
    """One domain, its key, and the key by which its events are known."""

    domain: str = Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")
    api_key: SecretStr
    #: The HTTP webhook signing key.  None: every callback is refused.
    webhook_signing_key: SecretStr | None = None
    callback_window: float = Field(default=32_400.0, gt=0)  #: seconds a callback may be old
    test_mode: bool = False  #: whether Mailgun takes every mail and delivers none
    endpoint: str = Field(default="https://api.mailgun.net", pattern=ENDPOINT)


class _Tokens:
    """Which token came with which body, as far as this process has seen.

    The signature covers the token and not the body.  The same webhook made again changes
    nothing, whichever process takes it: its reports have the keys they had.  What is kept
    off here is another body under a token that somebody has read; the public side is one
    process, so it sees every token, but forgets them when it ends.
    """

    def __init__(self) -> None:
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def fits(self, token: str, body: bytes) -> bool:
        """Say whether a token is new, or came with the same body before, as it does when a push is made again."""
        digest = hashlib.sha256(body).digest()
        with self._lock:
            known = self._bodies.setdefault(token, digest)
            if len(self._bodies) > TOKENS_KEPT:
                self._bodies.popitem(last=False)
        return hmac.compare_digest(known, digest)


class Mailgun(ApiMail):
    """Carries each mail whole in a call of its own, so that every header of ours stays as it is.

    Source: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages, read in November 2026.
    """

    name: ClassVar[str] = "email.mailgun"

    def __init__(self, settings: MailgunSettings, *, clock: Callable[[], datetime] = utc_now) -> None:
        """``clock`` says what age callbacks are measured by."""
        super().__init__(settings, endpoint=settings.endpoint)
        self._settings = settings
        self._clock = clock
        self._tokens = _Tokens()

    def read_callback(self, request: CallbackRequest) -> Callback:
        said = read_json(request.body, self.name)
        if not isinstance(said, dict):
            raise CallbackRefused("the callback is not an object", provider=self.name)
        self._verify(inner(said, "signature"), request.body)
        return read_event(inner(said, "event-data"), provider=self.name)

    def _verify(self, signed: Fields, body: bytes) -> None:
        """Check the signature, its age, and that its token came here with no other body.

        Raises:
            CallbackRefused: it is not the provider's, too old, or used a second time.
        """
        key = self._settings.webhook_signing_key
        if key is None:
            raise CallbackRefused("no webhook_signing_key is set, so no callback can be verified", provider=self.name)
        at, token, shown = words(signed, "timestamp"), words(signed, "token"), words(signed, "signature")
        plain = re.fullmatch(r"[0-9]{1,11}", at) and re.fullmatch(r"[A-Za-z0-9]{1,200}", token)
        right = hmac.new(
            key.get_secret_value().encode(), f"{at}{token}".encode("utf-8", "replace"), "sha256"
        ).hexdigest()
        if not (hmac.compare_digest(right.encode(), shown.encode("utf-8", "replace")) and plain):
            raise CallbackRefused("the signature is not the provider's", provider=self.name)
        window = timedelta(seconds=self._settings.callback_window)
        if not is_fresh(datetime.fromtimestamp(int(at), UTC), now=self._clock(), window=window):
            raise CallbackRefused("the callback is too old, or from the future", provider=self.name)
        if not self._tokens.fits(token, body):
            raise CallbackRefused("the callback's token has been used before", provider=self.name)

    def _send(self, mail: WrittenMail, message: Message, deadline: float) -> Outcome:
        login = base64.b64encode(b"api:" + self._settings.api_key.get_secret_value().encode()).decode()
        boundary = f"tidings-{secrets.token_hex(16)}"
        headers = {"Authorization": f"Basic {login}", "Content-Type": f"multipart/form-data; boundary={boundary}"}
        body = _form(self._fields(mail), mail.content, boundary)
        answer = self._http.post(
            f"/v3/{self._settings.domain}/messages.mime", headers=headers, body=body, deadline=deadline
        )
        said = _answer(answer, self.name)
        if answer.status != 200:
            raise self._refusal(answer, words(said, "message"))
        given = words(said, "id").strip("<>")
        if not given:
            raise OutcomeUnknown("the answer says yes and names no message", provider=self.name)
        return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=given, code="200")

    def _fields(self, mail: WrittenMail) -> dict[str, str]:
        """Return the form without the mail; tracking would rewrite our signed links, so it is off."""
        fields = {"to": mail.to, "o:tracking": "no", "o:tracking-clicks": "no", "o:tracking-opens": "no"}
        if self._settings.test_mode:
            fields["o:testmode"] = "yes"
        return {**fields, f"v:{REFERENCE}": mail.reference}

    def _refusal(self, answer: Answer, said: str) -> DeliveryError:
        """Return what the answer means; its own words are left out, for they may repeat the address."""
        meaning: tuple[type[DeliveryError], str] | None = None
        if answer.status in (400, 402, 403) and _LATER.search(said):
            meaning = ProviderUnavailable, "the account's limit is reached for now"
        elif answer.status in (400, 402, 403) and _SENDER.search(said):
            meaning = ProviderMisconfigured, "the provider does not take this sender or this account"
        elif answer.status == 400 and said:
            meaning = _bad_request(said)
        elif answer.status == 402 and said:
            meaning = MessageRefused, "the provider could not carry out the call"
        elif answer.status == 413:
            meaning = ContentRefused, "the mail is larger than the provider takes"
        elif answer.status == 503 and said:
            meaning = ProviderUnavailable, "the provider is not available now"
        if meaning is None:
            return unexpected(answer.status, self.name)
        return meaning[0](meaning[1], provider=self.name, code=str(answer.status))


def _bad_request(said: str) -> tuple[type[DeliveryError], str]:
    if _RECEIVER.search(said):
        return AddressRefused, "the provider says that this is no address"
    if _TOO_LARGE.search(said) or "content" in said.lower():
        return ContentRefused, "the provider does not take this mail"
    return MessageRefused, "a field of the call was refused"


def _answer(answer: Answer, provider: str) -> Fields:
    """Return what was said; a status that says all needs no words."""
    try:
        return answer.members(provider)
    except OutcomeUnknown:
        if answer.status == 413:
            return {}
        raise


def _form(fields: dict[str, str], mail: bytes, boundary: str) -> bytes:
    """Return a form of some fields and the mail as a file; none of the fields can hold a line end."""
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="message"; filename="message.mime"\r\n'
    kind = "Content-Type: message/rfc822\r\n\r\n"
    return b"".join((head.encode(), file.encode(), kind.encode(), mail, f"\r\n--{boundary}--\r\n".encode()))
