"""A pretend Tencent Cloud SMS service, as strict as the real one about who asks and how.

It checks signatures and fields by code of its own, so that a mistake in ours cannot hide.
"""

import hashlib
import hmac
import json
import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from channels.simulator.beijing import in_beijing
from channels.simulator.faults import REFUSALS, Fault
from channels.simulator.misbehaving import answered, drawn, turned_away
from channels.simulator.receipts import Push, Receipt
from channels.simulator.record import RecordedMessage
from channels.simulator.tencent_requests import FIELDS, call_refusal, number_refusal, shown, wrong_field
from channels.simulator.world import World
from channels.sms.batches import reference_in

PROVIDER = "sms.tencent"
CLOCK_TOLERANCE = 300  #: seconds
REFUSED_WITH = {
    Fault.ADDRESS_REFUSED: "InvalidParameterValue.IncorrectPhoneNumber",
    Fault.MEMBER_REFUSED: "FailedOperation.PhoneNumberInBlacklist",
    Fault.CONTENT_REFUSED: "FailedOperation.ContainSensitiveWord",
}
UNDELIVERED = ("MK:0001", "UNDELIV", "MI:0024", "MB:1077", "5")
HEADERS = frozenset({"authorization", "content-type", "host", "x-tc-action", "x-tc-timestamp", "x-tc-version"})
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/,]+)/(\d{4}-\d\d-\d\d)/sms/tc3_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


class _ActionRoute(Route):
    """``POST /`` for requests that name an action in the way of this provider."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        named = scope["type"] == "http" and any(name == b"x-tc-action" for name, _ in scope["headers"])
        return super().matches(scope) if named else (Match.NONE, {})


class TencentDesk:
    """Takes SendSms and the pulls of statuses and replies."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: deque[RecordedMessage] = deque()  #: what PullSmsSendStatus hands out, each once
        world.receipts.word(PROVIDER, self._word, batch=min(100, world.settings.receipts.batch))

    def routes(self) -> list[BaseRoute]:
        """Return where it is asked."""
        return [_ActionRoute("/", self.serve, methods=["POST"])]

    async def serve(self, request: Request) -> Response:
        """Answer one request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
        body = await request.body()
        if (refusal := self._gateway(headers, body)) is not None:
            return _failed(refusal)
        action = headers["x-tc-action"]
        try:
            asked = json.loads(body)
        except ValueError:
            return _failed("InternalError.JsonParseFail")
        if (refusal := wrong_field(asked, FIELDS[action])) is not None:
            return _failed(refusal)
        if asked["SmsSdkAppId"] != self._world.settings.sms_app_id:
            return _failed("UnauthorizedOperation.SmsSdkAppIdVerifyFail")
        if action == "SendSms":
            return await self._send(asked, request)
        if action == "PullSmsReplyStatus":
            return _said(PullSmsReplyStatusSet=[])
        return self._pull(asked) if action == "PullSmsSendStatus" else self._statuses_of(asked)

    def _gateway(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """Return the code with which a request is turned away; None: it is let in."""
        said = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if said is None or not headers.keys() >= HEADERS or not headers["x-tc-timestamp"].isdecimal():
            return "AuthFailure.SignatureFailure"
        names = said[3].split(";")
        if names != sorted(names) or not {"content-type", "host"} <= set(names):
            return "AuthFailure.SignatureFailure"
        if said[1] != self._world.settings.access_key_id:
            return "AuthFailure.SecretIdNotFound"
        moment = int(headers["x-tc-timestamp"])
        if abs(time.time() - moment) > CLOCK_TOLERANCE:
            return "AuthFailure.SignatureExpire"
        if not hmac.compare_digest(self._signature(headers, body, names, said[2]), said[4]):
            return "AuthFailure.SignatureFailure"
        if said[2] != datetime.fromtimestamp(moment, UTC).date().isoformat():
            return "AuthFailure.SignatureFailure"
        if headers["content-type"].partition(";")[0] != "application/json" or headers["x-tc-version"] != "2021-01-11":
            return "InvalidParameter"
        if not re.fullmatch(r"ap-(guangzhou|beijing|nanjing)", headers.get("x-tc-region", "")):
            return "UnsupportedRegion"
        return None if headers["x-tc-action"] in FIELDS else "InvalidAction"

    def _signature(self, headers: Mapping[str, str], body: bytes, names: Sequence[str], day: str) -> str:
        lines = [f"{name}:{headers.get(name, '').strip().lower()}" for name in names]
        request = "\n".join(["POST", "/", "", *lines, "", ";".join(names), hashlib.sha256(body).hexdigest()])
        hashed = hashlib.sha256(request.encode()).hexdigest()
        words = ["TC3-HMAC-SHA256", headers["x-tc-timestamp"], f"{day}/sms/tc3_request", hashed]
        key = ("TC3" + self._world.settings.access_key_secret).encode()
        for word in (day, "sms", "tc3_request", "\n".join(words)):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        return key.hex()

    async def _send(self, asked: dict[str, Any], request: Request) -> Response:
        """Take each number by itself; the first one's fault is the call's, but each may be refused."""
        faults = self._world.faults
        met = await drawn(faults, len(asked["PhoneNumberSet"]))
        fault = met[0] if met[0] not in REFUSALS else Fault.NONE
        if (away := turned_away(fault, request)) is not None:
            return away
        if fault is Fault.UNAVAILABLE:
            return _failed("ServiceUnavailable")
        if (refusal := call_refusal(asked)) is not None:
            return _failed(refusal)
        statuses = [
            self._take(number, asked, REFUSED_WITH.get(each) or number_refusal(number), answered=fault is Fault.NONE)
            for number, each in zip(asked["PhoneNumberSet"], met, strict=True)
        ]
        return await answered(fault, _said(SendStatusSet=statuses), faults)

    def _take(self, number: str, asked: Mapping[str, Any], code: str | None, *, answered: bool) -> dict[str, object]:
        context = asked.get("SessionContext", "")
        serial = f"5000:{self._world.record.next_seq:028d}" if code is None else ""
        # What a context for many numbers means is the sender's own affair, so it is read with the sender's own eyes.
        reference = reference_in(context, number) or context
        entry = self._world.record.append(
            provider=PROVIDER,
            reference=reference,
            address=number,
            text=shown(asked),
            accepted=code is None,
            answered=answered,
            provider_ref=serial or None,
            code=code,
            label="" if reference == context else context,
        )
        if code is None:
            self._waiting.append(entry)
            self._world.receipts.expect_of(entry, reference=context, template=asked["TemplateId"])
        return {
            "SerialNo": serial,
            "PhoneNumber": number,
            "Fee": 0 if code else 1,
            "SessionContext": context,
            "Code": code or "Ok",
            "Message": code or "send success",
            "IsoCode": "CN" if number.startswith("+86") else "DEF",
        }

    def _pull(self, asked: Mapping[str, Any]) -> Response:
        told: list[RecordedMessage] = []
        for _ in range(len(self._waiting)):
            entry = self._waiting.popleft()
            if len(told) < asked["Limit"] and self._world.receipts.told(entry.provider_ref or ""):
                told.append(entry)
            else:
                self._waiting.append(entry)
        return _said(PullSmsSendStatusSet=[*map(self._status, told)])

    def _statuses_of(self, asked: Mapping[str, Any]) -> Response:
        found = [
            entry
            for entry in self._world.record.find(PROVIDER, asked["PhoneNumber"])
            if asked["BeginTime"] <= entry.at.timestamp() <= asked["EndTime"]
            and self._world.receipts.told(entry.provider_ref or "")
        ]
        return _said(PullSmsSendStatusSet=[*map(self._status, found[: asked["Limit"]])])

    def _status(self, entry: RecordedMessage) -> dict[str, object]:
        serial = entry.provider_ref or ""
        arrived = self._world.receipts.arrives(serial)
        return {
            "UserReceiveTime": int(entry.at.timestamp()) + 5,
            "CountryCode": "86",
            "SubscriberNumber": entry.address.removeprefix("+86"),
            "PhoneNumber": entry.address,
            "SerialNo": serial,
            "ReportStatus": "SUCCESS" if arrived else "FAIL",
            "Description": "DELIVRD" if arrived else _undelivered(serial),
            "SessionContext": entry.label or entry.reference,
        }

    def _word(self, receipts: Sequence[Receipt]) -> Push:
        items = [
            {
                "user_receive_time": in_beijing(each.sent_at + timedelta(seconds=5)),
                "nationcode": "86" if each.address.startswith("+86") else each.address[1:3],
                "mobile": each.address[3:],
                "report_status": "SUCCESS" if each.arrived else "FAIL",
                "errmsg": "DELIVRD" if each.arrived else _undelivered(each.provider_ref),
                "description": "用户短信送达成功" if each.arrived else "未送达",
                "sid": each.provider_ref,
                "ext": each.reference,
            }
            for each in receipts
        ]
        body = json.dumps(items, ensure_ascii=False).encode()
        return Push(provider=PROVIDER, query="", content_type="application/json", body=body, receipts=tuple(receipts))


def _undelivered(serial: str) -> str:
    return UNDELIVERED[int(hashlib.sha256(serial.encode()).hexdigest(), 16) % len(UNDELIVERED)]


def _said(**said: object) -> Response:
    return JSONResponse({"Response": {**said, "RequestId": "SIMULATED"}})


def _failed(code: str) -> Response:
    """Return the failure of a whole call, which comes with status 200 as everything does."""
    return _said(Error={"Code": code, "Message": code})
