"""What the public views share: the opened application, the bell, the keys, and how to say no."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from campaigns.told import store_told
from channels.message import Callback
from config.wiring import Application
from console.api_keys import KeyRing
from console.backlog import Backlog
from console.gathering import Gathering

Result = TypeVar("Result")

LARGEST_BODY = 1_048_576  #: bytes


@dataclass(frozen=True, kw_only=True)
class PublicSide:
    """Everything a public view may use."""

    application: Application
    ring: Callable[[str], None]  #: tells the workers that there is work of a kind
    keys: KeyRing
    backlog: Backlog
    callbacks: Gathering[Callback]  #: on their way into the database

    def within_transaction(self, step: Callable[[Connection], Result]) -> Result:
        """Run one step in a transaction of its own; call it from a thread, never from the event loop."""
        with self.application.database.transaction() as connection:
            return step(connection)


def public_side(application: Application, ring: Callable[[str], None]) -> PublicSide:
    """Return what the public views need for an opened application."""

    def store(told: Sequence[Callback]) -> None:
        store_told(application.database, told, secret=application.secret)
        ring("receipts")
        if any(callback.replies or callback.contacts for callback in told):
            ring("events")

    return PublicSide(
        application=application,
        ring=ring,
        keys=KeyRing(application.database),
        backlog=Backlog(application.settings.ingest.busy_after),
        callbacks=Gathering(store),
    )


class Refused(Exception):
    """A request that is answered with a reason, for its sender to read."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


class JsonAnswer(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return msgspec.json.encode(content)


async def read_body(request: Request) -> bytes:
    """Return the request's body, giving up as soon as it is too large.

    Raises:
        Refused: over ``LARGEST_BODY``, or compressed.
    """
    too_large = Refused(413, f"at most {LARGEST_BODY} bytes are taken at once")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "send the body as it is, not compressed")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise too_large
    return bytes(body)


def key_of(request: Request) -> str:
    """Return the API key a request shows, or an empty text."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return shown.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(shown, validate=True).decode("ascii").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
