"""One provider account's HTTP connections, and the line between "not sent" and "the answer was lost".

Built on ``requests``, with its retries, redirects, cookies and proxies off.  That line has to be exact, and
the exceptions of ``requests`` do not draw it; so the connection itself notes when it writes the first byte
of a request.  Whatever fails before that did not send it, and whatever fails afterwards may have.
"""

import functools
import http.client
import io
import json
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from channels.errors import DeliveryError, OutcomeUnknown, ProviderMisconfigured, ProviderUnavailable
from channels.waits import Wait, retry_after

LARGEST_ANSWER = 1 << 20  #: bytes; no provider of messages has that much to say
IDLE_LIMIT = 10.0  #: seconds after which an unused connection is not trusted any more
#: Statuses by which HTTP itself says that the request was not carried out, and that it is our settings' fault.
TURNED_AWAY = frozenset({401, 403, 404, 405, 407})
UNSAID = {"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER}  #: headers that would be added unasked


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """How long one call may take, in seconds."""

    connect: float = 3.0
    read: float = 10.0  #: between two arrivals of bytes
    total: float = 15.0  #: from the first step of connecting to the last byte of the answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A whole answer; its meaning is the adapter's business."""

    status: int
    headers: Message  #: looked up without regard to case
    body: bytes

    def members(self, provider: str) -> dict[str, object]:
        """Read the body as the JSON object every documented answer is.

        Raises:
            OutcomeUnknown: it is anything else.
            ProviderMisconfigured: it is anything else, and the status alone says that nothing was done.
        """
        try:
            said = json.loads(self.body)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict):
            return said
        raise unexpected(self.status, provider)


def unexpected(status: int, provider: str) -> DeliveryError:
    """Return the error for an answer that is not documented, on the safe side."""
    if status in TURNED_AWAY:
        return ProviderMisconfigured(
            f"the provider's address turned the request away with {status}", provider=provider, code=str(status)
        )
    return OutcomeUnknown(f"the answer ({status}) is not one that is documented", provider=provider, code=str(status))


@dataclass(kw_only=True, slots=True)
class _Call:
    """The call under way on one thread, as far as its connection must know it."""

    patience: float  #: seconds between two arrivals of bytes
    target: str = ""  #: exactly as it was signed
    latest: float = 0.0  #: when the first byte may be written at the latest, by ``time.monotonic()``
    until: float = 0.0  #: when the last byte of the answer must have come
    written: bool = False

    def left(self) -> float:
        """Return the seconds left to begin writing, then those left to be answered; with none, raise TimeoutError."""
        left = (self.until if self.written else self.latest) - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Find no redirect anywhere: looking into one would read its whole body, however large."""


class _Line(threading.local):
    """This thread's session, when it was last used, and the call under way on it."""

    def __init__(self, patience: float, context: ssl.SSLContext | None, note: Callable[[_Session], None]) -> None:
        self.call = _Call(patience=patience)
        self.used_at = 0.0
        self.session = _Session()
        self.session.trust_env = False
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _Transport(self.call, context))
        note(self.session)


class _Transport(HTTPAdapter):
    """A pool of one connection that asks the call under way what to write, and for how long."""

    def __init__(self, call: _Call, context: ssl.SSLContext | None) -> None:
        super().__init__(max_retries=0)
        self.init_poolmanager(1, 1, ssl_context=context)
        self._call = call

    def get_connection_with_tls_context(self, *asked: Any, **also: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*asked, **also)
        kind = _SecureConnection if pool.scheme == "https" else _Connection
        pool.ConnectionCls = functools.partial(kind, self._call)
        return pool

    def cert_verify(self, *_: object) -> None:
        """Leave the context as it is: it trusts whom the system trusts, and every thread shares it."""

    def request_url(self, *_: object) -> str:
        """Tell the pool no target, for it would spell it anew, and quote it in logs and exceptions."""
        return "/"


class _Connection(HTTPConnection):
    """Writes the target as it was signed, notes that it writes, and gives up on time."""

    def __init__(self, call: _Call, **settings: Any) -> None:
        super().__init__(**settings)
        self._call = call

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        super().putrequest(method, self._call.target, skip_host, skip_accept_encoding)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self._call.left()
        self._call.written = True
        self.sock.settimeout(min(self._call.patience, self._call.left()))
        super().send(data)

    def response_class(self, connected: socket.socket, **_: object) -> http.client.HTTPResponse:  # type: ignore[override]
        return http.client.HTTPResponse(cast(socket.socket, _Incoming(connected, self._call)), method="POST")


class _SecureConnection(_Connection, HTTPSConnection):
    """The same over TLS, which is agreed on before anything is written."""


class _Incoming(io.RawIOBase):
    """A socket's incoming side that gives up at a moment, however the bytes trickle."""

    def __init__(self, connected: socket.socket, call: _Call) -> None:
        self._socket = connected
        self._bytes = connected.makefile("rb", buffering=0)  # Keeps the socket open for as long as it is read.
        self._call = call

    def makefile(self, mode: str) -> io.BufferedReader:
        """Stand in for the socket where the standard library asks one for a file."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        self._socket.settimeout(min(self._call.patience, self._call.left()))
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class Http:
    """Calls to one address for one account.  Safe to use from several threads: each has its own connection."""

    def __init__(self, endpoint: str, *, provider: str, limits: TimeLimits, wait: Wait = retry_after) -> None:
        """``wait`` reads how long a provider that asks for fewer calls wants to be left alone."""
        place = urlsplit(endpoint)
        if place.scheme not in {"http", "https"} or not place.hostname or place.path not in {"", "/"}:
            raise ValueError("an endpoint is http:// or https://, a host, and perhaps a port")
        self.host = place.netloc  #: as it stands in the Host header
        self._endpoint = f"{place.scheme}://{place.netloc}"
        self._provider = provider
        self._limits = limits
        self._wait = wait
        self._sessions: weakref.WeakSet[_Session] = weakref.WeakSet()
        context = ssl.create_default_context() if place.scheme == "https" else None
        self._line = _Line(limits.read, context, self._sessions.add)

    def post(self, target: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float) -> Answer:
        """Send one request, a GET where there is no body, and return the whole answer.

        Nothing is written once ``time.monotonic()`` has reached ``deadline``.  Messages of
        exceptions hold neither the address called nor anything that was said.

        Raises:
            ProviderUnavailable: nothing was sent, or the answer was a redirect or a 429.
            ProviderMisconfigured: a header of ours cannot be sent.
            OutcomeUnknown: the request was written, at least in part, and no whole answer came.
        """
        call = self._line.call
        call.target, call.written, call.until = target, False, time.monotonic() + self._limits.total
        call.latest = min(deadline, call.until)
        request = self._request(target, headers, body)
        try:
            answer = self._exchange(request, call)
        except (OSError, http.client.HTTPException, HTTPError) as error:
            failure = self._failure(error, written=call.written)
        else:
            self._turned_away(answer)
            return answer
        raise failure  # Out here, where it does not drag along what it was made from: that one knows the address.

    get = functools.partialmethod(post, body=None)

    def close(self) -> None:
        """Close every thread's connection."""
        for session in list(self._sessions):
            session.close()

    def _request(self, target: str, headers: Mapping[str, str], body: bytes | None) -> requests.PreparedRequest:
        """Return a request that nothing is added to, and nothing spelt anew, on its way."""
        request = requests.PreparedRequest()
        request.method, request.url, request.body = "GET" if body is None else "POST", self._endpoint + target, body
        length = {} if body is None else {"Content-Length": str(len(body))}
        request.headers = CaseInsensitiveDict({"Host": self.host, **UNSAID, **headers, **length})
        said = "".join([target, *headers, *headers.values()])
        if not said.isascii() or not said.isprintable():
            raise ProviderMisconfigured("a setting holds characters no header may hold", provider=self._provider)
        return request

    def _exchange(self, request: requests.PreparedRequest, call: _Call) -> Answer:
        session = self._line.session
        if time.monotonic() - self._line.used_at > IDLE_LIMIT:
            session.close()
        patience = (min(self._limits.connect, call.left()), self._limits.read)
        with session.send(request, stream=True, timeout=patience, allow_redirects=False, proxies={}) as response:
            headers = Message()
            for name, value in response.headers.items():
                headers[name] = value
            answer = Answer(status=response.status_code, headers=headers, body=_whole_body(response))
        self._line.used_at = time.monotonic()
        return answer

    def _failure(self, error: BaseException, *, written: bool) -> DeliveryError:
        """Return what an error means, under the name of its first cause."""
        while deeper := error.__cause__ or error.__context__:
            error = deeper
        if written:
            return OutcomeUnknown(f"the answer was lost ({type(error).__name__})", provider=self._provider)
        return ProviderUnavailable(f"no connection in time ({type(error).__name__})", provider=self._provider)

    def _turned_away(self, answer: Answer) -> None:
        code = str(answer.status)
        if 300 <= answer.status < 400:
            raise ProviderUnavailable("the provider answered with a redirect", provider=self._provider, code=code)
        if answer.status == 429:
            said, wait = "the provider asked for fewer calls", self._wait(answer.headers)
            raise ProviderUnavailable(said, provider=self._provider, code=code, retry_after=wait)


def _whole_body(response: requests.Response) -> bytes:
    """Return the body, or raise when it breaks off or has no end."""
    body = b""
    while more := response.raw.read(LARGEST_ANSWER + 1 - len(body), decode_content=False):
        body += more
        if len(body) > LARGEST_ANSWER:
            raise http.client.HTTPException
    return body
