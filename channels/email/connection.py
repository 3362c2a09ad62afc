"""One conversation with a mail server: the socket, the handshake, commands and replies."""

import base64
import contextlib
import select
import socket
import ssl
import time
from collections.abc import Sequence

from channels.email.replies import PROVIDER, Reply, Stage, refusal
from channels.email.settings import SmtpSettings
from channels.errors import DeliveryError, ProviderMisconfigured, ProviderUnavailable

_LONGEST_REPLY = 16_384
_CHUNK = 65_536


class ReplyGarbled(ConnectionError):
    """The server said something that is no SMTP reply, or not to what it was asked."""


class ServerClosing(ConnectionError):
    """The server replied 421: it took nothing more and is closing the connection."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("the server is closing the connection")
        self.reply = reply


class Connection:
    """An open, logged-in connection.  Not safe to use from several threads at once.

    Everything it raises once it is open is an OSError, and after one of those the
    connection is of no more use.
    """

    def __init__(self, settings: SmtpSettings, context: ssl.SSLContext | None) -> None:
        """Connect, encrypt with ``context`` unless the settings say none, and log in.

        Raises:
            ProviderUnavailable: the server cannot be reached now.
            ProviderMisconfigured: it turned our login, certificate or security setting down.
        """
        self.carried = 0  #: messages begun on it
        self.used_at = time.monotonic()
        self.reused = False  #: it has been in the pool, so the server may have left meanwhile
        self.needs_reset = False  #: an envelope was refused half-way
        self.open = True
        #: How many bytes of the last write may have left at most; exact unless a write failed under TLS.
        self.left = 0
        self.pipelining = False  #: it takes commands ahead of its replies
        self.notifies = False  #: it takes ENVID, and bounces give that back
        self._settings = settings
        self._context = context
        self._timeout = settings.reply_timeout.total_seconds()
        self._buffer = b""
        self._extensions: dict[str, str] = {}
        try:
            self._socket: socket.socket = socket.create_connection(
                (settings.host, settings.port), settings.connect_timeout.total_seconds()
            )
        except OSError:
            raise ProviderUnavailable("The mail server cannot be reached.", provider=PROVIDER) from None
        try:
            self._introduce()
        except BaseException as error:
            self.drop()
            if isinstance(error, OSError):
                raise _handshake_failed(error) from None
            raise
        self.pipelining = "PIPELINING" in self._extensions
        self.notifies = "DSN" in self._extensions

    def write(self, data: bytes) -> None:
        """Write all of it; where that fails, ``left`` tells how much may have gone."""
        view, done = memoryview(data), 0
        while done < len(data):
            piece = view[done : done + _CHUNK]
            self.left = done + len(piece)
            try:
                done += self._socket.send(piece)
            except OSError:
                if not isinstance(self._socket, ssl.SSLSocket):
                    self.left = done  # A plain socket that raises has taken nothing of the piece.
                raise
        self.left = done

    def read_reply(self) -> Reply:
        """Wait for the next reply, however many lines it has.

        Raises:
            ServerClosing: it is a 421.
            OSError: none came whole within the time-out, or it is no reply.
        """
        until = 0.0
        while (end := self._reply_end()) < 0:
            if len(self._buffer) > _LONGEST_REPLY:
                raise ReplyGarbled("the reply has no end")
            now = time.monotonic()
            until = until or now + self._timeout
            if now >= until:
                raise TimeoutError("the reply did not come whole in time")
            received = self._socket.recv(4096)
            if not received:
                raise ConnectionResetError("the server closed the connection")
            self._buffer += received
        lines, self._buffer = self._buffer[:end], self._buffer[end:]
        reply = _parse(lines)
        if reply.code == 421:
            raise ServerClosing(reply)
        return reply

    def exchange(self, commands: Sequence[bytes]) -> list[Reply]:
        """Say the commands and return a reply to each, or up to the first refused one without pipelining."""
        if self.pipelining:
            self.write(b"".join(commands))
            return [self.read_reply() for _ in commands]
        replies: list[Reply] = []
        for command in commands:
            self.write(command)
            replies.append(self.read_reply())
            if replies[-1].code >= 400:
                break
        return replies

    def stale(self, now: float) -> bool:
        """Say whether an idle connection is too old or has been closed from the other side."""
        if now - self.used_at > self._settings.idle_limit.total_seconds():
            return True
        # A server speaks unasked only to say farewell.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(self._buffer or poll.poll(0))

    def quit(self) -> None:
        """Say good-bye without waiting for the answer."""
        with contextlib.suppress(OSError):
            self.write(b"QUIT\r\n")
        self.drop()

    def drop(self) -> None:
        """Close without a word, which a server takes as: forget the mail that was not finished."""
        self.open = False
        with contextlib.suppress(OSError):
            self._socket.close()

    def _introduce(self) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(self._timeout)
        if self._settings.security == "tls":
            self._encrypt()
        self._expect(self.read_reply(), Stage.GREETING)
        self._hello()
        if self._settings.security == "starttls":
            if "STARTTLS" not in self._extensions:
                raise ProviderMisconfigured("The server does not offer STARTTLS.", provider=PROVIDER)
            self._expect(self.exchange([b"STARTTLS\r\n"])[0], Stage.LOGIN)
            if self._buffer:  # Words slipped in before the encryption must not count as the server's.
                raise ReplyGarbled("the server spoke out of turn")
            self._encrypt()
            self._hello()
        if self._settings.username is not None:
            self._log_in()

    def _hello(self) -> None:
        name = self._settings.hello_name or _own_name(self._socket)
        reply = self._expect(self.exchange([f"EHLO {name}\r\n".encode()])[0], Stage.GREETING)
        words = (line.partition(" ") for line in reply.text.split("\n")[1:])
        self._extensions = {name.upper(): rest.upper() for name, _, rest in words}

    def _encrypt(self) -> None:
        if self._context is None:
            raise ProviderMisconfigured("No encryption was prepared for this connection.", provider=PROVIDER)
        self._socket = self._context.wrap_socket(self._socket, server_hostname=self._settings.host)

    def _log_in(self) -> None:
        offered = self._extensions.get("AUTH", "").split()
        user, password = self._settings.username, self._settings.password
        if user is None or password is None:
            return
        name, secret = user.encode(), password.get_secret_value().encode()
        if "PLAIN" in offered:
            commands = [b"AUTH PLAIN " + _encoded(b"\0" + name + b"\0" + secret)]
        elif "LOGIN" in offered:
            commands = [b"AUTH LOGIN\r\n", _encoded(name), _encoded(secret)]
        else:
            raise ProviderMisconfigured("The server offers no way of logging in that we know.", provider=PROVIDER)
        self._expect(self.exchange(commands)[-1], Stage.LOGIN)

    def _expect(self, reply: Reply, stage: Stage) -> Reply:
        if not reply.good:
            raise refusal(reply, stage)
        return reply

    def _reply_end(self) -> int:
        """Return where the first reply of the buffer ends, or -1 while it is not whole."""
        start = 0
        while (end := self._buffer.find(b"\n", start) + 1) > 0:
            if self._buffer[start + 3 : start + 4] != b"-":
                return end
            start = end
        return -1


def _encoded(secret: bytes) -> bytes:
    return base64.b64encode(secret) + b"\r\n"


def _parse(lines: bytes) -> Reply:
    code = lines[:3]
    if not code.isdigit() or not b"200" <= code <= b"599" or lines[3:4] not in (b" ", b"-", b"\r", b"\n"):
        raise ReplyGarbled("the server said something that is no reply")
    return Reply(int(code), lines)


def _own_name(connected: socket.socket) -> str:
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    own = connected.getsockname()[0]
    return f"[IPv6:{own}]" if ":" in own else f"[{own}]"


def _handshake_failed(error: OSError) -> DeliveryError:
    if isinstance(error, ServerClosing):
        return refusal(error.reply, Stage.GREETING)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return ProviderMisconfigured("The server's certificate or encryption was not accepted.", provider=PROVIDER)
    return ProviderUnavailable("The connection was lost before the server was ready for mail.", provider=PROVIDER)
