"""One official account or mini-program: its address, its token, and calls made with it."""

import json

from pydantic import ConfigDict, Field, SecretStr

from channels.errors import OutcomeUnknown, ProviderMisconfigured
from channels.http import Http, TimeLimits
from channels.wechat.callbacks import CallbackSettings
from channels.wechat.calling import JSON, Caller
from channels.wechat.errcodes import TOKEN_REFUSED, errcode, refusal
from channels.wechat.tokens import AccessToken, OwnTokens, TokenStore


class AccountSettings(CallbackSettings):
    """What identifies an account, and how long to wait for the provider."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    app_id: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    app_secret: SecretStr
    endpoint: str = Field(default="https://api.weixin.qq.com", pattern=r"^https?://[A-Za-z0-9.\[\]:-]+/?$")
    connect_timeout: float = Field(default=3.0, gt=0)  #: seconds, as are the next two
    read_timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=15.0, gt=0)


class Account:
    """Calls for one account.  Safe to use from several threads.

    Source: https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html, read in November 2026.
    """

    def __init__(self, settings: AccountSettings, *, provider: str, tokens: TokenStore | None) -> None:
        self._settings = settings
        self._provider = provider
        limits = TimeLimits(connect=settings.connect_timeout, read=settings.read_timeout, total=settings.total_timeout)
        self._http = Http(settings.endpoint, provider=provider, limits=limits)
        store = OwnTokens() if tokens is None else tokens
        self.token = AccessToken(self._ask, provider=provider, account=settings.app_id, store=store)
        self._caller = Caller(self._http, self.token, refused=TOKEN_REFUSED, provider=provider, who="the provider")

    def call(self, path: str, asked: object, deadline: float) -> dict[str, object]:
        """Post something and return the whole answer, which may be a refusal, but never one of our token.

        Raises:
            DeliveryError: there was no answer of the documented form, or no token.
        """
        return self._caller.call(path, asked, deadline)

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def _ask(self, deadline: float, force: bool) -> tuple[str, float]:
        asked = {
            "grant_type": "client_credential",
            "appid": self._settings.app_id,
            "secret": self._settings.app_secret.get_secret_value(),
            "force_refresh": force,
        }
        answer = self._http.post(
            "/cgi-bin/stable_token", headers=JSON, body=json.dumps(asked).encode(), deadline=deadline
        )
        said = answer.members(self._provider)
        if errcode(said) in TOKEN_REFUSED:  # On this call they speak of the secret, so asking again is of no use.
            raise ProviderMisconfigured(
                "the provider does not accept our app secret", provider=self._provider, code=str(errcode(said))
            )
        if (error := refusal(said, provider=self._provider)) is not None:
            raise error
        return token_in(said, answer.status, self._provider)


def token_in(said: dict[str, object], status: int, provider: str) -> tuple[str, float]:
    """Return the token an answer holds, and the seconds it is good for.

    Raises:
        OutcomeUnknown: it holds none.
    """
    token, lasts = said.get("access_token"), said.get("expires_in")
    if status != 200 or not isinstance(token, str) or not token or not isinstance(lasts, int | float):
        raise OutcomeUnknown("the answer holds no token", provider=provider)
    return token, float(lasts)
