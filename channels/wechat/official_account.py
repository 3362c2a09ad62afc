"""A WeChat official account: notices, template messages, answers to members, and mass sends.

Source: https://developers.weixin.qq.com/doc/service/api/notify/notify/api_sendnewsubscribemsg.html,
https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html,
https://developers.weixin.qq.com/doc/offiaccount/Customer_Service/Customer_Service_Messages.html and
https://developers.weixin.qq.com/doc/service/api/notify/message/api_masssend.html, read in November 2026.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from pydantic import Field

from channels.concurrency import Crew
from channels.errors import ContentRefused, DeliveryError, MessageRefused, OutcomeUnknown
from channels.message import Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind, Purpose
from channels.objections import Objection, objection_of
from channels.provider import Provider
from channels.wechat import mass
from channels.wechat.account import Account, AccountSettings
from channels.wechat.callbacks import open_gate
from channels.wechat.errcodes import refusal
from channels.wechat.requests import (
    ANY_TEMPLATE,
    customer_service_message,
    filled,
    notice,
    template_id_of,
    template_message,
)
from channels.wechat.tokens import TokenStore


class Way(enum.StrEnum):
    """How a message of one of our templates travels."""

    NOTICE = "notice"  #: subscription notice: to whoever allowed one, once per permission
    TEMPLATE = "template"  #: template message: to followers, never marketing
    CUSTOMER_SERVICE = "customer_service"  #: to a follower who has just acted, never marketing
    MASS = "mass"  #: one text for many followers, at most four a month each


class OfficialAccountSettings(AccountSettings):
    """One verified service account, and how our templates travel through it."""

    #: Our template's name to the account's template id; ``*`` stands for every other template.
    template_ids: dict[str, str]
    #: Our template's name to its way; ``*`` stands for every other template, and those not named are notices.
    ways: dict[str, Way] = Field(default_factory=dict)
    mini_program: str | None = None  #: app id of the linked mini-program whose pages notices and templates open
    pages: dict[str, str] = Field(default_factory=dict)  #: our template's name, or ``*``, to the mini-program's page
    articles: dict[str, str] = Field(default_factory=dict)  #: our template's name to the media id a mass send carries


#: Ways on which the provider punishes marketing, and what to do instead.
SERVICE_ONLY: Mapping[Way, str] = {
    Way.TEMPLATE: "WeChat forbids marketing in template messages; use a subscription notice or a mass send",
    Way.CUSTOMER_SERVICE: "WeChat allows customer-service messages only as answers; use a subscription notice or a mass send",
}


class OfficialAccount(Provider):
    """Carries each message on the way its template goes.

    The provider offers no look-up by a reference of ours, so a lost answer stays unknown unless a
    report settles it.
    """

    channel = Channel.WECHAT
    name = "wechat.official_account"
    window = 64
    can_look_up = False

    def __init__(self, settings: OfficialAccountSettings, tokens: TokenStore | None = None) -> None:
        self._settings = settings
        self._account = Account(settings, provider=self.name, tokens=tokens)
        self._gate = open_gate(settings, provider=self.name, receive_id=settings.app_id)
        self._crew = Crew(self.window, name=self.name)
        self._carry: Mapping[Way, Callable[[Message, float], Outcome]] = {
            Way.NOTICE: self._send_notice,
            Way.TEMPLATE: self._send_template_message,
            Way.CUSTOMER_SERVICE: self._send_answer,
        }

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        alone = [place for place, each in enumerate(messages) if self._way(each) is not Way.MASS]
        told = self._crew.carry([messages[place] for place in alone], self._send, deadline=deadline)
        outcomes = dict(zip(alone, told, strict=True))
        together = [place for place in range(len(messages)) if place not in outcomes]
        outcomes |= zip(together, self._send_together([messages[place] for place in together], deadline), strict=True)
        return [outcomes[place] for place in range(len(messages))]

    def _send_together(self, messages: Sequence[Message], deadline: float) -> list[Outcome]:
        """Carry mass sends, all messages of one content in one call."""
        articles = self._settings.articles

        def send(_turn: int, group: Sequence[Message], deadline: float) -> list[Outcome]:
            return [mass.send(self._account, group, articles, provider=self.name, deadline=deadline)] * len(group)

        return self._crew.carry_groups(messages, mass.groups(messages, articles), send, deadline=deadline)

    def objections(self, message: Message) -> Sequence[Objection]:
        way = self._way(message)
        try:
            self._check_purpose(way, message)
            if way in (Way.NOTICE, Way.TEMPLATE):
                filled(message, self._settings.template_ids, self.name)
        except DeliveryError as refusal:
            return [objection_of(refusal)]
        if way is Way.CUSTOMER_SERVICE:
            sentence = "WeChat carries an answer only to a member who wrote or acted shortly before"
            return [Objection(sentence=sentence, surely=False)]
        return []

    def permission_for(self, message: Message) -> str | None:
        notice = self._way(message) is Way.NOTICE
        return template_id_of(message, self._settings.template_ids) if notice else None

    def read_callback(self, request: CallbackRequest) -> Callback:
        return self._gate.read(request)

    def close(self) -> None:
        self._crew.close()
        self._account.close()

    def _way(self, message: Message) -> Way:
        ways = self._settings.ways
        return ways.get(message.template) or ways.get(ANY_TEMPLATE) or Way.NOTICE

    def _send(self, message: Message, deadline: float) -> Outcome:
        way = self._way(message)
        self._check_purpose(way, message)
        return self._carry[way](message, deadline)

    def _check_purpose(self, way: Way, message: Message) -> None:
        if way in SERVICE_ONLY and message.purpose is not Purpose.SERVICE:
            raise ContentRefused(SERVICE_ONLY[way], provider=self.name)

    def _send_notice(self, message: Message, deadline: float) -> Outcome:
        asked = notice(message, self._settings.template_ids, provider=self.name)
        return self._called("/cgi-bin/message/subscribe/bizsend", {**asked, **self._page(message)}, deadline)

    def _send_template_message(self, message: Message, deadline: float) -> Outcome:
        asked = template_message(message, self._settings.template_ids, provider=self.name)
        return self._called("/cgi-bin/message/template/send", {**asked, **self._page(message)}, deadline)

    def _send_answer(self, message: Message, deadline: float) -> Outcome:
        if message.answer_until is not None and message.answer_until <= datetime.now(UTC):
            raise MessageRefused("this member's window for answers is closed", provider=self.name)
        return self._called("/cgi-bin/message/custom/send", customer_service_message(message), deadline)

    def _page(self, message: Message) -> Mapping[str, object]:
        """Return the mini-program's page a tap opens instead of our own, where there is one."""
        pages = self._settings.pages
        page = pages.get(message.template) or pages.get(ANY_TEMPLATE)
        if self._settings.mini_program is None or page is None:
            return {}
        return {"miniprogram": {"appid": self._settings.mini_program, "pagepath": page}}

    def _called(self, path: str, asked: object, deadline: float) -> Outcome:
        return accepted(self._account.call(path, asked, deadline), provider=self.name)


def accepted(said: Mapping[str, object], *, provider: str) -> Outcome:
    """Return the outcome of an answer that says yes; raise what any other means."""
    if (error := refusal(said, provider=provider)) is not None:
        raise error
    message_id = said.get("msgid")
    if message_id is not None and not isinstance(message_id, str | int):
        raise OutcomeUnknown("the answer is not one that is documented", provider=provider)
    return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=str(message_id) if message_id else None, code="0")
