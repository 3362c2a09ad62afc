"""A small IMAP server with one mailbox, which fails as it is told; it shares no code with the client."""

import base64
import re
import socketserver
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass
class HeldMail:
    """One mail and its flags."""

    content: bytes
    flags: set[str] = field(default_factory=set)


class ScriptedImap:
    """Serves its mails on a free port for as long as the block runs."""

    def __init__(self, *mails: bytes, password: str = "geheim 密码") -> None:
        self.mails = {number: HeldMail(content) for number, content in enumerate(mails, start=7)}
        self.password = password
        self.heard: list[str] = []  #: commands without their tags
        self.hangs_up_at = ""  #: hang up on a command that begins so
        self.refuses: tuple[str, ...] = ()  #: answer NO to commands that hold one of these
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.world = self
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

    def flagged(self, flag: str) -> list[int]:
        """Return the numbers of the mails that have a flag."""
        return [number for number, mail in self.mails.items() if flag in mail.flags]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    world: ScriptedImap


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready")
        while line := self.rfile.readline(65536).decode().strip():
            tag, _, command = line.partition(" ")
            self.server.world.heard.append(command)
            if self.server.world.hangs_up_at and command.startswith(self.server.world.hangs_up_at):
                return
            if any(each in command for each in self.server.world.refuses):
                self._say(f"{tag} NO not here")
                continue
            good = self._answer(command)
            self._say(f"{tag} {'OK' if good else 'NO'} done")
            if command == "LOGOUT":
                return

    def _answer(self, command: str) -> bool:
        world = self.server.world
        if command == "CAPABILITY":
            self._say("* CAPABILITY IMAP4rev1 AUTH=PLAIN")
        elif command == "AUTHENTICATE PLAIN":
            self._say("+ ")
            given = base64.b64decode(self.rfile.readline()).decode().split("\0")
            return given == ["", "bounces", world.password]
        elif command.startswith("SELECT"):
            self._say(f"* {len(world.mails)} EXISTS\r\n* OK [UIDVALIDITY 1] ok")
        elif command == "UID SEARCH UNSEEN UNKEYWORD TidingsRead UNDELETED":
            unread = [str(number) for number, mail in world.mails.items() if not mail.flags]
            self._say(" ".join(["* SEARCH", *unread]))
        elif found := re.fullmatch(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command):
            self._fetch(int(found[1]), int(found[2]))
        elif found := re.fullmatch(r"UID STORE ([\d,]+) \+FLAGS\.SILENT \((\S+)\)", command):
            for number in found[1].split(","):
                world.mails[int(number)].flags.add(found[2])
        else:
            return command == "LOGOUT"
        return True

    def _fetch(self, number: int, most: int) -> None:
        mail = self.server.world.mails.get(number)
        if mail is not None:
            content = mail.content[:most]
            self.wfile.write(f"* 1 FETCH (UID {number} BODY[]<0> {{{len(content)}}}\r\n".encode() + content + b")\r\n")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
