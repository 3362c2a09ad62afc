"""One application of a company in WeCom: its address, its token, and calls made with it.

Source: https://developer.work.weixin.qq.com/document/path/91039, read in November 2026.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from pydantic import ConfigDict, Field, SecretStr

from channels.errors import OutcomeUnknown
from channels.http import Http, TimeLimits
from channels.message import Message
from channels.wechat.account import token_in
from channels.wechat.callbacks import CallbackSettings
from channels.wechat.calling import Caller
from channels.wechat.errcodes import refusal
from channels.wechat.tokens import AccessToken, OwnTokens, TokenStore
from channels.wechat.wecom_codes import MEANINGS, TOKEN_REFUSED

AT_ONCE = 5  #: calls to one address at a time; more are refused


class WecomSettings(CallbackSettings):
    """What identifies a company and one of its applications, and how long to wait for the provider."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    corp_id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    secret: SecretStr  #: of the application; each has its own
    endpoint: str = Field(default="https://qyapi.weixin.qq.com", pattern=r"^https?://[A-Za-z0-9.\[\]:-]+/?$")
    connect_timeout: float = Field(default=3.0, gt=0)  #: seconds, as are the next two
    read_timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=15.0, gt=0)


class WecomAccount:
    """Calls for one application.  Safe to use from several threads."""

    def __init__(self, settings: WecomSettings, *, provider: str, tokens: TokenStore | None, about: str) -> None:
        self._settings = settings
        self._provider = provider
        limits = TimeLimits(connect=settings.connect_timeout, read=settings.read_timeout, total=settings.total_timeout)
        self._http = Http(settings.endpoint, provider=provider, limits=limits)
        store = OwnTokens() if tokens is None else tokens
        # Each application has its own token, so the company's id alone would mix them up.
        account = f"{settings.corp_id}/{about}"
        self.token = AccessToken(self._ask, provider=provider, account=account, store=store, can_force=False)
        self._caller = Caller(self._http, self.token, refused=TOKEN_REFUSED, provider=provider, who="WeCom")

    def call(self, path: str, asked: object, deadline: float) -> dict[str, object]:
        """Post something and return the answer that says yes.

        Raises:
            DeliveryError: it says no, there was none of the documented form, or there is no token.
        """
        said = self._caller.call(path, asked, deadline)
        if (error := refusal(said, provider=self._provider, meanings=MEANINGS)) is not None:
            raise error
        return said

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def _ask(self, deadline: float, force: bool) -> tuple[str, float]:
        asked = {"corpid": self._settings.corp_id, "corpsecret": self._settings.secret.get_secret_value()}
        answer = self._http.get(f"/cgi-bin/gettoken?{urlencode(asked)}", headers={}, deadline=deadline)
        said = answer.members(self._provider)
        if (error := refusal(said, provider=self._provider, meanings=MEANINGS)) is not None:
            raise error
        return token_in(said, answer.status, self._provider)


def same_words(messages: Sequence[Message], words: Sequence[str], most: int) -> list[list[int]]:
    """Return the places of messages that may share a call: the same words, at most ``most``, nobody twice."""
    calls: list[list[int]] = []
    open_calls: dict[str, list[int]] = {}
    members: dict[str, set[str]] = {}
    for place, (message, said) in enumerate(zip(messages, words, strict=True)):
        call = open_calls.get(said)
        if call is None or len(call) >= most or message.address in members[said]:
            call = open_calls[said] = []
            members[said] = set()
            calls.append(call)
        call.append(place)
        members[said].add(message.address)
    return calls


def list_in(said: dict[str, object], name: str, provider: str) -> list[object]:
    """Return a list an answer holds; one that is left out is empty.

    Raises:
        OutcomeUnknown: it is no list.
    """
    found = said.get(name) or []
    if not isinstance(found, list):
        raise OutcomeUnknown("the answer is not one that is documented", provider=provider)
    return found
