"""One client's connection to the pretend mail server: lines, final dots, greeting, encryption, login.

It searches the received bytes for line ends and final dots instead of reading line by line.
"""

import asyncio
import base64
import binascii
import hmac
import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal, cast

_LONGEST_LINE = 2048
_MOST_BUFFERED = 1 << 20  #: bytes received but not handled, above which the connection is paused
_MOST_BAD_COMMANDS = 20
_FINAL_DOT, _NOTHING = b"\r\n.\r\n", b".\r\n"
_TOO_BIG = b"552 5.3.4 message too big"


@dataclass(frozen=True, kw_only=True)
class SmtpServerSettings:
    """How the pretend server listens and what it offers."""

    host: str = "127.0.0.1"
    port: int = 0  #: 0: any free one
    pipelining: bool = True
    strict: bool = False  #: hang up on a client that talks ahead although pipelining was not offered
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False  #: encrypted from the first byte; otherwise ``tls`` offers STARTTLS
    username: str | None = None  #: None: nobody has to log in
    password: str = field(default="", repr=False)
    most_bytes: int = 10_000_000  #: size of the largest mail taken
    messages_per_connection: int = 0  #: 421 once so many were taken; 0: never
    refused_addresses: str = r"(?!)"  #: recipients that match this do not exist
    greeting: Literal["welcome", "busy", "barred", "dropped"] = "welcome"
    #: Whether a mail without recipients is asked for (354) rather than refused at DATA; RFC 2920 allows both.
    asks_for_nothing: bool = False


class SmtpSession(asyncio.Protocol, ABC):
    """One client's connection; what it says about mail is a subclass's affair."""

    def __init__(self, settings: SmtpServerSettings, sessions: set["SmtpSession"]) -> None:
        self._settings = settings
        self._open = sessions  #: all that are open; this one adds and removes itself
        self._transport: asyncio.Transport | None = None
        self._secure = settings.implicit_tls
        self._known = settings.username is None
        self._waiting_for: Literal["command", "body", "user", "password"] = "command"
        self._buffer = bytearray()
        self._searched = 0  #: bytes of the buffer known to hold no final dot
        self._replies: list[bytes] = []
        self._paused = False  #: a slow answer is on its way, and nothing is handled before it
        self._bad_commands = 0
        self._user = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = stream = cast(asyncio.Transport, transport)
        self._open.add(self)
        match self._settings.greeting:
            case "welcome":
                stream.write(b"220 simulator ESMTP\r\n")
            case "busy":
                self._end(b"421 4.3.2 too busy\r\n")
            case "barred":
                self._end(b"554 5.7.1 you may not connect\r\n")
            case "dropped":
                stream.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._paused:
            self._handle()
        elif len(self._buffer) > _MOST_BUFFERED and self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._buffer.clear()
        self._open.discard(self)

    def abort(self) -> None:
        """Hang up at once, as a server that is stopped does."""
        if self._transport is not None:
            self._transport.abort()

    def _handle(self) -> None:
        """Handle everything received that is whole, and answer it in one write."""
        while self._transport is not None and not self._paused:
            if self._waiting_for == "body":
                if not self._take_body():
                    break
            elif not self._take_line():
                break
        self._flush()

    def _flush(self) -> None:
        if self._replies and self._transport is not None:
            self._transport.write(b"".join(self._replies))
        self._replies.clear()

    def _say(self, reply: bytes) -> None:
        self._replies.append(reply + b"\r\n")

    def _end(self, reply: bytes = b"") -> None:
        """Say the last word and hang up."""
        if self._transport is not None:
            self._replies.append(reply)
            self._flush()
            self._transport.close()
            self._transport = None

    def _ask(self, reply: bytes) -> None:
        """Ask for the body of a mail."""
        self._waiting_for, self._searched = "body", 0
        self._say(reply)

    def _take_line(self) -> bool:
        """Handle one line; False where none is whole yet."""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_LINE:
                self._end(b"500 5.5.2 line too long\r\n")
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._settings.strict and not self._settings.pipelining and self._buffer:
            self._end(b"503 5.5.0 you talk ahead\r\n")
            return False
        match self._waiting_for:
            case "command":
                self._obey(line)
            case "user":
                self._user, self._waiting_for = line, "password"
                self._say(b"334 UGFzc3dvcmQ6")
            case _:
                self._waiting_for = "command"
                self._check_login(_decoded(self._user), _decoded(line))
        return True

    def _take_body(self) -> bool:
        """Handle one whole mail; False while its final dot has not come."""
        if self._buffer.startswith(_NOTHING):
            end, after = 0, len(_NOTHING)
        else:
            end = self._buffer.find(_FINAL_DOT, self._searched)
            after = end + len(_FINAL_DOT)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_FINAL_DOT))
            if len(self._buffer) > self._settings.most_bytes:
                self._end(_TOO_BIG + b"\r\n")
            return False
        mail = bytes(self._buffer[: end + 2])
        del self._buffer[:after]
        self._waiting_for = "command"
        if len(mail) > self._settings.most_bytes:
            self._forget()
            self._say(_TOO_BIG)
        else:
            self._take_mail(mail)
        return True

    def _obey(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb in (b"MAIL", b"RCPT", b"DATA"):
            self._obey_about_mail(verb, line[5:])
        elif verb == b"RSET":
            self._forget()
            self._say(b"250 2.0.0 Ok")
        elif verb in (b"EHLO", b"HELO"):
            self._forget()
            self._introduce(extended=verb == b"EHLO")
        elif verb == b"NOOP":
            self._say(b"250 2.0.0 Ok")
        elif verb == b"QUIT":
            self._end(b"221 2.0.0 Bye\r\n")
        elif verb == b"STAR" and self._settings.tls is not None and not self._secure:
            self._encrypt(self._settings.tls)
        elif verb == b"AUTH":
            self._log_in(line[5:])
        else:
            self._bad_commands += 1
            self._say(b"502 5.5.2 command not known")
            if self._bad_commands > _MOST_BAD_COMMANDS:
                self._end(b"421 4.7.0 too many errors\r\n")

    @abstractmethod
    def _obey_about_mail(self, verb: bytes, rest: bytes) -> None:
        """Obey MAIL, RCPT or DATA."""

    @abstractmethod
    def _take_mail(self, mail: bytes) -> None:
        """Take a whole mail, dots still stuffed, or not, and answer it, or not."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget the mail that was begun."""

    def _introduce(self, *, extended: bool) -> None:
        if not extended:
            self._say(b"250 simulator")
            return
        lines = [b"simulator", b"ENHANCEDSTATUSCODES", b"DSN", b"SIZE %d" % self._settings.most_bytes]
        if self._settings.pipelining:
            lines.append(b"PIPELINING")
        if self._settings.tls is not None and not self._secure:
            lines.append(b"STARTTLS")
        if self._settings.username is not None:
            lines.append(b"AUTH PLAIN LOGIN")
        self._say(b"\r\n".join([*(b"250-" + line for line in lines[:-1]), b"250 " + lines[-1]]))

    def _encrypt(self, context: ssl.SSLContext) -> None:
        self._say(b"220 2.0.0 go ahead")
        self._flush()
        self._forget()
        self._paused = self._secure = True
        self._buffer.clear()  # Commands sent ahead of the encryption are not obeyed.
        self._encrypting = asyncio.get_running_loop().create_task(self._start_tls(context))

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        if self._transport is None:
            return
        try:
            loop = asyncio.get_running_loop()
            encrypted = await loop.start_tls(self._transport, self, context, server_side=True)
        except OSError:
            self.abort()
            return
        if encrypted is None:  # The client left in the middle of it.
            return
        self._transport, self._paused = encrypted, False
        self._handle()

    def _log_in(self, rest: bytes) -> None:
        method, _, initial = rest.partition(b" ")
        if method.upper() == b"PLAIN" and initial:
            _, _, pair = _decoded(initial).partition(b"\0")
            user, _, password = pair.partition(b"\0")
            self._check_login(user, password)
        elif method.upper() == b"LOGIN" and not initial:
            self._waiting_for = "user"
            self._say(b"334 VXNlcm5hbWU6")
        else:
            self._say(b"504 5.5.4 method not known")

    def _check_login(self, user: bytes, password: bytes) -> None:
        right = self._settings.username is not None and hmac.compare_digest(
            user + b"\0" + password, f"{self._settings.username}\0{self._settings.password}".encode()
        )
        self._known = self._known or right
        self._say(b"235 2.7.0 welcome" if right else b"535 5.7.8 login refused")

    def _later(self, seconds: float, reply: bytes) -> None:
        """Answer, or hang up where there is no answer, after a while in which nothing else is handled."""
        self._paused = True
        asyncio.get_running_loop().call_later(seconds, self._resume, reply)

    def _resume(self, reply: bytes) -> None:
        if self._transport is None:
            return
        if not reply:
            self._end()
            return
        self._paused = False
        self._say(reply)
        self._transport.resume_reading()
        self._handle()


def _decoded(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return b""
