"""The WeChat adapter, its tokens and its pushes against what the provider's manual prints."""

import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from scripted_server import Act, ScriptedServer, answer, hang_up, scripted

from channels.errors import CallbackRefused, OutcomeUnknown, ProviderMisconfigured, ProviderUnavailable
from channels.message import Blame, Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind
from channels.wechat.account import Account, AccountSettings
from channels.wechat.errcodes import MEANINGS
from channels.wechat.official_account import OfficialAccount, OfficialAccountSettings
from channels.wechat.tokens import AccessToken

OPENID = "oBeta__0000000000000000000_2"
MESSAGE = Message(
    reference="s1",
    channel=Channel.WECHAT,
    address=OPENID,
    parts={"thing1": "生日礼遇", "date2": "2025年10月16日", "url": "https://shop.example.com/m"},
    template="birthday",
)
TAKEN = {"errcode": 0, "errmsg": "ok", "msgid": "1700827132819554304"}


def token(word: str = "98_FIRST", lasts: int = 7200) -> Act:
    return answer({"access_token": word, "expires_in": lasts})


@contextmanager
def opened(*acts: Act) -> Iterator[tuple[OfficialAccount, ScriptedServer]]:
    with scripted(*acts) as server:
        settings = OfficialAccountSettings.model_validate(
            {
                "app_id": "wx0a1b2c3d4e5f6071",
                "app_secret": "SECRET",
                "template_ids": {"birthday": "Tm0_birthdayNotice"},
                "callback_token": "AAAAA",
                "endpoint": server.url,
            }
        )
        provider = OfficialAccount(settings)
        try:
            yield provider, server
        finally:
            provider.close()


def send(*acts: Act) -> Outcome:
    with opened(token(), *acts) as (provider, _):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)
        return outcome


def test_a_notice_goes_out_as_raw_chinese_with_its_page() -> None:
    with opened(token(), answer(TAKEN)) as (provider, server):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

        head, _, body = server.requests[1].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /cgi-bin/message/subscribe/bizsend?access_token=98_FIRST HTTP/1.1")
        assert "生日礼遇".encode() in body
        assert json.loads(body) == {
            "touser": OPENID,
            "template_id": "Tm0_birthdayNotice",
            "page": "https://shop.example.com/m",
            "data": {"thing1": {"value": "生日礼遇"}, "date2": {"value": "2025年10月16日"}},
        }
        assert (outcome.kind, outcome.provider_ref) == (OutcomeKind.ACCEPTED, "1700827132819554304")


def test_a_message_id_that_comes_as_a_number_keeps_every_digit() -> None:
    assert (
        send(answer('{"errcode":"0","errmsg":"ok","msgid":1700827132819554304}')).provider_ref == "1700827132819554304"
    )


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_each_documented_errcode_has_its_meaning(code: int) -> None:
    outcome = send(answer({"errcode": code, "errmsg": "… rid: 68f0a1b2-0a1b2c3d-4e5f6071"}))

    expected = MEANINGS[code].error
    assert (outcome.kind, outcome.blame, outcome.code) == (expected.kind, expected.blame, str(code))


def test_the_errcodes_agree_with_the_shared_table(shared: Path) -> None:
    kinds = {"member": {OutcomeKind.REJECTED}, "content": {OutcomeKind.REJECTED}, "retry": {OutcomeKind.NOT_SENT}}
    for row in json.loads((shared / "vectors" / "wechat.json").read_text("utf-8"))["api_errors"]:
        if "bizsend" not in row["where"] and row["where"] != "any":
            continue
        outcome = send(answer(row["body"]), token("98_SECOND"), answer(row["body"]))
        if row["category"] == "unknown":
            assert outcome.kind is OutcomeKind.UNKNOWN
        elif row["errcode"] != 43108:
            expected = kinds.get(row["category"].partition("_")[0])
            assert expected is None or outcome.kind in expected, row
        assert outcome.kind is not OutcomeKind.ACCEPTED


def test_the_blame_of_a_refusal_is_the_right_one() -> None:
    for code, blame in {
        40003: Blame.ADDRESS,
        48002: Blame.MEMBER,
        43101: Blame.NOBODY,
        47003: Blame.NOBODY,
        40037: Blame.CONTENT,
        45009: Blame.ACCOUNT,
        48001: Blame.ACCOUNT,
    }.items():
        assert send(answer({"errcode": code, "errmsg": ""})).blame is blame


def test_a_refused_field_is_named() -> None:
    outcome = send(answer({"errcode": 47003, "errmsg": "argument invalid! data.thing1.value is empty rid: 6"}))
    assert "thing1" in outcome.detail


@pytest.mark.parametrize(
    "act",
    [
        answer({"errcode": 99999, "errmsg": "some future error"}),
        answer({"errcode": "many"}),
        answer({}),
        answer("system busy"),
        answer(""),
        answer("<html>", status=502),
        answer({"errcode": 0}, status=500),
        hang_up(),
    ],
)
def test_an_answer_nobody_documented_leaves_the_outcome_unknown(act: Act) -> None:
    assert send(act).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_refused_token_is_replaced_once_and_the_message_goes_once_more(code: int) -> None:
    bad = answer({"errcode": code, "errmsg": "token"})
    with opened(token(), bad, token("98_SECOND"), answer(TAKEN)) as (provider, server):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

        assert outcome.kind is OutcomeKind.ACCEPTED
        assert b"access_token=98_SECOND" in server.requests[3]
        assert b'"force_refresh": false' in server.requests[2]


def test_a_token_refused_twice_stops_the_account_instead_of_looping() -> None:
    bad = answer({"errcode": 40001, "errmsg": "token"})
    with opened(token(), bad, token("98_SECOND"), bad) as (provider, server):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

        assert (outcome.kind, outcome.blame, len(server.requests)) == (OutcomeKind.NOT_SENT, Blame.ACCOUNT, 4)


def test_a_provider_that_hands_back_the_refused_token_is_forced_to_make_another() -> None:
    bad = answer({"errcode": 42001, "errmsg": "token"})
    with opened(token(), bad, token(), token("98_SECOND"), answer(TAKEN)) as (provider, server):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

        assert outcome.kind is OutcomeKind.ACCEPTED
        assert b'"force_refresh": true' in server.requests[3]


@contextmanager
def token_from(*acts: Act) -> Iterator[tuple[AccessToken, ScriptedServer]]:
    with scripted(*acts) as server:
        settings = {
            "app_id": "a",
            "app_secret": "SECRET",
            "endpoint": server.url,
            "read_timeout": 1,
            "total_timeout": 2,
        }
        account = Account(AccountSettings.model_validate(settings), provider="test", tokens=None)
        yield account.token, server
        account.close()


def test_many_threads_fetch_one_token() -> None:
    with token_from(token()) as (kept, server), ThreadPoolExecutor(16) as threads:
        soon = time.monotonic() + 10
        assert {*threads.map(lambda _: kept.current(soon), range(64))} == {"98_FIRST"}
        assert len(server.requests) == 1


def test_threads_that_fail_with_one_token_replace_it_once() -> None:
    with token_from(token(), token("98_SECOND")) as (kept, server), ThreadPoolExecutor(16) as threads:
        soon = time.monotonic() + 10
        failed = kept.current(soon)

        assert {*threads.map(lambda _: kept.renew(failed, soon), range(64))} == {"98_SECOND"}
        assert len(server.requests) == 2


def test_fetching_a_token_is_tried_again_and_never_leaves_a_message_in_doubt() -> None:
    with token_from(hang_up(), answer("busy"), token()) as (kept, _):
        assert kept.current(time.monotonic() + 10) == "98_FIRST"
    with token_from(hang_up()) as (kept, server):
        with pytest.raises(ProviderUnavailable):
            kept.current(time.monotonic() + 10)
        with pytest.raises(ProviderUnavailable):
            kept.current(time.monotonic() + 10)
        assert len(server.requests) == 3


@pytest.mark.parametrize("code", [40001, 40125, 40013, 40164])
def test_a_wrong_secret_is_told_at_once_and_without_the_secret(code: int) -> None:
    with token_from(answer({"errcode": code, "errmsg": "invalid appsecret"})) as (kept, server):
        with pytest.raises(ProviderMisconfigured) as refused:
            kept.current(time.monotonic() + 10)

        assert len(server.requests) == 1
        assert "SECRET" not in repr(refused.value)


def test_a_token_answer_without_a_token_is_no_token() -> None:
    with token_from(answer({"expires_in": 7200})) as (kept, _), pytest.raises(ProviderUnavailable):
        kept.current(time.monotonic() + 10)
    assert issubclass(OutcomeUnknown, Exception)


def read(body: bytes, *, query: str = "", method: str = "POST") -> Callback:
    stamp, nonce = "1714037059", "486452656"
    signature = hashlib.sha1("".join(sorted(("AAAAA", stamp, nonce))).encode()).hexdigest()
    url = f"https://crm.example.com/callbacks/x?signature={signature}&timestamp={stamp}&nonce={nonce}{query}"
    with opened(token()) as (provider, _):
        return provider.read_callback(CallbackRequest(method=method, url=url, headers={}, body=body))


def test_the_published_signature_lets_the_address_check_in() -> None:
    # Tencent's own page on message push: token AAAAA.
    url = (
        "https://crm.example.com/callbacks/x?signature=f464b24fc39322e44b38aa78f5edd27bd1441696"
        "&timestamp=1714036504&nonce=1514711492&echostr=4375120948345356249"
    )
    with opened(token()) as (provider, _):
        told = provider.read_callback(CallbackRequest(method="GET", url=url, headers={}, body=b""))
        assert (told.body, told.content_type) == (b"4375120948345356249", "text/plain")
        for wrong in (url.replace("f464", "f465"), url.replace("1714036504", "1714036505"), "https://x/"):
            with pytest.raises(CallbackRefused):
                provider.read_callback(CallbackRequest(method="GET", url=wrong, headers={}, body=b""))


def event(inner: str, name: str) -> bytes:
    return (
        "<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>"
        f"<FromUserName><![CDATA[{OPENID}]]></FromUserName><CreateTime>1760000304</CreateTime>"
        f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{name}]]></Event>{inner}</xml>"
    ).encode()


def test_the_end_of_a_notices_way_becomes_a_report() -> None:
    item = (
        "<List><TemplateId><![CDATA[Tm0]]></TemplateId><MsgID>{}</MsgID><ErrorCode>{}</ErrorCode>"
        "<ErrorStatus><![CDATA[{}]]></ErrorStatus></List>"
    )
    inner = item.format("1700827132819554304", 0, "success") + item.format("1700827132819554305", -1, "system error")
    sent = event(f"<SubscribeMsgSentEvent>{inner}</SubscribeMsgSentEvent>", "subscribe_msg_sent_event")

    told = read(sent)

    assert [(each.provider_ref, each.status.value) for each in told.reports] == [
        ("1700827132819554304", "delivered"),
        ("1700827132819554305", "failed"),
    ]
    assert str(told.reports[0].occurred_at) == "2025-10-09 08:58:24+00:00"
    assert [each.key for each in read(sent).reports] == [each.key for each in told.reports]
    assert told.body == b"success"


def test_the_same_comes_as_json_with_one_item_or_several() -> None:
    item = {"TemplateId": "Tm0", "MsgID": "1864323726461255680", "ErrorCode": "0", "ErrorStatus": "success"}
    for items in (item, [item]):
        body = {"MsgType": "event", "Event": "subscribe_msg_sent_event", "CreateTime": "1760000403", "List": items}
        (report,) = read(json.dumps(body).encode()).reports
        assert (report.provider_ref, report.status.value) == ("1864323726461255680", "delivered")


@pytest.mark.parametrize(
    ("status", "expected"),
    [("success", "delivered"), ("failed:user block", "failed"), ("failed: system failed", "failed")],
)
def test_the_end_of_a_template_message_becomes_a_report(status: str, expected: str) -> None:
    inner = f"<MsgID>3100000000000000001</MsgID><Status><![CDATA[{status}]]></Status>"
    (report,) = read(event(inner, "TEMPLATESENDJOBFINISH")).reports
    assert (report.status.value, report.code) == (expected, status.replace(": ", ":"))


def test_a_report_with_id_0_belongs_to_no_message() -> None:
    (report,) = read(event("<MsgID>0</MsgID><Status>success</Status>", "TEMPLATESENDJOBFINISH")).reports
    assert report.provider_ref is None


def test_what_a_member_writes_becomes_a_reply() -> None:
    body = (
        f"<xml><FromUserName><![CDATA[{OPENID}]]></FromUserName><CreateTime>1760000007</CreateTime>"
        "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[退订 🙏]]></Content><MsgId>24000000000000001</MsgId></xml>"
    )
    (reply,) = read(body.encode()).replies
    assert (reply.address, reply.text, reply.key) == (OPENID, "退订 🙏", "text:24000000000000001")


def test_an_event_that_is_no_report_is_acknowledged() -> None:
    told = read(event("<EventKey></EventKey>", "subscribe"))
    assert (told.reports, told.replies, told.body) == ((), (), b"success")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"[1]",
        b"<xml>text</xml>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><xml><a>&a;</a></xml>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x [<!ENTITY a "b">]><xml><a>&a;</a></xml>'.encode("utf-16"),
        b"<a>" * 5000 + b"</a>" * 5000,
        b'{"a":' * 5000,
        b"<xml><a>" + b"x" * 70_000 + b"</a></xml>",
    ],
)
def test_a_push_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(CallbackRefused):
        read(body)


def test_an_encrypted_push_is_refused_until_it_is_understood() -> None:
    with pytest.raises(CallbackRefused):
        read(event("", "subscribe"), query="&encrypt_type=aes&msg_signature=x")


def test_settings_do_not_show_the_secrets() -> None:
    settings = OfficialAccountSettings.model_validate(
        {"app_id": "a", "app_secret": "hidden", "callback_token": "hidden", "template_ids": {}}
    )
    assert "hidden" not in repr(settings)
