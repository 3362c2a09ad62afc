"""Twilio's programmable messaging (Messages, version 2010-04-01)."""

import base64
import email.utils
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from channels.concurrency import Crew
from channels.errors import DeliveryError, OutcomeUnknown, ProviderUnavailable
from channels.http import Answer, Http, TimeLimits
from channels.message import Callback, CallbackRequest, Channel, DeliveryReport, Message, Outcome, OutcomeKind
from channels.objections import Objection
from channels.provider import Provider
from channels.sms.signature import SIGN_NAME, signed
from channels.sms.twilio_callbacks import REFERENCE, message_report, read_request
from channels.sms.twilio_codes import MEANINGS

LONGEST_BODY = 1600  #: characters; more are turned down with the code 21617
VERSION = "2010-04-01"
FORM = "application/x-www-form-urlencoded"
#: What a message's status may be in the answer that takes it.
TAKEN = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "delivered"})
PAGE, MOST_PAGES = 1000, 5  #: messages asked for at once, the provider's most; and how often
BEFORE, AFTER = timedelta(minutes=1), timedelta(minutes=10)  #: how far from its attempt a message may be dated


class TwilioSettings(BaseModel):
    """One account, with the number or the messaging service that sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    auth_token: SecretStr  #: signs what the provider tells us, whichever key our own calls are made with
    api_key: str | None = Field(default=None, pattern=r"^SK[0-9a-fA-F]{32}$")  #: None: calls are made with auth_token
    api_key_secret: SecretStr | None = None
    sender: str | None = Field(default=None, pattern=r"^(\+?[0-9]{3,15}|[A-Za-z0-9 &_-]{1,11})$")
    messaging_service: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$")  #: in a sender's stead
    sign_name: str | None = SIGN_NAME  #: put in front as 【…】 of texts that bear no signature; None: the words bear their own
    #: Our callback address as the provider must call it; None: nothing is reported.
    callback_url: str | None = Field(default=None, repr=False, pattern=r"^https?://[^\s#]+$")
    validity: int | None = Field(default=None, ge=1, le=36_000)  #: seconds a message may wait; None: ten hours
    max_price: Decimal | None = Field(default=None, gt=0)  #: the most a message may cost, in the account's currency
    webhook_keys: dict[str, SecretStr] = Field(default_factory=dict)  #: secrets of shared webhook keys by their names
    endpoint: str = Field(default="https://api.twilio.com", pattern=r"^https?://[A-Za-z0-9.\[\]:-]+/?$")
    connect_timeout: float = Field(default=3.0, gt=0)  #: seconds, as are the next two
    read_timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=15.0, gt=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.sender is None) is (self.messaging_service is None):
            raise ValueError("give either sender or messaging_service")
        if (self.api_key is None) is not (self.api_key_secret is None):
            raise ValueError("api_key and api_key_secret belong together")
        return self


class TwilioSms(Provider):
    """Carries each message in a call of its own.

    Source: https://www.twilio.com/docs/messaging/api/message-resource, read in November 2026.
    """

    channel = Channel.SMS
    name = "sms.twilio"
    window = 64
    can_look_up = True
    look_up_reads_words = True

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        limits = TimeLimits(connect=settings.connect_timeout, read=settings.read_timeout, total=settings.total_timeout)
        self._http = Http(settings.endpoint, provider=self.name, limits=limits)
        self._crew = Crew(self.window, name=self.name)
        self._place = f"/{VERSION}/Accounts/{settings.account_sid}/Messages.json"

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        return self._crew.carry(messages, self._send, deadline=deadline)

    def objections(self, message: Message) -> Sequence[Objection]:
        if len(signed(message.parts.get("text", ""), self._settings.sign_name)) <= LONGEST_BODY:
            return []
        sentence = "the text comes to more than {longest} characters, the most that Twilio takes"
        return [Objection(sentence=sentence, values={"longest": LONGEST_BODY})]

    def look_up(self, message: Message, *, sent_at: datetime) -> DeliveryReport | None:
        """Go through what was sent to the number about then.

        The provider's list says no reference of ours, so only two answers are exact: nothing went
        there at that time, or one message with our words did.  Anything else raises.
        """
        deadline = time.monotonic() + self._settings.total_timeout
        around = [
            each
            for each in self._sent_to(message.address, deadline)
            if sent_at - BEFORE <= self._created(each) <= sent_at + AFTER
            and not str(each.get("direction")).startswith("inbound")
        ]
        if not around:
            return None
        words = signed(message.parts.get("text", ""), self._settings.sign_name)
        ours = [each for each in around if message.parts.get("text") and each.get("body") == words]
        found = ours[0] if len(ours) == 1 else {}
        sid, status, code = found.get("sid"), found.get("status"), found.get("error_code")
        if not isinstance(sid, str):
            raise ProviderUnavailable(
                "what went to this number at that time may be another message", provider=self.name
            )
        return message_report(sid, str(status), str(code) if code else None, self.name, message.reference, found)

    def read_callback(self, request: CallbackRequest) -> Callback:
        settings = self._settings
        return read_request(
            request,
            provider=self.name,
            account=settings.account_sid,
            token=settings.auth_token.get_secret_value(),
            shared_keys={name: secret.get_secret_value() for name, secret in settings.webhook_keys.items()},
        )

    def close(self) -> None:
        self._crew.close()
        self._http.close()

    def _send(self, message: Message, deadline: float) -> Outcome:
        body = request_body(self._parameters(message))
        headers = {**self._authorization(), "Content-Type": FORM}
        said = self._checked(self._http.post(self._place, headers=headers, body=body, deadline=deadline), expected=201)
        sid, status, parts = said.get("sid"), said.get("status"), str(said.get("num_segments"))
        if not isinstance(sid, str) or not sid.startswith(("SM", "MM")) or status not in TAKEN:
            raise OutcomeUnknown("the answer says yes and names no message on its way", provider=self.name)
        return Outcome(
            kind=OutcomeKind.ACCEPTED,
            provider_ref=sid,
            code=str(status),
            # A messaging service counts none before it has chosen a sender.
            parts=int(parts) if parts.isdecimal() and 0 < int(parts) < 1000 else None,
        )

    def _parameters(self, message: Message) -> Mapping[str, str | None]:
        settings = self._settings
        return {
            "To": message.address,
            "StatusCallback": _callback(settings.callback_url, message.reference),
            "MaxPrice": None if settings.max_price is None else f"{settings.max_price:f}",
            "ValidityPeriod": None if settings.validity is None else str(settings.validity),
            "From": settings.sender,
            "MessagingServiceSid": settings.messaging_service,
            "Body": signed(message.parts.get("text", ""), self._settings.sign_name),
        }

    def _authorization(self) -> dict[str, str]:
        settings = self._settings
        secret = settings.api_key_secret or settings.auth_token
        login = f"{settings.api_key or settings.account_sid}:{secret.get_secret_value()}"
        return {"Accept": "application/json", "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}

    def _checked(self, answer: Answer, *, expected: int) -> dict[str, object]:
        """Return the answer that was hoped for, and raise what any other means."""
        said = answer.members(self.name)
        if answer.status == expected:
            return said
        code = str(said.get("code", ""))[:20]
        meaning = MEANINGS.get(code)
        if meaning is None or answer.status < 400:
            sentence = "the answer holds a code that is not documented"
            raise OutcomeUnknown(sentence, provider=self.name, code=code or str(answer.status))
        raise meaning.error(meaning.sentence, provider=self.name, code=code, retry_after=meaning.wait)

    def _sent_to(self, address: str, deadline: float) -> list[dict[str, object]]:
        """Return every message the account has had with a number, page by page."""
        found: list[dict[str, object]] = []
        target = f"{self._place}?{urlencode({'To': address, 'PageSize': PAGE})}"
        for _ in range(MOST_PAGES):
            answer = self._http.get(target, headers=self._authorization(), deadline=deadline)
            said = self._checked(answer, expected=200)
            page, target = said.get("messages"), str(said.get("next_page_uri") or "")
            if not isinstance(page, list) or not all(isinstance(each, dict) for each in page):
                raise self._puzzling()
            found += page
            if not target:
                return found
            if not target.startswith(f"{self._place}?"):
                raise self._puzzling()
        raise ProviderUnavailable("this number has had too many messages to go through", provider=self.name)

    def _created(self, each: Mapping[str, object]) -> datetime:
        try:
            return email.utils.parsedate_to_datetime(str(each.get("date_created"))).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._puzzling() from None

    def _puzzling(self) -> DeliveryError:
        return ProviderUnavailable("the look-up's answer is not as documented", provider=self.name)


def request_body(parameters: Mapping[str, str | None]) -> bytes:
    """Return the form that is sent, without what is not given, in the order given."""
    return urlencode({name: value for name, value in parameters.items() if value is not None}).encode()


def _callback(address: str | None, reference: str) -> str | None:
    """Return the address for one message's reports; they are signed together with the reference in it."""
    if address is None:
        return None
    return f"{address}{'&' if '?' in address else '?'}{urlencode({REFERENCE: reference})}"
