"""What a member does with a pretend phone: the push by which a provider tells us of it.

Each is worded as the provider's manual has it, and signed where the provider signs.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import escape
from urllib.parse import urlencode

from channels.simulator import twilio_desk, wechat_words
from channels.simulator.beijing import in_beijing
from channels.simulator.receipts import Push
from channels.simulator.settings import SimulatorSettings

OFFICIAL, MINI = "wechat.official_account", "wechat.mini_program"

#: What members of a WeChat account may do beside writing: the act, the event that tells of it, and the event's key.
WECHAT_EVENTS: Mapping[str, tuple[str, str]] = {
    "follow": ("subscribe", ""),
    "unfollow": ("unsubscribe", ""),
    "menu": ("CLICK", "simulated-menu"),
}
#: What they may say about notices of a template: the act, the event, its outer element, the status.
WECHAT_GRANTS: Mapping[str, tuple[str, str, str]] = {
    "allow": ("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", "accept"),
    "decline": ("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", "reject"),
    "withdraw": ("subscribe_msg_change_event", "SubscribeMsgChangeEvent", "reject"),
}


def acts_of(provider: str) -> tuple[str, ...]:
    """Return what a member can do about messages of a provider, as far as the provider tells of it."""
    if provider == OFFICIAL:
        return ("reply", *WECHAT_EVENTS, *WECHAT_GRANTS)
    if provider == MINI:
        return ("reply", *WECHAT_GRANTS)
    return ("reply",) if provider in _REPLIES else ()


def told_as(
    settings: SimulatorSettings, provider: str, address: str, act: str, words: str, *, number: int
) -> Push | None:
    """Return the push that tells of an act; ``words`` are a reply's, or the template's that is spoken of.

    ``number`` tells this act from all others.  None: the provider does not tell of such acts.
    """
    if act not in acts_of(provider):
        return None
    if act == "reply" and provider in _REPLIES:
        return _REPLIES[provider](settings, address, words, number)
    return _wechat(settings, provider, address, act, words, number)


def _aliyun(settings: SimulatorSettings, address: str, words: str, number: int) -> Push:
    item = {
        "phone_number": address,
        "content": words,
        "send_time": in_beijing(datetime.now(UTC)),
        "sign_name": "",
        "dest_code": "10690000",
        "sequence_id": _unique(number),
    }
    return _json("sms.aliyun", [item])


def _tencent(settings: SimulatorSettings, address: str, words: str, number: int) -> Push:
    mobile = address.removeprefix("+86")
    item = {"extend": "", "mobile": mobile, "nationcode": "86", "sign": "", "text": words, "time": int(time.time())}
    return _json("sms.tencent", item)


def _twilio(settings: SimulatorSettings, address: str, words: str, number: int) -> Push:
    sid = f"SM{_unique(number):032x}"
    form = {"MessageSid": sid, "SmsSid": sid, "AccountSid": settings.account_sid, "From": address, "Body": words}
    form |= {"To": "+15005550006", "NumMedia": "0", "NumSegments": "1", "ApiVersion": "2010-04-01"}
    url = settings.receipts.callback_urls.get("sms.twilio", "")
    return twilio_desk.push_of(form, url, settings)


def _kannel(settings: SimulatorSettings, address: str, words: str, number: int) -> Push:
    said = {"from": address, "text": words, "charset": "UTF-8", "id": str(_unique(number)), "at": str(int(time.time()))}
    return Push(provider="sms.kannel", query=urlencode(said), content_type="", body=b"", receipts=(), method="GET")


def _wechat(settings: SimulatorSettings, provider: str, openid: str, act: str, words: str, number: int) -> Push:
    stamp = str(int(time.time()))
    app_id = settings.app_id if provider == OFFICIAL else settings.mini_app_id
    if act == "reply":
        inner = f"<MsgType>text</MsgType><Content>{_plain(words)}</Content><MsgId>{_unique(number)}</MsgId>"
    elif act in WECHAT_EVENTS:
        event, key = WECHAT_EVENTS[act]
        inner = f"<MsgType>event</MsgType><Event>{event}</Event><EventKey>{key}</EventKey>"
    else:
        event, outer, status = WECHAT_GRANTS[act]
        item = f"<TemplateId>{_plain(words)}</TemplateId><SubscribeStatusString>{status}</SubscribeStatusString>"
        inner = f"<MsgType>event</MsgType><Event>{event}</Event><{outer}><List>{item}</List></{outer}>"
    return wechat_words.push_of(provider, _plain(openid), stamp, inner, settings, app_id)


def _json(provider: str, said: object) -> Push:
    body = json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
    return Push(provider=provider, query="", content_type="application/json", body=body, receipts=())


def _plain(words: str) -> str:
    """Write words as XML can hold them."""
    return escape("".join(each for each in words if each.isprintable() or each in "\n\t"), quote=False)


def _unique(number: int) -> int:
    """Return a number that no other act has, also of a simulator that ran before this one."""
    return int(time.time() * 1000) * 1000 + number % 1000


_REPLIES: Mapping[str, Callable[[SimulatorSettings, str, str, int], Push]] = {
    "sms.aliyun": _aliyun,
    "sms.tencent": _tencent,
    "sms.twilio": _twilio,
    "sms.kannel": _kannel,
}
