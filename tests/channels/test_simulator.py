"""The pretend providers: strict about requests, true in their record, untidy in their reports as told."""

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from channels.http import Answer, Http, TimeLimits
from channels.message import CallbackRequest, Channel, DeliveryReport, Message, OutcomeKind, ReportStatus
from channels.registry import open_provider
from channels.simulator.faults import Fault, FaultRules, Faults
from channels.simulator.record import Record, read_record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from channels.sms.aliyun import AliyunSms
from channels.wechat.official_account import OfficialAccount


@contextmanager
def running(folder: Path, **receipts: object) -> Iterator[SimulatorProcess]:
    settings = SimulatorSettings(
        record=folder / "record.jsonl",
        http_port=0,
        smtp_port=0,
        receipts=ReceiptRules(**receipts),  # type: ignore[arg-type]
    )
    with SimulatorProcess(settings) as simulator:
        yield simulator


@contextmanager
def sms(simulator: SimulatorProcess, **more: object) -> Iterator[AliyunSms]:
    settings = {
        "access_key_id": "simulated-key",
        "access_key_secret": "simulated-secret",
        "sign_name": "示例商城",
        "template_codes": {"*": "SMS_1"},
        "endpoint": simulator.http_url,
    }
    provider = open_provider("sms.aliyun", {**settings, **more})
    assert isinstance(provider, AliyunSms)
    yield provider
    provider.close()


@contextmanager
def wechat(simulator: SimulatorProcess, **more: object) -> Iterator[OfficialAccount]:
    settings = {
        "app_id": "wx5151515151515151",
        "app_secret": "simulated-app-secret",
        "callback_token": "simulated-callback-token",
        "template_ids": {"*": "TM"},
        "endpoint": simulator.http_url,
    }
    provider = open_provider("wechat.official_account", {**settings, **more})
    assert isinstance(provider, OfficialAccount)
    yield provider
    provider.close()


def text(number: int, *, address: str | None = None) -> Message:
    return Message(
        reference=f"s{number}",
        channel=Channel.SMS,
        address=address or f"+86138{number:08d}",
        parts={},
        variables={"name": "<王>"},
    )


def notice(number: int, **parts: str) -> Message:
    return Message(
        reference=f"w{number}", channel=Channel.WECHAT, address=f"oMember{number:021d}", parts=parts or {"thing1": "好"}
    )


def outcomes(provider: AliyunSms | OfficialAccount, *messages: Message) -> list[tuple[str, str | None]]:
    return [(each.kind.value, each.code) for each in provider.deliver(messages, deadline=time.monotonic() + 20)]


def call(simulator: SimulatorProcess, path: str, body: object = None) -> dict[str, object]:
    said = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{simulator.http_url}{path}", said, timeout=10) as answer:
        return dict(json.load(answer))


class Listener:
    """A callback address that turns the first pushes away and keeps what came in the others."""

    def __init__(self, *, refusing: int = 0) -> None:
        self.got: list[CallbackRequest] = []
        self.refused = 0
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refusing_now = listener.refused < refusing
                if refusing_now:
                    listener.refused += 1
                else:
                    url = f"https://crm.example.com{self.path}"
                    listener.got.append(CallbackRequest(method="POST", url=url, headers={}, body=body))
                self.send_response(503 if refusing_now else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def wait(self, reports: int) -> list[dict[str, object]]:
        """Return the SMS reports once there are so many."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            items = [item for push in self.got for item in json.loads(push.body)]
            if len(items) >= reports:
                return items
            time.sleep(0.02)
        raise AssertionError("the reports did not come")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    opened = Listener(refusing=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with running(tmp_path_factory.mktemp("simulator"), failed=0.3) as started:
        yield started


def test_a_wrong_key_a_wrong_signature_and_a_replay_are_turned_away(simulator: SimulatorProcess) -> None:
    with sms(simulator, access_key_secret="wrong") as wrong:
        assert outcomes(wrong, text(1)) == [("not_sent", "SignatureDoesNotMatch")]
    with sms(simulator, access_key_id="other") as wrong:
        assert outcomes(wrong, text(1)) == [("not_sent", "InvalidAccessKeyId.NotFound")]
    assert post(simulator, "/?Action=SendSms", {}).status == 400


def post(simulator: SimulatorProcess, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    http = Http(simulator.http_url, provider="test", limits=TimeLimits())
    try:
        return http.post(target, headers=headers, body=body, deadline=time.monotonic() + 5)
    finally:
        http.close()


@pytest.mark.parametrize(
    ("more", "address", "code"),
    [
        ({"template_codes": {"*": "birthday"}}, "+8613800000001", "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"sign_name": ""}, "+8613800000001", "isv.SMS_SIGNATURE_ILLEGAL"),
        ({}, "+8612345", "isv.MOBILE_NUMBER_ILLEGAL"),
        ({}, "none", "isv.MOBILE_NUMBER_ILLEGAL"),
    ],
)
def test_parameters_the_real_service_would_not_take_are_refused_and_recorded(
    simulator: SimulatorProcess, more: dict[str, object], address: str, code: str
) -> None:
    with sms(simulator, **more) as provider:
        assert outcomes(provider, text(1, address=address)) == [("rejected", code)]

    last = read_record(simulator.record_path)[-1]
    assert (last.accepted, last.code) == (False, code)


def test_fields_that_break_their_rule_are_refused_by_name(simulator: SimulatorProcess) -> None:
    with wechat(simulator) as provider:
        too_long, empty, unknown = provider.deliver(
            [notice(1, thing1="好" * 21), notice(2, thing1=""), notice(3, headline="好")], deadline=time.monotonic() + 9
        )

    assert [each.code for each in (too_long, empty, unknown)] == ["47003"] * 3
    assert "thing1" in too_long.detail


def test_escaped_chinese_and_a_missing_token_are_refused(simulator: SimulatorProcess) -> None:
    with wechat(simulator) as provider:
        outcomes(provider, notice(1))
        token = provider._account.token.current(time.monotonic() + 5)
    target = f"/cgi-bin/message/subscribe/bizsend?access_token={token}"
    escaped = json.dumps({"touser": "oMember1", "template_id": "T", "data": {"thing1": {"value": "好"}}}).encode()

    assert post(simulator, target, {}, escaped).members("test")["errcode"] == 40033
    assert post(simulator, target.partition("?")[0], {}, escaped).members("test")["errcode"] == 41001
    assert post(simulator, target, {}, b"[]").members("test")["errcode"] == 47001


def test_a_token_that_ends_early_is_replaced_by_one_thread_and_no_message_is_lost(simulator: SimulatorProcess) -> None:
    with wechat(simulator) as provider:
        outcomes(provider, notice(1))
        before = call(simulator, "/_simulator/status")["tokens_made"]
        call(simulator, "/_simulator/expire-token", {})

        found = outcomes(provider, *(notice(100 + number) for number in range(100)))

        assert Counter(found) == {("accepted", "0"): 100}
        assert call(simulator, "/_simulator/status")["tokens_made"] == int(str(before)) + 1


def test_the_page_shows_recent_messages_without_their_markup(simulator: SimulatorProcess) -> None:
    with sms(simulator) as provider:
        outcomes(provider, text(7))

    with urllib.request.urlopen(simulator.http_url, timeout=5) as answer:
        page = answer.read().decode()
    assert "【示例商城】&lt;王&gt;" in page
    assert "<王>" not in page


def test_rules_are_changed_and_faults_ordered_while_it_runs(simulator: SimulatorProcess) -> None:
    with sms(simulator) as provider:
        call(simulator, "/_simulator/faults", {"unavailable": 1.0})
        assert outcomes(provider, text(8)) == [("not_sent", "ServiceUnavailable")]
        call(simulator, "/_simulator/faults", {"unavailable": 0.0, "next": ["member_refused"]})
        assert outcomes(provider, text(8)) == [("rejected", "isv.CUSTOMER_REFUSED")]
        assert outcomes(provider, text(8)) == [("accepted", "OK")]
    for wrong in ({"unavailable": 2}, {"nonsense": 0.1}, {"next": ["nonsense"]}, {"hang": "often"}, [1]):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            call(simulator, "/_simulator/faults", wrong)


def test_reports_come_back_batched_doubled_in_no_order_and_again_when_refused(
    tmp_path: Path, listener: Listener
) -> None:
    urls = {"sms.aliyun": f"{listener.url}/callbacks/sms.aliyun/hush"}
    rules = {"delay": 0.05, "failed": 0.2, "doubled": 0.5, "again_after": (0.1, 0.1), "callback_urls": urls}
    with running(tmp_path, **rules) as simulator, sms(simulator) as provider:
        sent = provider.deliver([text(number) for number in range(200)], deadline=time.monotonic() + 20)
        wanted = 200 + int(str(call(simulator, "/_simulator/status")["receipts"]["doubled"]))  # type: ignore[index]

        items = listener.wait(wanted)

        reports = [report for push in listener.got for report in provider.read_callback(push).reports]
    told = {report.key: report for report in reports}
    assert listener.refused == 1
    assert {report.provider_ref for report in reports} == {each.provider_ref for each in sent}
    assert {report.reference for report in reports} == {f"s{number}" for number in range(200)}
    assert len(told) == 200 < wanted == len(items) < 400
    assert 10 < sum(report.status is ReportStatus.FAILED for report in told.values()) < 80
    came = [str(report.reference) for report in reports[:200]]
    assert came != sorted(came) and came != sorted(came, key=lambda each: int(each[1:]))
    assert len(listener.got) < wanted


def test_held_reports_are_told_on_release_and_look_ups_agree_with_them(tmp_path: Path) -> None:
    with running(tmp_path, held=True, failed=0.5) as simulator, sms(simulator) as texts, wechat(simulator) as notices:
        messages = [text(number) for number in range(20)]
        began = datetime.now(UTC)
        outcomes(texts, *messages)
        outcomes(notices, *(notice(number) for number in range(3)))
        waiting = texts.look_up(messages[0], sent_at=began)
        assert waiting is not None
        assert waiting.status.value == "accepted"

        released = call(simulator, "/_simulator/release", {})

        assert released["released"] == 23
        callbacks = released["callbacks"]
        assert isinstance(callbacks, list)
        reports = [report for each in callbacks for report in read_back(each, texts, notices)]
        assert Counter(each.provider for each in reports) == {"sms.aliyun": 20, "wechat.official_account": 3}
        told = {each.reference: each.status for each in reports if each.reference}
        for message in messages:
            found = texts.look_up(message, sent_at=began)
            assert found is not None
            assert found.status == told[message.reference]
        assert call(simulator, "/_simulator/release", {})["released"] == 0


def read_back(push: dict[str, str], texts: AliyunSms, notices: OfficialAccount) -> tuple[DeliveryReport, ...]:
    url = f"https://crm.example.com/callbacks?{push['query']}"
    request = CallbackRequest(method="POST", url=url, headers={}, body=push["body"].encode())
    return (texts if push["provider"] == "sms.aliyun" else notices).read_callback(request).reports


def test_it_stops_when_told_and_remembers_across_a_restart(tmp_path: Path) -> None:
    began = datetime.now(UTC)
    with running(tmp_path) as simulator, sms(simulator) as provider:
        outcomes(provider, text(1), text(2))
    assert len(read_record(tmp_path / "record.jsonl")) == 2

    with running(tmp_path) as simulator, sms(simulator) as provider:
        assert provider.look_up(text(2), sent_at=began) is not None
        outcomes(provider, text(3))
    assert [each.seq for each in read_record(tmp_path / "record.jsonl")] == [1, 2, 3]


def test_a_killed_simulator_has_recorded_everything_it_answered(tmp_path: Path) -> None:
    with running(tmp_path) as simulator, sms(simulator) as provider:
        sent = provider.deliver([text(number) for number in range(50)], deadline=time.monotonic() + 20)
        assert simulator.process_id is not None
        os.kill(simulator.process_id, signal.SIGKILL)

    assert {each.kind for each in sent} == {OutcomeKind.ACCEPTED}
    assert len(read_record(tmp_path / "record.jsonl")) == 50


def test_a_line_cut_short_is_forgotten_and_the_record_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    record = Record(path)
    record.append(provider="sms.aliyun", reference="a", address="1", text="好")
    record.close()
    with path.open("ab") as file:
        file.write(b'{"seq":2,"at":"2026-')
    assert [each.reference for each in read_record(path)] == ["a"]

    record = Record(path)
    record.append(provider="sms.aliyun", reference="b", address="1", text="好", answered=False)
    found = record.find("sms.aliyun", "1")
    record.close()

    assert [(each.seq, each.reference, each.answered) for each in found] == [(1, "a", True), (2, "b", False)]
    assert read_record(path) == found
    assert "好" not in path.read_text("utf-8")


def test_the_same_seed_misbehaves_in_the_same_way_and_keeps_its_shares() -> None:
    rules = FaultRules(answer_lost=0.1, unavailable=0.2)
    one, two = Faults(rules, seed=7), Faults(rules, seed=7)
    drawn = [one.draw() for _ in range(5000)]

    assert drawn == [two.draw() for _ in range(5000)]
    shares = Counter(drawn)
    assert 0.08 < shares[Fault.ANSWER_LOST] / 5000 < 0.12
    assert 0.17 < shares[Fault.UNAVAILABLE] / 5000 < 0.23
    assert shares[Fault.NONE] == 5000 - shares[Fault.ANSWER_LOST] - shares[Fault.UNAVAILABLE]


def test_shares_that_make_no_sense_are_refused() -> None:
    for rules in (FaultRules(hang=-0.1), FaultRules(hang=1.1), FaultRules(hang=0.6, dropped=0.6)):
        with pytest.raises(ValueError, match="share"):
            Faults(rules)


def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        port = int(first.http_url.rpartition(":")[2])
        settings = SimulatorSettings(record=tmp_path / "other.jsonl", http_port=port, smtp_port=0)
        with pytest.raises(RuntimeError, match="before it was ready"):
            SimulatorProcess(settings).start()
