"""A pretend mail server in a thread, a wire that can be cut in front of it, and mails for both."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from channels.email.settings import SmtpSettings
from channels.email.smtp import SmtpProvider
from channels.message import Channel, Message, Outcome
from channels.simulator import smtp_server
from channels.simulator.faults import FaultRules, Faults
from channels.simulator.record import Record, RecordedMessage, read_record
from channels.simulator.smtp_session import SmtpServerSettings


@dataclass(frozen=True)
class Sink:
    """A running server and what tests ask of it."""

    port: int
    faults: Faults
    record: Record

    def recorded(self) -> list[RecordedMessage]:
        return read_record(self.record.path)

    def taken(self) -> list[str]:
        """The references of the mails it took, in their order."""
        return [each.reference for each in self.recorded() if each.accepted]


@contextlib.contextmanager
def running_sink(
    folder: Path, settings: SmtpServerSettings | None = None, rules: FaultRules | None = None
) -> Iterator[Sink]:
    """Serve on a free port for as long as the block runs."""
    record = Record(folder / "record.jsonl")
    faults = Faults(rules or FaultRules())
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(smtp_server.start(settings or SmtpServerSettings(), record, faults))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Sink(server.port, faults, record)
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        record.close()


@contextlib.contextmanager
def opened(port: int, **more: object) -> Iterator[SmtpProvider]:
    """Open a provider for a server on this machine, with one connection unless told otherwise."""
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender_address": "crm@example.com",
        "max_connections": 1,
        "reply_timeout": 5,
        **more,
    }
    provider = SmtpProvider(SmtpSettings.model_validate(settings))
    try:
        yield provider
    finally:
        provider.close()


def mail(reference: str, **more: object) -> Message:
    plain = Message(
        reference=reference,
        channel=Channel.EMAIL,
        address=f"{reference}@members.example.com",
        parts={"subject": "生日快乐", "text": "亲爱的会员，\n.\n生日快乐！", "html": "<p>生日快乐！</p>"},
        template="birthday",
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def mails(count: int) -> list[Message]:
    return [mail(f"m{number}") for number in range(count)]


def deliver(provider: SmtpProvider, messages: list[Message], *, seconds: float = 20.0) -> list[Outcome]:
    return provider.deliver(messages, deadline=time.monotonic() + seconds)


class CutWire:
    """A wire to a server whose connections are cut, one after another, after so many bytes.

    ``cuts`` holds (bytes to the server, bytes to the client) per connection; None never
    cuts.  Connections after the last cut are left alone.
    """

    def __init__(self, target: int, cuts: list[tuple[int | None, int | None]]) -> None:
        self._target = target
        self._cuts = list(cuts)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)

    def __enter__(self) -> "CutWire":
        self._accepting.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            upward, downward = self._cuts.pop(0) if self._cuts else (None, None)
            for source, target, room in ((client, server, upward), (server, client, downward)):
                thread = threading.Thread(target=_carry, args=(source, target, room))
                thread.start()
                self._threads.append(thread)


def _carry(source: socket.socket, target: socket.socket, room: int | None) -> None:
    """Pass bytes on until one side ends or the room is used up, then cut both ways."""
    with contextlib.suppress(OSError):
        while room is None or room > 0:
            data = source.recv(65536 if room is None else min(room, 65536))
            if not data:
                break
            target.sendall(data)
            room = None if room is None else room - len(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
