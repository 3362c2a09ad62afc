"""Calls that carry an access token: renewed once where the provider says that it refused it and did nothing."""

import json
from collections.abc import Collection
from urllib.parse import quote

from channels.errors import ProviderMisconfigured
from channels.http import Http, unexpected
from channels.wechat.errcodes import errcode
from channels.wechat.tokens import AccessToken

JSON = {"Content-Type": "application/json; charset=utf-8"}


class Caller:
    """Posts to one account's addresses.  Safe to use from several threads."""

    def __init__(self, http: Http, token: AccessToken, *, refused: Collection[int], provider: str, who: str) -> None:
        """``refused`` are the codes that speak of the token; ``who`` is what people call the provider."""
        self._http = http
        self._token = token
        self._refused = refused
        self._provider = provider
        self._who = who

    def call(self, path: str, asked: object, deadline: float) -> dict[str, object]:
        """Post something and return the whole answer, which may be a refusal, but never one of our token.

        Raises:
            DeliveryError: there was no answer of the documented form, or no token.
        """
        body = json.dumps(asked, ensure_ascii=False).encode()  # Raw, for the provider refuses escaped Chinese.
        token = self._token.current(deadline)
        said = self._post(path, token, body, deadline)
        if errcode(said) in self._refused:
            # The provider says that it did nothing, so this one call may be made a second time.
            said = self._post(path, self._token.renew(token, deadline), body, deadline)
        if errcode(said) in self._refused:
            sentence = f"{self._who} refuses every token it gives us"
            raise ProviderMisconfigured(sentence, provider=self._provider, code=str(errcode(said)))
        return said

    def _post(self, path: str, token: str, body: bytes, deadline: float) -> dict[str, object]:
        # The token stands in the address, as the provider wants it; nothing here ever repeats an address.
        target = f"{path}?access_token={quote(token, safe='')}"
        answer = self._http.post(target, headers=JSON, body=body, deadline=deadline)
        said = answer.members(self._provider)
        if answer.status != 200 or "errcode" not in said:
            raise unexpected(answer.status, self._provider)
        return said
