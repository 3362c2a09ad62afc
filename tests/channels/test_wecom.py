"""WeCom's tasks and application messages: words sent, raw answers, outcomes, and what came of a task."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from scripted_server import Act, ScriptedServer, answer, hang_up, scripted

from channels.errors import DeliveryError
from channels.message import Blame, Channel, Message, Outcome, OutcomeKind
from channels.registry import open_provider
from channels.wechat.wecom import WecomContacts, reference
from channels.wechat.wecom_application import WecomApplication

TOKEN = answer({"errcode": 0, "errmsg": "ok", "access_token": "accesstoken000001", "expires_in": 7200})
TASK = {"errcode": 0, "errmsg": "ok", "fail_list": [], "msgid": "msgSIMULATED0001"}
JOB = {"errcode": 0, "errmsg": "ok", "invaliduser": "", "unlicenseduser": "", "msgid": "vcT8gGc-SIMULATED"}

#: Which of the two, raw answer, outcome, code, blame.
CASES: tuple[tuple[str, object, str, str, Blame], ...] = (
    ("contacts", TASK, "accepted", "0", Blame.NOBODY),
    ("contacts", {**TASK, "fail_list": ["wmA"]}, "rejected", "fail_list", Blame.NOBODY),
    ("contacts", {"errcode": -1, "errmsg": "system busy"}, "not_sent", "-1", Blame.NOBODY),
    ("contacts", {"errcode": 45009, "errmsg": "api freq out of limit"}, "not_sent", "45009", Blame.NOBODY),
    ("contacts", {"errcode": 45033, "errmsg": "api concurrent out of limit"}, "not_sent", "45033", Blame.NOBODY),
    ("contacts", {"errcode": 40096, "errmsg": "invalid external userid"}, "rejected", "40096", Blame.ADDRESS),
    ("contacts", {"errcode": 84061, "errmsg": "not external contact"}, "rejected", "84061", Blame.NOBODY),
    ("contacts", {"errcode": 48002, "errmsg": "api forbidden"}, "not_sent", "48002", Blame.ACCOUNT),
    ("contacts", {"errcode": 60020, "errmsg": "not allow to access from your ip"}, "not_sent", "60020", Blame.ACCOUNT),
    ("contacts", {**TASK, "msgid": 7}, "unknown", "None", Blame.NOBODY),
    ("contacts", {**TASK, "fail_list": "wmA"}, "unknown", "None", Blame.NOBODY),
    ("contacts", {"errcode": 99999, "errmsg": "new"}, "unknown", "99999", Blame.NOBODY),
    ("application", JOB, "accepted", "0", Blame.NOBODY),
    ("application", {**JOB, "invaliduser": "wma"}, "rejected", "invaliduser", Blame.ADDRESS),
    ("application", {**JOB, "unlicenseduser": "x|wma"}, "rejected", "unlicenseduser", Blame.NOBODY),
    ("application", {"errcode": 81013, "errmsg": "all invalid"}, "rejected", "81013", Blame.ADDRESS),
    ("application", {"errcode": 60011, "errmsg": "no privilege"}, "not_sent", "60011", Blame.ACCOUNT),
    ("application", {"errcode": 301002, "errmsg": "another agent"}, "not_sent", "301002", Blame.ACCOUNT),
    ("application", {"errcode": 0, "errmsg": "ok"}, "unknown", "None", Blame.NOBODY),
)


def message(number: int, address: str = "wmA", words: str = "生日快乐") -> Message:
    return Message(reference=f"r{number}", channel=Channel.WECHAT, address=address, parts={"text": words})


@contextmanager
def contacts(*acts: Act, **more: object) -> Iterator[tuple[WecomContacts, ScriptedServer]]:
    with scripted(*acts) as server:
        settings = {"corp_id": "ww1", "secret": "S & E", "endpoint": server.url, "read_timeout": 2, **more}
        provider = open_provider("wechat.wecom", settings)
        assert isinstance(provider, WecomContacts)
        yield provider, server
        provider.close()


@contextmanager
def application(*acts: Act, **more: object) -> Iterator[tuple[WecomApplication, ScriptedServer]]:
    with scripted(*acts) as server:
        settings = {"corp_id": "ww1", "secret": "S & E", "agent_id": 1000002, "endpoint": server.url, "read_timeout": 2}
        provider = open_provider("wechat.wecom_application", {**settings, **more})
        assert isinstance(provider, WecomApplication)
        yield provider, server
        provider.close()


OPEN = {"contacts": contacts, "application": application}


def send(
    which: str, *acts: Act, messages: list[Message] | None = None, **more: object
) -> tuple[list[Outcome], ScriptedServer]:
    with OPEN[which](*(acts or (TOKEN, answer(TASK))), **more) as (provider, server):
        given = [message(1)] if messages is None else messages
        return provider.deliver(given, deadline=time.monotonic() + 10), server


def asked(server: ScriptedServer, place: int = 1) -> tuple[str, Mapping]:
    head, _, body = server.requests[place].partition(b"\r\n\r\n")
    return head.split(b" HTTP")[0].decode(), json.loads(body)


@pytest.mark.parametrize(("which", "raw", "kind", "code", "blame"), CASES)
def test_each_raw_answer_has_its_outcome(which: str, raw: object, kind: str, code: str, blame: Blame) -> None:
    (outcome,), _ = send(which, TOKEN, answer(raw))
    assert (outcome.kind.value, str(outcome.code), outcome.blame) == (kind, code, blame)


@pytest.mark.parametrize("which", OPEN)
@pytest.mark.parametrize("act", [hang_up(), answer("busy"), answer("", status=502)])
def test_a_lost_answer_is_unknown_and_the_call_is_not_made_again(which: str, act: Act) -> None:
    (outcome,), server = send(which, TOKEN, act)
    assert (outcome.kind, len(server.requests)) == (OutcomeKind.UNKNOWN, 2)


def test_every_shared_error_has_its_class(shared: Path) -> None:
    kinds = {
        "retry": "not_sent",
        "token": "not_sent",
        "config": "not_sent",
        "account": "not_sent",
        "member": "rejected",
    }
    rows = json.loads((shared / "vectors" / "wechat.json").read_text("utf-8"))["wecom_errors"]
    for row in rows:
        for which in OPEN:
            again = [TOKEN, answer(row["body"])] if row["category"] == "token" else []
            (outcome,), _ = send(which, TOKEN, answer(row["body"]), *again)
            assert outcome.kind.value == kinds[row["category"].partition("_")[0]], row
            if row["category"] != "token":
                assert outcome.code == str(row["errcode"])
    assert len(rows) == 15


def test_a_token_is_asked_for_once_with_the_secret_quoted() -> None:
    _, server = send("contacts", TOKEN, answer(TASK), messages=[message(1, words="a"), message(2, words="b")])

    head = server.requests[0].split(b" HTTP")[0].decode()
    assert head == "GET /cgi-bin/gettoken?corpid=ww1&corpsecret=S+%26+E"
    assert len(server.requests) == 3


@pytest.mark.parametrize("code", [40014, 42001])
def test_a_refused_token_is_replaced_once_and_the_call_made_once_more(code: int) -> None:
    other = answer({"errcode": 0, "access_token": "accesstoken000002", "expires_in": 7200})
    (outcome,), server = send("contacts", TOKEN, answer({"errcode": code, "errmsg": ""}), other, answer(TASK))

    assert outcome.kind is OutcomeKind.ACCEPTED
    assert "access_token=accesstoken000002" in asked(server, 3)[0]


@pytest.mark.parametrize("code", [40001, 40013, 40091, 60020])
def test_a_wrong_secret_stops_the_account_without_being_told(code: int) -> None:
    (outcome,), server = send("contacts", answer({"errcode": code, "errmsg": "invalid credential"}))

    assert (outcome.kind, outcome.blame, len(server.requests)) == (OutcomeKind.NOT_SENT, Blame.ACCOUNT, 1)
    assert "S & E" not in repr(outcome)


def test_customers_with_the_same_words_share_one_task() -> None:
    messages = [message(1, "wmA"), message(2, "wmB"), message(3, "wmC", "再见"), message(4, "wmA")]
    outcomes, server = send("contacts", messages=messages, sender="zhangsan")

    tasks = [asked(server, place) for place in range(1, len(server.requests))]
    assert {path.split("?")[0] for path, _ in tasks} == {"POST /cgi-bin/externalcontact/add_msg_template"}
    lists = sorted((said["text"]["content"], said["external_userid"]) for _, said in tasks)
    assert lists == [("再见", ["wmC"]), ("生日快乐", ["wmA"]), ("生日快乐", ["wmA", "wmB"])]
    assert {said["sender"] for _, said in tasks} == {"zhangsan"}
    assert [each.provider_ref for each in outcomes][:2] == [
        reference("msgSIMULATED0001", each) for each in ("wmA", "wmB")
    ]


def test_who_is_left_out_of_a_task_is_refused_alone() -> None:
    messages = [message(1, "wmSIM1"), message(2, "wmSIM2")]
    outcomes, _ = send("contacts", TOKEN, answer({**TASK, "fail_list": ["wmSIM2"]}), messages=messages)
    assert [each.kind.value for each in outcomes] == ["accepted", "rejected"]


def test_staff_with_the_same_words_share_one_call_that_is_not_taken_twice() -> None:
    messages = [message(1, "alice"), message(2, "Bob"), message(3, "carol"), message(4, "@all"), message(5, "x|y")]
    outcomes, server = send(
        "application", TOKEN, answer({**JOB, "invaliduser": "carol", "unlicenseduser": "bob"}), messages=messages
    )

    path, said = asked(server)
    assert path.startswith("POST /cgi-bin/message/send?")
    assert (said["touser"], said["agentid"], said["enable_duplicate_check"]) == ("alice|Bob|carol", 1000002, 1)
    assert [each.code for each in outcomes] == ["0", "unlicenseduser", "invaliduser", "no id", "no id"]
    assert len(server.requests) == 2


def test_the_results_of_a_task_are_read_page_by_page() -> None:
    first = {
        "errcode": 0,
        "next_cursor": "CURSOR",
        "send_list": [
            {"external_userid": "wmSIM1", "userid": "zhangsan", "status": 1, "send_time": 1760000901},
            {"external_userid": "wmSIM3", "userid": "zhangsan", "status": 2},
        ],
    }
    second = {
        "errcode": 0,
        "next_cursor": "",
        "send_list": [{"external_userid": "wmSIM4", "status": 3}, {"external_userid": "wmSIM5", "status": 0}, {}, 7],
    }
    with contacts(TOKEN, answer(first), answer(second)) as (provider, server):
        reports = provider.results("msgSIMULATED0001", "zhangsan", deadline=time.monotonic() + 10)

    assert [each.status.value for each in reports] == ["delivered", "failed", "failed"]
    expected = [reference("msgSIMULATED0001", each) for each in ("wmSIM1", "wmSIM3", "wmSIM4")]
    assert [each.provider_ref for each in reports] == expected
    assert len({each.key for each in reports}) == 3
    assert asked(server, 2)[1]["cursor"] == "CURSOR"


def test_results_that_never_end_are_not_read_for_ever() -> None:
    endless = {"errcode": 0, "next_cursor": "AGAIN", "send_list": []}
    with contacts(TOKEN, answer(endless)) as (provider, server):
        assert provider.results("m", "s", deadline=time.monotonic() + 30) == []
        assert len(server.requests) < 300
    with contacts(TOKEN, answer(endless)) as (provider, _), pytest.raises(DeliveryError):
        provider.results("m", "s", deadline=time.monotonic())


def test_the_staff_of_a_task_are_named() -> None:
    rows = {
        "errcode": 0,
        "next_cursor": "",
        "task_list": [{"userid": "zhangsan", "status": 2, "send_time": 1760000900}],
    }
    with contacts(TOKEN, answer(rows)) as (provider, _):
        assert provider.staff("msgSIMULATED0001", deadline=time.monotonic() + 10) == ["zhangsan"]


ASKED_AFTER = [reference(task, "wmA") for task in ("task1", "task2")]
STAFF = answer({"errcode": 0, "next_cursor": "", "task_list": [{"userid": "zhangsan"}]})
SENT = answer({"errcode": 0, "next_cursor": "", "send_list": [{"external_userid": "wmA", "status": 1}]})
WAITING = answer({"errcode": 0, "next_cursor": "", "send_list": [{"external_userid": "wmA", "status": 0}]})
GONE = answer({"errcode": 41063, "errmsg": "no such task"})
BUSY = answer({"errcode": -1, "errmsg": "system busy"})
FAILED = answer("oh", status=500)


@pytest.mark.parametrize(
    ("acts", "found"),
    [
        ([STAFF, SENT, STAFF, SENT], ASKED_AFTER),
        ([GONE, STAFF, SENT], ASKED_AFTER[1:]),
        ([FAILED, STAFF, SENT], ASKED_AFTER[1:]),
        ([STAFF, SENT, GONE], ASKED_AFTER[:1]),
        ([STAFF, SENT, FAILED], ASKED_AFTER[:1]),
        ([STAFF, SENT, BUSY], ASKED_AFTER[:1]),
        ([STAFF, WAITING, FAILED], []),
        ([STAFF, WAITING, BUSY], []),
        ([STAFF, WAITING, STAFF, WAITING], []),
    ],
)
def test_what_can_be_said_of_some_tasks_is_told(acts: list[Act], found: list[str]) -> None:
    with contacts(TOKEN, *acts) as (provider, _):
        reports = provider.ask_after(ASKED_AFTER, deadline=time.monotonic() + 10)

    assert [each.provider_ref for each in reports] == found


@pytest.mark.parametrize(
    ("acts", "code"),
    [([FAILED, FAILED], "500"), ([STAFF, FAILED, FAILED], "500"), ([GONE, GONE], "41063"), ([GONE, BUSY], "-1"), ([BUSY], "-1")],
)
def test_a_provider_that_can_say_nothing_of_any_task_is_in_trouble(acts: list[Act], code: str) -> None:
    with contacts(TOKEN, *acts) as (provider, server), pytest.raises(DeliveryError) as caught:
        provider.ask_after(ASKED_AFTER, deadline=time.monotonic() + 10)

    assert caught.value.code == code
    assert len(server.requests) == 1 + len(acts)
