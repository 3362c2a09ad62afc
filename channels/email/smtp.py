"""Mail over SMTP."""

import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import ClassVar

from channels.email.carrying import Batch, Conversation, Mail
from channels.email.mime import PROVIDER, date_line, message_id, recipient, skeleton_for, write_mail
from channels.email.pool import ConnectionPool
from channels.email.settings import SmtpSettings
from channels.errors import DeliveryError
from channels.message import Channel, Message, Outcome
from channels.provider import Provider

#: A connection of its own pays only from so many mails on.
_MAILS_PER_LANE = 8


class SmtpProvider(Provider):
    """Any mail server that speaks SMTP: a relay of one's own, or a provider's submission host.

    Source: RFC 5321, RFC 2920 (pipelining), RFC 3207 (STARTTLS), RFC 4954 (login), RFC 3461 (ENVID),
    RFC 6376 (DKIM).
    """

    channel: ClassVar[Channel] = Channel.EMAIL
    name: ClassVar[str] = PROVIDER
    window: ClassVar[int] = 256

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._skeleton = skeleton_for(settings)
        self._signer = settings.signer()
        self._pool = ConnectionPool(settings)
        self._threads = ThreadPoolExecutor(settings.max_connections, thread_name_prefix="smtp")

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        now = datetime.fromtimestamp(time.time(), UTC)
        date, sign = date_line(now), self._signing(now)
        batch = Batch(messages, lambda index, message: self._write(index, message, date, sign), deadline=deadline)
        lanes = min(self._settings.max_connections, -(-len(messages) // _MAILS_PER_LANE))
        # The caller's thread is the first lane; the others only use places that are free now.
        others = [self._threads.submit(self._lane, batch, seconds=0.0) for _ in range(lanes - 1)]
        try:
            self._lane(batch, seconds=batch.seconds_left)
        finally:
            for other in others:
                other.result()
        return batch.outcomes()

    def close(self) -> None:
        self._threads.shutdown()
        self._pool.close()

    def _lane(self, batch: Batch, *, seconds: float) -> None:
        """Carry mails on one connection after another, as long as each still gets answers."""
        if not len(batch) or not self._pool.reserve(seconds=seconds):
            return
        try:
            fresh = False
            while len(batch) and not batch.late:
                connection = self._pool.take(fresh=fresh)
                conversation = Conversation(connection, batch, most=self._settings.messages_per_connection)
                conversation.run()
                self._pool.give_back(connection)
                if not conversation.answered and not connection.reused:
                    return  # A new connection got no answer at all; another would not either.
                fresh = not connection.open
        except DeliveryError as error:
            batch.trouble = error
        finally:
            self._pool.free()

    def _signing(self, now: datetime) -> Callable[[bytes], bytes] | None:
        signer = self._signer
        return None if signer is None else functools.partial(signer.header_for, at=int(now.timestamp()))

    def _write(self, index: int, message: Message, date: bytes, sign: Callable[[bytes], bytes] | None = None) -> Mail:
        to = recipient(message)
        return Mail(
            index=index,
            bounces_to=self._bounces_to(message.reference),
            recipient=to,
            reference=message.reference,
            message_id=message_id(self._skeleton, message),
            content=write_mail(self._skeleton, message, to=to, date=date, sign=sign),
        )

    def _bounces_to(self, reference: str) -> str:
        address = self._settings.return_address
        return address.for_message(reference) if self._settings.bounce_per_message else address.address
