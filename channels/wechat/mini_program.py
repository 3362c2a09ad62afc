"""A WeChat mini-program's subscription messages."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from channels.concurrency import Crew
from channels.errors import ContentRefused
from channels.message import Callback, CallbackRequest, Channel, Message, Outcome
from channels.objections import Objection, objection_of
from channels.provider import Provider
from channels.wechat.account import Account, AccountSettings
from channels.wechat.callbacks import open_gate
from channels.wechat.official_account import accepted
from channels.wechat.requests import ANY_TEMPLATE, filled, template_id_of
from channels.wechat.tokens import TokenStore


class MiniProgramSettings(AccountSettings):
    """One mini-program and the message templates it has chosen."""

    #: Our template's name to the mini-program's template id; ``*`` stands for every other template.
    template_ids: dict[str, str]
    pages: dict[str, str] = Field(default_factory=dict)  #: our template's name, or ``*``, to the page a tap opens
    version: Literal["developer", "trial", "formal"] = "formal"  #: which build of the mini-program a tap opens
    language: Literal["zh_CN", "en_US", "zh_HK", "zh_TW"] = "zh_CN"  #: of the words around ours


class MiniProgram(Provider):
    """Carries each message as one subscription message; its addresses are the mini-program's own openids.

    The provider knows no reference of ours and offers no look-up, so a lost answer stays unknown
    unless a report settles it.

    Source: https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/subscribe-message-overview.html,
    read in November 2026.
    """

    channel = Channel.WECHAT
    name = "wechat.mini_program"
    window = 64
    can_look_up = False

    def __init__(self, settings: MiniProgramSettings, tokens: TokenStore | None = None) -> None:
        self._settings = settings
        self._account = Account(settings, provider=self.name, tokens=tokens)
        self._gate = open_gate(settings, provider=self.name, receive_id=settings.app_id)
        self._crew = Crew(self.window, name=self.name)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        return self._crew.carry(messages, self._send, deadline=deadline)

    def objections(self, message: Message) -> Sequence[Objection]:
        try:
            filled(message, self._settings.template_ids, self.name)
        except ContentRefused as refusal:
            return [objection_of(refusal)]
        return []

    def permission_for(self, message: Message) -> str | None:
        return template_id_of(message, self._settings.template_ids)

    def read_callback(self, request: CallbackRequest) -> Callback:
        return self._gate.read(request)

    def close(self) -> None:
        self._crew.close()
        self._account.close()

    def _send(self, message: Message, deadline: float) -> Outcome:
        asked = {**filled(message, self._settings.template_ids, self.name), **self._around(message)}
        said = self._account.call("/cgi-bin/message/subscribe/send", asked, deadline)
        return accepted(said, provider=self.name)

    def _around(self, message: Message) -> Mapping[str, object]:
        """Return what surrounds the fields; a page on the web cannot be opened from here."""
        pages = self._settings.pages
        page = pages.get(message.template) or pages.get(ANY_TEMPLATE)
        around: dict[str, object] = {"miniprogram_state": self._settings.version, "lang": self._settings.language}
        return {**around, "page": page} if page else around
