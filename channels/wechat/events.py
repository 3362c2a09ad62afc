"""What WeChat's pushes mean: the end of a message's way, permissions, and what members write and do.

Source: https://developers.weixin.qq.com/doc/service/guide/product/subscription_messages/push.html and
https://developers.weixin.qq.com/doc/service/guide/product/message/Batch_Sends.html, read in November 2026.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from channels.message import (
    AnswerWindow,
    Callback,
    Channel,
    Contact,
    ContactKind,
    DeliveryReport,
    Grant,
    GrantKind,
    Reply,
    ReportStatus,
)

TEXT_WINDOW = AnswerWindow(messages=5, lasts=timedelta(hours=48))
ACT_WINDOW = AnswerWindow(messages=3, lasts=timedelta(minutes=1))
#: Which element holds the items of an event; JSON pushes leave it out.
NOTICE_SENT, ALLOWED, CHANGED = "subscribe_msg_sent_event", "subscribe_msg_popup_event", "subscribe_msg_change_event"
OUTER = {
    NOTICE_SENT: "SubscribeMsgSentEvent",
    ALLOWED: "SubscribeMsgPopupEvent",
    CHANGED: "SubscribeMsgChangeEvent",
}
#: What a status says; that something is allowed is news only where the member was asked, not in a list of settings.
GRANTS = {
    (ALLOWED, "accept"): GrantKind.GIVEN,
    (ALLOWED, "reject"): GrantKind.DECLINED,
    (CHANGED, "reject"): GrantKind.WITHDRAWN,
}
TEMPLATE_SENT, MASS_SENT = "TEMPLATESENDJOBFINISH", "MASSSENDJOBFINISH"
CONTACTS: Mapping[str, tuple[ContactKind, AnswerWindow | None]] = {
    "subscribe": (ContactKind.FOLLOWED, ACT_WINDOW),
    "unsubscribe": (ContactKind.UNFOLLOWED, None),
    "SCAN": (ContactKind.SCANNED, ACT_WINDOW),
    "CLICK": (ContactKind.TAPPED, ACT_WINDOW),
    "VIEW": (ContactKind.VIEWED, None),
    "user_authorization_revoke": (ContactKind.FORGOTTEN, None),
    "user_authorization_cancellation": (ContactKind.FORGOTTEN, None),
}


def read_push(push: Mapping[str, object], *, provider: str) -> Callback:
    """Return what one push says; an event that is not known says nothing."""
    told = _Told(push, provider)
    if push.get("MsgType") == "text":
        return Callback(replies=(told.reply(),))
    return Callback(
        reports=tuple(told.reports()),
        grants=tuple(told.grants()),
        contacts=tuple(told.contacts()),
    )


@dataclass(frozen=True)
class _Told:
    """One push; the same one told again gives the same keys."""

    push: Mapping[str, object]
    provider: str

    def reply(self) -> Reply:
        return Reply(
            provider=self.provider,
            key=self._key("text", *([said_id] if (said_id := self._words("MsgId")) else self._unnamed())),
            channel=Channel.WECHAT,
            address=self._words("FromUserName"),
            text=self._words("Content"),
            occurred_at=self._moment(),
            window=TEXT_WINDOW,
        )

    def reports(self) -> Iterator[DeliveryReport]:
        event = self._words("Event")
        if event == NOTICE_SENT:
            for item in self._items(event):
                code = _text(item.get("ErrorCode"))
                status = ReportStatus.DELIVERED if code == "0" else ReportStatus.FAILED
                yield self._report(item.get("MsgID"), status, _text(item.get("ErrorStatus")) or code)
        elif event == TEMPLATE_SENT:
            words = re.sub(r"\s*:\s*", ":", self._words("Status").strip())
            yield self._report(self.push.get("MsgID"), _end_of_template_message(words), words)
        elif event == MASS_SENT:
            yield self._report(self.push.get("MsgID"), *self._end_of_mass_message())

    def grants(self) -> Iterator[Grant]:
        event = self._words("Event")
        for item in self._items(event) if event in (ALLOWED, CHANGED) else ():
            code, said = _text(item.get("TemplateId")), _text(item.get("SubscribeStatusString"))
            kind = GRANTS.get((event, said))
            if not code or kind is None:
                continue
            yield Grant(
                provider=self.provider,
                key=self._key(event, self._mark(self._words("FromUserName")), self._at(), self._mark(code), said),
                channel=Channel.WECHAT,
                address=self._words("FromUserName"),
                template_code=code,
                kind=kind,
                occurred_at=self._moment(),
            )

    def contacts(self) -> Iterator[Contact]:
        event, detail = self._words("Event"), self._words("EventKey")
        if event not in CONTACTS:
            return
        kind, window = CONTACTS[event]
        who = self._words("OpenID") or self._words("FromUserName")
        yield Contact(
            provider=self.provider,
            key=self._key(event, self._mark(who), self._at(), self._mark(detail)),
            channel=Channel.WECHAT,
            address=who,
            kind=kind,
            detail=detail.removeprefix("qrscene_") or None,
            occurred_at=self._moment(),
            window=window,
        )

    def _end_of_mass_message(self) -> tuple[ReportStatus, str]:
        """Say delivered only where everybody was reached, and failed only where nobody was.

        In between some have it and some do not, and WeChat names neither: nothing is claimed of anybody.
        """
        words, reached = self._words("Status").strip(), self._words("SentCount")
        failed = words.startswith("err") or words == "send fail"
        if failed and reached in ("", "0"):
            return ReportStatus.FAILED, words
        if words != "send success":
            return ReportStatus.ACCEPTED, words
        if reached == "0":
            return ReportStatus.FAILED, "send success, to nobody"
        return ReportStatus.DELIVERED if reached == self._words("TotalCount") != "" else ReportStatus.ACCEPTED, words

    def _report(self, said_id: object, status: ReportStatus, code: str) -> DeliveryReport:
        # Now and then the id comes as 0; such a report is kept and belongs to no message.
        message_id = _text(said_id) if _text(said_id) not in ("", "0") else None
        about = message_id or self._mark(self._words("FromUserName"))
        return DeliveryReport(
            provider=self.provider,
            key=self._key(self._words("Event"), about, self._at(), self._mark(code)),
            status=status,
            provider_ref=message_id,
            code=code[:80] or None,
            occurred_at=self._moment(),
            raw=self.push,
        )

    def _unnamed(self) -> list[str]:
        """Return what tells apart words that came without an id of their own."""
        return [self._mark(self._words("FromUserName")), self._at(), self._mark(self._words("Content"))]

    def _items(self, event: str) -> Iterator[Mapping[str, object]]:
        outer = self.push.get(OUTER[event], self.push)
        items = outer.get("List") if isinstance(outer, dict) else None
        for item in items if isinstance(items, list) else [items]:
            if isinstance(item, dict):
                yield item

    def _key(self, *words: str) -> str:
        """Return words that name this and nothing else; our account is one of them, for ids may repeat in another."""
        return ":".join(filter(None, (self._words("ToUserName")[:40], *(each[:60] for each in words))))

    def _mark(self, words: str) -> str:
        """Stand in for words that are long, or a member's."""
        return hashlib.sha256(words.encode()).hexdigest()[:16] if words else ""

    def _words(self, name: str) -> str:
        return _text(self.push.get(name))

    def _at(self) -> str:
        return self._words("CreateTime")

    def _moment(self) -> datetime | None:
        said = self._at()
        return datetime.fromtimestamp(int(said), UTC) if re.fullmatch(r"[0-9]{1,10}", said) else None


def _end_of_template_message(words: str) -> ReportStatus:
    if words == "success":
        return ReportStatus.DELIVERED
    return ReportStatus.FAILED if words.startswith("failed") else ReportStatus.ACCEPTED


def _text(said: object) -> str:
    """Return a field's words; one that is missing, or holds fields itself, has none."""
    return str(said) if isinstance(said, str | int) and not isinstance(said, bool) else ""
