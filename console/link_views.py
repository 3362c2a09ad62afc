"""``/c/…`` and ``/u/…``: what the links in messages open."""

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.pages import ask_page, confirm_page, confirmed_page, done_page, expired_page, missing_page, trouble_page
from console.public_side import PublicSide, read_body
from console.visits import follow, member_exists, unsubscribe
from database.engine import read_clock
from members.double_opt_in import Confirmation, Wish, confirm_opt_in, find_wish, is_agreed
from templates.links import OptIn, Unsubscribe, read_click_token, read_opt_in_token, read_unsubscribe_token

#: Headers by which a program says that it looks ahead for somebody who has not clicked.
LOOKS_AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz")


async def click(side: PublicSide, request: Request) -> Response:
    """Record a click and lead on; a HEAD, or a program that looks ahead, is led on and nothing is recorded."""
    clicked = read_click_token(side.application.secret, request.path_params["token"])
    if clicked is None:
        return _missing()
    watched = request.method == "GET" and not any(request.headers.get(name) for name in LOOKS_AHEAD)

    def look(connection: Connection) -> str | None:
        return follow(connection, clicked, now=read_clock(connection) if watched else None)

    target = await run_in_threadpool(side.within_transaction, look)
    if target is not None and watched:
        side.ring("events")
    return _missing() if target is None else RedirectResponse(target, 302)


async def ask(side: PublicSide, request: Request) -> Response:
    """Show the unsubscribe page; mail scanners open it too, so it changes nothing."""
    wish = await _wish(side, request)
    return _missing() if wish is None else HTMLResponse(ask_page(_brand(side), wish.channel))


async def stop(side: PublicSide, request: Request) -> Response:
    """Unsubscribe: the page's button, or a mail program's one click (RFC 8058)."""
    wish = await _wish(side, request)
    await read_body(request)
    if wish is None:
        return _missing()

    def end(connection: Connection) -> None:
        unsubscribe(connection, wish, source="link", now=read_clock(connection))

    await run_in_threadpool(side.within_transaction, end)
    return HTMLResponse(done_page(_brand(side), wish.channel))


async def ask_to_confirm(side: PublicSide, request: Request) -> Response:
    """Show the page that confirms a wish; mail scanners open it too, so it changes nothing."""
    said = read_opt_in_token(side.application.secret, request.path_params["token"])
    wish = await run_in_threadpool(side.within_transaction, lambda connection: _found_wish(connection, said))
    return _missing() if wish is None else HTMLResponse(confirm_page(_brand(side), wish.channel))


async def confirm(side: PublicSide, request: Request) -> Response:
    """Record the yes that a wish was for."""
    said = read_opt_in_token(side.application.secret, request.path_params["token"])
    await read_body(request)
    wish, came = await run_in_threadpool(side.within_transaction, lambda connection: _confirmed(connection, said))
    if wish is None:
        return _missing()
    page = expired_page() if came is Confirmation.EXPIRED else confirmed_page(_brand(side), wish.channel)
    return HTMLResponse(page, 410 if came is Confirmation.EXPIRED else 200)


def _found_wish(connection: Connection, said: OptIn | None) -> Wish | None:
    return None if said is None else find_wish(connection, said.member_id, said.wish_id)


def _confirmed(connection: Connection, said: OptIn | None) -> tuple[Wish | None, Confirmation]:
    wish = _found_wish(connection, said)
    if said is None or wish is None:
        return None, Confirmation.UNKNOWN
    came = confirm_opt_in(connection, said.member_id, said.wish_id, now=read_clock(connection))
    if came is Confirmation.AGAIN and not is_agreed(connection, wish):
        return wish, Confirmation.EXPIRED  # They said no since, and the page must not promise otherwise.
    return wish, came


def trouble() -> Response:
    """The answer when something went wrong on our side."""
    return HTMLResponse(trouble_page(), 503, {"Retry-After": "60"})


def _missing() -> Response:
    return HTMLResponse(missing_page(), 404)


def _brand(side: PublicSide) -> tuple[str, str]:
    return side.application.settings.brand.zh, side.application.settings.brand.en


async def _wish(side: PublicSide, request: Request) -> Unsubscribe | None:
    wish = read_unsubscribe_token(side.application.secret, request.path_params["token"])
    if wish is None:
        return None
    known = await run_in_threadpool(side.within_transaction, lambda connection: member_exists(connection, wish))
    return wish if known else None
