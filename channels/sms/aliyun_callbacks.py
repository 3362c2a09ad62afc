"""What Alibaba Cloud tells us by itself: SmsReport (delivery) and SmsUp (a member's reply).

The pushes are not signed; the address they are made to is the secret.

Source: https://help.aliyun.com/zh/sms/developer-reference/configure-delivery-receipts-1, read in November 2026.
"""

import hashlib
import json
from collections.abc import Mapping

from channels.errors import CallbackRefused
from channels.message import Callback, CallbackRequest, Channel, DeliveryReport, Reply, ReportStatus
from channels.sms.batches import is_batch, message_id, reference_in
from channels.sms.beijing import moment

#: The provider looks at ``code`` being a number; anything but this answer is pushed again.
RECEIVED = b'{"code":0,"msg":"received"}'
MOST_ITEMS = 1000  #: in one push; the provider sends up to a hundred or so
#: Codes of a report that is not a success and yet says nothing final.
UNDECIDED = frozenset({"REQUEST_SUCCESS", "SP_UNKNOWN_ERROR"})


def read_push(request: CallbackRequest, *, provider: str) -> Callback:
    """Translate one push of either kind.

    Raises:
        CallbackRefused: it is not an array of items as documented.
    """
    try:
        items = json.loads(request.body)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list) or len(items) > MOST_ITEMS or not all(isinstance(each, dict) for each in items):
        raise CallbackRefused("the push is not a list of items", provider=provider)
    reports, replies = [], []
    for item in items:
        if "content" in item and "sequence_id" in item:
            replies.append(_reply(item, provider))
        elif "biz_id" in item and "success" in item:
            reports.append(_report(item, provider))
        else:
            raise CallbackRefused("an item of the push is neither a report nor a reply", provider=provider)
    return Callback(reports=tuple(reports), replies=tuple(replies), body=RECEIVED)


def international(number: str) -> str:
    """Write a number as the provider prints it, without a plus and at home without 86, in E.164."""
    bare = number.removeprefix("+").removeprefix("00")
    return f"+86{bare}" if len(bare) == 11 and bare.startswith("1") else f"+{bare}"


def _report(item: Mapping[str, object], provider: str) -> DeliveryReport:
    names = ("err_code", "biz_id", "out_id", "phone_number")
    code, biz_id, out_id, number = (str(item.get(name) or "") for name in names)
    reference = reference_in(out_id, international(number))
    provider_ref: str | None = biz_id
    if is_batch(out_id):  # The BizId alone would name any message of the batch.
        provider_ref = message_id(biz_id, reference) if reference else None
    return DeliveryReport(
        provider=provider,
        key=f"{biz_id}:{reference or out_id}:{_digest(number)}:{code}",
        status=_status(item["success"], code),
        reference=reference or None,
        provider_ref=provider_ref or None,
        code=code or None,
        occurred_at=moment(item.get("report_time")),
        raw=item,
    )


def _digest(number: str) -> str:
    return hashlib.sha256(number.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _status(success: object, code: str) -> ReportStatus:
    if str(success).lower() == "true":
        return ReportStatus.DELIVERED
    return ReportStatus.ACCEPTED if code in UNDECIDED else ReportStatus.FAILED


def _reply(item: Mapping[str, object], provider: str) -> Reply:
    return Reply(
        provider=provider,
        key=f"up:{item['sequence_id']}",
        channel=Channel.SMS,
        address=international(str(item.get("phone_number") or "")),
        text=str(item["content"]),
        occurred_at=moment(item.get("send_time")),
    )
