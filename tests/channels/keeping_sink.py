"""A small mail server that keeps what it is given, byte for byte, and refuses whom it is told to."""

import re
import socketserver
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class KeptMail:
    """One mail as it came."""

    sender: str
    recipient: str
    content: bytes


class KeepingSink:
    """Listens on a free port of this machine for as long as the block runs."""

    def __init__(self, refused: str = r"(?!)", reply: str = "550 5.1.1 User unknown") -> None:
        self.kept: list[KeptMail] = []
        self.refused = re.compile(refused)  #: recipients that match are told ``reply``
        self.reply = reply
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.sink = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    sink: KeepingSink


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._say("220 sink.example ESMTP")
        sender = recipient = ""
        while line := self.rfile.readline(4096):
            verb = line[:4].upper()
            address = re.sub(rb".*<([^>]*)>.*", rb"\1", line.strip()).decode()
            if verb == b"MAIL":
                sender, recipient = address, ""
                self._say("250 2.1.0 Ok")
            elif verb == b"RCPT" and self.server.sink.refused.search(address):
                self._say(self.server.sink.reply)
            elif verb == b"RCPT":
                recipient = address
                self._say("250 2.1.5 Ok")
            elif verb == b"DATA" and recipient:
                self._say("354 go on")
                self.server.sink.kept.append(KeptMail(sender, recipient, self._content()))
                self._say("250 2.0.0 Ok: queued as KEPT")
            elif verb == b"DATA":
                self._say("554 5.5.1 no valid recipients")
            elif verb == b"QUIT":
                self._say("221 2.0.0 Bye")
                return
            else:
                self._say("250 sink.example" if verb in (b"EHLO", b"HELO") else "250 2.0.0 Ok")

    def _content(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _say(self, reply: str) -> None:
        self.wfile.write(reply.encode() + b"\r\n")
