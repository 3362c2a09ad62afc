"""Alibaba Cloud's short message service (Dysmsapi 2017-05-25)."""

import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from channels.concurrency import Crew
from channels.errors import ContentRefused, DeliveryError, OutcomeUnknown, ProviderUnavailable
from channels.http import Answer, Http, TimeLimits
from channels.message import (
    Callback,
    CallbackRequest,
    Channel,
    DeliveryReport,
    Message,
    Outcome,
    OutcomeKind,
    ReportStatus,
)
from channels.objections import Objection, objection_of
from channels.provider import Provider
from channels.sms.acs3 import canonical_query, signed_headers
from channels.sms.aliyun_callbacks import read_push
from channels.sms.aliyun_codes import ABOUT_ALL, MEANINGS, MEMBER_LIMIT, member_wait
from channels.sms.batches import ALONE, Limits, batches, carry_batches, message_id, reference_in
from channels.sms.beijing import BEIJING, moment
from channels.sms.mainland import address_objections, emoji_objections, length_objections

VERSION = "2017-05-25"
FORM_FROM = 4096  #: characters of a query from which on the words go into the body; the provider reads both alike
MOST = 100  #: messages in one SendBatchSms call, the provider's limit
LONGEST_OUT_ID = 255  #: characters
MAINLAND = re.compile(r"\+861\d{10}")
PAGE = 50  #: details asked for at once; the provider's most
ANY_TEMPLATE = "*"
SLACK = timedelta(minutes=5)  #: how far a call's own day may lag behind the day it began
#: What ``SendStatus`` says in a look-up.
STATUSES = {"1": ReportStatus.ACCEPTED, "2": ReportStatus.FAILED, "3": ReportStatus.DELIVERED}


class AliyunSettings(BaseModel):
    """One account, with the signature and the templates it has had approved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_key_id: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    access_key_secret: SecretStr
    sign_name: str  #: the approved signature, without its brackets
    #: Our template's name to the approved TemplateCode; ``*`` stands for every other template.
    template_codes: dict[str, str]
    #: For an approved template that is one variable: the variable that gets the whole text.  None: the message's own.
    text_variable: str | None = None
    #: The most messages in one SendBatchSms call; 1: every message has a SendSms call of its own.
    batch: int = Field(default=100, ge=1, le=MOST)
    endpoint: str = Field(default="https://dysmsapi.aliyuncs.com", pattern=r"^https?://[A-Za-z0-9.\[\]:-]+/?$")
    connect_timeout: float = Field(default=3.0, gt=0)  #: seconds, as are the next two
    read_timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=15.0, gt=0)


class AliyunSms(Provider):
    """Carries messages in SendBatchSms calls where they may share one, and else in SendSms calls of their own.

    One code answers for the whole batch, and a batch is taken whole or not at all.  So a refusal that
    may be about one of its messages is followed by a call for each, which tells which one it is.

    Source: https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms and
    …-sendbatchsms, read in November 2026.
    """

    channel = Channel.SMS
    name = "sms.aliyun"
    window = 64  # As many as one OutId has room for: more would leave more in doubt at a crash, and save no call.
    can_look_up = True

    def __init__(self, settings: AliyunSettings) -> None:
        self._settings = settings
        limits = TimeLimits(connect=settings.connect_timeout, read=settings.read_timeout, total=settings.total_timeout)
        self._http = Http(settings.endpoint, provider=self.name, limits=limits)
        self._crew = Crew(self.window, name=self.name)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        templates = [
            self._known_template(each.template) if MAINLAND.fullmatch(each.address) else None for each in messages
        ]
        planned = batches(messages, templates, Limits(self._settings.batch, LONGEST_OUT_ID))
        return carry_batches(self._crew, messages, planned, self._send_together, self._send, deadline=deadline)

    def objections(self, message: Message) -> Sequence[Objection]:
        try:
            self._template_code(message.template)
        except ContentRefused as refusal:
            return [objection_of(refusal)]
        if not MAINLAND.fullmatch(message.address):
            return []
        too_long = length_objections(message.parts.get("text", ""), self._settings.sign_name)
        variables = self._variables(message)
        return [*too_long, *address_objections(variables), *emoji_objections(variables)]

    def look_up(self, message: Message, *, sent_at: datetime) -> DeliveryReport | None:
        """Go through the number's messages of that day for ours, known by its OutId."""
        deadline = time.monotonic() + self._settings.total_timeout
        # A call that began just before midnight may be filed under the next day.
        days = {(sent_at + slack).astimezone(BEIJING).strftime("%Y%m%d") for slack in (timedelta(0), SLACK)}
        found = (self._look_up_day(message, day, deadline) for day in sorted(days))
        return next((report for report in found if report is not None), None)

    def _look_up_day(self, message: Message, day: str, deadline: float) -> DeliveryReport | None:
        page = 1
        while True:
            said = self._call(
                "QuerySendDetails",
                {
                    "PhoneNumber": _domestic(message.address),
                    "SendDate": day,
                    "PageSize": str(PAGE),
                    "CurrentPage": str(page),
                },
                deadline,
            )
            details = self._details(said)
            for each in details:
                if reference_in(str(each.get("OutId")), message.address) == message.reference:
                    return self._found(each, message.reference)
            if len(details) < PAGE:
                return None
            page += 1

    def read_callback(self, request: CallbackRequest) -> Callback:
        return read_push(request, provider=self.name)

    def close(self) -> None:
        self._crew.close()
        self._http.close()

    def _send(self, message: Message, deadline: float) -> Outcome:
        parameters = {
            "PhoneNumbers": _domestic(message.address),
            "SignName": self._settings.sign_name,
            "TemplateCode": self._template_code(message.template),
            "TemplateParam": _json(self._variables(message)),
            "OutId": message.reference,
        }
        form = {}
        if len(canonical_query(parameters)) >= FORM_FROM:
            form["TemplateParam"] = parameters.pop("TemplateParam")
        return _accepted(self._biz_id(self._call("SendSms", parameters, deadline, form=form)))

    def _send_together(self, messages: Sequence[Message], out_id: str, deadline: float) -> list[Outcome]:
        form = {
            "PhoneNumberJson": _json([_domestic(message.address) for message in messages]),
            "SignNameJson": _json([self._settings.sign_name] * len(messages)),
            "TemplateParamJson": _json([self._variables(message) for message in messages]),
        }
        parameters = {"TemplateCode": self._template_code(messages[0].template), "OutId": out_id}
        try:
            biz_id = self._biz_id(self._call("SendBatchSms", parameters, deadline, form=form))
        except DeliveryError as refusal:
            if refusal.code not in MEANINGS or refusal.code in ABOUT_ALL:
                raise
            return [ALONE] * len(messages)
        return [_accepted(message_id(biz_id, message.reference)) for message in messages]

    def _biz_id(self, said: dict[str, object]) -> str:
        biz_id = said.get("BizId")
        if not isinstance(biz_id, str) or not biz_id:
            raise OutcomeUnknown("the answer says yes and names no message", provider=self.name)
        return biz_id

    def _call(
        self, action: str, parameters: dict[str, str], deadline: float, *, form: Mapping[str, str] | None = None
    ) -> dict[str, object]:
        """Make one call and return the answer, which said OK."""
        query, body = canonical_query(parameters), canonical_query(form or {}).encode()
        headers = signed_headers(
            host=self._http.host,
            action=action,
            version=VERSION,
            query=query,
            body=body,
            key_id=self._settings.access_key_id,
            secret=self._settings.access_key_secret.get_secret_value(),
            at=datetime.now(UTC),  # The provider checks its own clock against ours, so this is never a pretended time.
            nonce=secrets.token_hex(16),
        )
        answer = self._http.post(f"/?{query}", headers=headers, body=body, deadline=deadline)
        said = answer.members(self.name)
        if answer.status == 200 and said.get("Code") == "OK":
            return said
        raise self._refusal(answer, said)

    def _refusal(self, answer: Answer, said: dict[str, object]) -> DeliveryError:
        """Return what the answer's code means."""
        code = str(said.get("Code", ""))[:80]
        meaning = MEANINGS.get(code)
        if meaning is None:
            return OutcomeUnknown("the answer holds a code that is not documented", provider=self.name, code=code)
        wait = _milliseconds(answer.headers.get("x-acs-retry-after", "")) or meaning.wait
        if code == MEMBER_LIMIT:
            wait = member_wait(str(said.get("Message", ""))) or wait
        return meaning.error(meaning.sentence, provider=self.name, code=code, retry_after=wait)

    def _known_template(self, template: str) -> str | None:
        codes = self._settings.template_codes
        return codes.get(template) or codes.get(ANY_TEMPLATE)

    def _template_code(self, template: str) -> str:
        code = self._known_template(template)
        if code is None:
            raise ContentRefused("this account has no approved template for these words", provider=self.name)
        return code

    def _variables(self, message: Message) -> dict[str, str]:
        if self._settings.text_variable is None:
            return dict(message.variables)
        return {self._settings.text_variable: message.parts.get("text", "")}

    def _details(self, said: dict[str, object]) -> list[dict[str, object]]:
        outer = said.get("SmsSendDetailDTOs")
        details = outer.get("SmsSendDetailDTO") if isinstance(outer, dict) else None
        if not isinstance(details, list) or not all(isinstance(each, dict) for each in details):
            raise ProviderUnavailable("the look-up's answer is not as documented", provider=self.name)
        return details

    def _found(self, detail: dict[str, object], reference: str) -> DeliveryReport:
        said = str(detail.get("SendStatus"))
        code = detail.get("ErrCode")
        return DeliveryReport(
            provider=self.name,
            key=f"look-up:{reference}:{said}",
            status=STATUSES.get(said, ReportStatus.ACCEPTED),
            reference=reference,
            code=str(code) if code else None,
            occurred_at=moment(detail.get("ReceiveDate")) or moment(detail.get("SendDate")),
            raw=detail,
        )


def _domestic(address: str) -> str:
    """Write an E.164 number as the provider wants it: mainland numbers bare, others without the plus."""
    return address.removeprefix("+86") if len(address) == 14 else address.removeprefix("+")


def _json(said: object) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _accepted(provider_ref: str) -> Outcome:
    return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=provider_ref, code="OK")


def _milliseconds(said: str) -> float | None:
    """Read the gateway's ``x-acs-retry-after``, which counts thousandths of a second."""
    return int(said) / 1000 if said.isdecimal() and len(said) < 10 else None
