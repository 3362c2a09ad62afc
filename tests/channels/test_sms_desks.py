"""The pretend Twilio and the pretend Kannel: as strict as the real ones, and with their traps."""

import base64
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest
from kannel_bearerbox import Listener

from channels.http import Answer, Http, TimeLimits
from channels.message import CallbackRequest, Channel, Message
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.record import read_record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings

ACCOUNT = "AC00000000000000000000000000000000"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
PUBLIC = "https://crm.example.com"
GOOD = {"To": "+8613800138000", "From": "+15005550006", "Body": "好"}
LOGIN = {"x-kannel-username": "simulated-user", "x-kannel-password": "simulated-password"}
TEXT = {"content-type": "text/plain; charset=UTF-8"}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    record = tmp_path_factory.mktemp("desks") / "record.jsonl"
    rules = ReceiptRules(held=True, failed=0.5)
    with SimulatorProcess(SimulatorSettings(record=record, http_port=0, smtp_port=0, receipts=rules)) as running:
        yield running


def account(simulator: SimulatorProcess, name: str, **more: object) -> Provider:
    own = {
        "sms.twilio": {"account_sid": ACCOUNT, "auth_token": "simulated-auth-token", "sender": "+15005550006"},
        "sms.kannel": {"username": "simulated-user", "password": "simulated-password"},
    }[name]
    callback = {"callback_url": f"{PUBLIC}/callbacks/{name}/hush", "endpoint": simulator.http_url}
    return open_provider(name, {**own, **callback, **more})


def message(number: int, text: str = "王小明，生日快乐") -> Message:
    return Message(reference=f"s-{number}", channel=Channel.SMS, address=f"+86138{number:08d}", parts={"text": text})


def ask(simulator: SimulatorProcess, target: str, headers: Mapping[str, str], body: bytes | None = b"") -> Answer:
    http = Http(simulator.http_url, provider="test", limits=TimeLimits())
    try:
        return http.post(target, headers=headers, body=body, deadline=time.monotonic() + 5)
    finally:
        http.close()


def twilio(
    simulator: SimulatorProcess, form: Mapping[str, str], *, login: str = "", kind: str = ""
) -> tuple[int, object]:
    word = base64.b64encode((login or f"{ACCOUNT}:simulated-auth-token").encode()).decode()
    headers = {"authorization": f"Basic {word}", "content-type": kind or "application/x-www-form-urlencoded"}
    said = ask(simulator, MESSAGES, headers, urlencode(form).encode())
    return said.status, json.loads(said.body).get("code")


def test_twilio_lets_only_its_account_in(simulator: SimulatorProcess) -> None:
    for login in (f"{ACCOUNT}:wrong", "AC1:simulated-auth-token", ":", "x"):
        assert twilio(simulator, GOOD, login=login) == (401, 20003)
    assert ask(simulator, MESSAGES, {"authorization": "Basic ***"}).status == 401
    assert ask(simulator, MESSAGES, {}).status == 401
    other = MESSAGES.replace("AC0", "AC1")
    word = base64.b64encode(f"{ACCOUNT}:simulated-auth-token".encode()).decode()
    assert ask(simulator, other, {"authorization": f"Basic {word}"}).status == 401


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"To": ""}, 21604),
        ({"To": "13800138000"}, 21211),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"From": ""}, 21603),
        ({"From": "+15005550007"}, 21606),
        ({"From": "+15005550008"}, 21611),
        ({"From": "", "MessagingServiceSid": "MG1"}, 21703),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"StatusCallback": "/callbacks"}, 21609),
        ({"ValidityPeriod": "36001"}, 20001),
        ({"MaxPrice": "cheap"}, 20001),
        ({"Text": "x"}, 20001),
    ],
)
def test_twilio_refuses_the_fields_the_real_one_would(
    simulator: SimulatorProcess, change: dict[str, str], code: int | None
) -> None:
    assert twilio(simulator, {**GOOD, **change}) == (201 if code is None else 400, code)
    assert read_record(simulator.record_path)[-1].code == (None if code is None else str(code))


def test_twilio_reads_forms_only(simulator: SimulatorProcess) -> None:
    assert twilio(simulator, GOOD, kind="application/json") == (400, 20001)


def kannel(simulator: SimulatorProcess, text: bytes = b"x", **more: str) -> tuple[int, str]:
    given = {"to": "+8613800138000", **more}
    headers = {**LOGIN, **TEXT, **{f"x-kannel-{name.replace('_', '-')}": value for name, value in given.items()}}
    said = ask(simulator, "/cgi-bin/sendsms", headers, text)
    return said.status, said.body.decode()


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({}, 202, "0: Accepted for delivery"),
        ({"password": "wrong"}, 403, "Authorization failed for sendsms"),
        ({"username": ""}, 403, "Authorization failed for sendsms"),
        ({"to": ""}, 400, "Missing receiver number, rejected"),
        ({"to": "abc"}, 400, "Number(s) has/have been denied by white- and/or black-lists."),
        ({"coding": "9"}, 400, "Coding field misformed, rejected"),
        ({"dlr_mask": "all"}, 400, "DLR-Mask field misformed, rejected"),
        ({"dlr_url": "nonsense", "dlr_mask": "31"}, 400, "DLR-URL field misformed, rejected"),
        ({"validity": "abc"}, 400, "Validity field misformed, rejected"),
    ],
)
def test_kannel_says_the_words_of_the_real_one(
    simulator: SimulatorProcess, more: dict[str, str], status: int, said: str
) -> None:
    assert kannel(simulator, **more) == (status, said)


def test_kannel_takes_no_form_by_post_and_everything_by_get(simulator: SimulatorProcess) -> None:
    asked = {"username": "simulated-user", "password": "simulated-password", "to": "+8613800138000", "text": "x"}
    form = {"content-type": "application/x-www-form-urlencoded"}

    assert ask(simulator, "/cgi-bin/sendsms", form, urlencode(asked).encode()).body == b"Invalid content-type"
    assert ask(simulator, f"/cgi-bin/sendsms?{urlencode(asked)}", {}, None).status == 202


def page(simulator: SimulatorProcess) -> str:
    with urllib.request.urlopen(simulator.http_url, timeout=5) as answer:
        return str(answer.read().decode())


def test_kannel_turns_chinese_without_its_coding_into_question_marks(simulator: SimulatorProcess) -> None:
    assert kannel(simulator, "一二abc三".encode(), coding="0")[0] == 202
    assert "<p>??abc?</p>" in page(simulator)

    assert kannel(simulator, "一二abc三".encode(), coding="2")[0] == 202
    assert "<p>一二abc三</p>" in page(simulator)


@pytest.mark.parametrize("method", ["post", "get"])
def test_the_adapters_words_reach_the_phone_in_both_forms(simulator: SimulatorProcess, method: str) -> None:
    provider = account(simulator, "sms.kannel", method=method)
    words = f"100% & + = [€] {method}"
    outcomes = provider.deliver([message(1, words), message(2, f"{words}好")], deadline=time.monotonic() + 10)
    provider.close()

    assert {each.kind.value for each in outcomes} == {"accepted"}
    shown = page(simulator)
    for expected in (words, f"{words}好"):
        assert f">{expected.replace('&', '&amp;')}<" in shown  # In the thread, or as the last words in the list.


def release(simulator: SimulatorProcess) -> list[dict[str, object]]:
    with urllib.request.urlopen(f"{simulator.http_url}/_simulator/release", b"{}", timeout=10) as answer:
        return list(json.load(answer)["callbacks"])


@pytest.mark.parametrize("name", ["sms.twilio", "sms.kannel"])
def test_every_report_that_was_held_is_read_back_by_the_adapter(simulator: SimulatorProcess, name: str) -> None:
    provider = account(simulator, name)
    release(simulator)
    sent = [message(1000 + number) for number in range(30)]
    outcomes = provider.deliver(sent, deadline=time.monotonic() + 10)

    reports = [
        report for push in release(simulator) for report in provider.read_callback(as_request(name, push)).reports
    ]
    provider.close()

    assert {each.reference for each in reports} == {each.reference for each in sent}
    assert len(reports) == 30
    assert set(Counter(each.status.value for each in reports)) <= {"delivered", "failed", "bounced"}
    if name == "sms.twilio":
        assert {each.provider_ref for each in reports} == {each.provider_ref for each in outcomes}


def as_request(name: str, push: Mapping[str, object]) -> CallbackRequest:
    headers = push["headers"]
    assert isinstance(headers, dict)
    return CallbackRequest(
        method=str(push["method"]),
        url=f"{PUBLIC}/callbacks/{name}/hush?{push['query']}",
        headers={key.lower(): value for key, value in headers.items()},
        body=str(push["body"]).encode(),
    )


def test_a_message_without_a_callback_address_is_never_reported(simulator: SimulatorProcess) -> None:
    for name in ("sms.twilio", "sms.kannel"):
        release(simulator)
        provider = account(simulator, name, callback_url=None)
        provider.deliver([message(5000)], deadline=time.monotonic() + 10)
        provider.close()

        assert release(simulator) == []


def test_kannels_reports_come_by_get_to_a_real_address(tmp_path: Path) -> None:
    listener = Listener()
    rules = ReceiptRules(callback_urls={"sms.kannel": listener.url}, delay=0.02, doubled=0.5)
    settings = SimulatorSettings(record=tmp_path / "record.jsonl", http_port=0, smtp_port=0, receipts=rules)
    with SimulatorProcess(settings) as running:
        provider = account(running, "sms.kannel", callback_url=listener.url)
        provider.deliver([message(number) for number in range(20)], deadline=time.monotonic() + 10)
        until = time.monotonic() + 10
        keys: set[str] = set()
        while len(keys) < 20 and time.monotonic() < until:
            calls = [
                CallbackRequest(method="GET", url=f"{PUBLIC}{each}", headers={}, body=b"") for each in listener.asked
            ]
            keys = {report.key for call in calls for report in provider.read_callback(call).reports}
            time.sleep(0.02)
        provider.close()
    listener.close()

    assert len(keys) == 20
