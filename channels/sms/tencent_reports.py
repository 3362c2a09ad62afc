"""What Tencent Cloud tells us: delivery statuses and members' replies, pushed by it or pulled by us.

The pushes are not signed; the address they are made to is the secret.

Source: https://cloud.tencent.com/document/product/382/37809 and …/37810, the structures PullSmsSendStatus
and PullSmsReplyStatus of https://cloud.tencent.com/document/api/382/52078; read in November 2026.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from channels.errors import CallbackRefused
from channels.message import Callback, CallbackRequest, Channel, DeliveryReport, Reply, ReportStatus
from channels.sms.batches import reference_in
from channels.sms.beijing import moment

RECEIVED = b'{"result":0,"errmsg":"OK"}'
MOST_ITEMS = 1000  #: in one push; the provider sends up to 100
STATUSES = {"SUCCESS": ReportStatus.DELIVERED, "FAIL": ReportStatus.FAILED}


def read_push(request: CallbackRequest, *, provider: str) -> Callback:
    """Translate one push: a list is of statuses, an object is one reply.

    Raises:
        CallbackRefused: it is neither, as documented.
    """
    try:
        said = json.loads(request.body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and "text" in said and "mobile" in said:
        return Callback(replies=(_pushed_reply(said, provider),), body=RECEIVED)
    if not isinstance(said, list) or not 0 < len(said) <= MOST_ITEMS:
        raise CallbackRefused("the push is neither a list of statuses nor a reply", provider=provider)
    if not all(isinstance(item, dict) and item.get("sid") and _is_status(item.get("report_status")) for item in said):
        raise CallbackRefused("an item of the push is not a status", provider=provider)
    return Callback(reports=tuple(_pushed_status(item, provider) for item in said), body=RECEIVED)


def _is_status(said: object) -> bool:
    return isinstance(said, str) and said in STATUSES


def pulled_status(item: Mapping[str, object], *, provider: str) -> DeliveryReport:
    """Translate one item of PullSmsSendStatus; a status nobody documented says that the message was taken, no more."""
    number = str(item.get("PhoneNumber") or f"+{item.get('CountryCode', '')}{item.get('SubscriberNumber', '')}")
    return _report(
        item,
        provider,
        serial=str(item.get("SerialNo") or ""),
        status=str(item.get("ReportStatus") or ""),
        code=str(item.get("Description") or ""),
        label=str(item.get("SessionContext") or ""),
        number=number,
        at=_of_seconds(item.get("UserReceiveTime")),
    )


def pulled_reply(item: Mapping[str, object], *, provider: str) -> Reply:
    """Translate one item of PullSmsReplyStatus."""
    number = str(item.get("PhoneNumber") or f"+{item.get('CountryCode', '')}{item.get('SubscriberNumber', '')}")
    return _reply(provider, number, str(item.get("ReplyContent") or ""), item.get("ReplyTime"))


def _pushed_status(item: Mapping[str, object], provider: str) -> DeliveryReport:
    return _report(
        item,
        provider,
        serial=str(item["sid"]),
        status=str(item["report_status"]),
        code=str(item.get("errmsg") or ""),
        label=str(item.get("ext") or ""),
        number=_international(item),
        at=moment(item.get("user_receive_time")),
    )


def _report(
    item: Mapping[str, object],
    provider: str,
    *,
    serial: str,
    status: str,
    code: str,
    label: str,
    number: str,
    at: datetime | None,
) -> DeliveryReport:
    return DeliveryReport(
        provider=provider,
        key=f"{serial or _digest(number, str(at), label)}:{status}:{code}",
        status=STATUSES.get(status, ReportStatus.ACCEPTED),
        reference=reference_in(label, number) or None,
        provider_ref=serial or None,
        code=code or None,
        occurred_at=at,
        raw=item,
    )


def _pushed_reply(item: Mapping[str, object], provider: str) -> Reply:
    return _reply(provider, _international(item), str(item["text"]), item.get("time"))


def _reply(provider: str, number: str, text: str, at: object) -> Reply:
    """Return a reply; it has no number of its own, so who said what and when is what tells it from another."""
    return Reply(
        provider=provider,
        key=f"up:{_digest(number, str(at), text)}",
        channel=Channel.SMS,
        address=number,
        text=text,
        occurred_at=_of_seconds(at),
    )


def _digest(*said: str) -> str:
    return hashlib.sha256("\n".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _international(item: Mapping[str, object]) -> str:
    return f"+{str(item.get('nationcode') or '86').lstrip('+')}{item.get('mobile') or ''}"


def _of_seconds(said: object) -> datetime | None:
    """Read seconds since 1970 as aware UTC; None: it is none."""
    try:
        return datetime.fromtimestamp(int(str(said)), UTC)
    except (ValueError, OverflowError, OSError):
        return None
