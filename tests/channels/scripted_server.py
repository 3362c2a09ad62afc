"""A server that says exactly the bytes it was told to, and keeps what it was asked."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

#: What happens on one connection once a request has come in.
Act = Callable[[socket.socket], None]


class ScriptedServer:
    """Answers the n-th request with the n-th act, and every further one with the last."""

    def __init__(self, acts: Sequence[Act]) -> None:
        self._acts = list(acts)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._converse, args=(connected,), daemon=True).start()

    def _converse(self, connected: socket.socket) -> None:
        with connected, contextlib.suppress(OSError):
            while request := _request(connected):
                with self._lock:
                    self.requests.append(request)
                    act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
                act(connected)


def _request(connected: socket.socket) -> bytes:
    said = b""
    while b"\r\n\r\n" not in said:
        more = connected.recv(65536)
        if not more:
            return b""
        said += more
    head, _, body = said.partition(b"\r\n\r\n")
    announced = (line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    length = int(next(announced, b"0"))  # A GET has no body and says nothing of one.
    while len(body) < length:
        body += connected.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: object, *, status: int = 200, headers: Sequence[str] = ()) -> Act:
    """Say one whole answer; a body that is neither bytes nor text is said as JSON."""
    if isinstance(body, str):
        body = body.encode()
    said = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(said)}", *headers]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + said)


def raw(said: bytes) -> Act:
    """Say just these bytes."""
    return lambda connected: connected.sendall(said)


def hang_up(said: bytes = b"") -> Act:
    """Say these bytes and close the connection."""

    def act(connected: socket.socket) -> None:
        connected.sendall(said)
        connected.shutdown(socket.SHUT_RDWR)
        raise OSError

    return act


def trickle(said: bytes, *, every: float) -> Act:
    """Say one byte after another, so slowly that no single wait is long."""

    def act(connected: socket.socket) -> None:
        for place in range(len(said)):
            connected.sendall(said[place : place + 1])
            time.sleep(every)

    return act


@contextlib.contextmanager
def scripted(*acts: Act) -> Iterator[ScriptedServer]:
    """Run a server for as long as the block runs."""
    server = ScriptedServer(acts)
    try:
        yield server
    finally:
        server.close()
