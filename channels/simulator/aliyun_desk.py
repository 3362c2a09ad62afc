"""A pretend Alibaba Cloud SMS gateway, as strict as the real one about who asks and how.

It checks signatures by code of its own, so that a mistake in ours cannot hide.
"""

import hashlib
import hmac
import json
import re
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from channels.simulator import aliyun_requests
from channels.simulator.aliyun_requests import Parcel
from channels.simulator.beijing import BEIJING, in_beijing
from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.misbehaving import answered, drawn, turned_away
from channels.simulator.receipts import Push, Receipt
from channels.simulator.record import RecordedMessage
from channels.simulator.world import World
from channels.sms.batches import message_id, reference_in

PROVIDER = "sms.aliyun"
CLOCK_TOLERANCE = timedelta(minutes=15)
NONCES_KEPT = 200_000
ACTIONS = frozenset({"SendSms", "SendBatchSms", "QuerySendDetails"})
SIGNED = frozenset(
    {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}
)
REFUSED_WITH = {
    Fault.ADDRESS_REFUSED: "isv.MOBILE_NUMBER_ILLEGAL",
    Fault.MEMBER_REFUSED: "isv.CUSTOMER_REFUSED",
    Fault.CONTENT_REFUSED: "isv.SMS_CONTENT_ILLEGAL",
}
UNDELIVERED = ("MOBILE_NOT_ON_SERVICE", "INVALID_NUMBER", "MOBLLE_TERMINAL_ERROR", "MOBILE_ACCOUNT_ABNORMAL")
#: A query that is already written as it is signed; any other is decoded and written anew, as the real gateway does.
CANONICAL = re.compile(r"(?:[A-Za-z0-9_.~=&-]|%[0-9A-F]{2})*")
AUTHORIZATION = re.compile(r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})")


class AliyunDesk:
    """Takes SendSms, SendBatchSms and QuerySendDetails at ``POST /``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._nonces: set[str] = set()
        self._oldest: deque[str] = deque()
        world.receipts.word(PROVIDER, self._word, batch=world.settings.receipts.batch)

    def routes(self) -> list[BaseRoute]:
        """Return where it is asked."""
        return [Route("/", self.serve, methods=["POST"])]

    async def serve(self, request: Request) -> Response:
        """Answer one request."""
        query, body = request.scope["query_string"].decode("ascii"), await request.body()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
        if (refusal := self._gateway(headers, query, body)) is not None:
            return _said(refusal[1], status=refusal[0])
        asked, form = _pairs(query), _form(headers, body)
        if headers["x-acs-action"] == "QuerySendDetails":
            return self._details(asked | form)
        if headers["x-acs-action"] == "SendSms":
            return await self._send(*aliyun_requests.single(asked | form), asked | form, request)
        return await self._send(*aliyun_requests.together(asked, form), asked, request)

    async def _send(
        self, parcels: Sequence[Parcel], code: str | None, asked: Mapping[str, str], request: Request
    ) -> Response:
        """Take all of a request's messages or none; the first one's fault is the call's, but each may be refused."""
        faults = self._world.faults
        fault, *others = await drawn(faults, len(parcels))
        if (away := turned_away(fault, request)) is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return _said("ServiceUnavailable", status=503)
        place, refused = next(
            ((turn, REFUSED_WITH[each]) for turn, each in enumerate((fault, *others)) if each in REFUSALS), (0, code)
        )
        if refused is not None:
            for parcel in parcels[place : place + 1]:
                self._note(parcel, asked.get("OutId", ""), code=refused)
            return _said(refused)
        biz_id = f"{self._world.record.next_seq:018d}^0"
        for parcel in parcels:
            self._take(parcel, asked, biz_id, answered=fault is Fault.NONE)
        return await answered(fault, _said("OK", BizId=biz_id), faults)

    def _take(self, parcel: Parcel, asked: Mapping[str, str], biz_id: str, *, answered: bool) -> None:
        out_id = asked.get("OutId", "")
        # What a batch's OutId means is the sender's own affair, so it is read with the sender's own eyes.
        reference = reference_in(out_id, f"+86{parcel.number}") or out_id
        provider_ref = biz_id if reference == out_id else message_id(biz_id, reference)
        label = "" if reference == out_id else out_id
        entry = self._note(parcel, reference, label=label, provider_ref=provider_ref, answered=answered)
        self._world.receipts.expect_of(entry, reference=out_id, template=asked["TemplateCode"])

    def _note(self, parcel: Parcel, reference: str, **more: Any) -> RecordedMessage:
        return self._world.record.append(
            provider=PROVIDER,
            reference=reference,
            address=str(parcel.number),
            text=aliyun_requests.shown(parcel),
            accepted="code" not in more,
            **more,
        )

    def _gateway(self, headers: Mapping[str, str], query: str, body: bytes) -> tuple[int, str] | None:
        """Return the status and code with which the gateway turns a request away; None: it lets it in."""
        authorization = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if authorization is None or not headers.keys() >= SIGNED or not SIGNED.issubset(authorization[2].split(";")):
            return 400, "IncompleteSignature"
        if authorization[1] != self._world.settings.access_key_id:
            return 404, "InvalidAccessKeyId.NotFound"
        if headers["x-acs-action"] not in ACTIONS:
            return 404, "InvalidAction.NotFound"
        if headers["x-acs-version"] != "2017-05-25":
            return 400, "InvalidVersion"
        if not _in_time(headers["x-acs-date"]):
            return 400, "InvalidTimeStamp.Expired"
        if body and "content-type" not in authorization[2].split(";"):
            return 400, "IncompleteSignature"
        expected = self._signature(headers, query, authorization[2].split(";"))
        digest = hashlib.sha256(body).hexdigest()
        if headers["x-acs-content-sha256"] != digest or not hmac.compare_digest(expected, authorization[3]):
            return 400, "SignatureDoesNotMatch"
        return None if self._first_use(headers["x-acs-signature-nonce"]) else (400, "SignatureNonceUsed")

    def _signature(self, headers: Mapping[str, str], query: str, names: Sequence[str]) -> str:
        pairs = query.split("&") if CANONICAL.fullmatch(query) else _encoded(query)
        block = [f"{name}:{headers.get(name, '').strip()}" for name in sorted(names)]
        digest = headers["x-acs-content-sha256"]
        parts = ["POST", "/", "&".join(sorted(pairs)), *block, "", ";".join(sorted(names)), digest]
        hashed = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        key = self._world.settings.access_key_secret.encode()
        return hmac.digest(key, b"ACS3-HMAC-SHA256\n" + hashed.encode(), "sha256").hex()

    def _first_use(self, nonce: str) -> bool:
        if nonce in self._nonces:
            return False
        self._nonces.add(nonce)
        self._oldest.append(nonce)
        if len(self._oldest) > NONCES_KEPT:
            self._nonces.discard(self._oldest.popleft())
        return True

    def _details(self, asked: dict[str, str]) -> Response:
        day, page, size = asked.get("SendDate", ""), asked.get("CurrentPage", ""), asked.get("PageSize", "")
        if not (re.fullmatch(r"\d{8}", day) and page.isdecimal() and size.isdecimal() and 1 <= int(size) <= 50):
            return _said("isv.INVALID_PARAMETERS")
        number = asked.get("PhoneNumber", "")
        entries = self._world.record.find(PROVIDER, number)
        found = [each for each in entries if each.at.astimezone(BEIJING).strftime("%Y%m%d") == day]
        start = (int(page) - 1) * int(size)
        details = [self._detail(each) for each in found[start : start + int(size)]]
        return _said("OK", TotalCount=str(len(found)), SmsSendDetailDTOs={"SmsSendDetailDTO": details})

    def _detail(self, entry: RecordedMessage) -> dict[str, object]:
        detail: dict[str, object] = {
            "PhoneNum": entry.address,
            "SendDate": in_beijing(entry.at),
            "OutId": entry.label or entry.reference,
            "SendStatus": 1,
        }
        biz_id = entry.provider_ref or ""
        if self._world.receipts.told(biz_id):
            arrived = self._world.receipts.arrives(biz_id)
            code = "DELIVERED" if arrived else _undelivered(biz_id)
            detail |= {"SendStatus": 3 if arrived else 2, "ErrCode": code, "ReceiveDate": in_beijing(entry.at)}
        return detail

    def _word(self, receipts: Sequence[Receipt]) -> Push:
        items = [
            {
                "phone_number": each.address,
                "send_time": in_beijing(each.sent_at),
                "report_time": in_beijing(each.sent_at + timedelta(seconds=5)),
                "success": each.arrived,
                "err_code": "DELIVERED" if each.arrived else _undelivered(each.provider_ref),
                "err_msg": "用户接收成功" if each.arrived else "未送达",
                "sms_size": "1",
                "biz_id": each.provider_ref.partition(":")[0],
                "out_id": each.reference,
            }
            for each in receipts
        ]
        body = json.dumps(items, ensure_ascii=False).encode()
        content_type = "application/json; charset=utf-8"
        return Push(provider=PROVIDER, query="", content_type=content_type, body=body, receipts=tuple(receipts))


def _pairs(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))


def _form(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Return what the body says; a body that is not announced as a form says nothing."""
    if headers.get("content-type") != "application/x-www-form-urlencoded":
        return {}
    return _pairs(body.decode("ascii", "replace"))


def _encoded(query: str) -> list[str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    return [f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs]


def _in_time(said: str) -> bool:
    try:
        asked_at = datetime.fromisoformat(said)
    except ValueError:
        return False
    return len(said) == 20 and said.endswith("Z") and abs(datetime.now(UTC) - asked_at) < CLOCK_TOLERANCE


def _undelivered(biz_id: str) -> str:
    return UNDELIVERED[int(hashlib.sha256(biz_id.encode()).hexdigest(), 16) % len(UNDELIVERED)]


def _said(code: str, *, status: int = 200, **more: object) -> Response:
    return JSONResponse({"Code": code, "Message": code, "RequestId": "SIMULATED", **more}, status_code=status)
