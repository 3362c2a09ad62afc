"""The few pages members see: small, bilingual, readable by everything, with nothing fetched from anywhere."""

import base64
import hashlib

from markupsafe import Markup, escape

STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5b6776;--paper:#fff;--ground:#f3f5f8;--accent:#1f5fbf;--line:#e1e6ec}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#9aa7b5;--paper:#1a212a;--ground:#11161d;--accent:#7fb0ff;--line:#2b3542}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);color:var(--ink);
font:17px/1.6 system-ui,-apple-system,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main{max-width:30rem;margin:1.5rem;padding:2.5rem 2rem;background:var(--paper);border:1px solid var(--line);border-radius:14px;text-align:center}
h1{margin:0 0 .4rem;font-size:1.45rem;line-height:1.3}
p{margin:.3rem 0;color:var(--soft)}
section+section{margin-top:1.6rem;padding-top:1.6rem;border-top:1px solid var(--line)}
button{margin-top:1.6rem;padding:.8rem 1.8rem;border:0;border-radius:10px;background:var(--accent);color:var(--paper);font:inherit;font-weight:600;cursor:pointer}
button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}
"""
#: Lets exactly this style sheet apply and nothing else whatever.
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

CHANNELS = {"sms": ("短信", "text messages"), "email": ("电子邮件", "emails"), "wechat": ("微信消息", "WeChat messages")}


def ask_page(brand: tuple[str, str], channel: str) -> str:
    """The page an unsubscribe link opens; opening it changes nothing."""
    zh, en = CHANNELS[channel]
    return _page(
        ("退订营销信息", "Unsubscribe"),
        (f"不再接收{brand[0]}的营销{zh}？", f"Stop receiving marketing {en} from {brand[1]}?"),
        _button("退订", "Unsubscribe"),
    )


def done_page(brand: tuple[str, str], channel: str) -> str:
    """The page that follows; it is the same however often it is asked for."""
    zh, en = CHANNELS[channel]
    return _page(
        ("已为您退订", "You are unsubscribed"),
        (f"您将不再收到{brand[0]}的营销{zh}。", f"You will get no more marketing {en} from {brand[1]}."),
    )


def confirm_page(brand: tuple[str, str], channel: str) -> str:
    """The page an opt-in link opens; opening it changes nothing."""
    zh, en = CHANNELS[channel]
    return _page(
        ("确认订阅", "Confirm your subscription"),
        (f"您希望收到{brand[0]}的{zh}吗？", f"Do you wish to get {en} from {brand[1]}?"),
        _button("确认订阅", "Confirm"),
    )


def confirmed_page(brand: tuple[str, str], channel: str) -> str:
    """The page that follows; it is the same however often it is asked for."""
    zh, en = CHANNELS[channel]
    return _page(
        ("已确认", "Confirmed"),
        (f"您将收到{brand[0]}的{zh}，可随时退订。", f"You will get {en} from {brand[1]}; you can unsubscribe at any time."),
    )


def expired_page() -> str:
    """The page for a wish that was not confirmed in time."""
    return _page(("链接已过期", "This link has expired"), ("请重新申请订阅。", "Please ask to subscribe once more."))


def missing_page() -> str:
    """The page for a link that is not, or no longer, one of ours."""
    return _page(
        ("链接无效", "This link is not valid"),
        ("链接可能不完整，请从原消息中重新打开。", "It may have been cut short. Please open it again from the message."),
    )


def trouble_page() -> str:
    """The page for when something went wrong on our side; nothing was changed."""
    return _page(("暂时无法处理", "Not possible right now"), ("请稍后再试。", "Please try again in a few minutes."))


def _button(zh: str, en: str) -> Markup:
    """The form with which a member confirms what a page asks."""
    return Markup(
        '<form method="post"><input type="hidden" name="confirm" value="yes">'
        '<button type="submit">{} · <span lang="en">{}</span></button></form>'
    ).format(zh, en)


def _page(title: tuple[str, str], sentence: tuple[str, str], below: Markup = Markup("")) -> str:
    parts = [
        Markup('<section lang="{}"><h{}>{}</h{}><p>{}</p></section>').format(language, 1, heading, 1, words)
        for language, heading, words in (("zh-CN", title[0], sentence[0]), ("en", title[1], sentence[1]))
    ]
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title[0])} · {escape(title[1])}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}{below}</main></body></html>"
    )
