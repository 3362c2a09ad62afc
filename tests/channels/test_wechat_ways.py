"""How messages travel through an official account and a mini-program: words sent, raw answers, outcomes."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scripted_server import Act, ScriptedServer, answer, hang_up, scripted

from channels.message import Blame, Channel, Message, Outcome, OutcomeKind, Purpose
from channels.provider import Provider
from channels.registry import open_provider

OPENID = "oBeta__0000000000000000000_2"
SERVICE = Message(
    reference="c17-m204-a1",
    channel=Channel.WECHAT,
    address=OPENID,
    parts={"thing1": "会员积分变动", "time2": "2025年10月16日 09:30", "url": "https://shop.example.com/m"},
    template="points",
    purpose=Purpose.SERVICE,
)
ACCOUNT = {
    "app_id": "wx0a1b2c3d4e5f6071",
    "app_secret": "SECRET",
    "template_ids": {"*": "Tm0_.."},
}
TOKEN = answer({"access_token": "98_FIRST", "expires_in": 7200})
OK = {"errcode": 0, "errmsg": "ok"}
MASS_OK = {"errcode": 0, "errmsg": "send job submission success", "msg_id": 3147494276}
SOON = 10.0

#: Way of sending, raw answer, outcome, its reference, blame.
CASES: tuple[tuple[str, object, str, str | None, Blame], ...] = (
    ("template", {**OK, "msgid": 3100000000000000001}, "accepted", "3100000000000000001", Blame.NOBODY),
    ("template", {"errcode": 43004, "errmsg": "require subscribe"}, "rejected", None, Blame.MEMBER),
    ("template", {"errcode": 43101, "errmsg": "user refuse to accept the msg"}, "rejected", None, Blame.NOBODY),
    ("template", {"errcode": 40249, "errmsg": "blocked for illegal content"}, "rejected", None, Blame.CONTENT),
    ("template", {"errcode": 40252, "errmsg": "held"}, "unknown", None, Blame.NOBODY),
    ("template", {"errcode": 40241, "errmsg": "duplicate in 60 seconds"}, "unknown", None, Blame.NOBODY),
    ("template", {"errcode": 43116, "errmsg": "restricted"}, "rejected", None, Blame.CONTENT),
    ("template", {"errcode": 40251, "errmsg": "reduced"}, "not_sent", None, Blame.ACCOUNT),
    ("template", {"errcode": -1, "errmsg": "system error"}, "not_sent", None, Blame.NOBODY),
    ("template", {**OK, "msgid": {}}, "unknown", None, Blame.NOBODY),
    ("customer_service", OK, "accepted", None, Blame.NOBODY),
    ("customer_service", {"errcode": 45015, "errmsg": "out of time limit"}, "rejected", None, Blame.NOBODY),
    ("customer_service", {"errcode": 45047, "errmsg": "out of response count"}, "rejected", None, Blame.NOBODY),
    ("customer_service", {"errcode": 48008, "errmsg": "no permission"}, "not_sent", None, Blame.ACCOUNT),
    ("mass", MASS_OK, "accepted", "3147494276", Blame.NOBODY),
    (
        "mass",
        {"errcode": 45065, "errmsg": "clientmsgid exist", "msg_id": 3147494441},
        "accepted",
        "3147494441",
        Blame.NOBODY,
    ),
    ("mass", {"errcode": 45065, "errmsg": "clientmsgid exist"}, "unknown", None, Blame.NOBODY),
    ("mass", {"errcode": 45066, "errmsg": "same clientmsgid retry too fast"}, "unknown", None, Blame.NOBODY),
    ("mass", {"errcode": 45028, "errmsg": "has no masssend quota"}, "not_sent", None, Blame.ACCOUNT),
    ("mass", {"errcode": 45011, "errmsg": "api minute-quota"}, "not_sent", None, Blame.NOBODY),
    ("mass", {"errcode": 45002, "errmsg": "content size"}, "rejected", None, Blame.NOBODY),
    ("mass", OK, "unknown", None, Blame.NOBODY),
    ("mini", {**OK, "msgid": 1700827132819554304}, "accepted", "1700827132819554304", Blame.NOBODY),
    ("mini", {"errcode": 41030, "errmsg": "invalid page"}, "rejected", None, Blame.CONTENT),
    ("mini", {"errcode": 43108, "errmsg": "concurrent send"}, "not_sent", None, Blame.ADDRESS),
    ("mini", {"errcode": 45168, "errmsg": "keyword in blacklist"}, "rejected", None, Blame.CONTENT),
    ("mini", {"errcode": 43107, "errmsg": "ability banned"}, "not_sent", None, Blame.ACCOUNT),
)


@contextmanager
def opened(way: str, *acts: Act, **more: object) -> Iterator[tuple[Provider, ScriptedServer]]:
    with scripted(TOKEN, *acts) as server:
        name = "wechat.mini_program" if way == "mini" else "wechat.official_account"
        ways = {} if way == "mini" else {"ways": {"*": way}}
        provider = open_provider(name, {**ACCOUNT, **ways, "endpoint": server.url, "read_timeout": 2, **more})
        yield provider, server
        provider.close()


def people(count: int, **changes: object) -> list[Message]:
    return [
        replace(SERVICE, reference=f"r{number}", address=f"oMember{number:021d}", **changes)  # type: ignore[arg-type]
        for number in range(count)
    ]


def asked(server: ScriptedServer, place: int = 1) -> tuple[str, Mapping]:
    head, _, body = server.requests[place].partition(b"\r\n\r\n")
    return head.split(b"?")[0].decode(), json.loads(body)


def send(
    way: str, *acts: Act, messages: list[Message] | None = None, **more: object
) -> tuple[list[Outcome], ScriptedServer]:
    if messages is None:
        messages = people(2) if way == "mass" else [SERVICE]
    with opened(way, *acts, **more) as (provider, server):
        return provider.deliver(messages, deadline=time.monotonic() + SOON), server


@pytest.mark.parametrize(("way", "raw", "kind", "reference", "blame"), CASES)
def test_each_raw_answer_has_its_outcome(way: str, raw: object, kind: str, reference: str | None, blame: Blame) -> None:
    outcomes, _ = send(way, answer(raw))

    assert {(each.kind.value, each.provider_ref, each.blame) for each in outcomes} == {(kind, reference, blame)}


@pytest.mark.parametrize("way", ["template", "customer_service", "mass", "mini"])
@pytest.mark.parametrize("act", [hang_up(), answer("system busy"), answer("", status=502), answer({"errcode": 99999})])
def test_an_answer_that_is_lost_or_not_documented_is_unknown_on_every_way(way: str, act: Act) -> None:
    outcomes, server = send(way, act)

    assert {each.kind for each in outcomes} == {OutcomeKind.UNKNOWN}
    assert len(server.requests) == 2


def test_every_shared_error_of_a_way_has_an_outcome_on_the_safe_side(shared: Path) -> None:
    places = {"template/send": "template", "custom/send": "customer_service", "mass/": "mass", "subscribe/send": "mini"}
    seen = 0
    for row in json.loads((shared / "vectors" / "wechat.json").read_text("utf-8"))["api_errors"]:
        for place, way in places.items():
            if place in row["where"] and not row["category"].startswith("already"):
                second = [TOKEN, answer(row["body"])] if row["category"] == "token" else []
                outcomes, _ = send(way, answer(row["body"]), *second)
                seen += 1
                assert {each.kind for each in outcomes}.isdisjoint({OutcomeKind.ACCEPTED}), row
                assert {each.code for each in outcomes} == {str(row["errcode"])}
    assert seen > 20


def test_a_template_message_is_asked_for_as_the_manual_prints_it() -> None:
    _, server = send("template", answer(OK))

    assert asked(server) == (
        "POST /cgi-bin/message/template/send",
        {
            "touser": OPENID,
            "template_id": "Tm0_..",
            "url": "https://shop.example.com/m",
            "client_msg_id": "c17-m204-a1",
            "data": {"thing1": {"value": "会员积分变动"}, "time2": {"value": "2025年10月16日 09:30"}},
        },
    )


def test_a_reference_the_provider_would_not_take_is_stood_in_for_by_one_it_does() -> None:
    messages = [replace(SERVICE, reference=each) for each in ("é", "x" * 40, "x" * 40)]
    _, server = send("template", answer(OK), messages=messages)

    marks = [asked(server, place)[1]["client_msg_id"] for place in (1, 2, 3)]
    assert all(len(each) == 32 and each.isalnum() for each in marks)
    assert len(set(marks)) == 2


def test_a_linked_mini_program_opens_in_place_of_the_page() -> None:
    _, server = send("template", answer(OK), mini_program="wx77aa88bb99cc00dd", pages={"points": "pages/coupon?id=1"})

    assert asked(server)[1]["miniprogram"] == {"appid": "wx77aa88bb99cc00dd", "pagepath": "pages/coupon?id=1"}


@pytest.mark.parametrize("way", ["template", "customer_service"])
def test_marketing_is_refused_where_wechat_punishes_it_and_the_reason_is_told(way: str) -> None:
    unsaid = Message(reference="r", channel=Channel.WECHAT, address=OPENID, parts={"thing1": "好"})
    (outcome, other), server = send(way, answer(OK), messages=[unsaid, replace(SERVICE, purpose=Purpose.MARKETING)])

    assert (outcome.kind, outcome.blame) == (other.kind, other.blame) == (OutcomeKind.REJECTED, Blame.CONTENT)
    assert "marketing" in outcome.detail or "only as answers" in outcome.detail
    assert server.requests == []


@pytest.mark.parametrize("way", ["notice", "mass"])
def test_marketing_goes_where_it_may(way: str) -> None:
    outcomes, _ = send(way, answer(MASS_OK), messages=people(2, purpose=Purpose.MARKETING))
    assert {each.kind for each in outcomes} == {OutcomeKind.ACCEPTED}


@pytest.mark.parametrize("way", ["notice", "template", "mini"])
def test_the_whole_words_are_no_field_of_a_notice(way: str) -> None:
    both = replace(SERVICE, parts={"thing1": "好", "text": "您好"})
    raw = answer({**OK, "msgid": "17"})

    _, server = send(way, raw, messages=[both])
    assert asked(server)[1]["data"] == {"thing1": {"value": "好"}}

    (outcome,), server = send(way, raw, messages=[replace(SERVICE, parts={"text": "您好"})])
    assert (outcome.kind, outcome.blame, server.requests) == (OutcomeKind.REJECTED, Blame.CONTENT, [])


def test_an_answer_to_a_member_is_plain_text_and_only_inside_the_window() -> None:
    words = replace(SERVICE, parts={"text": "您好，您的问题已处理。"})
    late = replace(words, answer_until=datetime.now(UTC) - timedelta(seconds=1))
    in_time = replace(words, answer_until=datetime.now(UTC) + timedelta(hours=1))
    (first, second), server = send("customer_service", answer(OK), messages=[late, in_time])

    assert (first.kind, second.kind) == (OutcomeKind.REJECTED, OutcomeKind.ACCEPTED)
    assert len(server.requests) == 2
    assert asked(server) == (
        "POST /cgi-bin/message/custom/send",
        {"touser": OPENID, "msgtype": "text", "text": {"content": "您好，您的问题已处理。"}},
    )


def test_a_mass_send_to_a_list_is_one_call_for_all_with_the_same_words() -> None:
    outcomes, server = send("mass", answer(MASS_OK), messages=people(40, parts={"text": "上新了"}))

    path, said = asked(server)
    assert path == "POST /cgi-bin/message/mass/send"
    assert said.pop("clientmsgid").isalnum()
    members = [f"oMember{number:021d}" for number in range(40)]
    assert said == {"touser": members, "msgtype": "text", "text": {"content": "上新了"}}
    assert (len(outcomes), len(server.requests)) == (40, 2)


def test_the_same_members_again_bear_the_same_mark_and_others_another() -> None:
    marks = []
    for messages in (people(3), people(3)[::-1], people(4)):
        _, server = send("mass", answer(MASS_OK), messages=messages)
        marks.append(asked(server)[1]["clientmsgid"])
    assert marks[0] == marks[1] != marks[2]
    assert all(len(each) <= 32 for each in marks)


def test_an_address_of_their_own_does_not_part_members_of_a_mass_send() -> None:
    messages = [
        replace(each, parts={"thing1": "上新了", "url": f"https://x.example/{each.reference}"}) for each in people(3)
    ]
    _, server = send("mass", answer(MASS_OK), messages=messages)
    assert asked(server)[1]["text"] == {"content": "上新了"}


def test_words_for_one_member_alone_are_no_mass_send_and_leave_the_others_as_they_are() -> None:
    messages = [*people(3), replace(SERVICE, parts={"text": "只给你"}, address="oAlone00")]
    outcomes, server = send("mass", answer(MASS_OK), messages=messages)

    assert [each.kind.value for each in outcomes] == ["accepted"] * 3 + ["rejected"]
    assert "two members" in outcomes[3].detail
    assert len(server.requests) == 2


def test_somebody_meant_twice_is_named_once_in_each_call() -> None:
    _, server = send("mass", answer(MASS_OK), messages=[*people(2), *people(2)])
    assert [len(asked(server, place)[1]["touser"]) for place in (1, 2)] == [2, 2]


def test_a_mass_send_to_a_tag_is_one_call_that_never_reaches_everybody() -> None:
    (outcome,), server = send(
        "mass", answer(MASS_OK), messages=[replace(SERVICE, address="tag:106", parts={"text": "上新了"})]
    )

    assert outcome.kind is OutcomeKind.ACCEPTED
    path, said = asked(server)
    assert (path, said["filter"]) == ("POST /cgi-bin/message/mass/sendall", {"is_to_all": False, "tag_id": 106})
    assert said["clientmsgid"] == "c17-m204-a1"


def test_a_mass_send_carries_an_article_where_the_template_has_one() -> None:
    _, server = send("mass", answer(MASS_OK), articles={"points": "MEDIA"})
    said = asked(server)[1]
    assert (said["msgtype"], said["mpnews"], said["send_ignore_reprint"]) == ("mpnews", {"media_id": "MEDIA"}, 0)


def test_messages_on_several_ways_keep_their_order() -> None:
    ways = {"points": "template", "new": "mass"}
    mixed = [message for pair in zip(people(3), people(3, template="new"), strict=True) for message in pair]
    with opened("notice", answer({**OK, "msgid": 7, "msg_id": 8}), ways=ways) as (provider, server):
        outcomes = provider.deliver(mixed, deadline=time.monotonic() + SOON)

    assert [each.provider_ref for each in outcomes] == ["7", "8"] * 3
    assert len(server.requests) == 1 + 3 + 1


def test_a_mini_programs_message_opens_its_own_page_and_none_on_the_web() -> None:
    _, server = send("mini", answer(OK), pages={"*": "pages/coupon?id=1"}, version="trial", language="zh_TW")

    path, said = asked(server)
    assert path == "POST /cgi-bin/message/subscribe/send"
    assert (said["page"], said["miniprogram_state"], said["lang"]) == ("pages/coupon?id=1", "trial", "zh_TW")
    assert "url" not in said and "url" not in said["data"]


def test_after_the_deadline_no_mass_send_begins() -> None:
    with opened("mass", answer(MASS_OK)) as (provider, server):
        outcomes = provider.deliver(people(3), deadline=time.monotonic())
    assert {each.kind for each in outcomes} == {OutcomeKind.NOT_SENT}
    assert server.requests == []


@pytest.mark.parametrize("way", ["notice", "template", "customer_service", "mass", "mini"])
def test_a_character_that_json_must_escape_does_not_stop_the_account(way: str) -> None:
    parts = {"thing1": "好\x00\x07\x1f\ud800👨‍👩‍👧"}
    messages = people(2, parts=parts)
    outcomes, server = send(way, answer({**OK, "msg_id": 7}), messages=messages)

    assert {each.kind for each in outcomes} == {OutcomeKind.ACCEPTED}
    assert b"\\u" not in server.requests[1]
    assert "好👨‍👩‍👧".encode() in server.requests[1]
