"""The SMS adapter against answers as the provider's manual prints them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from scripted_server import Act, ScriptedServer, answer, hang_up, scripted

from channels.errors import CallbackRefused, DeliveryError, OutcomeUnknown
from channels.message import Blame, CallbackRequest, Channel, Message, Outcome, OutcomeKind, ReportStatus
from channels.sms.aliyun import AliyunSettings, AliyunSms
from channels.sms.aliyun_codes import MEANINGS

TAKEN = {"Code": "OK", "Message": "OK", "BizId": "900619746936498440^0", "RequestId": "F655A8D5"}
MESSAGE = Message(
    reference="cmp42-m1001",
    channel=Channel.SMS,
    address="+8613800138000",
    parts={"text": "王小明，您好"},
    template="birthday",
    variables={"name": "王小明", "code": "A&B=1+2~*/ %"},
)


@contextmanager
def opened(*acts: Act, **more: object) -> Iterator[tuple[AliyunSms, ScriptedServer]]:
    with scripted(*acts) as server:
        settings = {
            "access_key_id": "LTAI5tFAKEKEYID00000001",
            "access_key_secret": "FakeSecret0000000000000000000001",
            "sign_name": "示例商城",
            "template_codes": {"birthday": "SMS_123456789"},
            "endpoint": server.url,
            **more,
        }
        provider = AliyunSms(AliyunSettings.model_validate(settings))
        try:
            yield provider, server
        finally:
            provider.close()


def send(*acts: Act, message: Message = MESSAGE, **more: object) -> Outcome:
    with opened(*acts, **more) as (provider, _):
        (outcome,) = provider.deliver([message], deadline=time.monotonic() + 10)
        return outcome


def asked(server: ScriptedServer, place: int = 0) -> dict[str, str]:
    target = server.requests[place].split(b" ")[1].decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}


def test_a_message_goes_out_as_its_template_and_variables() -> None:
    with opened(answer(TAKEN)) as (provider, server):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

        said = asked(server)
        assert json.loads(said.pop("TemplateParam")) == {"name": "王小明", "code": "A&B=1+2~*/ %"}
        assert said == {
            "PhoneNumbers": "13800138000",
            "SignName": "示例商城",
            "TemplateCode": "SMS_123456789",
            "OutId": "cmp42-m1001",
        }
        assert (outcome.kind, outcome.provider_ref) == (OutcomeKind.ACCEPTED, "900619746936498440^0")


def test_an_account_whose_template_is_one_variable_sends_the_whole_text() -> None:
    with opened(answer(TAKEN), text_variable="content", template_codes={"*": "SMS_1"}) as (provider, server):
        provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

        assert asked(server)["TemplateParam"] == '{"content":"王小明，您好"}'
        assert asked(server)["TemplateCode"] == "SMS_1"


def test_a_template_without_a_code_is_the_campaigns_matter_and_calls_nobody() -> None:
    with opened(answer(TAKEN), template_codes={}) as (provider, server):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

        assert (outcome.kind, outcome.blame, server.requests) == (OutcomeKind.REJECTED, Blame.CONTENT, [])


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_each_documented_code_has_its_meaning(code: str) -> None:
    outcome = send(answer({"Code": code, "Message": "13800138000 …", "RequestId": "R"}))

    expected = MEANINGS[code].error
    assert (outcome.kind, outcome.blame, outcome.code) == (expected.kind, expected.blame, code)
    assert "13800138000" not in repr(outcome)


def test_the_table_of_codes_agrees_with_the_shared_one(shared: Path) -> None:
    classes = json.loads((shared / "vectors" / "sms_errors.json").read_text("utf-8"))["aliyun_send"]
    kinds = {
        "retry": {"not_sent"},
        "throttle_account": {"not_sent"},
        "throttle_member": {"not_sent"},
        "config": {"not_sent"},
        "account": {"not_sent"},
        "member_permanent": {"rejected"},
        "member_optout": {"rejected"},
        "member_optout_or_message": {"rejected"},
        "message": {"rejected"},
    }
    for code, named in classes.items():
        kind = named.split(" ")[0]
        if code in MEANINGS:
            assert MEANINGS[code].error.kind.value in kinds[kind], code
        else:
            # An internal error promises nothing about the message; it is left unknown on purpose.
            assert code in {"OK", "InternalError"}


def test_the_blame_of_a_refusal_is_the_right_one() -> None:
    for code, blame in {
        "isv.MOBILE_NUMBER_ILLEGAL": Blame.ADDRESS,
        "isv.CUSTOMER_REFUSED": Blame.MEMBER,
        "isv.SMS_TEMPLATE_ILLEGAL": Blame.CONTENT,
        "isv.AMOUNT_NOT_ENOUGH": Blame.ACCOUNT,
        "SignatureDoesNotMatch": Blame.ACCOUNT,
        "isv.TEMPLATE_MISSING_PARAMETERS": Blame.NOBODY,
        "isv.BLACK_KEY_CONTROL_LIMIT": Blame.NOBODY,
    }.items():
        assert send(answer({"Code": code})).blame is blame


def test_flow_control_of_a_number_waits_for_the_window_it_names() -> None:
    for said, wait in {
        "触发天级流控Permits:50": 86400,
        "触发小时级流控Permits:5": 3600,
        "触发分钟级流控Permits:1": 60,
    }.items():
        outcome = send(answer({"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": said}))
        assert (outcome.kind, outcome.retry_after) == (OutcomeKind.NOT_SENT, wait)


def test_a_throttled_gateway_names_its_wait_in_thousandths() -> None:
    throttled = {"Code": "Throttling.User", "Message": "Request was denied due to user flow control."}
    assert send(answer(throttled, status=400, headers=["x-acs-retry-after: 2500"])).retry_after == 2.5
    assert send(answer(throttled, status=400)).retry_after == 1.0


@pytest.mark.parametrize(
    "act",
    [
        answer({"Code": "isv.SOMETHING_NEW", "Message": "…"}),
        answer({"Code": "InternalError"}, status=500),
        answer({"Message": "no code"}),
        answer({"Code": "OK"}),
        answer({"Code": "OK", "BizId": 7}),
        answer({**TAKEN}, status=500),
        answer("<html>", status=502),
        answer("<html>"),
        hang_up(),
    ],
)
def test_an_answer_nobody_documented_leaves_the_outcome_unknown(act: Act) -> None:
    assert send(act).kind is OutcomeKind.UNKNOWN


def test_a_look_up_goes_through_the_pages_for_our_reference() -> None:
    def details(*references: str) -> dict[str, object]:
        items = [
            {"PhoneNum": "13800138000", "SendStatus": 2, "ErrCode": "MOBILE_IN_BLACK", "OutId": each,
             "SendDate": "2025-06-18 10:03:04", "ReceiveDate": "2025-06-18 10:03:09"}
            for each in references
        ]  # fmt: skip
        return {"Code": "OK", "TotalCount": "51", "SmsSendDetailDTOs": {"SmsSendDetailDTO": items}}

    others = [f"other-{number}" for number in range(50)]
    with opened(answer(details(*others)), answer(details(MESSAGE.reference))) as (provider, server):
        found = provider.look_up(MESSAGE, sent_at=datetime(2025, 6, 18, 2, 3, 4, tzinfo=UTC))

        assert found is not None
        assert (found.status, found.code, found.reference) == (ReportStatus.FAILED, "MOBILE_IN_BLACK", "cmp42-m1001")
        assert str(found.occurred_at) == "2025-06-18 02:03:09+00:00"
        assert (asked(server)["SendDate"], asked(server, 1)["CurrentPage"]) == ("20250618", "2")


@pytest.mark.parametrize(
    ("said", "status"), [(1, ReportStatus.ACCEPTED), (2, ReportStatus.FAILED), (3, ReportStatus.DELIVERED)]
)
def test_a_look_up_tells_how_far_the_message_is(said: int, status: ReportStatus) -> None:
    detail = {"SendStatus": said, "OutId": MESSAGE.reference}
    with opened(answer({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": [detail]}})) as (provider, _):
        found = provider.look_up(MESSAGE, sent_at=datetime(2025, 6, 18, 2, 3, 4, tzinfo=UTC))
        assert found is not None
        assert found.status is status


def test_a_look_up_near_midnight_asks_for_both_days() -> None:
    nothing = answer({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": []}})
    with opened(nothing) as (provider, server):
        # Ten seconds before midnight in Beijing.
        assert provider.look_up(MESSAGE, sent_at=datetime(2025, 6, 18, 15, 59, 50, tzinfo=UTC)) is None
        assert [asked(server, place)["SendDate"] for place in range(2)] == ["20250618", "20250619"]


@pytest.mark.parametrize("act", [answer({"Code": "OK"}), answer("<html>"), hang_up(), answer({}, status=429)])
def test_a_look_up_that_cannot_say_does_not_say_no(act: Act) -> None:
    with opened(act) as (provider, _), pytest.raises(DeliveryError):
        provider.look_up(MESSAGE, sent_at=datetime(2025, 6, 18, 2, 3, 4, tzinfo=UTC))


def push(body: object) -> CallbackRequest:
    said = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return CallbackRequest(method="POST", url="https://crm.example.com/callbacks/sms.aliyun/t", headers={}, body=said)


def test_a_push_of_reports_is_read_as_the_manual_prints_it() -> None:
    report = {
        "phone_number": "13800138000",
        "send_time": "2025-06-18 10:03:04",
        "report_time": "2025-06-18 10:03:09",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": "900619746936498440^0",
        "out_id": "cmp42-m1001",
    }
    blocked = {**report, "success": False, "err_code": "MOBILE_IN_BLACK", "out_id": "cmp42-m1002"}
    undecided = {**report, "success": False, "err_code": "SP_UNKNOWN_ERROR", "out_id": "cmp42-m1003"}
    with opened(answer({})) as (provider, _):
        told = provider.read_callback(push([report, blocked, undecided]))
        again = provider.read_callback(push([report]))

    assert [each.status.value for each in told.reports] == ["delivered", "failed", "accepted"]
    assert [each.reference for each in told.reports] == ["cmp42-m1001", "cmp42-m1002", "cmp42-m1003"]
    assert told.reports[0].provider_ref == "900619746936498440^0"
    assert str(told.reports[0].occurred_at) == "2025-06-18 02:03:09+00:00"
    assert again.reports[0].key == told.reports[0].key
    assert len({each.key for each in told.reports}) == 3
    assert json.loads(told.body)["code"] == 0


def test_a_push_of_replies_is_read_as_the_manual_prints_it() -> None:
    reply = {
        "phone_number": "13800138000",
        "content": "R",
        "send_time": "2025-06-18 10:05:00",
        "dest_code": "1234",
        "sequence_id": 1234567890,
    }
    with opened(answer({})) as (provider, _):
        (told,) = provider.read_callback(push([reply])).replies

    assert (told.address, told.text, told.key) == ("+8613800138000", "R", "up:1234567890")


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"a":1}]', b"\xff", [{}] * 1001, b"[" * 100_000])
def test_a_push_of_another_shape_is_refused(body: object) -> None:
    with opened(answer({})) as (provider, _), pytest.raises(CallbackRefused):
        provider.read_callback(push(body))


def test_settings_do_not_show_the_secret_and_refuse_what_they_do_not_know() -> None:
    settings = AliyunSettings(access_key_id="a", access_key_secret="hidden", sign_name="s", template_codes={})
    assert "hidden" not in repr(settings)
    with pytest.raises(ValueError, match="sing_name"):
        AliyunSettings.model_validate({**settings.model_dump(), "sing_name": "s"})
    with pytest.raises(ValueError, match="endpoint"):
        AliyunSettings.model_validate({**settings.model_dump(), "endpoint": "https://user@host/path"})


def test_an_unknown_code_is_named_for_people() -> None:
    outcome = send(answer({"Code": "isv.SOMETHING_NEW"}))
    assert outcome.code == "isv.SOMETHING_NEW"
    assert OutcomeUnknown.kind is outcome.kind
