"""``/callbacks/…``: what providers tell us later.  Verify, store once, answer; applying comes afterwards."""

import hmac

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from campaigns.accounts import Account
from channels.errors import CallbackRefused, CallbackUnverified
from channels.message import Callback, CallbackRequest
from channels.provider import Provider
from config.callback_addresses import callback_token
from console.public_side import PublicSide, Refused, read_body

LARGE = 16_384  #: bytes
RETRY_AFTER = {"Retry-After": "20"}  #: seconds; for a callback that could not be verified


async def receive(side: PublicSide, request: Request) -> Response:
    """Take a provider's delivery reports and members' replies."""
    account = _account(side, request)
    body = await read_body(request)
    try:
        told = (await _read(account.provider, _as_request(side, request, body))).named(account.name)
    except CallbackUnverified as unverified:
        # Most providers take a 403 for the last word, and a 503 for a reason to call again.
        raise Refused(503, str(unverified), RETRY_AFTER) from None
    except CallbackRefused as refused:
        raise Refused(403, str(refused)) from None
    if told.reports or told.replies or told.contacts or told.grants:
        await side.callbacks.add(told)
    return Response(told.body, media_type=told.content_type)


async def _read(provider: Provider, request: CallbackRequest) -> Callback:
    """Verify and read; in a thread where that takes time, so that others are answered meanwhile."""
    if len(request.body) > LARGE or provider.callbacks_may_wait:
        return await run_in_threadpool(provider.read_callback, request)
    return provider.read_callback(request)


def _account(side: PublicSide, request: Request) -> Account:
    """Find the account by the two secret parts of the address; an unknown name and a wrong token look alike."""
    name, shown = request.path_params["account"], request.path_params["token"]
    right = hmac.compare_digest(callback_token(side.application.secret, name).encode(), shown.encode())
    found = side.application.account(name)
    if found is None or not right:
        raise Refused(404, "there is nothing here")
    return found


def _as_request(side: PublicSide, request: Request, body: bytes) -> CallbackRequest:
    # Providers sign the public address, which a proxy in front of us may have rewritten.
    query = f"?{request.url.query}" if request.url.query else ""
    return CallbackRequest(
        method=request.method,
        url=f"{side.application.public_url}{request.url.path}{query}",
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )
