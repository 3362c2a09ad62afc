"""Tencent Cloud's short message service (version 2021-01-11)."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from channels.concurrency import Crew
from channels.errors import (
    ContentRefused,
    DeliveryError,
    MessageRefused,
    OutcomeUnknown,
    ProviderUnavailable,
)
from channels.http import Http, TimeLimits, unexpected
from channels.message import Callback, CallbackRequest, Channel, DeliveryReport, Message, Outcome, OutcomeKind
from channels.objections import Objection, objection_of
from channels.provider import Provider
from channels.sms import tc3
from channels.sms.batches import ALONE, Limits, batches, carry_batches
from channels.sms.mainland import address_objections, length_objections, long_objections
from channels.sms.tencent_codes import error_for, meaning_of
from channels.sms.tencent_reports import pulled_reply, pulled_status, read_push

SERVICE, VERSION = "sms", "2021-01-11"
MOST = 200  #: numbers in one SendSms call, the provider's limit
LONGEST_CONTEXT = 511  #: characters of a SessionContext
PULLED = 100  #: items asked for at once; the provider's most
ANY_TEMPLATE = "*"
LONGEST_VARIABLE = 6  #: characters, for accounts opened since January 2024 that were granted no more
SLACK = timedelta(minutes=5)  #: how far the provider's clock may be behind ours


class TencentTemplate(BaseModel):
    """One approved template: its id, and which of our variables fills ``{1}``, ``{2}`` and so on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^\d+$")
    variables: tuple[str, ...] = ()  #: names, in the order of the template's places


class TencentSettings(BaseModel):
    """One application of an account, with the signature and the templates it has had approved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret_id: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    secret_key: SecretStr
    app_id: str = Field(pattern=r"^\d+$")  #: the SmsSdkAppId
    sign_name: str  #: the approved signature, without its brackets; numbers abroad are sent none
    #: Our template's name to the approved one; ``*`` stands for every other template.
    templates: dict[str, TencentTemplate]
    #: For an approved template with a place for the whole text: the name by which ``variables`` calls it.
    text_variable: str | None = None
    extend_code: str | None = Field(
        default=None, pattern=r"^\d+$"
    )  #: the extension of our number, where one is granted
    sender_id: str | None = None  #: for numbers abroad, where one is granted
    region: str = Field(default="ap-guangzhou", pattern=r"^[a-z0-9-]+$")
    #: The most numbers in one SendSms call; 1: every message has a call of its own.
    batch: int = Field(default=MOST, ge=1, le=MOST)
    #: Whether statuses and replies are fetched every minute: for accounts without pushes, once the provider allows it.
    pull: bool = False
    endpoint: str = Field(default="https://sms.tencentcloudapi.com", pattern=r"^https?://[A-Za-z0-9.\[\]:-]+/?$")
    connect_timeout: float = Field(default=3.0, gt=0)  #: seconds, as are the next two
    read_timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=15.0, gt=0)


class TencentSms(Provider):
    """Carries messages in SendSms calls, those with equal parameters together; each number has its own answer.

    Source: https://cloud.tencent.com/document/api/382/55981, read in November 2026.
    """

    channel = Channel.SMS
    name = "sms.tencent"
    window = 64
    can_look_up = True
    look_up_denies = False

    def __init__(self, settings: TencentSettings) -> None:
        self._settings = settings
        limits = TimeLimits(connect=settings.connect_timeout, read=settings.read_timeout, total=settings.total_timeout)
        self._http = Http(settings.endpoint, provider=self.name, limits=limits)
        self._crew = Crew(self.window, name=self.name)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        planned = batches(messages, [*map(self._kind, messages)], Limits(self._settings.batch, LONGEST_CONTEXT))
        return carry_batches(self._crew, messages, planned, self._send_together, self._send, deadline=deadline)

    def objections(self, message: Message) -> Sequence[Objection]:
        try:
            _, values = self._filled(message)
        except DeliveryError as refusal:
            return [objection_of(refusal)]
        if not _is_domestic(message.address):
            return []
        too_long = length_objections(message.parts.get("text", ""), self._settings.sign_name)
        filled = dict(zip(self._template(message).variables, values, strict=True))
        return [*too_long, *address_objections(filled), *long_objections(filled, LONGEST_VARIABLE)]

    def look_up(self, message: Message, *, sent_at: datetime) -> DeliveryReport | None:
        """Ask for the statuses of the message's number, and find ours by the context it was sent with.

        The provider lists what a carrier has reported on, so a message it does not list may still be under
        way: then this raises, as it does for an account without the right to ask.
        """
        asked = {
            "BeginTime": int((sent_at - SLACK).timestamp()),
            "EndTime": int(time.time()) + 1,
            "Offset": 0,
            "Limit": PULLED,
            "PhoneNumber": message.address,
            "SmsSdkAppId": self._settings.app_id,
        }
        for report in self._statuses("PullSmsSendStatusByPhoneNumber", asked):
            if report.reference == message.reference:
                return report
        raise ProviderUnavailable("the provider has no report on this message so far", provider=self.name)

    def pull(self, store: Callable[[Callback], None]) -> None:
        if not self._settings.pull:
            return
        while True:
            told = self.take_waiting()
            if told.reports or told.replies:
                store(told)
            if max(len(told.reports), len(told.replies)) < PULLED:
                return

    def take_waiting(self) -> Callback:
        """Take up to a hundred statuses and a hundred replies that wait with the provider, for accounts without pushes.

        The provider hands each out once: store them before anything else.  It has to have allowed it.

        Raises:
            DeliveryError: it did not, or could not.
        """
        asked = {"Limit": PULLED, "SmsSdkAppId": self._settings.app_id}
        reports = self._statuses("PullSmsSendStatus", asked)
        try:
            replies = self._items("PullSmsReplyStatus", asked, "PullSmsReplyStatusSet")
        except DeliveryError:
            if not reports:
                raise
            replies = []  # They wait; the statuses, which are ours alone by now, must not be lost over them.
        return Callback(
            reports=tuple(reports), replies=tuple(pulled_reply(each, provider=self.name) for each in replies)
        )

    def read_callback(self, request: CallbackRequest) -> Callback:
        return read_push(request, provider=self.name)

    def close(self) -> None:
        self._crew.close()
        self._http.close()

    def _kind(self, message: Message) -> tuple[bool, str, tuple[str, ...]] | None:
        """Return what messages of one call have in common; None: this one goes nowhere, and alone."""
        try:
            template, variables = self._filled(message)
        except DeliveryError:
            return None
        return _is_domestic(message.address), template, variables

    def _send(self, message: Message, deadline: float) -> Outcome:
        said = self._submit([message], message.reference, deadline)
        return self._outcomes([message], said)[0]

    def _send_together(self, messages: Sequence[Message], label: str, deadline: float) -> list[Outcome]:
        try:
            said = self._submit(messages, label, deadline)
        except DeliveryError as refusal:
            if refusal.code is None or not meaning_of(refusal.code).about_one:
                raise
            return [ALONE] * len(messages)
        return self._outcomes(messages, said)

    def _submit(self, messages: Sequence[Message], label: str, deadline: float) -> dict[str, object]:
        settings = self._settings
        template, variables = self._filled(messages[0])
        asked: dict[str, object] = {
            "PhoneNumberSet": [message.address for message in messages],
            "SmsSdkAppId": settings.app_id,
            "TemplateId": template,
            "TemplateParamSet": list(variables),
            "SessionContext": label,
        }
        if _is_domestic(messages[0].address):
            asked["SignName"] = settings.sign_name
        elif settings.sender_id is not None:
            asked["SenderId"] = settings.sender_id
        if settings.extend_code is not None:
            asked["ExtendCode"] = settings.extend_code
        return self._call("SendSms", asked, deadline)

    def _outcomes(self, messages: Sequence[Message], said: dict[str, object]) -> list[Outcome]:
        """Give each message the answer about its number; what is not spoken of may have been sent."""
        statuses = said.get("SendStatusSet")
        found = [each for each in statuses if isinstance(each, dict)] if isinstance(statuses, list) else []
        by_number = {str(each.get("PhoneNumber")): each for each in found}
        return [self._outcome(by_number.get(message.address)) for message in messages]

    def _outcome(self, status: Mapping[str, object] | None) -> Outcome:
        if status is None:
            return OutcomeUnknown("the answer does not speak of this number", provider=self.name).as_outcome()
        code, serial, fee = (status.get(name) for name in ("Code", "SerialNo", "Fee"))
        if code != "Ok":
            return self._error(str(code or "")).as_outcome()
        if not isinstance(serial, str) or not serial:
            return OutcomeUnknown("the answer says yes and names no message", provider=self.name).as_outcome()
        parts = fee if type(fee) is int and 0 < fee < 1000 else None  # More is no bill for one message.
        return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=serial, code="Ok", parts=parts)

    def _error(self, code: str) -> DeliveryError:
        return error_for(code[:80], provider=self.name, now=datetime.now(UTC))

    def _call(self, action: str, asked: Mapping[str, object], deadline: float) -> dict[str, object]:
        """Make one call and return the answer, which is no error of the call as a whole."""
        body = json.dumps(asked, separators=(",", ":")).encode()
        at = int(time.time())  # The provider checks its own clock against ours, so this is never a pretended time.
        headers = {
            "Content-Type": tc3.CONTENT_TYPE,
            "X-TC-Action": action,
            "X-TC-Version": VERSION,
            "X-TC-Timestamp": str(at),
            "X-TC-Region": self._settings.region,
            "Authorization": tc3.authorization(
                service=SERVICE,
                host=self._http.host,
                body=body,
                key_id=self._settings.secret_id,
                secret=self._settings.secret_key.get_secret_value(),
                at=at,
            ),
        }
        answer = self._http.post("/", headers=headers, body=body, deadline=deadline)
        said = answer.members(self.name).get("Response")
        if not isinstance(said, dict):
            raise unexpected(answer.status, self.name)
        error = said.get("Error")
        if isinstance(error, dict):
            raise self._error(str(error.get("Code") or ""))
        if answer.status != 200 or error is not None:
            raise unexpected(answer.status, self.name)
        return said

    def _items(self, action: str, asked: Mapping[str, object], name: str) -> list[dict[str, object]]:
        deadline = time.monotonic() + self._settings.total_timeout
        found = self._call(action, asked, deadline).get(name)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ProviderUnavailable("the answer to a pull is not as documented", provider=self.name)
        return found

    def _statuses(self, action: str, asked: Mapping[str, object]) -> list[DeliveryReport]:
        return [pulled_status(each, provider=self.name) for each in self._items(action, asked, "PullSmsSendStatusSet")]

    def _filled(self, message: Message) -> tuple[str, tuple[str, ...]]:
        """Return the approved template's id and what goes into its places.

        Raises:
            DeliveryError: there is no such template, or the message lacks a variable of it.
        """
        template = self._template(message)
        known = dict(message.variables)
        if self._settings.text_variable is not None:
            known[self._settings.text_variable] = message.parts.get("text", "")
        if not known.keys() >= set(template.variables):
            raise MessageRefused("the message lacks a variable of the approved template", provider=self.name)
        return template.id, tuple(known[name] for name in template.variables)

    def _template(self, message: Message) -> TencentTemplate:
        template = self._settings.templates.get(message.template) or self._settings.templates.get(ANY_TEMPLATE)
        if template is None:
            raise ContentRefused("this account has no approved template for these words", provider=self.name)
        return template


def _is_domestic(address: str) -> bool:
    return address.startswith("+86")
