"""Against a real Postfix: two hundred mails pipelined, some refused at once, some bounced with real reports."""

import email
import time
from email import policy
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim_checking import what_is_wrong
from keeping_sink import KeepingSink, KeptMail
from mail_sinks import deliver, mail, opened
from private_postfix import private_postfix, why_not
from pydantic import SecretStr

from channels.email.bounces import MailKind, read_bounce
from channels.email.return_address import ReturnAddress
from channels.message import Blame, OutcomeKind

COUNT = 200
SECRET = "nobody knows this one"
ONE_CLICK = {
    "List-Unsubscribe": f"<https://crm.example.com/u/{'t' * 90}>, <mailto:unsubscribe@example.com?subject={'t' * 40}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


def _address(number: int) -> str:
    """Every tenth is refused by Postfix itself, and every tenth only by the server it relays to."""
    if number % 10 == 3:
        return f"li{number}@refused.test"
    if number % 10 == 6:
        return f"gone{number}@members.test"
    return f"li{number}@members.test"


def _wait_until(kept: list[KeptMail], count: int) -> None:
    until = time.monotonic() + 60
    while len(kept) < count and time.monotonic() < until:
        time.sleep(0.05)


def test_a_real_postfix_takes_refuses_and_bounces_and_every_bounce_finds_its_message(tmp_path: Path):
    (tmp_path / "key.pem").write_bytes(
        KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    account = {
        "sender_address": "crm@tidings.test",
        "sender_name": "潮汐会员中心",
        "bounce_address": "bounce@bounce.tidings.test",
        "bounce_per_message": True,
        "bounce_secret": SECRET,
        "dkim_key_file": tmp_path / "key.pem",
        "dkim_selector": "s1",
        "max_connections": 2,
        "messages_per_connection": 2 * COUNT,  # So that a connection is left to be looked at.
    }
    messages = [mail(f"0badcafe-{n}", address=_address(n), headers=ONE_CLICK) for n in range(COUNT)]
    refused = {n for n in range(COUNT) if n % 10 == 3}
    gone = {n for n in range(COUNT) if n % 10 == 6}
    with (
        KeepingSink(refused=r"^gone") as remote,
        KeepingSink() as bounces,
        private_postfix(remote=remote.port, bounces=bounces.port) as port,
    ):
        with opened(port, **account) as provider:
            outcomes = deliver(provider, messages, seconds=60)
            pipelining = provider._pool._idle[0].pipelining
        _wait_until(bounces.kept, len(gone))
        _wait_until(remote.kept, COUNT - len(refused) - len(gone))

    assert pipelining
    assert {n for n, each in enumerate(outcomes) if each.kind is OutcomeKind.REJECTED} == refused
    assert {outcomes[n].blame for n in refused} == {Blame.ADDRESS}
    assert {each.kind for n, each in enumerate(outcomes) if n not in refused} == {OutcomeKind.ACCEPTED}
    assert all(
        each.provider_ref and "@" not in each.provider_ref for n, each in enumerate(outcomes) if n not in refused
    )

    assert sorted(each.recipient for each in remote.kept) == sorted(
        _address(n) for n in range(COUNT) if n not in refused | gone
    )
    for each in remote.kept:
        _arrived_whole(each)

    ours = ReturnAddress(address="bounce@bounce.tidings.test", secret=SecretStr(SECRET))
    read = [read_bounce(each.content, ours) for each in bounces.kept]
    assert {each.sender for each in bounces.kept} == {""}
    assert sorted(each.reference or "" for each in read) == sorted(f"0badcafe-{n}" for n in gone)
    for bounce in read:
        (finding,) = bounce.findings
        assert (bounce.kind, str(finding.verdict), finding.status) == (MailKind.BOUNCE, "hard", "5.1.1")
        assert finding.address == f"gone{(bounce.reference or '').rpartition('-')[2]}@members.test"
        assert (bounce.reference_from, bounce.envelope_id) == ("return_address", bounce.reference)


def _arrived_whole(kept: KeptMail) -> None:
    """Check that the relay left the signature right, the one-click headers whole and the Chinese readable."""
    assert what_is_wrong(kept.content, KEY.public_key()) is None
    for name, value in ONE_CLICK.items():
        assert f"\r\n{name}: {value}\r\n".encode() in kept.content
    message = email.message_from_bytes(kept.content, policy=policy.default)
    assert message["subject"] == "生日快乐"
    assert message["from"].addresses[0].display_name == "潮汐会员中心"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content() == "亲爱的会员，\r\n.\r\n生日快乐！"


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("552 5.2.2 Mailbox full", "soft"),
        ("550 5.7.1 Message rejected as spam", "sender"),
        ("550 Mailbox not found", "hard"),
    ],
)
def test_a_real_report_gives_the_verdict_its_refusal_deserves(reply: str, verdict: str):
    with (
        KeepingSink(refused=".", reply=reply) as remote,
        KeepingSink() as bounces,
        private_postfix(remote=remote.port, bounces=bounces.port) as port,
    ):
        with opened(port, bounce_address="bounce@bounce.tidings.test", bounce_per_message=True) as provider:
            deliver(provider, [mail("0badcafe-1", address="li@members.test")])
        _wait_until(bounces.kept, 1)

    ours = ReturnAddress(address="bounce@bounce.tidings.test")
    (found,) = [read_bounce(each.content, ours) for each in bounces.kept]
    assert ([str(each) for each in found.verdicts], found.reference) == ([verdict], "0badcafe-1")
