"""Kannel, a gateway of one's own: its smsbox's send-SMS interface."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from channels.concurrency import Crew
from channels.errors import AddressRefused, ContentRefused, DeliveryError
from channels.http import Answer, Http, TimeLimits
from channels.message import Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind
from channels.objections import Objection, objection_of
from channels.provider import Provider
from channels.sms.kannel_answers import REPORTS_ASKED, TAKEN, read_request, refusal, report_address
from channels.sms.signature import SIGN_NAME, signed
from language.lengths import SmsLength, sms_parts

#: A parameter's name to the header that says it; text is then the body, and the character set its type's.
HEADERS: Mapping[str, str] = {
    "username": "X-Kannel-Username",
    "password": "X-Kannel-Password",
    "to": "X-Kannel-To",
    "from": "X-Kannel-From",
    "smsc": "X-Kannel-SMSC",
    "coding": "X-Kannel-Coding",
    "validity": "X-Kannel-Validity",
    "dlr-mask": "X-Kannel-DLR-Mask",
    "dlr-url": "X-Kannel-DLR-Url",
}


class KannelSettings(BaseModel):
    """One sendsms-user of one gateway."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = Field(pattern=r"^https?://[A-Za-z0-9.\[\]:-]+/?$")  #: the smsbox: its host and sendsms-port
    path: str = Field(default="/cgi-bin/sendsms", pattern=r"^/[A-Za-z0-9/._-]*$")  #: the smsbox's sendsms-url
    username: str
    password: SecretStr
    sender: str | None = None  #: None: the gateway's own global-sender
    sign_name: str | None = SIGN_NAME  #: put in front as 【…】 of texts that bear no signature; None: the words bear their own
    smsc: str | None = None  #: which connection shall carry; None: the gateway decides
    #: Our callback address as the gateway can reach it; None: nothing is reported.
    callback_url: str | None = Field(default=None, repr=False, pattern=r"^https?://[^\s#]+$")
    validity: int | None = Field(default=None, ge=1)  #: minutes the message may wait; None: the gateway decides
    most_parts: int = Field(default=10, ge=1)  #: the gateway's max-messages; a longer text it would silently cut
    country_code: str = Field(default="86", pattern=r"^[1-9]\d{0,2}$")  #: of replies from numbers that name no country
    #: post says login, number and text in headers and body; get, for gateways that only look like Kannel, in the address.
    method: Literal["post", "get"] = "post"
    connect_timeout: float = Field(default=3.0, gt=0)  #: seconds, as are the next two
    read_timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=15.0, gt=0)


class KannelSms(Provider):
    """Carries each message in a request of its own.  Kannel names no message, so it cannot be asked about one.

    Source: Kannel 1.4.5, *User's Guide*, chapter 7, https://www.kannel.org/userguide.shtml, read in November 2026.
    """

    channel = Channel.SMS
    name = "sms.kannel"
    window = 64

    def __init__(self, settings: KannelSettings) -> None:
        self._settings = settings
        limits = TimeLimits(connect=settings.connect_timeout, read=settings.read_timeout, total=settings.total_timeout)
        self._http = Http(settings.endpoint, provider=self.name, limits=limits)
        self._crew = Crew(self.window, name=self.name)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        return self._crew.carry(messages, self._send, deadline=deadline)

    def objections(self, message: Message) -> Sequence[Objection]:
        try:
            self._checked(message)
        except DeliveryError as refusal:
            return [objection_of(refusal)]
        return []

    def read_callback(self, request: CallbackRequest) -> Callback:
        return read_request(request, provider=self.name, country_code=self._settings.country_code)

    def close(self) -> None:
        self._crew.close()
        self._http.close()

    def _send(self, message: Message, deadline: float) -> Outcome:
        text, length = self._checked(message)
        answer = self._ask(self._parameters(message, length), text, deadline)
        code = TAKEN.get(answer.body.decode("utf-8", "replace").strip())
        if answer.status != 202 or code is None:
            raise refusal(answer, self.name)
        # A text without words goes out as a message too.
        return Outcome(kind=OutcomeKind.ACCEPTED, code=code, parts=max(1, length.parts))

    def _checked(self, message: Message) -> tuple[str, SmsLength]:
        """Return the text with its signature, and its length.

        Raises:
            DeliveryError: the gateway would do something else with it than send it.
        """
        # A space in it would make it several numbers.
        if not re.fullmatch(r"\+?[0-9]{3,20}", message.address):
            raise AddressRefused("this is not a phone number", provider=self.name)
        text = signed(message.parts.get("text", ""), self._settings.sign_name)
        length = sms_parts(text, market="intl")
        if length.parts > self._settings.most_parts:
            raise ContentRefused("the text has more parts than the gateway would send", provider=self.name)
        return text, length

    def _parameters(self, message: Message, length: SmsLength) -> dict[str, str]:
        settings = self._settings
        # Without coding=2 the gateway would turn every character it does not know into a question mark.
        asked = {"to": message.address, "coding": "0" if length.encoding == "GSM-7" else "2"}
        if settings.callback_url is not None:
            asked |= {"dlr-mask": REPORTS_ASKED, "dlr-url": report_address(settings.callback_url, message.reference)}
        given = {"from": settings.sender, "smsc": settings.smsc, "validity": settings.validity}
        return asked | {name: str(value) for name, value in given.items() if value is not None}

    def _ask(self, asked: Mapping[str, str], text: str, deadline: float) -> Answer:
        settings = self._settings
        whole = {"username": settings.username, "password": settings.password.get_secret_value(), **asked}
        if settings.method == "get":
            query = urlencode({**whole, "charset": "UTF-8", "text": text})
            return self._http.get(f"{settings.path}?{query}", headers={}, deadline=deadline)
        headers = {HEADERS[name]: value for name, value in whole.items()}
        headers["Content-Type"] = "text/plain; charset=UTF-8"
        return self._http.post(settings.path, headers=headers, body=text.encode(), deadline=deadline)
