"""The Tencent Cloud adapter against answers as the provider's manual prints them, and against the strict desk."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scripted_server import Act, ScriptedServer, answer, hang_up, scripted

from channels.errors import AddressRefused, CallbackRefused, DeliveryError, OutcomeUnknown, ProviderMisconfigured
from channels.message import (
    Blame,
    CallbackRequest,
    Channel,
    DeliveryReport,
    Message,
    Outcome,
    OutcomeKind,
    ReportStatus,
)
from channels.simulator.record import read_record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from channels.sms.batches import Limits, batches
from channels.sms.tencent import LONGEST_CONTEXT, MOST, TencentSettings, TencentSms
from channels.sms.tencent_codes import MEANINGS, error_for, meaning_of

SERIAL = "5000:1045710669157053657849499619"
NOW = datetime(2025, 6, 18, 2, 3, 4, tzinfo=UTC)


def message(number: int, name: str = "王小明", *, address: str | None = None, **more: str) -> Message:
    return Message(
        reference=more.pop("reference", f"deadbeef-{1000 + number}"),
        channel=Channel.SMS,
        address=address or f"+86138{number:08d}",
        parts={"text": "王小明，您好"},
        template=more.pop("template", "birthday"),
        variables={"name": name, "year": "2025", **more},
    )


def status(number: int | str, code: str = "Ok", **more: object) -> dict[str, object]:
    address = number if isinstance(number, str) else f"+86138{number:08d}"
    serial = f"5000:{number}" if code == "Ok" else ""
    return {
        "SerialNo": serial, "PhoneNumber": address, "Fee": 1, "SessionContext": "c", "Code": code, "Message": "…",
        "IsoCode": "CN", **more,
    }  # fmt: skip


def statuses(*said: dict[str, object]) -> Act:
    return answer({"Response": {"SendStatusSet": said, "RequestId": "R"}})


def failure(code: str) -> Act:
    return answer({"Response": {"Error": {"Code": code, "Message": "13800138000 …"}, "RequestId": "R"}})


@contextmanager
def opened(*acts: Act, **more: object) -> Iterator[tuple[TencentSms, ScriptedServer]]:
    with scripted(*acts) as server:
        settings = {
            "secret_id": "AKIDFAKE0000000000000000000000000001",
            "secret_key": "FakeTencentSecret000000000000001",
            "app_id": "1400006666",
            "sign_name": "示例商城",
            "templates": {"birthday": {"id": "1110", "variables": ["name", "year"]}},
            "endpoint": server.url,
            **more,
        }
        provider = TencentSms(TencentSettings.model_validate(settings))
        try:
            yield provider, server
        finally:
            provider.close()


def deliver(provider: TencentSms, messages: Sequence[Message], *, seconds: float = 10.0) -> list[Outcome]:
    return provider.deliver(messages, deadline=time.monotonic() + seconds)


def send(*acts: Act, **more: object) -> Outcome:
    with opened(*acts, **more) as (provider, _):
        (outcome,) = deliver(provider, [message(1)])
        return outcome


def asked(server: ScriptedServer) -> list[dict[str, object]]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


@pytest.mark.parametrize(("fee", "parts"), [(1, 1), (999, 999), (0, None), (-1, None), (70_000, None), (True, None), ("2", None)])
def test_a_bill_that_no_message_can_have_is_not_believed(fee: object, parts: int | None) -> None:
    with opened(statuses(status(1, Fee=fee))) as (provider, _):
        (outcome,) = deliver(provider, [message(1)])

    assert (outcome.kind, outcome.parts) == (OutcomeKind.ACCEPTED, parts)
    assert type(outcome.parts) is type(parts)


def test_a_message_goes_out_as_its_template_with_the_variables_in_their_places() -> None:
    with opened(statuses(status(1, Fee=2))) as (provider, server):
        (outcome,) = deliver(provider, [message(1)])

    assert asked(server) == [
        {
            "PhoneNumberSet": ["+8613800000001"],
            "SmsSdkAppId": "1400006666",
            "TemplateId": "1110",
            "TemplateParamSet": ["王小明", "2025"],
            "SessionContext": "deadbeef-1001",
            "SignName": "示例商城",
        }
    ]
    assert outcome == Outcome(kind=OutcomeKind.ACCEPTED, provider_ref="5000:1", code="Ok", parts=2)
    head = server.requests[0].partition(b"\r\n\r\n")[0].decode().lower()
    for line in ("x-tc-action: sendsms", "x-tc-version: 2021-01-11", "x-tc-region: ap-guangzhou"):
        assert line in head


def test_only_equal_words_share_a_call() -> None:
    messages = [
        message(1, "李雷"),
        message(2, "韩梅梅"),
        message(3, "李雷"),
        message(4, "李雷", address="+85261234567"),
    ]
    with opened(statuses(*map(status, (1, 2, 3)), status("+85261234567"))) as (provider, server):
        outcomes = deliver(provider, messages)

    calls = sorted((each["PhoneNumberSet"] for each in asked(server)), key=str)
    assert calls == [["+85261234567"], ["+8613800000001", "+8613800000003"], ["+8613800000002"]]
    assert [each.kind for each in outcomes] == [OutcomeKind.ACCEPTED] * 4
    assert [each.provider_ref for each in outcomes] == ["5000:1", "5000:2", "5000:3", "5000:+85261234567"]
    assert ["SignName" in each for each in asked(server)].count(False) == 1


def test_batches_can_be_switched_off_and_are_never_larger_than_allowed() -> None:
    with opened(statuses(*map(status, range(5))), batch=1) as (provider, server):
        deliver(provider, [message(each) for each in range(5)])
    assert [len(each["PhoneNumberSet"]) for each in asked(server)] == [1] * 5  # type: ignore[arg-type]

    planned = batches([message(each) for each in range(500)], ["k"] * 500, Limits(MOST, LONGEST_CONTEXT))
    assert max(len(each.places) for each in planned) > 100
    assert all(len(each.places) <= 200 and len(each.label) <= 511 for each in planned)


def test_each_number_has_its_own_answer() -> None:
    said = [
        status(4, "SomethingNew"),
        status(1),
        status(2, "LimitExceeded.PhoneNumberThirtySecondLimit"),
        status(3, "FailedOperation.PhoneNumberInBlacklist"),
        status(6, SerialNo=""),
    ]
    with opened(statuses(*said)) as (provider, server):
        outcomes = deliver(provider, [message(each) for each in range(1, 7)])

    assert len(server.requests) == 1
    kinds = [OutcomeKind.ACCEPTED, OutcomeKind.NOT_SENT, OutcomeKind.REJECTED, *[OutcomeKind.UNKNOWN] * 3]
    assert [each.kind for each in outcomes] == kinds
    assert (outcomes[1].retry_after, outcomes[2].blame, outcomes[3].code) == (30.0, Blame.MEMBER, "SomethingNew")


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_each_documented_code_has_its_meaning_for_a_number_and_for_a_call(code: str) -> None:
    expected = MEANINGS[code].error
    for outcome in (send(statuses(status(1, code))), send(failure(code))):
        assert (outcome.kind, outcome.blame, outcome.code) == (expected.kind, expected.blame, code)
        assert "13800138000" not in repr(outcome)


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_a_failed_call_stops_the_others_only_where_the_code_is_about_all_of_them(code: str) -> None:
    with opened(failure(code), statuses(*map(status, (1, 2, 3)))) as (provider, server):
        outcomes = deliver(provider, [message(each) for each in (1, 2, 3)])

    if MEANINGS[code].about_one:
        assert [each.kind for each in outcomes] == [OutcomeKind.ACCEPTED] * 3
        assert [len(each["PhoneNumberSet"]) for each in asked(server)] == [3, 1, 1, 1]  # type: ignore[arg-type]
    else:
        assert [each.code for each in outcomes] == [code] * 3
        assert len(server.requests) == 1


def test_the_table_of_codes_agrees_with_the_shared_one(shared: Path) -> None:
    classes = json.loads((shared / "vectors" / "sms_errors.json").read_text("utf-8"))["tencent"]
    kinds = {
        "throttle_account": ("not_sent", Blame.NOBODY),
        "throttle_member": ("not_sent", Blame.ADDRESS),
        "config": ("not_sent", Blame.ACCOUNT),
        "account": ("not_sent", Blame.ACCOUNT),
        "member_permanent": ("rejected", Blame.ADDRESS),
        "member_optout": ("rejected", Blame.MEMBER),
    }
    families = classes.pop("_prefix")
    for code, named in [*classes.items(), *((f"{family}.NeverHeardOf", named) for family, named in families.items())]:
        kind, error = named.split(" ")[0], meaning_of(code).error
        if kind == "message":
            assert error.kind is OutcomeKind.REJECTED and error.blame in {Blame.CONTENT, Blame.NOBODY}, code
        elif kind == "retry":
            # An internal error promises nothing about the message; it is left unknown on purpose.
            internal = code.startswith("InternalError")
            assert error.kind is (OutcomeKind.UNKNOWN if internal else OutcomeKind.NOT_SENT), code
        elif code != "Ok":
            assert (error.kind.value, error.blame) == kinds[kind], code
    assert {code for code in classes if code != "Ok"} <= MEANINGS.keys()


def test_marketing_waits_for_the_morning_of_beijing() -> None:
    code = "FailedOperation.MarketingSendTimeConstraint"
    for hour, wait in ((15, 9), (23, 1), (16, 8)):  # 23:00, 7:00 and 0:00 in Beijing
        error = error_for(code, provider="sms.tencent", now=datetime(2025, 6, 18, hour, tzinfo=UTC))
        assert (error.kind, error.retry_after) == (OutcomeKind.NOT_SENT, wait * 3600)


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (answer({"Response": {"SendStatusSet": [], "RequestId": "R"}}), OutcomeKind.UNKNOWN),
        (answer({"Response": {"SendStatusSet": "yes"}}), OutcomeKind.UNKNOWN),
        (answer({"Response": {"SendStatusSet": [status(9)]}}), OutcomeKind.UNKNOWN),
        (answer({"Response": {"Error": "no"}}), OutcomeKind.UNKNOWN),
        (answer({"Response": {"Error": {"Code": 7}}}), OutcomeKind.UNKNOWN),
        (answer({"Response": []}), OutcomeKind.UNKNOWN),
        (answer({"SendStatusSet": [status(1)]}), OutcomeKind.UNKNOWN),
        (answer({"Response": {"SendStatusSet": [status(1)]}}, status=500), OutcomeKind.UNKNOWN),
        (answer("<html>", status=502), OutcomeKind.UNKNOWN),
        (answer("<html>", status=404), OutcomeKind.NOT_SENT),
        (answer({}, status=429), OutcomeKind.NOT_SENT),
        (hang_up(), OutcomeKind.UNKNOWN),
        (failure("NewFamily.NewCode"), OutcomeKind.UNKNOWN),
        (failure("InternalError.NewCode"), OutcomeKind.UNKNOWN),
        (failure("FailedOperation.NewCode"), OutcomeKind.REJECTED),
        (failure("LimitExceeded.NewCode"), OutcomeKind.NOT_SENT),
        (statuses(status(1, "ok")), OutcomeKind.UNKNOWN),
    ],
)
def test_what_nobody_documented_is_never_taken_for_a_yes_or_for_a_safe_no(act: Act, kind: OutcomeKind) -> None:
    assert send(act).kind is kind


def test_what_cannot_be_filled_in_stops_itself_only_and_calls_nobody() -> None:
    lacking = Message(reference="r-1", channel=Channel.SMS, address="+8613800000001", parts={}, template="birthday")
    with opened(statuses(status(2), status(3))) as (provider, server):
        found = deliver(provider, [lacking, message(2), message(5, template="unknown"), message(3)])

    assert [each.kind.value for each in found] == ["rejected", "accepted", "rejected", "accepted"]
    assert (found[0].blame, found[2].blame) == (Blame.NOBODY, Blame.CONTENT)
    assert len(server.requests) == 1


def test_an_account_whose_template_is_one_place_sends_the_whole_text_and_numbers_abroad_have_a_sender() -> None:
    more = {
        "templates": {"*": {"id": "7", "variables": ["all"]}},
        "text_variable": "all",
        "extend_code": "01",
        "sender_id": "Shop",
    }
    with opened(statuses(status(1), status("+85261234567")), **more) as (provider, server):
        deliver(provider, [message(1)])
        deliver(provider, [message(2, address="+85261234567")])

    home, abroad = asked(server)
    assert (home["TemplateParamSet"], home["ExtendCode"], home.get("SenderId")) == (["王小明，您好"], "01", None)
    assert (abroad["SenderId"], abroad.get("SignName")) == ("Shop", None)


def push(body: object) -> CallbackRequest:
    said = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return CallbackRequest(method="POST", url="https://crm.example.com/callbacks/sms.tencent/t", headers={}, body=said)


def test_a_push_of_statuses_is_read_as_the_manual_prints_it() -> None:
    messages = [message(138000), message(139000)]
    (batch,) = batches(messages, ["k"] * 2, Limits(MOST, LONGEST_CONTEXT))
    arrived = {
        "user_receive_time": "2025-06-18 10:03:09", "nationcode": "86", "mobile": "13800138000", "report_status": "SUCCESS",
        "errmsg": "DELIVRD", "description": "用户短信送达成功", "sid": SERIAL, "ext": "deadbeef-7",
    }  # fmt: skip
    failed = {
        **arrived,
        "mobile": "13800139000",
        "report_status": "FAIL",
        "errmsg": "MK:0001",
        "sid": "5000:2",
        "ext": batch.label,
    }
    bare = {name: each for name, each in failed.items() if name != "ext"} | {"sid": "5000:3"}
    with opened(answer({})) as (provider, _):
        told = provider.read_callback(push([arrived, failed, bare]))
        again = provider.read_callback(push([arrived]))

    assert [each.status for each in told.reports] == [ReportStatus.DELIVERED, ReportStatus.FAILED, ReportStatus.FAILED]
    assert [each.reference for each in told.reports] == ["deadbeef-7", messages[1].reference, None]
    assert [each.provider_ref for each in told.reports] == [SERIAL, "5000:2", "5000:3"]
    assert [each.code for each in told.reports] == ["DELIVRD", "MK:0001", "MK:0001"]
    assert str(told.reports[0].occurred_at) == "2025-06-18 02:03:09+00:00"
    assert again.reports[0].key == told.reports[0].key
    assert len({each.key for each in told.reports}) == 3
    assert json.loads(told.body) == {"result": 0, "errmsg": "OK"}


def test_a_push_of_a_reply_is_read_as_the_manual_prints_it() -> None:
    reply = {
        "extend": "01",
        "mobile": "13800138000",
        "nationcode": "86",
        "sign": "示例商城",
        "text": "R",
        "time": 1750212300,
    }
    with opened(answer({})) as (provider, _):
        told = provider.read_callback(push(reply))
        again, later = (provider.read_callback(push(reply | {"time": 1750212300 + each})) for each in (0, 1))

    (found,) = told.replies
    assert (found.address, found.text, str(found.occurred_at)) == ("+8613800138000", "R", "2025-06-18 02:05:00+00:00")
    assert again.replies[0].key == found.key != later.replies[0].key
    assert json.loads(told.body) == {"result": 0, "errmsg": "OK"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"[1]", b'[{"sid":"1"}]', b'[{"report_status":"SUCCESS"}]', b'[{"sid":"1","report_status":"MAYBE"}]',
     b'{"text":"R"}', b"\xff", [{}] * 1001, b"[" * 100_000],
)  # fmt: skip
def test_a_push_of_another_shape_is_refused(body: object) -> None:
    with opened(answer({})) as (provider, _), pytest.raises(CallbackRefused):
        provider.read_callback(push(body))


def test_the_shared_answers_and_pushes_are_read(shared: Path) -> None:
    said = json.loads((shared / "vectors" / "sms_fixtures.json").read_text("utf-8"))["tencent"]
    messages = [message(1, address="+8613800138000"), message(2, address="+8613900139000")]
    with opened(answer(said["send_mixed"]["json"]), answer(said["request_error"]["json"]), answer(said["request_throttled"]["json"]),
                answer(said["pull_status"]["json"]), answer(said["pull_reply"]["json"])) as (provider, _):  # fmt: skip
        assert [each.kind.value for each in deliver(provider, messages)] == ["accepted", "not_sent"]
        assert {each.code for each in deliver(provider, messages)} == {"AuthFailure.SignatureFailure"}
        assert {(each.kind.value, each.retry_after) for each in deliver(provider, messages)} == {("not_sent", 1.0)}
        pulled = provider.take_waiting()
        told = provider.read_callback(push(said["status_callback"])).reports
        heard = provider.read_callback(push(said["reply_callback"]))
    assert [each.provider_ref for each in pulled.reports] == [SERIAL]
    assert [each.text for each in pulled.replies] == ["R"] == [each.text for each in heard.replies]
    assert pulled.replies[0].key == heard.replies[0].key
    assert [each.status.value for each in told] == ["delivered", "failed"]
    assert json.loads(heard.body) == said["callback_answer"]


def test_a_reply_that_cannot_be_pulled_does_not_lose_the_statuses_that_were() -> None:
    item = {
        "UserReceiveTime": 1750212189,
        "PhoneNumber": "+8613800138000",
        "SerialNo": SERIAL,
        "ReportStatus": "SUCCESS",
    }
    odd = {"PhoneNumber": "+8613800138000", "ReportStatus": "MAYBE"}
    got = answer({"Response": {"PullSmsSendStatusSet": [item, odd]}})
    with opened(got, hang_up()) as (provider, _):
        told = provider.take_waiting()
    assert [each.status for each in told.reports] == [ReportStatus.DELIVERED, ReportStatus.ACCEPTED]
    with (
        opened(failure("UnauthorizedOperation.RequestPermissionDeny")) as (provider, _),
        pytest.raises(ProviderMisconfigured),
    ):
        provider.take_waiting()


def looked_up(*items: dict[str, object], wanted: Message) -> DeliveryReport | None:
    with opened(answer({"Response": {"PullSmsSendStatusSet": items}})) as (provider, server):
        found = provider.look_up(wanted, sent_at=NOW)
        (said,) = asked(server)
        assert (
            said.items()
            >= {"PhoneNumber": wanted.address, "Offset": 0, "Limit": 100, "BeginTime": 1750212184 - 300}.items()
        )
        return found


def test_a_look_up_finds_our_message_by_its_context_and_never_says_that_there_is_none() -> None:
    wanted, others = message(7), [message(7, reference="deadbeef-5007"), message(8, reference="deadbeef-5008")]
    (ours,) = batches([message(6), wanted], ["k"] * 2, Limits(MOST, LONGEST_CONTEXT))
    (theirs,) = batches(others, ["k"] * 2, Limits(MOST, LONGEST_CONTEXT))

    def item(context: str, said: str = "SUCCESS") -> dict[str, object]:
        return {
            "UserReceiveTime": 1750212189, "PhoneNumber": wanted.address, "SerialNo": SERIAL, "ReportStatus": said,
            "Description": "DELIVRD", "SessionContext": context,
        }  # fmt: skip

    for context in (ours.label, wanted.reference):
        found = looked_up(item(theirs.label), item(context, "FAIL"), wanted=wanted)
        assert found is not None
        assert (found.reference, found.status, found.provider_ref) == (wanted.reference, ReportStatus.FAILED, SERIAL)
    for items in ((), (item(theirs.label),), (item(""),)):
        with pytest.raises(DeliveryError):
            looked_up(*items, wanted=wanted)
    for act in (failure("UnauthorizedOperation.RequestPermissionDeny"), answer({"Response": {}}), hang_up()):
        with opened(act) as (provider, _), pytest.raises(DeliveryError):
            provider.look_up(wanted, sent_at=NOW)


def test_settings_do_not_show_the_secret_and_refuse_what_cannot_be() -> None:
    good = {"secret_id": "a", "secret_key": "hidden", "app_id": "1400006666", "sign_name": "s", "templates": {}}
    assert "hidden" not in repr(TencentSettings.model_validate(good))
    for wrong in (
        {"sing_name": "s"},
        {"app_id": "x"},
        {"batch": 201},
        {"templates": {"*": {"id": "SMS_1"}}},
        {"region": "a\r\nb"},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TencentSettings.model_validate(good | wrong)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    record = tmp_path_factory.mktemp("tencent") / "record.jsonl"
    settings = SimulatorSettings(record=record, http_port=0, smtp_port=0, receipts=ReceiptRules(failed=0.3))
    with SimulatorProcess(settings) as running:
        yield running


@contextmanager
def at_the_desk(simulator: SimulatorProcess, **more: object) -> Iterator[TencentSms]:
    settings = {"secret_id": "simulated-key", "secret_key": "simulated-secret", "endpoint": simulator.http_url, **more}
    with opened(answer({}), **settings) as (provider, _):
        yield provider


def test_the_strict_desk_takes_batches_and_hands_each_status_out_once(simulator: SimulatorProcess) -> None:
    crowd = [message(each, "李雷", reference=f"feedface-{each}") for each in range(100, 350)]
    before = len(read_record(simulator.record_path))
    with at_the_desk(simulator) as provider:
        outcomes = deliver(provider, crowd)
        pulled = [provider.take_waiting().reports for _ in range(4)]

    taken = read_record(simulator.record_path)[before:]
    assert {(each.reference, each.address) for each in taken} == {(each.reference, each.address) for each in crowd}
    assert {each.provider_ref for each in taken} == {each.provider_ref for each in outcomes}
    assert len({each.label for each in taken}) < 5
    assert [len(each) for each in pulled] == [100, 100, 50, 0]
    told = {report.reference: report for reports in pulled for report in reports}
    assert told.keys() == {each.reference for each in crowd}
    assert {report.status for report in told.values()} == {ReportStatus.DELIVERED, ReportStatus.FAILED}


@pytest.mark.parametrize(
    ("more", "address", "code"),
    [
        ({"secret_key": "wrong"}, "+8613800000001", "AuthFailure.SignatureFailure"),
        ({"secret_id": "other"}, "+8613800000001", "AuthFailure.SecretIdNotFound"),
        ({"app_id": "1"}, "+8613800000001", "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        ({"sign_name": ""}, "+8613800000001", "FailedOperation.SignatureIncorrectOrUnapproved"),
        ({"region": "eu-frankfurt"}, "+8613800000001", "UnsupportedRegion"),
        ({}, "+8611000000001", "InvalidParameterValue.IncorrectPhoneNumber"),
        ({}, "nobody", "InvalidParameterValue.IncorrectPhoneNumber"),
    ],
)
def test_the_strict_desk_refuses_what_the_real_service_would_not_take(
    simulator: SimulatorProcess, more: dict[str, object], address: str, code: str
) -> None:
    with at_the_desk(simulator, **more) as provider:
        (outcome,) = deliver(provider, [message(1, address=address)])
    assert outcome.code == code
    assert outcome.kind is not OutcomeKind.ACCEPTED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PhoneNumberSet": [f"+86138{each:08d}" for each in range(201)]}, "LimitExceeded.PhoneNumberCountLimit"),
        (
            {"PhoneNumberSet": ["+8613800000001", "+85261234567"]},
            "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber",
        ),
        ({"PhoneNumberSet": "+8613800000001"}, "InvalidParameter"),
        ({"TemplateParamSet": [7]}, "InvalidParameter"),
        ({"TemplateID": "1"}, "UnknownParameter.TemplateID"),
        ({"SessionContext": "长" * 171}, "InvalidParameterValue"),
    ],
)
def test_the_strict_desk_refuses_fields_that_are_not_as_documented(
    simulator: SimulatorProcess, change: dict[str, object], code: str
) -> None:
    good = {"PhoneNumberSet": ["+8613800000001"], "SmsSdkAppId": "1400006666", "TemplateId": "1", "SignName": "店"}
    with at_the_desk(simulator) as provider, pytest.raises(DeliveryError) as refused:
        provider._call("SendSms", good | change, time.monotonic() + 5)
    assert refused.value.code == code


def test_one_number_that_is_refused_does_not_stop_the_others(simulator: SimulatorProcess) -> None:
    crowd = [message(each, "李雷", reference=f"0badf00d-{each}") for each in range(20)]
    crowd[7] = message(7, "李雷", reference="0badf00d-7", address="+8611000000007")
    with at_the_desk(simulator) as provider:
        outcomes = deliver(provider, crowd)

    assert [each.kind for each in outcomes].count(OutcomeKind.ACCEPTED) == 19
    assert (outcomes[7].kind, outcomes[7].blame) == (AddressRefused.kind, AddressRefused.blame)
    assert OutcomeUnknown.kind not in {each.kind for each in outcomes}
