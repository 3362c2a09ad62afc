"""A pretend WeChat: stable tokens and subscription notices, strict about tokens, coding and fields."""

import asyncio
import hashlib
import json
import re
import secrets
import time
from collections.abc import Sequence
from html import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.misbehaving import answered, turned_away
from channels.simulator.receipts import Push, Receipt
from channels.simulator.world import World

PROVIDER = "wechat.official_account"
REFUSED_WITH = {Fault.ADDRESS_REFUSED: 40003, Fault.MEMBER_REFUSED: 43101, Fault.CONTENT_REFUSED: 45168}
#: The longest value of each kind of field, in characters.
LONGEST = {
    "thing": 20,
    "character_string": 32,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "phone_number": 17,
    "car_number": 8,
    "name": 20,
    "phrase": 5,
    "const": 20,
}
UNLIMITED = frozenset({"time", "date", "amount", "enum"})


class WechatDesk:
    """Takes ``/cgi-bin/stable_token`` and ``/cgi-bin/message/subscribe/bizsend``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._token = ""
        self._token_ends = 0.0
        self.tokens_made = 0
        world.receipts.word(PROVIDER, self._word, batch=1)

    def routes(self) -> list[Route]:
        """Return the addresses at which it answers."""
        return [
            Route("/cgi-bin/message/subscribe/bizsend", self.notice, methods=["POST"]),
            Route("/cgi-bin/stable_token", self.token, methods=["POST"]),
        ]

    def expire_token(self) -> None:
        """End the token in use, as another program of the same account might."""
        self._token_ends = 0.0

    async def token(self, request: Request) -> Response:
        """Hand out the account's token."""
        asked = await _object(request)
        settings = self._world.settings
        if asked is None or asked.get("grant_type") != "client_credential":
            return _said(40002, "invalid grant_type")
        if asked.get("appid") != settings.app_id:
            return _said(40013, "invalid appid")
        if asked.get("secret") != settings.app_secret:
            return _said(40125, "invalid appsecret")
        if asked.get("force_refresh") is True or time.monotonic() >= self._token_ends:
            self._token = f"98_{secrets.token_urlsafe(48)}"
            self._token_ends = time.monotonic() + settings.token_lasts
            self.tokens_made += 1
        left = int(self._token_ends - time.monotonic())
        return JSONResponse({"access_token": self._token, "expires_in": left})

    async def notice(self, request: Request) -> Response:
        """Take one subscription notice."""
        said = request.query_params.get("access_token", "")
        if not said or said != self._token:
            return _said(40001, "invalid credential, access_token is invalid or not latest")
        if time.monotonic() >= self._token_ends:
            return _said(42001, "access_token expired")
        faults = self._world.faults
        if faults.rules.latency:
            await asyncio.sleep(faults.rules.latency)
        fault = faults.draw()
        if (away := turned_away(fault, request)) is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return _said(-1, "system error")
        asked = await _object(request)
        refused = _refusal(asked, await request.body())
        if fault in REFUSALS:
            refused = REFUSED_WITH[fault], "refused to order"
        return await self._take(asked or {}, refused, fault)

    async def _take(self, asked: dict[str, object], refused: tuple[int, str] | None, fault: Fault) -> Response:
        record, receipts = self._world.record, self._world.receipts
        message_id = str(1_700_000_000_000_000_000 + record.next_seq) if refused is None else None
        entry = record.append(
            provider=PROVIDER,
            reference="",  # This provider is never told one.
            address=str(asked.get("touser", "")),
            text=_shown(asked),
            accepted=refused is None,
            answered=fault is Fault.NONE or fault in REFUSALS,
            provider_ref=message_id,
            code=str(refused[0]) if refused else None,
        )
        if refused is not None or message_id is None:
            return _said(*(refused or (-1, "")))
        receipts.expect(
            Receipt(
                provider=PROVIDER,
                address=entry.address,
                reference="",
                provider_ref=message_id,
                template=str(asked.get("template_id")),
                sent_at=entry.at,
                arrived=receipts.arrives(message_id),
            )
        )
        return await answered(fault, _said(0, "ok", msgid=message_id), self._world.faults)

    def _word(self, receipts: Sequence[Receipt]) -> Push:
        (told,) = receipts
        stamp, nonce = str(int(told.sent_at.timestamp())), secrets.token_hex(5)
        words = "".join(sorted((self._world.settings.callback_token, stamp, nonce)))
        signature = hashlib.sha1(words.encode()).hexdigest()  # noqa: S324 - WeChat's own.
        code, status = ("0", "success") if told.arrived else ("-1", "system error")
        body = (
            "<xml><ToUserName><![CDATA[gh_simulated]]></ToUserName>"
            f"<FromUserName><![CDATA[{told.address}]]></FromUserName><CreateTime>{stamp}</CreateTime>"
            "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe_msg_sent_event]]></Event>"
            f"<SubscribeMsgSentEvent><List><TemplateId>{escape(told.template)}</TemplateId>"
            f"<MsgID>{told.provider_ref}</MsgID><ErrorCode>{code}</ErrorCode>"
            f"<ErrorStatus>{status}</ErrorStatus></List></SubscribeMsgSentEvent></xml>"
        )
        query = f"signature={signature}&timestamp={stamp}&nonce={nonce}"
        return Push(
            provider=PROVIDER, query=query, content_type="text/xml", body=body.encode(), receipts=tuple(receipts)
        )


async def _object(request: Request) -> dict[str, object] | None:
    try:
        said = json.loads((await request.body()).decode())
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _refusal(asked: dict[str, object] | None, body: bytes) -> tuple[int, str] | None:
    """Return errcode and errmsg for a notice the real service would not take; None: it is good."""
    if asked is None:
        return 47001, "data format error"
    if re.search(rb"\\u[0-9a-fA-F]{4}", body):
        return 40033, "invalid charset. please check your request, if include \\uxxxx will create fail!"
    if not re.fullmatch(r"[A-Za-z0-9_-]{6,64}", str(asked.get("touser", ""))):
        return 40003, "invalid openid"
    if not asked.get("template_id"):
        return 40037, "invalid template_id"
    data = asked.get("data")
    if not isinstance(data, dict) or not data:
        return 47003, "argument invalid! data is empty"
    problems = (problem for name, each in data.items() if (problem := _field_problem(str(name), each)))
    problem = next(problems, None)
    return (47003, f"argument invalid! {problem}") if problem else None


def _field_problem(name: str, field: object) -> str | None:
    kind = re.fullmatch(r"([a-z_]+?)\d+", name)
    value = field.get("value") if isinstance(field, dict) else None
    if kind is None or not (kind[1] in LONGEST or kind[1] in UNLIMITED) or not isinstance(value, str):
        return f"data.{name}.value invalid"
    if not value:
        return f"data.{name}.value is empty"
    units = len(value.encode("utf-16-le", "surrogatepass")) // 2
    return f"data.{name}.value invalid" if units > LONGEST.get(kind[1], units) else None


def _shown(asked: dict[str, object]) -> str:
    data = asked.get("data")
    fields = data.values() if isinstance(data, dict) else ()
    words = [str(each.get("value")) for each in fields if isinstance(each, dict)]
    return " · ".join([*words, *([str(asked["page"])] if "page" in asked else [])])


def _said(code: int, message: str, **more: object) -> Response:
    return JSONResponse({"errcode": code, "errmsg": message, **more})
