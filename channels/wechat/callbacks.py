"""What WeChat tells us by itself: the end of a notice's way, and what a member writes.

Plain mode only; a push that is encrypted is refused.

Source: https://developers.weixin.qq.com/doc/service/guide/dev/push/, read in November 2026.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

from channels.errors import CallbackRefused
from channels.message import Callback, CallbackRequest, Channel, DeliveryReport, Reply, ReportStatus

LARGEST_PUSH = 1 << 16  #: bytes
RECEIVED = Callback(body=b"success", content_type="text/plain")
NOTICE_SENT = "subscribe_msg_sent_event"
TEMPLATE_SENT = "TEMPLATESENDJOBFINISH"


def read_push(request: CallbackRequest, *, provider: str, token: str) -> Callback:
    """Verify one request and translate it.

    Raises:
        CallbackRefused: its signature is wrong, or it is not to be understood.
    """
    query = parse_qs(urlsplit(request.url).query)
    said = {name: values[0] for name, values in query.items()}
    _verify(said, token, provider)
    if request.method == "GET":
        return Callback(body=said.get("echostr", "").encode(), content_type="text/plain")
    if said.get("encrypt_type", "raw") != "raw":
        raise CallbackRefused("encrypted pushes are not understood; choose plain mode", provider=provider)
    push = _fields(request.body, provider)
    if push.get("MsgType") == "text":
        return Callback(replies=(_reply(push, provider),), body=RECEIVED.body, content_type=RECEIVED.content_type)
    reports = tuple(_reports(push, provider))
    return Callback(reports=reports, body=RECEIVED.body, content_type=RECEIVED.content_type)


def signature(token: str, timestamp: str, nonce: str) -> str:
    """Return the signature the provider puts on a plain push with these words in its query."""
    return hashlib.sha1("".join(sorted((token, timestamp, nonce))).encode()).hexdigest()  # noqa: S324 - Theirs.


def _verify(said: Mapping[str, str], token: str, provider: str) -> None:
    expected = signature(token, said.get("timestamp", ""), said.get("nonce", ""))
    if not hmac.compare_digest(expected.encode(), said.get("signature", "").encode()):
        raise CallbackRefused("the signature is wrong", provider=provider)


def _fields(body: bytes, provider: str) -> Mapping[str, object]:
    """Read a push, XML or JSON, as fields; repeated ones become lists."""
    try:
        text = body[: LARGEST_PUSH + 1].decode()
        if len(body) > LARGEST_PUSH or "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise CallbackRefused("the push is too large or declares what it should not", provider=provider)
        # Without a document type there are no entities to grow, and text, unlike bytes, cannot hide one by its coding.
        fields = json.loads(text) if text.lstrip().startswith("{") else _children(ElementTree.fromstring(text))  # noqa: S314
    except (ValueError, ElementTree.ParseError, RecursionError):
        raise CallbackRefused("the push is neither XML nor JSON", provider=provider) from None
    if not isinstance(fields, dict):
        raise CallbackRefused("the push has no fields", provider=provider)
    return fields


def _children(element: ElementTree.Element) -> object:
    if not len(element):
        return element.text or ""
    fields: dict[str, object] = {}
    for child in element:
        value = _children(child)
        before = fields.get(child.tag)
        if before is None:
            fields[child.tag] = value
        else:
            fields[child.tag] = [*before, value] if isinstance(before, list) else [before, value]
    return fields


def _reports(push: Mapping[str, object], provider: str) -> Iterable[DeliveryReport]:
    event = push.get("Event")
    if event == NOTICE_SENT:
        outer = push.get("SubscribeMsgSentEvent", push)  # JSON pushes leave the outer element out.
        items = outer.get("List") if isinstance(outer, dict) else None
        for item in items if isinstance(items, list) else [items]:
            if isinstance(item, dict):
                arrived = str(item.get("ErrorCode")) == "0"
                yield _report(push, provider, item.get("MsgID"), str(item.get("ErrorStatus", "")), arrived=arrived)
    elif event == TEMPLATE_SENT:
        status = str(push.get("Status", ""))
        yield _report(push, provider, push.get("MsgID"), status, arrived=status.strip() == "success")


def _report(push: Mapping[str, object], provider: str, said_id: object, code: str, *, arrived: bool) -> DeliveryReport:
    # Now and then the id comes as 0; such a report is kept and belongs to no message.
    message_id = str(said_id) if said_id and str(said_id) != "0" else None
    who = hashlib.sha256(str(push.get("FromUserName", "")).encode()).hexdigest()[:16]
    return DeliveryReport(
        provider=provider,
        key=f"{push.get('Event')}:{message_id or who}:{push.get('CreateTime')}:{code}"[:200],
        status=ReportStatus.DELIVERED if arrived else ReportStatus.FAILED,
        provider_ref=message_id,
        code=code[:80] or None,
        occurred_at=_moment(push),
        raw=push,
    )


def _reply(push: Mapping[str, object], provider: str) -> Reply:
    return Reply(
        provider=provider,
        key=f"text:{push.get('MsgId')}",
        channel=Channel.WECHAT,
        address=str(push.get("FromUserName", "")),
        text=str(push.get("Content", "")),
        occurred_at=_moment(push),
    )


def _moment(push: Mapping[str, object]) -> datetime | None:
    said = str(push.get("CreateTime", ""))
    return datetime.fromtimestamp(int(said), UTC) if said.isdecimal() and len(said) < 11 else None
