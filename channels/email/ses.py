"""Amazon SES (API version 2): whole mails by HTTP, and events through SNS."""

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from channels.email.api_mail import ENDPOINT, ApiMail, ApiMailSettings, WrittenMail
from channels.email.ses_events import TAG, read_event
from channels.email.sigv4 import signed_headers
from channels.email.sns import REGION, Fetch, Topics, sns_address
from channels.email.webhook_fields import utc_now
from channels.errors import (
    AddressRefused,
    ContentRefused,
    DeliveryError,
    MessageRefused,
    OutcomeUnknown,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.http import TURNED_AWAY, Answer
from channels.meaning import Meaning, each
from channels.message import Callback, CallbackRequest, Message, Outcome, OutcomeKind

PATH = "/v2/email/outbound-emails"
MOST_BYTES = 40 << 20  #: of one mail, as the provider counts it
_TAG_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")
_NO_ADDRESS = re.compile(
    r"illegal address|missing (?:final|start) |domain (?:contains|starts|ends)|local address", re.I
)
_NOT_VERIFIED = re.compile(r"not verified", re.IGNORECASE)

_ACCOUNT = Meaning(ProviderMisconfigured, "the account may not send now")
_SETTINGS = Meaning(ProviderMisconfigured, "the keys, the region or the configuration set do not fit the account")
#: Every code that is documented, without the word Exception at its end.
MEANINGS = {
    "TooManyRequests": Meaning(ProviderUnavailable, "too many calls for the account's rate or quota", 1.0),
    "Throttling": Meaning(ProviderUnavailable, "too many calls for the account's rate or quota", 1.0),
    "ServiceUnavailable": Meaning(ProviderUnavailable, "the provider is not available now"),
    "MessageRejected": Meaning(ContentRefused, "the mail was refused for what is in it"),
    "BadRequest": Meaning(MessageRefused, "a field of the call was refused"),
    **each(("AccountSuspended", "SendingPaused", "LimitExceeded"), _ACCOUNT),
    "MailFromDomainNotVerified": Meaning(ProviderMisconfigured, "the sender's domain is not verified"),
    **each(
        (
            "NotFound",
            "AccessDenied",
            "ExpiredToken",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignature",
            "MissingAuthenticationToken",
            "NotAuthorized",
            "OptInRequired",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "UnrecognizedClient",
        ),
        _SETTINGS,
    ),
}


class SesSettings(ApiMailSettings):
    """One account in one region, its sender, and the topics its events come through."""

    access_key_id: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    secret_access_key: SecretStr
    region: str = Field(pattern=f"^{REGION}$")
    configuration_set: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    #: The ARNs of the SNS topics that are ours; callbacks of any other are refused.
    topics: tuple[str, ...] = ()
    callback_window: float = Field(default=7200.0, gt=0)  #: seconds a callback may be old
    endpoint: str | None = Field(default=None, pattern=ENDPOINT)  #: None: the region's own

    @field_validator("topics")
    @classmethod
    def _are_topics(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for topic in topics:
            sns_address(topic)
        return topics


class Ses(ApiMail):
    """Carries each mail whole in a SendEmail call of its own, so that every header of ours stays as it is.

    Source: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html, read in November 2026.
    """

    name: ClassVar[str] = "email.ses"
    callbacks_may_wait: ClassVar[bool] = True

    def __init__(
        self, settings: SesSettings, *, fetch: Fetch | None = None, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """``fetch`` gets pages of Amazon's, None: over the net; ``clock`` says what age callbacks are measured by."""
        suffix = ".cn" if settings.region.startswith("cn-") else ""
        endpoint = settings.endpoint or f"https://email.{settings.region}.amazonaws.com{suffix}"
        super().__init__(settings, endpoint=endpoint)
        self._settings = settings
        self._clock = clock
        window = timedelta(seconds=settings.callback_window)
        self._topics = Topics(settings.topics, provider=self.name, window=window, fetch=fetch)

    def read_callback(self, request: CallbackRequest) -> Callback:
        said = self._topics.read(request.body, now=self._clock())
        try:
            event = json.loads(said or "")
        except (ValueError, RecursionError):
            event = None  # A sentence for people, such as the one that comes when a topic is connected.
        report = read_event(event, provider=self.name) if isinstance(event, dict) else None
        return Callback(reports=() if report is None else (report,), content_type="text/plain")

    def _send(self, mail: WrittenMail, message: Message, deadline: float) -> Outcome:
        body = json.dumps(self._request(mail)).encode()
        headers = signed_headers(
            host=self._http.host,
            path=PATH,
            body=body,
            service="ses",
            region=self._settings.region,
            key_id=self._settings.access_key_id,
            secret=self._settings.secret_access_key.get_secret_value(),
            at=utc_now(),  # The provider checks its own clock against ours, so this is never a pretended time.
        )
        answer = self._http.post(PATH, headers=headers, body=body, deadline=deadline)
        said = answer.members(self.name)
        if answer.status != 200:
            raise self._refusal(answer, said)
        given = said.get("MessageId")
        if not isinstance(given, str) or not given:
            raise OutcomeUnknown("the answer says yes and names no message", provider=self.name)
        return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=given, code="200")

    def _request(self, mail: WrittenMail) -> dict[str, object]:
        if len(mail.content) > MOST_BYTES * 3 // 4:
            raise ContentRefused("the mail is larger than the provider takes", provider=self.name)
        asked: dict[str, object] = {
            # Who sends stands in the mail itself; said again here it would lose the sender's name.
            "Destination": {"ToAddresses": [mail.to]},
            "Content": {"Raw": {"Data": base64.b64encode(mail.content).decode()}},
        }
        if _TAG_VALUE.fullmatch(mail.reference):
            asked["EmailTags"] = [{"Name": TAG, "Value": mail.reference}]
        if self._settings.configuration_set:
            asked["ConfigurationSetName"] = self._settings.configuration_set
        return asked

    def _refusal(self, answer: Answer, said: dict[str, object]) -> DeliveryError:
        """Return what the answer's code means."""
        named = str(answer.headers.get("x-amzn-ErrorType") or said.get("__type") or said.get("code") or "")
        code = named.partition(":")[0].rpartition("#")[2][:80]
        text = str(said.get("message") or said.get("Message") or "")
        meaning = MEANINGS.get(code.removesuffix("Exception"))
        if meaning is MEANINGS["MessageRejected"] and _NOT_VERIFIED.search(text):
            meaning = Meaning(ProviderMisconfigured, "an address or domain of the sender's is not verified")
        elif meaning is MEANINGS["BadRequest"] and _NO_ADDRESS.search(text):
            meaning = Meaning(AddressRefused, "the provider says that this is no address")
        elif meaning is None and answer.status in TURNED_AWAY:
            meaning = _SETTINGS
        if meaning is None:
            return OutcomeUnknown("the answer holds a code that is not documented", provider=self.name, code=code)
        return meaning.error(
            meaning.sentence, provider=self.name, code=code or str(answer.status), retry_after=meaning.wait
        )
