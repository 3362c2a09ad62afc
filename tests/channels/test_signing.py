"""Signatures are checked by code of the tests' own, by a shared vector, and by dkimpy where it is installed."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from dkim_checking import key_of, tags_of, what_is_wrong
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_sinks import mail
from test_mime import NOW, ONE_CLICK, words

from channels.email.mime import date_line, recipient, skeleton_for, write_mail
from channels.email.settings import SmtpSettings
from channels.email.signing import Signer, canonical_body
from channels.message import Message

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SIGNER = Signer(domain="example.com", selector="s1", key=KEY)
ADDRESSES = {"host": "mail.example.com", "sender_address": "crm@example.com"}
ACCOUNT = SmtpSettings(sender_name="潮汐会员中心", reply_to="care@example.com", feedback_sender="tidings1", **ADDRESSES)


def signed(message: Message, account: SmtpSettings = ACCOUNT) -> bytes:
    """Return a signed mail as its receiver reads it, the dots unstuffed and the last one gone."""

    def sign(whole: bytes) -> bytes:
        return SIGNER.header_for(whole, at=1_762_331_400)

    wire = write_mail(skeleton_for(account), message, to=recipient(message), date=date_line(NOW), sign=sign)
    assert wire.endswith(b"\r\n.\r\n")
    return wire[:-3].replace(b"\r\n..", b"\r\n.")


def record(key: rsa.RSAPrivateKey = KEY) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def key_file(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> Path:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    (folder / "key.pem").write_bytes(pem)
    return folder / "key.pem"


def test_the_checker_agrees_with_the_shared_vectors(shared: Path):
    vectors = json.loads((shared / "vectors" / "email.json").read_text(encoding="utf-8"))["dkim_one_click"]
    for vector in vectors if isinstance(vectors, list) else [vectors]:
        whole, key = vector["message"].encode(), key_of(vector["dns_txt"])

        assert what_is_wrong(whole, key) is None
        for part in (b"One-Click", b"/u/abc>", b"Subject: =?utf-8?b?5"):
            assert what_is_wrong(whole.replace(part, part[:-1] + b"X"), key) == "a header was changed"
        assert what_is_wrong(whole.replace(b"5oKo5", b"5oKo6"), key) == "the body was changed"
        # Our own canonical form of the vector's body has the vector's digest.
        digest = tags_of(whole.decode().split("\r\nFrom:")[0].partition(":")[2])["bh"]
        assert digest == _digest(canonical_body(whole.partition(b"\r\n\r\n")[2]))


def _digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def test_a_signed_mail_is_right_and_any_change_to_what_matters_breaks_it():
    whole, key = signed(mail("m1", headers=ONE_CLICK)), KEY.public_key()

    assert what_is_wrong(whole, key) is None
    for part in (
        b"One-Click",
        b"/u/ttt",
        b"Subject: =?utf-8?B?5",
        b"From: =?utf-8?B?5",
        b"To: <m1@",
        b"Message-ID: <m1@",
        b"care@",
    ):
        assert part in whole
        assert what_is_wrong(whole.replace(part, part[:-1] + b"X"), key) == "a header was changed", part
    assert what_is_wrong(whole.replace(b"\r\n\r\n--", b"\r\n\r\nX--"), key) == "the body was changed"
    assert what_is_wrong(b"From: evil@example.org\r\n" + whole, key) == "a header was changed"


def test_both_one_click_headers_are_covered_and_the_domain_is_the_sender_s():
    tags = tags_of(signed(mail("m1", headers=ONE_CLICK)).decode().split("\r\nDate:")[0].partition(":")[2])

    names = tags["h"].split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post", "subject", "date", "to", "message-id", "content-type"} <= set(
        names
    )
    assert names.count("from") == 2
    assert (tags["d"], tags["s"], tags["a"], tags["c"], tags["v"], tags["t"]) == (
        "example.com", "s1", "rsa-sha256", "relaxed/relaxed", "1", "1762331400",
    )  # fmt: skip


def test_what_relays_may_do_to_white_space_does_not_break_it():
    whole = signed(mail("m1", headers=ONE_CLICK))
    relayed = whole.replace(b"Subject: ", b"SUBJECT:\t ").replace(b">, <mailto:", b">,\r\n\t<mailto:") + b"\r\n\r\n"

    assert what_is_wrong(b"Received: from here\r\n" + relayed, KEY.public_key()) is None


@settings(max_examples=40)
@given(subject=words.filter(lambda text: bool(text.strip())), text=words.filter(bool), html=words)
def test_no_text_at_all_gives_a_wrong_signature(subject: str, text: str, html: str):
    whole = signed(mail("m1", parts={"subject": subject, "text": text, "html": html}))

    assert what_is_wrong(whole, KEY.public_key()) is None
    assert max(map(len, whole.split(b"\r\n\r\n")[0].split(b"\r\n"))) <= 998


@given(st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"."]), max_size=30).map(b"".join))
def test_the_canonical_body_is_that_of_the_rfc(body: bytes):
    found = canonical_body(body)

    assert b"  " not in found
    assert b"\t" not in found
    assert b" \r\n" not in found
    assert not found.endswith(b"\r\n\r\n")
    assert found == b"" or found.endswith(b"\r\n")
    assert b"".join(found.split()) == b"".join(body.split())


def test_the_example_of_the_rfc_is_made_canonical_as_it_says():
    # RFC 6376 section 3.4.5.
    assert canonical_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"


def test_dkimpy_finds_our_signatures_right():
    dkim = pytest.importorskip("dkim", reason="the package dkimpy, which checks ours, is not installed")

    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s1._domainkey.example.com."
        return record().encode()

    for message in (mail("m1", headers=ONE_CLICK), mail("m2", parts={"subject": "s", "text": ". \n..  \n\n\n"})):
        assert dkim.verify(signed(message), dnsfunc=dns) is True
        assert dkim.verify(signed(message).replace(b"Subject:", b"Subject: X"), dnsfunc=dns) is False


def test_an_account_with_a_key_signs_for_its_sender_s_domain(tmp_path: Path):
    account = SmtpSettings(dkim_key_file=key_file(tmp_path, KEY), dkim_selector="s1", **ADDRESSES)
    signer = account.signer()

    assert signer is not None
    assert (signer.domain, signer.selector) == ("example.com", "s1")
    assert "PRIVATE" not in repr(account)


@pytest.mark.parametrize("wrong", ["none", "short", "curve", "locked", "alone"])
def test_a_key_that_cannot_sign_is_refused_when_the_account_is_read(tmp_path: Path, wrong: str):
    key = ec.generate_private_key(ec.SECP256R1()) if wrong == "curve" else KEY
    file = key_file(tmp_path, key, b"x" if wrong == "locked" else None)
    if wrong == "none":
        file.write_text("no key")
    if wrong == "short":
        file.write_bytes(_short_key())

    with pytest.raises(ValueError, match=r"dkim|RSA"):
        SmtpSettings(dkim_key_file=file, dkim_selector=None if wrong == "alone" else "s1", **ADDRESSES)


def _short_key() -> bytes:
    return subprocess.run(["openssl", "genrsa", "512"], check=True, capture_output=True).stdout
