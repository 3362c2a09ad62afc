"""The public HTTP side: events in, provider callbacks, clicks and unsubscribes.

Every address stands in ``ROUTES`` with who may call it; nothing else is served.  No
GET or HEAD changes what a member agreed to.  An answer of success is given only
after the commit.
"""

import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config.logs import log_for
from console import callbacks, ingest, link_views, watching
from console.public_side import JsonAnswer, PublicSide, Refused
from console.security_headers import SecurityHeaders, security_headers

log = log_for("public")

View = Callable[[PublicSide, Request], Awaitable[Response]]


class Caller(enum.StrEnum):
    """Who may call an address."""

    ANYONE = "anyone"
    API_KEY = "api_key"  #: the key as Basic user name or as Bearer
    LINK_TOKEN = "link_token"  # noqa: S105 - a kind of caller  #: whoever has the link out of a message
    PROVIDER = "provider"  #: the secret address, and the provider's own signature where it has one


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One address of the public side."""

    path: str
    methods: tuple[str, ...]
    caller: Caller
    view: View


ROUTES: Sequence[Entry] = (
    Entry(path="/v1/identify", methods=("POST",), caller=Caller.API_KEY, view=ingest.identify),
    Entry(path="/v1/track", methods=("POST",), caller=Caller.API_KEY, view=ingest.track),
    Entry(path="/v1/batch", methods=("POST",), caller=Caller.API_KEY, view=ingest.batch),
    Entry(path="/c/{token}", methods=("GET",), caller=Caller.LINK_TOKEN, view=link_views.click),
    Entry(path="/u/{token}", methods=("GET",), caller=Caller.LINK_TOKEN, view=link_views.ask),
    Entry(path="/u/{token}", methods=("POST",), caller=Caller.LINK_TOKEN, view=link_views.stop),
    Entry(path="/o/{token}", methods=("GET",), caller=Caller.LINK_TOKEN, view=link_views.ask_to_confirm),
    Entry(path="/o/{token}", methods=("POST",), caller=Caller.LINK_TOKEN, view=link_views.confirm),
    Entry(path="/callbacks/{account}/{token}", methods=("GET", "POST"), caller=Caller.PROVIDER, view=callbacks.receive),
    Entry(path="/health", methods=("GET",), caller=Caller.ANYONE, view=watching.health),
    Entry(path="/metrics", methods=("GET",), caller=Caller.API_KEY, view=watching.metrics),
)


def build_app(side: PublicSide) -> Starlette:
    """Return the web application for one opened application."""
    return Starlette(
        routes=[Route(entry.path, _guarded(side, entry), methods=list(entry.methods)) for entry in ROUTES],
        middleware=[Middleware(SecurityHeaders, headers=security_headers(side.application.public_url))],
        exception_handlers={
            Refused: _tell_refusal,
            HTTPException: _tell_http,
            ClientDisconnect: _hang_up,
            SQLAlchemyError: _tell_trouble,
            Exception: _tell_trouble,
        },
    )


async def _hang_up(_request: Request, _error: Exception) -> Response:
    """Answer somebody who is gone, whose half of a request was not stored."""
    return Response(status_code=400)


def _guarded(side: PublicSide, entry: Entry) -> Callable[[Request], Awaitable[Response]]:
    async def view(request: Request) -> Response:
        if entry.caller is Caller.API_KEY and not await run_in_threadpool(side.keys.opens, ingest.key_of(request)):
            raise Refused(401, "an API key is needed, as Basic user name or as Bearer", {"WWW-Authenticate": "Basic"})
        return await entry.view(side, request)

    return view


async def _tell_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JsonAnswer({"success": False, "reason": error.reason}, error.status, error.headers)


async def _tell_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code, dict(error.headers or {}))


async def _tell_trouble(request: Request, error: Exception) -> Response:
    # What was asked for may be a token, so the kind of address is all that is logged.
    log.error("request failed", route=request.url.path.split("/")[1][:20], exc_info=error)
    return link_views.trouble() if request.url.path.startswith(("/c/", "/u/", "/o/")) else PlainTextResponse("try again later", 503, {"Retry-After": "5"})
