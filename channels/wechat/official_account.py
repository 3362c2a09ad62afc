"""A WeChat official account's subscription notices."""

import json
from collections.abc import Sequence
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from channels.concurrency import Crew
from channels.errors import CallbackRefused, ContentRefused, ProviderMisconfigured
from channels.http import Http, TimeLimits, unexpected
from channels.message import Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind
from channels.provider import Provider
from channels.wechat.callbacks import read_push
from channels.wechat.errcodes import TOKEN_REFUSED, errcode, refusal
from channels.wechat.tokens import AccessToken

ANY_TEMPLATE = "*"
PAGE_PART = "url"  #: the part of a message that is not a field but the page a tap opens


class OfficialAccountSettings(BaseModel):
    """One verified service account and the notice templates it has chosen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    app_id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    app_secret: SecretStr
    #: Our template's name to the account's template id; ``*`` stands for every other template.
    template_ids: dict[str, str]
    callback_token: SecretStr | None = None  #: signs the provider's pushes; None: pushes are refused
    endpoint: str = Field(default="https://api.weixin.qq.com", pattern=r"^https?://[A-Za-z0-9.\[\]:-]+/?$")
    connect_timeout: float = Field(default=3.0, gt=0)  #: seconds, as are the next two
    read_timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=15.0, gt=0)


class OfficialAccount(Provider):
    """Carries each message as one subscription notice (bizsend).

    The provider knows no reference of ours and offers no look-up, so a lost answer stays unknown
    unless a report settles it.

    Source: https://developers.weixin.qq.com/doc/service/api/notify/notify/api_sendnewsubscribemsg.html,
    read in November 2026.
    """

    channel = Channel.WECHAT
    name = "wechat.official_account"
    window = 64
    can_look_up = False

    def __init__(self, settings: OfficialAccountSettings) -> None:
        self._settings = settings
        limits = TimeLimits(connect=settings.connect_timeout, read=settings.read_timeout, total=settings.total_timeout)
        self._http = Http(settings.endpoint, provider=self.name, limits=limits)
        self._token = AccessToken(
            self._http,
            provider=self.name,
            app_id=settings.app_id,
            app_secret=settings.app_secret,
        )
        self._crew = Crew(self.window, name=self.name)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        return self._crew.carry(messages, self._send, deadline=deadline)

    def read_callback(self, request: CallbackRequest) -> Callback:
        if self._settings.callback_token is None:
            raise CallbackRefused("this account has no callback token", provider=self.name)
        return read_push(request, provider=self.name, token=self._settings.callback_token.get_secret_value())

    def close(self) -> None:
        self._crew.close()
        self._http.close()

    def _send(self, message: Message, deadline: float) -> Outcome:
        body = self._notice(message)
        token = self._token.current(deadline)
        said = self._call(token, body, deadline)
        if errcode(said) in TOKEN_REFUSED:
            # The provider says that it did nothing, so this one call may be made a second time.
            said = self._call(self._token.renew(token, deadline), body, deadline)
            if errcode(said) in TOKEN_REFUSED:
                raise ProviderMisconfigured(
                    "the provider refuses every token it gives us", provider=self.name, code=str(errcode(said))
                )
        if (error := refusal(said, provider=self.name)) is not None:
            raise error
        message_id = said.get("msgid")
        return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=str(message_id) if message_id else None, code="0")

    def _call(self, token: str, body: bytes, deadline: float) -> dict[str, object]:
        # The token stands in the address, as the provider wants it; nothing here ever repeats an address.
        answer = self._http.post(
            f"/cgi-bin/message/subscribe/bizsend?access_token={quote(token, safe='')}",
            headers={"Content-Type": "application/json; charset=utf-8"},
            body=body,
            deadline=deadline,
        )
        said = answer.members(self.name)
        if answer.status != 200 or "errcode" not in said:
            raise unexpected(answer.status, self.name)
        return said

    def _notice(self, message: Message) -> bytes:
        """Return the request's body: raw UTF-8, for the provider refuses escaped Chinese."""
        known = self._settings.template_ids
        template_id = known.get(message.template) or known.get(ANY_TEMPLATE)
        if template_id is None:
            raise ContentRefused("this account has no notice template for these words", provider=self.name)
        notice: dict[str, object] = {
            "touser": message.address,
            "template_id": template_id,
            "data": {name: {"value": value} for name, value in message.parts.items() if name != PAGE_PART},
        }
        if PAGE_PART in message.parts:
            notice["page"] = message.parts[PAGE_PART]
        return json.dumps(notice, ensure_ascii=False).encode()
