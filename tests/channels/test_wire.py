"""What a mail server is really given, byte by byte."""

import base64
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim_checking import what_is_wrong
from keeping_sink import KeepingSink, KeptMail
from mail_sinks import deliver, mail, opened
from pydantic import SecretStr

from channels.email.return_address import ReturnAddress
from channels.message import Message

ONE_CLICK = {
    "List-Unsubscribe": f"<https://crm.example.com/u/{'t' * 90}>, <mailto:unsubscribe@example.com?subject={'t' * 40}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SUBJECT = "【晨光生活】尊敬的金卡会员，您的生日礼券 200 元已到账，有效期三十天，点击查看详情与门店地址🎂"


def carried(message: Message, **account: object) -> KeptMail:
    """Hand one mail to a server over a socket and return what it kept."""
    with KeepingSink() as sink, opened(sink.port, **account) as provider:
        deliver(provider, [message])
    (kept,) = sink.kept
    return kept


def test_one_click_headers_cross_the_wire_exactly_as_rfc_8058_prints_them():
    kept = carried(mail("m1", headers=ONE_CLICK))

    assert f"\r\nList-Unsubscribe: {ONE_CLICK['List-Unsubscribe']}\r\n".encode() in kept.content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in kept.content
    assert kept.content.lower().count(b"list-unsubscribe") == 3  # Two names, and the one value that is a name.


def test_a_chinese_subject_crosses_the_wire_in_words_every_client_reads():
    kept = carried(mail("m1", parts={"subject": SUBJECT, "text": "您好"}))

    field = re.search(rb"\r\nSubject: ((?:[^\r]|\r\n )*)\r\n", kept.content)
    assert field
    words = field[1].split(b"\r\n ")
    assert all(re.fullmatch(rb"=\?utf-8\?B\?[A-Za-z0-9+/]+=*\?=", word) for word in words)
    assert max(map(len, words)) <= 75
    # Each word by itself: one that ends inside a character fails here.
    assert "".join(base64.b64decode(word[10:-2]).decode() for word in words) == SUBJECT
    assert max(map(len, kept.content.split(b"\r\n"))) <= 998
    assert kept.content.isascii()


@pytest.mark.parametrize("secret", [None, "nobody knows this one"])
def test_the_envelope_names_the_message_and_the_signature_covers_what_the_server_got(
    tmp_path: Path, secret: str | None
):
    pem = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    kept = carried(
        mail("0badcafe-7", headers=ONE_CLICK),
        bounce_address="bounces@bounce.example.com",
        bounce_per_message=True,
        bounce_secret=secret,
        dkim_key_file=tmp_path / "key.pem",
        dkim_selector="s1",
    )

    ours = ReturnAddress(address="bounces@bounce.example.com", secret=SecretStr(secret) if secret else None)
    assert ours.read(kept.sender) == "0badcafe-7"
    assert kept.sender.startswith("bounces+0badcafe-7")
    assert what_is_wrong(kept.content, KEY.public_key()) is None
    assert what_is_wrong(kept.content.replace(b"=One-Click", b"=Two-Click"), KEY.public_key()) is not None
