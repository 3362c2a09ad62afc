"""The page that shows what the pretend phones have received."""

from collections.abc import Iterable
from html import escape

from channels.simulator.record import ShownMessage

STYLE = """
body{margin:0;background:#eef0f3;font:15px/1.5 system-ui,sans-serif;color:#1c1e21}
main{max-width:34rem;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.15rem;font-weight:600}
article{margin:.9rem 0}
header{font-size:.78rem;color:#6b7280;margin:0 .6rem .2rem}
p{margin:0;padding:.6rem .8rem;border-radius:.9rem;background:#fff;white-space:pre-wrap;overflow-wrap:anywhere;
max-height:16rem;overflow:auto;box-shadow:0 1px 2px rgba(0,0,0,.06)}
.sms p{border-left:3px solid #2f7df6}.wechat p{border-left:3px solid #07c160}.email p{border-left:3px solid #f0883e}
"""


def phone_page(recent: Iterable[ShownMessage]) -> str:
    """Return the whole page, newest message first, asking for itself again every three seconds."""
    messages = "".join(map(_message, reversed(list(recent))))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">'
        '<meta name="viewport" content="width=device-width"><title>Tidings simulator</title>'
        f"<style>{STYLE}</style><main><h1>What the phones received · 手机收到的消息</h1>"
        f"{messages or '<p>Nothing yet. 还没有消息。</p>'}</main></html>"
    )


def _message(shown: ShownMessage) -> str:
    channel = escape(shown.provider.partition(".")[0], quote=True)
    head = f"{shown.provider} → {shown.address} · {shown.at:%H:%M:%S} UTC"
    return f'<article class="{channel}"><header>{escape(head)}</header><p>{escape(shown.text)}</p></article>'
