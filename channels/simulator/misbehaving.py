"""What a request meets: answers that break off, never come, come late, or come from somewhere else."""

import asyncio

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from channels.simulator.faults import Fault, Faults

SETTLING = 0.05  #: seconds until the server has noticed that a connection is gone, and expects no more of an answer


class BreakableProtocol(HttpToolsProtocol):
    """HTTP whose requests know how to break off their connection: ``scope["state"]["break_off"]``."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["break_off"] = self.transport.close


class Dropped(Response):
    """No answer at all: the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["break_off"]()
        await asyncio.sleep(SETTLING)


class HalfSaid(Response):
    """An answer that announces its whole length and stops in the middle."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = bytes(self.body)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": whole[: len(whole) // 2], "more_body": True})
        scope["state"]["break_off"]()
        await asyncio.sleep(SETTLING)


def turned_away(fault: Fault, request: Request) -> Response | None:
    """Return the answer to a request that is not carried out; None: it is."""
    match fault:
        case Fault.DROPPED:
            return Dropped()
        case Fault.THROTTLED:
            return Response(b"{}", status_code=429, headers={"Retry-After": "1"})
        case Fault.REDIRECTED:
            return RedirectResponse(request.url, status_code=307)
    return None


async def drawn(faults: Faults, messages: int) -> list[Fault]:
    """Let the time pass that every answer takes, and draw what each message of a request meets.

    A request without any message meets nothing, once.
    """
    if faults.rules.latency:
        await asyncio.sleep(faults.rules.latency)
    return [faults.draw() for _ in range(messages)] or [Fault.NONE]


async def fault_of(faults: Faults, request: Request) -> tuple[Fault, Response | None]:
    """Draw what a request's one message meets, and the answer where it is not carried out at all."""
    (fault,) = await drawn(faults, 1)
    return fault, turned_away(fault, request)


async def answered(fault: Fault, whole: Response, faults: Faults) -> Response:
    """Return what the sender of a message that was taken gets to hear instead of the whole answer."""
    match fault:
        case Fault.ANSWER_LOST:
            return Dropped()
        case Fault.HALF_BODY:
            return HalfSaid(whole.body, headers=dict(whole.headers))
        case Fault.HANG:
            await asyncio.sleep(faults.rules.hang_for)
        case Fault.BAD_GATEWAY:
            return HTMLResponse("<h1>502 Bad Gateway</h1>", status_code=502)
        case Fault.GARBLED:
            return HTMLResponse("<h1>Welcome to our free network</h1>")
    return whole
