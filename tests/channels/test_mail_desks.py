"""The pretend SES, SendGrid and Mailgun: strict about who asks and how, and their reports are read back."""

import base64
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from channels.email.mailgun import Mailgun
from channels.email.sendgrid import SendGrid
from channels.email.ses import Ses, SesSettings
from channels.email.sigv4 import signed_headers
from channels.errors import CallbackRefused
from channels.http import Answer, Http, TimeLimits
from channels.message import CallbackRequest, Channel, Message, OutcomeKind
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from channels.simulator.webhook_keys import event_public_key

SENDER = {"sender_address": "crm@example.com", "sender_name": "潮汐"}
OWN = {
    "email.ses": {"access_key_id": "simulated-key", "secret_access_key": "simulated-secret", "region": "us-east-1"},
    "email.sendgrid": {
        "api_key": "simulated-mail-key",
        "webhook_key": event_public_key("simulated-mail-signing-key"),
    },
    "email.mailgun": {
        "domain": "example.com",
        "api_key": "simulated-mail-key",
        "webhook_signing_key": "simulated-mail-signing-key",
    },
}
TOPIC = "arn:aws:sns:us-east-1:123456789012:simulated"
PATHS = {
    "email.ses": "/v2/email/outbound-emails",
    "email.sendgrid": "/v3/mail/send",
    "email.mailgun": "/v3/example.com/messages.mime",
}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    record = tmp_path_factory.mktemp("mail-desks") / "record.jsonl"
    rules = ReceiptRules(held=True, failed=0.5)
    with SimulatorProcess(SimulatorSettings(record=record, http_port=0, smtp_port=0, receipts=rules)) as running:
        yield running


def account(simulator: SimulatorProcess, name: str, **more: object) -> Provider:
    settings = {**SENDER, **OWN[name], "endpoint": simulator.http_url, **more}
    if name != "email.ses":
        return open_provider(name, settings)

    def fetch(address: str) -> bytes:
        """Serve Amazon's pages from the simulator; the rule about addresses is asked before this is."""
        path = address.removeprefix("https://sns.us-east-1.amazonaws.com")
        with urllib.request.urlopen(f"{simulator.http_url}{path}", timeout=5) as answer:
            return bytes(answer.read())

    return Ses(SesSettings.model_validate({**settings, "topics": [TOPIC]}), fetch=fetch)


def mail(number: int, address: str = "") -> Message:
    return Message(
        reference=f"0a1b2c3d-{number}",
        channel=Channel.EMAIL,
        address=address or f"m{number}@members.example.com",
        parts={"subject": "生日快乐", "text": "您好\n.\n再见", "html": "<p>您好</p>"},
        headers={"List-Unsubscribe": "<https://crm.example.com/u/abc>"},
    )


def release(simulator: SimulatorProcess) -> list[dict[str, object]]:
    with urllib.request.urlopen(f"{simulator.http_url}/_simulator/release", b"{}", timeout=10) as answer:
        return list(json.load(answer)["callbacks"])


def as_request(push: Mapping[str, object], body: bytes | None = None) -> CallbackRequest:
    headers = push["headers"]
    assert isinstance(headers, dict)
    return CallbackRequest(
        method="POST",
        url=f"https://crm.example.com/callbacks/{push['provider']}/hush",
        headers={key.lower(): value for key, value in headers.items()},
        body=str(push["body"]).encode() if body is None else body,
    )


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_report_that_was_held_is_read_back_by_the_adapter(simulator: SimulatorProcess, name: str) -> None:
    provider = account(simulator, name)
    release(simulator)
    sent = [mail(number) for number in range(40)]
    outcomes = provider.deliver(sent, deadline=time.monotonic() + 20)

    pushes = release(simulator)
    reports = [report for push in pushes for report in provider.read_callback(as_request(push)).reports]
    again = [report for push in pushes for report in provider.read_callback(as_request(push)).reports]
    provider.close()

    assert {each.reference for each in reports} == {each.reference for each in sent}
    assert {each.provider_ref for each in reports} == {each.provider_ref for each in outcomes}
    assert len({each.key for each in reports + again}) == len(reports) == 40
    assert set(Counter(each.status.value for each in reports)) == {"delivered", "failed", "bounced"}


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_report_that_was_changed_on_its_way_is_refused(simulator: SimulatorProcess, name: str) -> None:
    provider = account(simulator, name)
    release(simulator)
    provider.deliver([mail(1)], deadline=time.monotonic() + 20)
    (push,) = release(simulator)
    provider.read_callback(as_request(push))
    forged = str(push["body"]).replace("0a1b2c3d-1", "0a1b2c3d-2").encode()

    assert forged != str(push["body"]).encode()
    with pytest.raises(CallbackRefused):
        provider.read_callback(as_request(push, forged))
    provider.close()


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_mail_that_carries_a_picture_is_taken_by_every_provider(simulator: SimulatorProcess, name: str) -> None:
    provider = account(simulator, name)
    shown = '<p>您好</p><img src="cid:logo-1@tidings" alt="">'
    plain = mail(77)
    parts, image = {**plain.parts, "html": shown}, b"\x89PNG\r\n\x1a\n" + bytes(2000)

    (outcome,) = provider.deliver(
        [replace(plain, parts=parts, images={"logo-1@tidings": image})], deadline=time.monotonic() + 20
    )
    provider.close()

    assert outcome.kind is OutcomeKind.ACCEPTED


WRONG = [
    ("email.ses", {"secret_access_key": "other"}),
    ("email.ses", {"access_key_id": "other"}),
    ("email.ses", {"region": "eu-west-1"}),
    ("email.sendgrid", {"api_key": "other"}),
    ("email.sendgrid", {"sender_address": "crm@other.example"}),
    ("email.mailgun", {"api_key": "other"}),
    ("email.mailgun", {"domain": "other.example"}),
]


@pytest.mark.parametrize(("name", "change"), WRONG)
def test_only_the_right_account_is_let_in(simulator: SimulatorProcess, name: str, change: dict[str, str]) -> None:
    provider = account(simulator, name, **change)
    (outcome,) = provider.deliver([mail(7)], deadline=time.monotonic() + 10)
    provider.close()

    assert (outcome.kind.value, outcome.blame.value) == ("not_sent", "account"), outcome


@pytest.mark.parametrize("name", sorted(OWN))
def test_the_mails_words_reach_the_page(simulator: SimulatorProcess, name: str) -> None:
    provider = account(simulator, name)
    number = sorted(OWN).index(name) + 900
    provider.deliver([mail(number)], deadline=time.monotonic() + 10)
    provider.close()

    with urllib.request.urlopen(simulator.http_url, timeout=5) as answer:
        page = answer.read().decode()
    assert f"m{number}@members.example.com" in page and f'<span class="by">{name}' in page
    assert "<h2>生日快乐</h2>" in page and '<pre class="letter">您好' in page


def ask(simulator: SimulatorProcess, name: str, headers: Mapping[str, str], body: bytes) -> Answer:
    http = Http(simulator.http_url, provider="test", limits=TimeLimits())
    try:
        return http.post(PATHS[name], headers=headers, body=body, deadline=time.monotonic() + 5)
    finally:
        http.close()


def amazon(simulator: SimulatorProcess, asked: object, **more: str) -> Answer:
    body = json.dumps(asked).encode()
    headers = signed_headers(
        host=simulator.http_url.removeprefix("http://"),
        path=PATHS["email.ses"],
        body=body,
        service="ses",
        region="us-east-1",
        key_id="simulated-key",
        secret="simulated-secret",
        at=datetime.now(UTC),
    )
    return ask(simulator, "email.ses", {**headers, **more}, body)


RAW = base64.b64encode(b"From: a@example.com\r\nTo: b@example.com\r\nDate: x\r\nSubject: s\r\n\r\nt\r\n").decode()
GOOD = {"Destination": {"ToAddresses": ["b@example.com"]}, "Content": {"Raw": {"Data": RAW}}}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"Extra": 1}, 400),
        ({"Destination": {"ToAddresses": []}}, 400),
        ({"Destination": {"ToAddresses": ["no address"]}}, 400),
        ({"Content": {"Raw": {"Data": "***"}}}, 400),
        ({"Content": {"Raw": {"Data": base64.b64encode(b"no mail").decode()}}}, 400),
        ({"Content": {"Raw": {"Data": base64.b64encode("Subject: 您好\r\n\r\n".encode()).decode()}}}, 400),
        ({"EmailTags": [{"Name": "a", "Value": "a.b"}]}, 400),
    ],
)
def test_ses_reads_the_call_closely(simulator: SimulatorProcess, change: dict[str, object], status: int) -> None:
    assert amazon(simulator, {**GOOD, **change}).status == status


def test_ses_takes_no_signature_for_other_bytes_or_another_time(simulator: SimulatorProcess) -> None:
    assert amazon(simulator, GOOD, **{"X-Amz-Date": "20250618T020304Z"}).status == 403
    assert amazon(simulator, GOOD, **{"Content-Type": "text/plain"}).status == 403
    assert amazon(simulator, GOOD, Authorization="AWS4-HMAC-SHA256").status == 403


MAIL = {
    "personalizations": [{"to": [{"email": "b@example.com"}]}],
    "from": {"email": "a@example.com"},
    "subject": "s",
    "content": [{"type": "text/plain", "value": "t"}],
}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"extra": 1}, ""),
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{"to": [{"email": "no address"}]}]}, "personalizations.0.to.0.email"),
        ({"from": {"email": "a@other.example"}}, "from.email"),
        ({"subject": ""}, "subject"),
        ({"content": [{"type": "text/html", "value": "h"}, {"type": "text/plain", "value": "t"}]}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"headers": {"Subject": "x"}}, "headers"),
        ({"custom_args": {"a": "b" * 10_001}}, "custom_args"),
    ],
)
def test_sendgrid_reads_the_call_closely(
    simulator: SimulatorProcess, change: dict[str, object], field: str | None
) -> None:
    headers = {"Authorization": "Bearer simulated-mail-key", "Content-Type": "application/json"}
    said = ask(simulator, "email.sendgrid", headers, json.dumps({**MAIL, **change}).encode())

    if field is None:
        assert (said.status, said.body) == (202, b"")
    else:
        assert (said.status, json.loads(said.body)["errors"][0]["field"] or "") == (400, field)


def part(name: str, value: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)


FORM = part("to", b"b@example.com")
WHOLE = part("message", base64.b64decode(RAW).replace(b"Subject", b"Message-ID: <a@b>\r\nSubject"))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (FORM + WHOLE, 200),
        (FORM, 400),
        (WHOLE, 400),
        (part("to", b"no address") + WHOLE, 400),
        (FORM + part("message", base64.b64decode(RAW)), 400),
        (FORM + part("o:tracking", b"perhaps") + WHOLE, 400),
        (FORM + part("h:Subject", b"x") + WHOLE, 400),
        (b"", 400),
    ],
)
def test_mailgun_reads_the_form_closely(simulator: SimulatorProcess, body: bytes, status: int) -> None:
    login = base64.b64encode(b"api:simulated-mail-key").decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "multipart/form-data; boundary=b"}

    assert ask(simulator, "email.mailgun", headers, body + b"--b--\r\n").status == status


def test_the_three_are_what_the_registry_opens(simulator: SimulatorProcess) -> None:
    kinds = {"email.ses": Ses, "email.sendgrid": SendGrid, "email.mailgun": Mailgun}
    for name, kind in kinds.items():
        provider = account(simulator, name)
        provider.close()
        assert type(provider) is kind
