"""The pretend WeChat: what it refuses, what it remembers, and pushes that the adapter reads."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from channels.message import CallbackRequest, Channel, Message, Purpose
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.record import read_record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from channels.wechat.wecom import WecomContacts

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
OPENID = "oMember0000000000000000000_1"
NOTICE = Message(reference="r1", channel=Channel.WECHAT, address=OPENID, parts={"thing1": "好"}, template="birthday")
SERVICE = replace(NOTICE, purpose=Purpose.SERVICE)
WAYS = {"points": "template", "answer": "customer_service", "new": "mass"}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    settings = SimulatorSettings(
        record=tmp_path_factory.mktemp("desk") / "record.jsonl",
        http_port=0,
        smtp_port=0,
        grants_needed=True,
        encoding_aes_key=KEY,
        receipts=ReceiptRules(held=True, failed=0.0),
    )
    with SimulatorProcess(settings) as running:
        yield running


@contextmanager
def opened(simulator: SimulatorProcess, name: str, **settings: object) -> Iterator[Provider]:
    provider = open_provider(name, {"endpoint": simulator.http_url, **settings})
    yield provider
    provider.close()


@pytest.fixture
def official(simulator: SimulatorProcess) -> Iterator[Provider]:
    settings = {
        "app_id": "wx5151515151515151",
        "app_secret": "simulated-app-secret",
        "template_ids": {"*": "TM"},
        "ways": WAYS,
        "callback_token": "simulated-callback-token",
        "encoding_aes_key": KEY,
    }
    with opened(simulator, "wechat.official_account", **settings) as provider:
        yield provider


def told(provider: Provider, *messages: Message) -> list[tuple[str, str | None]]:
    return [(each.kind.value, each.code) for each in provider.deliver(messages, deadline=time.monotonic() + 20)]


def steer(simulator: SimulatorProcess, path: str, **body: object) -> dict[str, object]:
    said = json.dumps(body).encode()
    with urllib.request.urlopen(f"{simulator.http_url}/_simulator/{path}", said, timeout=10) as answer:
        return dict(json.load(answer))


def test_one_permission_is_one_notice(simulator: SimulatorProcess, official: Provider) -> None:
    assert told(official, NOTICE) == [("rejected", "43101")]
    steer(simulator, "wechat/members", openid=OPENID, template_id="TM", times=1)
    assert [told(official, NOTICE), told(official, NOTICE)] == [[("accepted", "0")], [("rejected", "43101")]]
    steer(simulator, "wechat/members", openid=OPENID, template_id="TM", times=3)
    steer(simulator, "wechat/members", openid=OPENID, template_id="TM", times=0)
    assert told(official, NOTICE) == [("rejected", "43101")]


def test_an_answer_needs_an_act_of_the_member_and_five_are_all(simulator: SimulatorProcess, official: Provider) -> None:
    words = replace(SERVICE, template="answer", address="oMember0000000000000000000_2")
    assert told(official, words) == [("rejected", "45015")]
    steer(simulator, "wechat/members", openid=words.address, act="text")
    assert [told(official, words)[0][1] for _ in range(6)] == ["0"] * 5 + ["45047"]
    steer(simulator, "wechat/members", openid=words.address, act="CLICK")
    assert [told(official, words)[0][1] for _ in range(4)] == ["0"] * 3 + ["45047"]


def test_who_left_gets_neither_template_messages_nor_answers(simulator: SimulatorProcess, official: Provider) -> None:
    message = replace(SERVICE, template="points", address="oMember0000000000000000000_3")
    assert told(official, message) == [("accepted", "0")]
    steer(simulator, "wechat/members", openid=message.address, act="unsubscribe")
    assert told(official, replace(message, reference="r2")) == [("rejected", "43004")]
    assert told(official, replace(message, template="answer")) == [("rejected", "45015")]


def test_a_template_message_with_a_mark_is_taken_once(simulator: SimulatorProcess, official: Provider) -> None:
    message = replace(SERVICE, template="points", address="oMember0000000000000000000_4", reference="once")
    first, second = (official.deliver([message], deadline=time.monotonic() + 9)[0] for _ in range(2))

    assert first.provider_ref == second.provider_ref
    assert [each.address for each in read_record(simulator.record_path)].count(message.address) == 1


def test_a_mass_send_with_a_mark_is_taken_once_and_says_so(simulator: SimulatorProcess, official: Provider) -> None:
    members = [
        replace(NOTICE, template="new", address=f"oMass{number:08d}", reference=f"m{number}") for number in range(3)
    ]
    first, second = told(official, *members), told(official, *members)

    assert first == [("accepted", "0")] * 3
    assert second == [("accepted", "45065")] * 3
    taken = [each for each in read_record(simulator.record_path) if each.address.startswith("oMass")]
    assert [each.address for each in taken] == [each.address for each in members]


def test_a_token_of_the_mini_program_is_none_of_the_account(simulator: SimulatorProcess) -> None:
    settings = {"app_id": "wx6262626262626262", "app_secret": "simulated-mini-secret", "template_ids": {"*": "TM"}}
    with opened(simulator, "wechat.mini_program", **settings) as mini:
        token = mini._account.token.current(time.monotonic() + 5)  # type: ignore[attr-defined]
        assert told(mini, NOTICE) == [("rejected", "43101")]
        steer(simulator, "wechat/members", openid=OPENID, template_id="TM", times=1)
        assert told(mini, NOTICE) == [("accepted", "0")]
    url = f"{simulator.http_url}/cgi-bin/message/subscribe/bizsend?access_token={token}"
    with urllib.request.urlopen(url, b"{}", timeout=5) as answer:
        assert json.load(answer)["errcode"] == 40001


@pytest.mark.parametrize(
    ("path", "asked", "code"),
    [
        ("template/send", {"touser": OPENID, "template_id": "TM", "data": {"first": {"value": "a"}}}, 47003),
        (
            "template/send",
            {"touser": OPENID, "template_id": "TM", "data": {"thing1": {"value": "a"}}, "topcolor": "#fff"},
            40035,
        ),
        ("custom/send", {"touser": OPENID, "msgtype": "text"}, 44004),
        ("custom/send", {"touser": OPENID, "msgtype": "carrier pigeon"}, 40008),
        ("mass/send", {"touser": [OPENID], "msgtype": "text", "text": {"content": "a"}}, 40130),
        ("mass/send", {"touser": [OPENID, "x"], "msgtype": "text", "text": {"content": "a"}}, 40003),
        ("mass/send", {"touser": [OPENID, OPENID + "1"], "clientmsgid": "x" * 36}, 45067),
        ("mass/sendall", {"filter": {"is_to_all": True}, "msgtype": "text", "text": {"content": "a"}}, 40035),
    ],
)
def test_a_wrong_request_has_its_real_code(
    simulator: SimulatorProcess, official: Provider, path: str, asked: object, code: int
) -> None:
    token = official._account.token.current(time.monotonic() + 5)  # type: ignore[attr-defined]
    url = f"{simulator.http_url}/cgi-bin/message/{path}?access_token={token}"
    with urllib.request.urlopen(url, json.dumps(asked).encode(), timeout=5) as answer:
        assert json.load(answer)["errcode"] == code


def test_encrypted_pushes_tell_the_end_of_every_kind_of_message(
    simulator: SimulatorProcess, official: Provider
) -> None:
    steer(simulator, "release")
    who = "oMember0000000000000000000_5"
    steer(simulator, "wechat/members", openid=who, template_id="TM", times=1)
    people = [
        replace(NOTICE, template="new", address=f"oAgain{number:08d}", reference=f"a{number}") for number in range(2)
    ]
    sent = [replace(NOTICE, address=who), replace(SERVICE, template="points", address=who, reference="p5"), *people]
    outcomes = official.deliver(sent, deadline=time.monotonic() + 20)

    reports = []
    for push in steer(simulator, "release")["callbacks"]:  # type: ignore[attr-defined]
        assert "msg_signature=" in push["query"] and who not in push["body"]
        url = f"https://crm.example.com/callbacks/x?{push['query']}"
        request = CallbackRequest(method="POST", url=url, headers={}, body=push["body"].encode())
        reports += official.read_callback(request).reports

    assert {each.provider_ref for each in reports} == {each.provider_ref for each in outcomes}
    assert {each.status.value for each in reports} == {"delivered"}
    assert len(reports) == 3


def test_what_came_of_a_wecom_task_can_be_asked(simulator: SimulatorProcess) -> None:
    settings = {"corp_id": "ww7373737373737373", "secret": "simulated-corp-secret"}
    with opened(simulator, "wechat.wecom", **settings) as provider:
        assert isinstance(provider, WecomContacts)
        messages = [replace(NOTICE, address=f"wmTask{number}", parts={"text": "好"}) for number in range(1200)]
        outcomes = provider.deliver(messages, deadline=time.monotonic() + 20)
        task = str(outcomes[0].provider_ref).partition("#")[0]
        (staff,) = provider.staff(task, deadline=time.monotonic() + 5)
        reports = provider.results(task, staff, deadline=time.monotonic() + 20)

    assert [each.provider_ref for each in reports] == [each.provider_ref for each in outcomes]


def test_a_wrong_secret_of_the_company_and_a_foreign_agent_are_refused(simulator: SimulatorProcess) -> None:
    good = {"corp_id": "ww7373737373737373", "secret": "simulated-corp-secret", "agent_id": 1000002}
    for wrong, code in (({"secret": "x"}, "40001"), ({"corp_id": "wwx"}, "40013"), ({"agent_id": 7}, "301002")):
        with opened(simulator, "wechat.wecom_application", **{**good, **wrong}) as provider:
            assert told(provider, replace(NOTICE, address="alice")) == [("not_sent", code)]
