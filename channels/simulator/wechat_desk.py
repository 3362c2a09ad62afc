"""A pretend WeChat: an official account and a mini-program, strict about tokens, coding, fields and permissions."""

import asyncio
import functools
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.misbehaving import answered, fault_of
from channels.simulator.receipts import Push, Receipt
from channels.simulator.wechat_rules import (
    OPENID,
    Members,
    Refusal,
    charset_problem,
    mass_problem,
    read_object,
    template_problem,
    words_problem,
)
from channels.simulator.wechat_tokens import Tokens
from channels.simulator.wechat_words import report
from channels.simulator.world import World

OFFICIAL, MINI = "wechat.official_account", "wechat.mini_program"
REFUSED_WITH = {Fault.ADDRESS_REFUSED: 40003, Fault.MEMBER_REFUSED: 43101, Fault.CONTENT_REFUSED: 45168}
NOTICE_SENT, TEMPLATE_SENT, MASS_SENT = "subscribe_msg_sent_event", "TEMPLATESENDJOBFINISH", "MASSSENDJOBFINISH"
NOTICE_FIELDS = frozenset({"page", "miniprogram"})
TEMPLATE_FIELDS = frozenset({"url", "miniprogram", "client_msg_id"})
MINI_FIELDS = frozenset({"page", "miniprogram_state", "lang"})

Asked = dict[str, object]
#: Carries out a request of good form, given what it asks and as it was posted; the refusal is one that a fault orders.
Taking = Callable[[Asked, bytes, Refusal | None, Fault], Awaitable[Response]]


class WechatDesk:
    """Takes what is posted to ``/cgi-bin/stable_token`` and ``/cgi-bin/message/…``."""

    def __init__(self, world: World) -> None:
        self._world = world
        settings = world.settings
        self._secrets = {
            settings.app_id: settings.app_secret,
            settings.mini_app_id: settings.mini_app_secret,
        }
        self._tokens = {app_id: Tokens(settings.token_lasts) for app_id in self._secrets}
        self._app_ids = {OFFICIAL: settings.app_id, MINI: settings.mini_app_id}
        self._members = Members(grants_needed=settings.grants_needed)
        self._said_before: dict[tuple[str, str], str] = {}
        for provider in (OFFICIAL, MINI):
            world.receipts.word(provider, functools.partial(self._word, provider), batch=1)

    def routes(self) -> list[BaseRoute]:
        """Return where it is asked."""
        taken = {
            "subscribe/bizsend": functools.partial(self._serve, OFFICIAL, self._notice(OFFICIAL, NOTICE_FIELDS)),
            "subscribe/send": functools.partial(self._serve, MINI, self._notice(MINI, MINI_FIELDS)),
            "template/send": functools.partial(self._serve, OFFICIAL, self._template),
            "custom/send": functools.partial(self._serve, OFFICIAL, self._custom),
            "mass/send": functools.partial(self._serve, OFFICIAL, functools.partial(self._mass, False)),
            "mass/sendall": functools.partial(self._serve, OFFICIAL, functools.partial(self._mass, True)),
        }
        return [
            Route("/cgi-bin/stable_token", self.token, methods=["POST"]),
            Route("/_simulator/wechat/members", self.steer, methods=["POST"]),
            *(Route(f"/cgi-bin/message/{path}", serve, methods=["POST"]) for path, serve in taken.items()),
        ]

    @property
    def tokens_made(self) -> int:
        """How many tokens were handed out anew."""
        return sum(each.made for each in self._tokens.values())

    def expire_tokens(self) -> None:
        """End the tokens in use, as another program of the same accounts might."""
        for each in self._tokens.values():
            each.expire()

    async def token(self, request: Request) -> Response:
        """Hand out an account's token."""
        asked = read_object(await request.body()) or {}
        await asyncio.sleep(self._world.settings.token_delay)
        app_id = str(asked.get("appid"))
        if asked.get("grant_type") != "client_credential":
            return said(40002, "invalid grant_type")
        if app_id not in self._secrets:
            return said(40013, "invalid appid")
        if asked.get("secret") != self._secrets[app_id]:
            return said(40125, "invalid appsecret")
        handed = self._tokens[app_id].hand_out(force=asked.get("force_refresh") is True)
        if handed is None:
            return said(45009, "reach max api daily quota limit")
        return JSONResponse({"access_token": handed[0], "expires_in": handed[1]})

    @property
    def members(self) -> Members:
        """What members allowed and did."""
        return self._members

    async def steer(self, request: Request) -> Response:
        """Let a member act, ``{"openid": …, "act": "text"}``, or allow notices, ``{"openid": …, "template_id": …, "times": 1}``."""
        asked = read_object(await request.body()) or {}
        openid = str(asked.get("openid"))
        if "template_id" in asked:
            self._members.allow(openid, str(asked["template_id"]), int(str(asked.get("times", 1))))
        else:
            self._members.act(openid, str(asked.get("act")))
        return JSONResponse({})

    async def _serve(self, provider: str, taking: Taking, request: Request) -> Response:
        token = request.query_params.get("access_token", "")
        if (bad := self._tokens[self._app_ids[provider]].refusal(token)) is not None:
            return said(*bad)
        fault, away = await fault_of(self._world.faults, request)
        if away is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return said(-1, "system error")
        body = await request.body()
        refused = charset_problem(body)
        if fault in REFUSALS:
            refused = REFUSED_WITH[fault], "refused to order"
        return await taking(read_object(body) or {}, body, refused, fault)

    def _notice(self, provider: str, also: frozenset[str]) -> Taking:
        async def take(asked: Asked, posted: bytes, refused: Refusal | None, fault: Fault) -> Response:
            refused = refused or template_problem(asked, also)
            openid, template_id = str(asked.get("touser")), str(asked.get("template_id"))
            refused = refused or self._members.use_grant(openid, template_id)
            return await self._take(provider, asked, posted, refused, fault, event=NOTICE_SENT)

        return take

    async def _template(self, asked: Asked, posted: bytes, refused: Refusal | None, fault: Fault) -> Response:
        refused = (
            refused or template_problem(asked, TEMPLATE_FIELDS) or self._members.following(str(asked.get("touser")))
        )
        mark = str(asked.get("touser")), str(asked.get("client_msg_id"))
        if refused is None and "client_msg_id" in asked and mark in self._said_before:
            return said(0, "ok", msgid=int(self._said_before[mark]))
        response = await self._take(OFFICIAL, asked, posted, refused, fault, event=TEMPLATE_SENT)
        if refused is None:
            self._said_before[mark] = str(1_700_000_000_000_000_000 + self._world.record.next_seq - 1)
        return response

    async def _custom(self, asked: Asked, posted: bytes, refused: Refusal | None, fault: Fault) -> Response:
        openid = str(asked.get("touser"))
        if refused is None and not OPENID.fullmatch(openid):
            refused = 40003, "invalid openid"
        refused = refused or words_problem(asked, 2048) or self._members.use_window(openid)
        return await self._take(OFFICIAL, asked, posted, refused, fault, event="")

    async def _mass(
        self, to_tag: bool, asked: Asked, posted: bytes, refused: Refusal | None, fault: Fault
    ) -> Response:
        refused = refused or mass_problem(asked, to_tag=to_tag)
        people = [f"tag:{_tag(asked)}"] if to_tag else [*map(str, _list(asked.get("touser")))]
        mark = "mass", str(asked.get("clientmsgid") or _digest(asked))
        if refused is None and mark in self._said_before:
            return said(45065, "clientmsgid exist", msg_id=int(self._said_before[mark]))
        job = str(1_000_000_000 + self._world.record.next_seq)
        shown, told = _shown(asked), None if refused else job
        noted = [self._note(OFFICIAL, each, shown, posted, refused, fault, told) for each in people or [""]]
        if refused is not None:
            return said(*refused)
        self._said_before[mark] = job
        self._expect(OFFICIAL, "", "", job, MASS_SENT, noted[-1], len(people))
        return await answered(fault, said(0, "send job submission success", msg_id=int(job)), self._world.faults)

    async def _take(
        self, provider: str, asked: Asked, posted: bytes, refused: Refusal | None, fault: Fault, *, event: str
    ) -> Response:
        """Write down one message for one member, and answer."""
        number = str(1_700_000_000_000_000_000 + self._world.record.next_seq)
        message_id = number if refused is None and event else None
        openid = str(asked.get("touser", ""))
        at = self._note(provider, openid, _shown(asked), posted, refused, fault, message_id)
        if refused is not None:
            return said(*refused)
        if message_id is None:
            return await answered(fault, said(0, "ok"), self._world.faults)
        self._expect(provider, openid, str(asked.get("template_id")), message_id, event, at)
        # Here a number and there a text: the real ones cannot agree either.
        told = int(message_id) if event == TEMPLATE_SENT else message_id
        return await answered(fault, said(0, "ok", msgid=told), self._world.faults)

    def _note(
        self,
        provider: str,
        openid: str,
        shown: str,
        posted: bytes,
        refused: Refusal | None,
        fault: Fault,
        message_id: str | None,
    ) -> datetime:
        """Write down one message and return when."""
        entry = self._world.record.append(
            provider=provider,
            reference="",  # This provider is never told one.
            address=openid,
            text=shown,
            source=posted,
            accepted=refused is None,
            answered=fault is Fault.NONE or fault in REFUSALS,
            provider_ref=message_id,
            code=str(refused[0]) if refused else None,
        )
        return entry.at

    def _expect(
        self, provider: str, openid: str, template: str, message_id: str, event: str, at: datetime, members: int = 1
    ) -> None:
        receipts = self._world.receipts
        receipts.expect(
            Receipt(
                provider=provider,
                address=openid,
                reference="",
                provider_ref=message_id,
                template=template,
                sent_at=at,
                arrived=receipts.arrives(message_id),
                event=event,
                members=members,
            )
        )

    def _word(self, provider: str, receipts: Sequence[Receipt]) -> Push:
        (told,) = receipts
        return report(provider, told, self._world.settings, self._app_ids[provider])


def said(code: int, message: str, **more: object) -> Response:
    """Return an answer as WeChat words it."""
    return JSONResponse({"errcode": code, "errmsg": message, **more})


def _shown(asked: Mapping[str, object]) -> str:
    data = asked.get("data")
    fields = data.values() if isinstance(data, dict) else ()
    words = [str(each.get("value")) for each in fields if isinstance(each, dict)]
    words += [
        str(each)
        for inner in (asked.get("text"), asked.get("mpnews"))
        if isinstance(inner, dict)
        for each in inner.values()
    ]
    return " · ".join([*words, *(str(asked[name]) for name in ("page", "url") if name in asked)])


def _tag(asked: Mapping[str, object]) -> object:
    chosen = asked.get("filter")
    return chosen.get("tag_id") if isinstance(chosen, dict) else None


def _list(said_: object) -> list[object]:
    return said_ if isinstance(said_, list) else []


def _digest(asked: Mapping[str, object]) -> str:
    return hashlib.sha256(repr(sorted(asked.items())).encode("utf-8", "surrogatepass")).hexdigest()
