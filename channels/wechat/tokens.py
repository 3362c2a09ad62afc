"""One account's access token: fetched by one thread at a time, replaced only when it is the one that failed.

Source: https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html, read in November 2026.
"""

import json
import threading
import time

import tenacity
from pydantic import SecretStr

from channels.errors import DeliveryError, OutcomeUnknown, ProviderMisconfigured, ProviderUnavailable
from channels.http import Http
from channels.wechat.errcodes import TOKEN_REFUSED, errcode, refusal

EARLY = 300.0  #: seconds before its end at which a token is no longer used
SHORTEST = 60.0  #: seconds for which a token is used at least, whatever its end
FORCED_APART = 30.0  #: seconds the provider wants between two forced replacements
FORCED_A_DAY = 20
PAUSE = 1.0  #: seconds for which a failure is told to everybody who asks, before the provider is asked again


class AccessToken:
    """The token in use.  Safe to use from several threads.

    Fetching can be repeated at will, since the provider hands out the same token until it nears its
    end; so these calls, and no others, are tried again.
    """

    def __init__(self, http: Http, *, provider: str, app_id: str, app_secret: SecretStr) -> None:
        self._http = http
        self._provider = provider
        self._app_id = app_id
        self._app_secret = app_secret
        self._lock = threading.Lock()
        self._token: str | None = None
        self._good_until = 0.0
        self._failure: DeliveryError | None = None
        self._failed_until = 0.0
        self._forced: list[float] = []

    def current(self, deadline: float) -> str:
        """Return a token that should be good, fetching one if need be.

        Raises:
            ProviderUnavailable: there is none now, and nothing was sent.
            ProviderMisconfigured: our key is not accepted.
        """
        token = self._token
        if token is not None and time.monotonic() < self._good_until:
            return token
        return self._replace(None, deadline)

    def renew(self, failed: str, deadline: float) -> str:
        """Return another token than the one the provider has just refused.

        Raises:
            ProviderUnavailable: there is none now, and nothing was sent.
            ProviderMisconfigured: our key is not accepted, or every new token is refused.
        """
        return self._replace(failed, deadline)

    def _replace(self, failed: str | None, deadline: float) -> str:
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise ProviderUnavailable("no access token in time", provider=self._provider)
        try:
            token = self._token
            if token is not None and token != failed and time.monotonic() < self._good_until:
                return token  # Another thread was here before us.
            if self._failure is not None and time.monotonic() < self._failed_until:
                raise self._failure.with_traceback(None)
            return self._fetch(failed, deadline)
        finally:
            self._lock.release()

    def _fetch(self, failed: str | None, deadline: float) -> str:
        self._token = None
        try:
            fetched, lasts = self._ask(deadline, force=False)
            if fetched == failed:
                self._note_forced()
                fetched, lasts = self._ask(deadline, force=True)
        except DeliveryError as error:
            self._failure = self._surely_not_sent(error)
            self._failed_until = time.monotonic() + PAUSE
            raise self._failure from None
        self._token = fetched
        self._good_until = time.monotonic() + max(lasts - EARLY, SHORTEST)
        self._failure = None
        return fetched

    def _surely_not_sent(self, error: DeliveryError) -> DeliveryError:
        """Say of any failure to get a token that no message left."""
        if isinstance(error, ProviderMisconfigured):
            return error
        return ProviderUnavailable(
            f"no access token: {error}", provider=self._provider, code=error.code, retry_after=error.retry_after
        )

    def _note_forced(self) -> None:
        now = time.monotonic()
        self._forced = [each for each in self._forced if now - each < 86400]
        if len(self._forced) >= FORCED_A_DAY or (self._forced and now - self._forced[-1] < FORCED_APART):
            raise ProviderMisconfigured("the provider refuses every token it gives us", provider=self._provider)
        self._forced.append(now)

    def _ask(self, deadline: float, *, force: bool) -> tuple[str, float]:
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((ProviderUnavailable, OutcomeUnknown)),
            stop=tenacity.stop_after_attempt(3),
            wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=2.0, jitter=0.2),
            reraise=True,
        )
        return attempts(self._ask_once, deadline, force)

    def _ask_once(self, deadline: float, force: bool) -> tuple[str, float]:
        asked = {
            "grant_type": "client_credential",
            "appid": self._app_id,
            "secret": self._app_secret.get_secret_value(),
            "force_refresh": force,
        }
        answer = self._http.post(
            "/cgi-bin/stable_token",
            headers={"Content-Type": "application/json"},
            body=json.dumps(asked).encode(),
            deadline=deadline,
        )
        said = answer.members(self._provider)
        if errcode(said) in TOKEN_REFUSED:  # On this call they speak of the secret, so asking again is of no use.
            raise ProviderMisconfigured(
                "the provider does not accept our app secret", provider=self._provider, code=str(errcode(said))
            )
        if (error := refusal(said, provider=self._provider)) is not None:
            raise error
        token, lasts = said.get("access_token"), said.get("expires_in")
        if answer.status != 200 or not isinstance(token, str) or not token or not isinstance(lasts, int | float):
            raise OutcomeUnknown("the answer holds no token", provider=self._provider)
        return token, float(lasts)
