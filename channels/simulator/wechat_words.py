"""How a pretend WeChat words its pushes, signs them, and encrypts them where it is told to."""

import base64
import hashlib
import secrets
from html import escape

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from channels.simulator.receipts import Push, Receipt
from channels.simulator.settings import SimulatorSettings


def report(provider: str, told: Receipt, settings: SimulatorSettings, app_id: str) -> Push:
    """Return the push that tells what became of a message or of a mass send."""
    stamp = str(int(told.sent_at.timestamp()))
    inner = f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{told.event}]]></Event>{_end(told)}"
    return push_of(provider, told.address, stamp, inner, settings, app_id, receipts=(told,))


def push_of(
    provider: str,
    openid: str,
    stamp: str,
    inner: str,
    settings: SimulatorSettings,
    app_id: str,
    *,
    receipts: tuple[Receipt, ...] = (),
) -> Push:
    """Return the push about one member; ``inner`` is what it says beside who, to whom and when."""
    body = (
        "<xml><ToUserName><![CDATA[gh_simulated]]></ToUserName>"
        f"<FromUserName><![CDATA[{openid}]]></FromUserName><CreateTime>{stamp}</CreateTime>{inner}</xml>"
    )
    query, whole = signed(body, stamp, settings, app_id)
    return Push(provider=provider, query=query, content_type="text/xml", body=whole, receipts=receipts)


def _end(told: Receipt) -> str:
    if told.event == "TEMPLATESENDJOBFINISH":
        status = "success" if told.arrived else "failed: system failed"
        return f"<MsgID>{told.provider_ref}</MsgID><Status><![CDATA[{status}]]></Status>"
    if told.event == "MASSSENDJOBFINISH":
        sent = told.members if told.arrived else 0
        status = "send success" if told.arrived else "send fail"
        counts = f"<TotalCount>{told.members}</TotalCount><FilterCount>{told.members}</FilterCount>"
        counts += f"<SentCount>{sent}</SentCount><ErrorCount>{told.members - sent}</ErrorCount>"
        return f"<MsgID>{told.provider_ref}</MsgID><Status><![CDATA[{status}]]></Status>{counts}"
    code, status = ("0", "success") if told.arrived else ("-1", "system error")
    return (
        f"<SubscribeMsgSentEvent><List><TemplateId>{escape(told.template)}</TemplateId>"
        f"<MsgID>{told.provider_ref}</MsgID><ErrorCode>{code}</ErrorCode>"
        f"<ErrorStatus>{status}</ErrorStatus></List></SubscribeMsgSentEvent>"
    )


def signed(body: str, stamp: str, settings: SimulatorSettings, app_id: str) -> tuple[str, bytes]:
    """Return the query and the body of a push, encrypted where the account has a key."""
    nonce, token = secrets.token_hex(5), settings.callback_token
    query = f"signature={_hash(token, stamp, nonce)}&timestamp={stamp}&nonce={nonce}"
    if not settings.encoding_aes_key:
        return query, body.encode()
    sealed = _sealed(body.encode(), settings.encoding_aes_key, app_id)
    query += f"&encrypt_type=aes&msg_signature={_hash(token, stamp, nonce, sealed)}"
    outside = f"<xml><ToUserName>gh_simulated</ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
    return query, outside.encode()


def _hash(*words: str) -> str:
    return hashlib.sha1("".join(sorted(words)).encode()).hexdigest()  # noqa: S324 - WeChat's own.


def _sealed(words: bytes, encoded_key: str, app_id: str) -> str:
    key = base64.b64decode(f"{encoded_key}=")
    whole = b"".join([secrets.token_bytes(16), len(words).to_bytes(4, "big"), words, app_id.encode()])
    missing = 32 - len(whole) % 32
    sealing = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(sealing.update(whole + missing * bytes([missing])) + sealing.finalize()).decode("ascii")
