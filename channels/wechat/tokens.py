"""One account's access token: fetched by one thread of one process at a time, replaced only when it is the one that failed.

Where several processes send for one account, they share a ``TokenStore``.  What it keeps is a secret: a store
must not write it anywhere in clear where others may read.

Source: https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html, read in November 2026.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

import tenacity

from channels.errors import DeliveryError, OutcomeUnknown, ProviderMisconfigured, ProviderUnavailable

EARLY = 300.0  #: seconds before its end at which a token is no longer used
SHORTEST = 60.0  #: seconds for which a token is used at least, whatever its end
FORCED_APART = 30.0  #: seconds the provider wants between two forced replacements
FORCED_A_DAY = 20
PAUSE = 1.0  #: seconds for which a failure is told to everybody who asks, before the provider is asked again

#: Asks the provider for a token, by ``time.monotonic()`` deadline, forcing a new one or not; returns it and its seconds.
Ask = Callable[[float, bool], tuple[str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptToken:
    """What processes share about one account's token; times are seconds since 1970."""

    token: str = field(default="", repr=False)  #: empty: none is good
    good_until: float = 0.0
    forced_at: tuple[float, ...] = ()  #: when the provider was made to replace a token, in the last day


class TokenStore(Protocol):
    """Where the processes of one installation keep their tokens."""

    def get(self, account: str) -> KeptToken:
        """Return what was last kept for this account."""
        ...

    def put(self, account: str, kept: KeptToken) -> None:
        """Keep this for everybody who asks from now on; called inside ``lock`` only."""
        ...

    def lock(self, account: str, *, patience: float) -> AbstractContextManager[bool]:
        """Keep everybody else out for as long as the block runs; False: not within ``patience`` seconds."""
        ...


class OwnTokens:
    """Tokens of this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, KeptToken] = {}

    def get(self, account: str) -> KeptToken:
        return self._kept.get(account, KeptToken())

    def put(self, account: str, kept: KeptToken) -> None:
        self._kept[account] = kept

    @contextlib.contextmanager
    def lock(self, account: str, *, patience: float) -> Iterator[bool]:
        held = self._lock.acquire(timeout=max(0.0, patience))
        try:
            yield held
        finally:
            if held:
                self._lock.release()


class AccessToken:
    """The token in use.  Safe to use from several threads, and from several processes with one store.

    Fetching can be repeated at will, since the provider hands out the same token until it nears its
    end; so these calls, and no others, are tried again.
    """

    def __init__(self, ask: Ask, *, provider: str, account: str, store: TokenStore, can_force: bool = True) -> None:
        self._ask = ask
        self._provider = provider
        self._account = account
        self._store = store
        self._can_force = can_force
        self._lock = threading.Lock()  # One thread of each process goes to the store; the others wait for it.
        self._known = KeptToken()
        self._failure: DeliveryError | None = None
        self._failed_until = 0.0

    def current(self, deadline: float) -> str:
        """Return a token that should be good, fetching one if need be.

        Raises:
            ProviderUnavailable: there is none now, and nothing was sent.
            ProviderMisconfigured: our key is not accepted.
        """
        return self._good(None) or self._replace(None, deadline)

    def renew(self, failed: str, deadline: float) -> str:
        """Return another token than the one the provider has just refused.

        Raises:
            ProviderUnavailable: there is none now, and nothing was sent.
            ProviderMisconfigured: our key is not accepted, or every new token is refused.
        """
        return self._replace(failed, deadline)

    def _good(self, failed: str | None) -> str | None:
        kept = self._known
        return kept.token if kept.token and kept.token != failed and time.time() < kept.good_until else None

    def _replace(self, failed: str | None, deadline: float) -> str:
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise ProviderUnavailable("no access token in time", provider=self._provider)
        try:
            if (token := self._good(failed)) is not None:
                return token  # Another thread was here before us.
            if self._failure is not None and time.monotonic() < self._failed_until:
                raise self._failure.with_traceback(None)
            return self._shared(failed, deadline)
        finally:
            self._lock.release()

    def _shared(self, failed: str | None, deadline: float) -> str:
        """Return what another process has fetched, or fetch it for all of them."""
        with self._store.lock(self._account, patience=deadline - time.monotonic()) as held:
            if not held:
                raise ProviderUnavailable("no access token in time", provider=self._provider)
            self._known = self._store.get(self._account)
            return self._good(failed) or self._fetch(failed, deadline)

    def _fetch(self, failed: str | None, deadline: float) -> str:
        self._known = replace(self._known, token="", good_until=0.0)
        try:
            fetched, lasts = self._asked(deadline, force=False)
            if fetched == failed:
                self._note_forced()
                fetched, lasts = self._asked(deadline, force=True)
        except DeliveryError as error:
            self._failure = self._surely_not_sent(error)
            self._failed_until = time.monotonic() + PAUSE
            raise self._failure from None
        good_until = time.time() + max(lasts - EARLY, SHORTEST)
        self._keep(replace(self._known, token=fetched, good_until=good_until))
        self._failure = None
        return fetched

    def _keep(self, kept: KeptToken) -> None:
        self._known = kept
        self._store.put(self._account, kept)

    def _surely_not_sent(self, error: DeliveryError) -> DeliveryError:
        """Say of any failure to get a token that no message left."""
        if isinstance(error, ProviderMisconfigured):
            return error
        return ProviderUnavailable(
            f"no access token: {error}", provider=self._provider, code=error.code, retry_after=error.retry_after
        )

    def _note_forced(self) -> None:
        now = time.time()
        forced = tuple(each for each in self._known.forced_at if now - each < 86400)
        used_up = len(forced) >= FORCED_A_DAY or (forced and now - forced[-1] < FORCED_APART)
        if used_up or not self._can_force:
            raise ProviderMisconfigured("the provider refuses every token it gives us", provider=self._provider)
        self._keep(replace(self._known, forced_at=(*forced, now)))

    def _asked(self, deadline: float, *, force: bool) -> tuple[str, float]:
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((ProviderUnavailable, OutcomeUnknown)),
            stop=tenacity.stop_after_attempt(3),
            wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=2.0, jitter=0.2),
            reraise=True,
        )
        return attempts(self._ask, deadline, force)
