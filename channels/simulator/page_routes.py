"""Where the simulator's page is looked at and its buttons lead; for browsers on this machine alone."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from channels.errors import DeliveryError
from channels.simulator.faults import Fault, FaultRules
from channels.simulator.mail_shown import read_shown_mail
from channels.simulator.members_acts import WECHAT_EVENTS, WECHAT_GRANTS, told_as
from channels.simulator.page import PAGES, Asked, page_html
from channels.simulator.receipts import post_form
from channels.simulator.wechat_desk import WechatDesk
from channels.simulator.world import World

#: Nothing is fetched from anywhere else, nothing but our own file runs, and pictures travel inside the mail.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}
FILES = {"page.css": "text/css", "page.js": "text/javascript"}
LARGEST_FORM = 20_000  #: bytes
LONGEST_REPLY = 2000  #: characters


class PageRoutes:
    """The page at ``/`` and what its buttons do."""

    def __init__(self, world: World, wechat: WechatDesk) -> None:
        self._world = world
        self._wechat = wechat

    def routes(self) -> list[Route]:
        """Return where it is looked at and where its buttons lead."""
        return [
            Route("/", self.page, methods=["GET"]),
            Route("/_simulator/page/seen", self.seen, methods=["GET"]),
            Route("/_simulator/page/do", self.do, methods=["POST"]),
            Route("/_simulator/page/{name}", self.file, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """Show what was taken, as phones and mailboxes would."""
        if not _is_here(request):
            return _turned_away()
        given = {name: request.query_params.get(name, "")[:300] for name in ASKED}
        asked = Asked(**given, languages=request.headers.get("accept-language", "")[:300])
        return HTMLResponse(page_html(self._world, asked), headers=HEADERS)

    async def seen(self, request: Request) -> Response:
        """Say how much there was to see so far, for the page to know when to look again."""
        return JSONResponse({"seen": self._world.record.seen}, headers=HEADERS) if _is_here(request) else _turned_away()

    async def file(self, request: Request) -> Response:
        """Hand out the page's style and script."""
        name = request.path_params["name"]
        if name not in FILES or not _is_here(request):
            return _turned_away()
        return Response((PAGES / name).read_bytes(), media_type=FILES[name], headers=HEADERS)

    async def do(self, request: Request) -> Response:
        """Carry out a button, and lead back to the page."""
        if not (_is_here(request) and _is_own_form(request)):
            return _turned_away()
        body = await request.body()
        if len(body) > LARGEST_FORM:
            return _turned_away()
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        said = await self._do(form)
        back = form.get("back", "")
        back = back if back.startswith("/?") else "/?"
        return RedirectResponse(f"{back}{'' if back == '/?' else '&'}said={said}", status_code=303, headers=HEADERS)

    async def _do(self, form: Mapping[str, str]) -> str:
        faults, button = self._world.faults, form.get("do", "")
        match button:
            case "release":
                await self._world.receipts.release()
                return "released"
            case "calm":
                faults.order([])
                faults.use(FaultRules())
                return "calm_done"
            case "next" if form.get("fault") in {each.value for each in Fault}:
                faults.order([Fault(form["fault"])])
                return "ordered"
            case "always":
                return self._always(form)
            case "unsubscribe":
                return await self._unsubscribe(form.get("mail", ""))
            case _:
                return await self._act(form, button)

    def _always(self, form: Mapping[str, str]) -> str:
        try:
            self._world.faults.change({form.get("fault", ""): float(form.get("share", ""))})
        except ValueError:
            return "impossible"
        return "set"

    async def _act(self, form: Mapping[str, str], act: str) -> str:
        """Let a member do something, here and in what the provider tells of it."""
        provider, address = form.get("provider", ""), form.get("address", "")
        about = form.get("template" if act in WECHAT_GRANTS else "words", "").strip()[:LONGEST_REPLY]
        record = self._world.record
        push = told_as(self._world.settings, provider, address, act, about, number=record.seen)
        known = any((each.provider, each.address) == (provider, address) for each in record.shown())
        if push is None or not known or (not about and (act == "reply" or act in WECHAT_GRANTS)):
            return "impossible"
        members = self._wechat.members
        if act in WECHAT_EVENTS:
            members.act(address, WECHAT_EVENTS[act][0])
        elif act == "reply" and provider.startswith("wechat."):
            members.act(address, "text")
        elif act == "allow":
            members.allow(address, about, 1)
        elif act == "withdraw":
            members.allow(address, about, 0)
        record.overhear(provider, address, about, act)
        return "told" if await self._world.receipts.tell_now(push) else "untold"

    async def _unsubscribe(self, number: str) -> str:
        """Post what a mail client posts, to the installation and nobody else."""
        shown = next((each for each in self._world.record.shown() if str(each.number) == number), None)
        address = read_shown_mail(shown.source, shown.text).one_click if shown is not None else ""
        if shown is None or not address:
            return "impossible"
        if not self._is_the_installations(address):
            return "elsewhere"
        self._world.record.overhear(shown.provider, shown.address, "", "unsubscribe")
        try:
            status = await post_form(address, b"List-Unsubscribe=One-Click")
        except DeliveryError:
            return "untold"
        return "told" if status in (200, 202, 204) else "untold"

    def _is_the_installations(self, address: str) -> bool:
        place = urlsplit(address)
        own = {urlsplit(each)[:2] for each in self._world.settings.receipts.callback_urls.values()}
        return place[:2] in own or _is_loopback(place.hostname or "")


ASKED = ("channel", "wanted", "provider", "address", "mail", "said")


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_here(request: Request) -> bool:
    """Say whether a request comes from this machine and meant it: a page elsewhere may lend our address a name of its own."""
    client = request.client.host if request.client else ""
    return _is_loopback(client) and _is_loopback(request.url.hostname or "")


def _is_own_form(request: Request) -> bool:
    """Say whether a form was sent by our own page; what is no browser says nothing of where it comes from."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    return site in (None, "same-origin") and origin in (None, f"http://{request.headers.get('host', '')}")


def _turned_away() -> Response:
    return Response("Not here.", status_code=403, headers=HEADERS)
