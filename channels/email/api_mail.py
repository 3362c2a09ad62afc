"""What the mail providers that are called over HTTP have in common: a sender, a mail, one call per mail."""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from channels.concurrency import Crew
from channels.email.mime import (
    REFERENCE_HEADER,
    check_mail,
    date_line,
    message_id,
    own_headers,
    recipient,
    skeleton_for,
    write_mail,
)
from channels.email.settings import Mailbox, Plain
from channels.http import Http, TimeLimits
from channels.message import Channel, Message, Outcome
from channels.provider import Provider
from channels.waits import Wait, retry_after

ENDPOINT = r"^https?://[A-Za-z0-9.\[\]:-]+/?$"


class ApiMailSettings(BaseModel):
    """The sender, and how long a call may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender_address: Mailbox
    sender_name: Plain = Field(default="", max_length=200)
    reply_to: Mailbox | None = None
    #: The last part of the Feedback-ID header, by which Gmail groups complaints.  None: no such header.
    feedback_sender: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{5,15}$")
    #: The most calls under way at once.
    connections: int = Field(default=32, ge=1, le=256)
    connect_timeout: float = Field(default=3.0, gt=0)  #: seconds, as are the next two
    read_timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=15.0, gt=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenMail:
    """One mail, ready to be handed over."""

    to: str
    reference: str
    message_id: str  #: with its angle brackets
    content: bytes  #: the whole mail as its receiver reads it; ASCII; empty where the provider writes it itself
    headers: Mapping[str, str]  #: those of ours that no provider writes by itself


class ApiMail(Provider):
    """A provider that takes one mail per HTTP call."""

    channel: ClassVar[Channel] = Channel.EMAIL
    window: ClassVar[int] = 64
    #: Whether it is handed the whole mail; otherwise it is told the parts, and writes the mail itself.
    takes_whole_mails: ClassVar[bool] = True

    def __init__(self, settings: ApiMailSettings, *, endpoint: str, wait: Wait = retry_after) -> None:
        self._skeleton = skeleton_for(settings)
        self._limits = TimeLimits(
            connect=settings.connect_timeout, read=settings.read_timeout, total=settings.total_timeout
        )
        self._http = Http(endpoint, provider=self.name, limits=self._limits, wait=wait)
        self._crew = Crew(settings.connections, name=self.name)

    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        return self._crew.carry(messages, self._carry, deadline=deadline)

    def close(self) -> None:
        self._crew.close()
        self._http.close()

    @abstractmethod
    def _send(self, mail: WrittenMail, message: Message, deadline: float) -> Outcome:
        """Hand one mail over.

        Raises:
            DeliveryError: the provider did not take it, or did not say so.
        """

    def _carry(self, message: Message, deadline: float) -> Outcome:
        return self._send(self._write(message), message, deadline)

    def _write(self, message: Message) -> WrittenMail:
        """Write the mail by the same rules as for a mail server, which also refuse what cannot stand in one."""
        to = recipient(message)
        own = {"Message-ID": message_id(self._skeleton, message), REFERENCE_HEADER: message.reference}
        return WrittenMail(
            to=to,
            reference=message.reference,
            message_id=own["Message-ID"],
            content=self._content(message, to),
            headers={**own, **own_headers(self._skeleton, message)},
        )

    def _content(self, message: Message, to: str) -> bytes:
        if not self.takes_whole_mails:
            check_mail(message)
            return b""
        now = datetime.fromtimestamp(time.time(), UTC)
        wire = write_mail(self._skeleton, message, to=to, date=date_line(now))
        return wire[:-3].replace(b"\r\n..", b"\r\n.")  # Dots are doubled for mail servers only.
