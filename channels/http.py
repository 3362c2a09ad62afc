"""One provider account's HTTP connections, and the line between "not sent" and "the answer was lost".

Written on the standard library's client, because that line has to be exact: whatever fails before the
first byte of a request is written did not send it, and whatever fails afterwards may have.  There are no
retries, no redirects, no proxies from the environment and no cookies.
"""

import email.utils
import http.client
import io
import json
import re
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import cast
from urllib.parse import urlsplit

from channels.errors import DeliveryError, OutcomeUnknown, ProviderMisconfigured, ProviderUnavailable

LARGEST_ANSWER = 1 << 20  #: bytes; no provider of messages has that much to say
IDLE_LIMIT = 10.0  #: seconds after which an unused connection is not trusted any more
#: Statuses by which HTTP itself says that the request was not carried out, and that it is our settings' fault.
TURNED_AWAY = frozenset({401, 403, 404, 405, 407})


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


def retry_after(headers: Message) -> float | None:
    """Read ``Retry-After`` as seconds; a date in it is measured from the answer's own ``Date``."""
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,7}", said):
        return float(said)
    try:
        until = email.utils.parsedate_to_datetime(said)
        asked = email.utils.parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - asked).total_seconds())
    except (TypeError, ValueError):
        return None


class _Incoming(io.RawIOBase):
    """A socket's incoming side that gives up at a moment, however the bytes trickle."""

    def __init__(self, connected: socket.socket, *, patience: float, until: float) -> None:
        self._socket = connected
        self._patience = patience
        self._until = until

    def makefile(self, mode: str) -> io.BufferedReader:
        """Stand in for the socket where the standard library asks one for a file."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(self._patience, left))
        return self._socket.recv_into(buffer)


class _Mine(threading.local):
    """This thread's connection, and when it was last used."""

    connected: socket.socket | None = None
    used_at: float = 0.0


class Http:
    """Calls to one address for one account.  Safe to use from several threads: each has its own connection."""

    def __init__(self, endpoint: str, *, provider: str, limits: TimeLimits) -> None:
        place = urlsplit(endpoint)
        if place.scheme not in {"http", "https"} or not place.hostname or place.path not in {"", "/"}:
            raise ValueError("an endpoint is http:// or https://, a host, and perhaps a port")
        secure = place.scheme == "https"
        self.host = place.netloc  #: as it stands in the Host header
        self._address = (place.hostname, place.port or (443 if secure else 80))
        self._provider = provider
        self._limits = limits
        self._context = ssl.create_default_context() if secure else None
        self._mine = _Mine()
        self._all: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def post(self, target: str, *, headers: Mapping[str, str], body: bytes, deadline: float) -> Answer:
        """Send one request and return the whole answer.

        Nothing is written once ``time.monotonic()`` has reached ``deadline``.  Messages of
        exceptions hold neither the address called nor anything that was said.

        Raises:
            ProviderUnavailable: nothing was sent, or the answer was a redirect or a 429.
            ProviderMisconfigured: a header of ours cannot be sent.
            OutcomeUnknown: the request was written, at least in part, and no whole answer came.
        """
        until = time.monotonic() + self._limits.total
        request = self._request(target, headers, body)
        connected = self._connected(min(deadline, until))
        try:
            answer = self._exchange(connected, request, until)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise OutcomeUnknown(f"the answer was lost ({type(error).__name__})", provider=self._provider) from None
        except BaseException:
            self._drop()
            raise
        self._mine.used_at = time.monotonic()
        self._turned_away(answer)
        return answer

    def close(self) -> None:
        """Close every thread's connection."""
        for connected in list(self._all):
            connected.close()

    def _turned_away(self, answer: Answer) -> None:
        code = str(answer.status)
        if 300 <= answer.status < 400:
            said = "the provider answered with a redirect, which is never followed"
            raise ProviderUnavailable(said, provider=self._provider, code=code)
        if answer.status == 429:
            said, wait = "the provider asked for fewer calls", retry_after(answer.headers)
            raise ProviderUnavailable(said, provider=self._provider, code=code, retry_after=wait)

    def _request(self, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"POST {target} HTTP/1.1", f"Host: {self.host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(lines) + "\r\n\r\n"
        if not head.isascii() or head.count("\n") != len(lines) + 1:
            raise ProviderMisconfigured("a setting holds characters no header may hold", provider=self._provider)
        return head.encode("ascii") + body

    def _connected(self, latest: float) -> socket.socket:
        try:
            connected = self._kept() or self._connect(latest)
            if time.monotonic() < latest:
                return connected
            raise TimeoutError
        except OSError as error:
            said = f"no connection to the provider in time ({type(error).__name__})"
            raise ProviderUnavailable(said, provider=self._provider) from None

    def _kept(self) -> socket.socket | None:
        """Return this thread's connection if the other side has not closed it meanwhile."""
        kept = self._mine.connected
        if kept is None or kept.fileno() < 0:
            return None
        waiting = select.poll()
        waiting.register(kept, select.POLLIN)
        # Whatever is there to read before a question was asked, it is not an answer.
        if time.monotonic() - self._mine.used_at > IDLE_LIMIT or waiting.poll(0):
            self._drop()
            return None
        return kept

    def _connect(self, latest: float) -> socket.socket:
        patience = min(self._limits.connect, latest - time.monotonic())
        if patience <= 0:
            raise TimeoutError
        connected = socket.create_connection(self._address, timeout=patience)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                connected = self._context.wrap_socket(connected, server_hostname=self._address[0])
        except BaseException:
            connected.close()
            raise
        self._mine.connected = connected
        self._all.add(connected)
        return connected

    def _exchange(self, connected: socket.socket, request: bytes, until: float) -> Answer:
        connected.settimeout(self._limits.read)
        connected.sendall(request)
        incoming = _Incoming(connected, patience=self._limits.read, until=until)
        with http.client.HTTPResponse(cast(socket.socket, incoming), method="POST") as response:
            response.begin()
            answer = Answer(status=response.status, headers=response.headers, body=_whole_body(response))
            if response.will_close:
                self._drop()
        return answer

    def _drop(self) -> None:
        connected, self._mine.connected = self._mine.connected, None
        if connected is not None:
            connected.close()


def _whole_body(response: http.client.HTTPResponse) -> bytes:
    """Return the body, or raise when it breaks off or has no end."""
    if response.length is None:
        body = response.read(LARGEST_ANSWER + 1)
        if len(body) <= LARGEST_ANSWER:
            return body
    elif response.length <= LARGEST_ANSWER:
        return response.read()
    raise http.client.HTTPException
