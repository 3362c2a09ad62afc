"""SendBatchSms: what shares a call, what its one answer means for each message, and how each is found again."""

import json
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from scripted_server import Act, ScriptedServer, answer, hang_up
from test_aliyun import opened, push

from channels.errors import DeliveryError
from channels.message import Blame, Channel, Message, Outcome, OutcomeKind
from channels.registry import open_provider
from channels.simulator.faults import Fault
from channels.simulator.record import read_record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from channels.sms.aliyun import LONGEST_OUT_ID, MOST, AliyunSms
from channels.sms.aliyun_codes import ABOUT_ALL, MEANINGS
from channels.sms.batches import Batch, Limits, batches, reference_in
from tests.carriers import steer

TAKEN = {"Code": "OK", "Message": "OK", "BizId": "900619746936498440^0", "RequestId": "R"}
NOW = datetime(2025, 6, 18, 2, 3, 4, tzinfo=UTC)


def message(number: int, *, reference: str | None = None, address: str | None = None, **more: str) -> Message:
    return Message(
        reference=reference or f"deadbeef-{1000 + number}",
        channel=Channel.SMS,
        address=address or f"+86138{number:08d}",
        parts={"text": "您好"},
        template=more.pop("template", "birthday"),
        variables={"name": f"会员{number}", **more},
    )


def members(count: int) -> list[Message]:
    return [message(number) for number in range(count)]


def deliver(provider: AliyunSms, messages: Sequence[Message], *, seconds: float = 10.0) -> list[Outcome]:
    return provider.deliver(messages, deadline=time.monotonic() + seconds)


def calls(server: ScriptedServer) -> list[str]:
    return [
        line.partition(b": ")[2].decode()
        for request in server.requests
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"x-acs-action:")
    ]


def said(request: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return what a request says in its query and in its form."""
    head, _, body = request.partition(b"\r\n\r\n")
    query = urlsplit(head.split(b" ")[1].decode()).query
    return tuple({name: values[0] for name, values in parse_qs(each).items()} for each in (query, body.decode()))  # type: ignore[return-value]


def test_messages_of_one_template_go_in_one_call_matched_by_their_place() -> None:
    with opened(answer(TAKEN)) as (provider, server):
        outcomes = deliver(provider, [message(2), message(1), message(3)])

    assert calls(server) == ["SendBatchSms"]
    query, form = said(server.requests[0])
    assert query.keys() == {"TemplateCode", "OutId"}
    assert {name: json.loads(each) for name, each in form.items()} == {
        "PhoneNumberJson": ["13800000001", "13800000002", "13800000003"],
        "SignNameJson": ["示例商城"] * 3,
        "TemplateParamJson": [{"name": "会员1"}, {"name": "会员2"}, {"name": "会员3"}],
    }
    assert query["TemplateCode"] == "SMS_123456789"
    assert [each.provider_ref for each in outcomes] == [
        f"{TAKEN['BizId']}:deadbeef-{1000 + each}" for each in (2, 1, 3)
    ]
    assert all(each.kind is OutcomeKind.ACCEPTED and each.code == "OK" for each in outcomes)


def test_batches_can_be_switched_off() -> None:
    with opened(answer(TAKEN), batch=1) as (provider, server):
        outcomes = deliver(provider, members(3))

    assert calls(server) == ["SendSms"] * 3
    assert [each.provider_ref for each in outcomes] == [TAKEN["BizId"]] * 3


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (members(1), ["SendSms"]),
        ([message(1), message(2, address="+85261234567")], ["SendSms", "SendSms"]),
        ([message(1), message(2, address="+8675512345678")], ["SendSms", "SendSms"]),
        ([message(1), message(2), message(3, address="+8613800000001")], ["SendBatchSms", "SendSms"]),
        ([message(1), message(2, reference="welcome")], ["SendSms", "SendSms"]),
        ([message(1), message(2, reference="deadbeef-007")], ["SendSms", "SendSms"]),
        ([message(1), message(2, reference="other-1002")], ["SendSms", "SendSms"]),
        ([message(1), message(2, template="summer")], ["SendSms", "SendSms"]),
        ([message(1), message(2), message(3, template="summer"), message(4, template="summer")], ["SendBatchSms"] * 2),
    ],
)  # fmt: skip
def test_only_what_may_share_a_call_shares_one(messages: list[Message], expected: list[str]) -> None:
    codes = {"birthday": "SMS_1", "summer": "SMS_2"}
    with opened(answer(TAKEN), template_codes=codes) as (provider, server):
        outcomes = deliver(provider, messages)

    assert sorted(calls(server)) == sorted(expected)
    assert all(each.kind is OutcomeKind.ACCEPTED for each in outcomes)


def test_a_message_without_an_approved_template_stops_itself_only() -> None:
    with opened(answer(TAKEN)) as (provider, server):
        first, second, third = deliver(provider, [message(1), message(2, template="unknown"), message(3)])

    assert (second.kind, second.blame) == (OutcomeKind.REJECTED, Blame.CONTENT)
    assert {first.kind, third.kind} == {OutcomeKind.ACCEPTED}
    assert calls(server) == ["SendBatchSms"]


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (hang_up(), OutcomeKind.UNKNOWN),
        (answer("<html>", status=502), OutcomeKind.UNKNOWN),
        (answer({"Code": "OK"}), OutcomeKind.UNKNOWN),
        (answer({"Code": "isv.SOMETHING_NEW"}), OutcomeKind.UNKNOWN),
        (answer({"Code": "InternalError"}, status=500), OutcomeKind.UNKNOWN),
        (answer({}, status=429), OutcomeKind.NOT_SENT),
        (answer({"Code": "Throttling.User"}, status=400), OutcomeKind.NOT_SENT),
        (answer({"Code": "isp.SYSTEM_ERROR"}), OutcomeKind.NOT_SENT),
    ],
)
def test_an_answer_about_the_call_is_every_messages_answer_and_nothing_is_called_again(
    act: Act, kind: OutcomeKind
) -> None:
    with opened(act) as (provider, server):
        outcomes = deliver(provider, members(5))

    assert [each.kind for each in outcomes] == [kind] * 5
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_a_refusal_that_may_be_about_one_message_is_followed_by_a_call_for_each(code: str) -> None:
    with opened(answer({"Code": code, "Message": "…"}), answer(TAKEN)) as (provider, server):
        outcomes = deliver(provider, members(3))

    if code in ABOUT_ALL:
        assert [each.code for each in outcomes] == [code] * 3
        assert calls(server) == ["SendBatchSms"]
    else:
        assert [each.kind for each in outcomes] == [OutcomeKind.ACCEPTED] * 3
        assert calls(server) == ["SendBatchSms", *["SendSms"] * 3]


def test_what_speaks_of_a_number_or_its_words_is_never_taken_for_the_batchs() -> None:
    about_one = {
        "isv.MOBILE_NUMBER_ILLEGAL", "isv.CUSTOMER_REFUSED", "isv.BLACK_KEY_CONTROL_LIMIT", "isv.BUSINESS_LIMIT_CONTROL",
        "isv.TEMPLATE_MISSING_PARAMETERS", "isv.PARAM_LENGTH_LIMIT", "isv.PARAM_NOT_SUPPORT_URL", "isv.SMS_CONTENT_ILLEGAL",
        "isv.UNSUPPORTED_CONTENT", "isv.DOMESTIC_NUMBER_NOT_SUPPORTED", "isv.MOBILE_COUNT_OVER_LIMIT",
    }  # fmt: skip

    assert about_one <= MEANINGS.keys()
    assert not about_one & ABOUT_ALL
    assert {"isv.AMOUNT_NOT_ENOUGH", "SignatureDoesNotMatch", "isv.SMS_TEMPLATE_ILLEGAL", "Throttling"} <= ABOUT_ALL


def test_after_the_deadline_neither_a_batch_nor_what_is_left_of_it_is_begun() -> None:
    with opened(answer(TAKEN)) as (provider, server):
        assert {each.kind for each in deliver(provider, members(5), seconds=0)} == {OutcomeKind.NOT_SENT}
    assert server.requests == []


def test_words_too_long_for_an_address_go_into_the_body() -> None:
    with opened(answer(TAKEN)) as (provider, server):
        deliver(provider, [message(1, words="长" * 500)])

    query, form = said(server.requests[0])
    assert json.loads(form["TemplateParam"])["words"] == "长" * 500
    assert "TemplateParam" not in query
    assert query["OutId"] == "deadbeef-1001"


def a_crowd(die: random.Random, count: int, spread: int) -> list[Message]:
    ordinals = die.sample(range(spread), count)
    numbers = die.sample(range(13_000_000_000, 20_000_000_000), count)
    return [
        message(0, reference=f"deadbeef-{ordinal}", address=f"+86{number}")
        for ordinal, number in zip(ordinals, numbers, strict=True)
    ]


@pytest.mark.parametrize("spread", [100, 1_000, 100_000, 10**12, 9 * 10**18])
def test_every_message_of_every_batch_is_found_by_the_batchs_out_id_and_its_number(spread: int) -> None:
    die = random.Random(spread)
    for _ in range(50):
        messages = a_crowd(die, 100, spread)

        found = batches(messages, ["SMS_1"] * 100, Limits(100, LONGEST_OUT_ID))

        assert all(len(each.label) <= 255 for each in found)
        placed = [place for each in found for place in each.places]
        assert len(placed) == len(set(placed)) >= 99
        for batch in found:
            for place in batch.places:
                assert reference_in(batch.label, messages[place].address) == messages[place].reference


def test_sixty_four_messages_planned_together_need_one_call() -> None:
    for batch in (
        batches(a_crowd(random.Random(seed), 64, 128), ["T"] * 64, Limits(100, LONGEST_OUT_ID)) for seed in range(100)
    ):
        assert [len(each.places) for each in batch] == [64]


def test_a_batch_is_no_larger_than_asked_for() -> None:
    assert [len(each.places) for each in batches(members(25), ["T"] * 25, Limits(10, LONGEST_OUT_ID))] == [10, 10, 5]


@pytest.mark.parametrize(
    "out_id",
    ["b1.deadbeef-.1.0.8.AAAA", "b1.x-.1.4096.99.AAAA", "b1.x-.1.4096.0.A", "b1.x-.1.1.0.AAAAA", "b1.x-.9.9999.8._"],
)
def test_an_out_id_nobody_of_ours_wrote_is_read_without_harm(out_id: str) -> None:
    found = reference_in(out_id, "+8613800000001")
    assert found is None or found.startswith(("x-", "deadbeef-"))
    assert reference_in(out_id, "nonsense") is None


def a_batch(messages: list[Message]) -> Batch:
    (batch,) = batches(messages, ["SMS_1"] * len(messages), Limits(100, LONGEST_OUT_ID))
    return batch


def test_a_look_up_takes_only_the_batch_that_our_message_was_in() -> None:
    ours, others = (
        a_batch(members(40)),
        a_batch([message(number + 5000, address=f"+86138{number:08d}") for number in range(40)]),
    )
    wanted = message(7)

    def details(*out_ids: str) -> Act:
        items = [
            {"PhoneNum": "13800000007", "SendStatus": 3, "ErrCode": "DELIVERED", "OutId": each} for each in out_ids
        ]
        return answer({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": items}})

    with opened(details(others.label, ours.label)) as (provider, _):
        found = provider.look_up(wanted, sent_at=NOW)
        assert found is not None
        assert (found.reference, found.status.value) == (wanted.reference, "delivered")
    with opened(details(others.label, "deadbeef-1008")) as (provider, _):
        assert provider.look_up(wanted, sent_at=NOW) is None


def test_reports_of_a_batch_name_each_message_and_never_another() -> None:
    batch = a_batch(members(40))

    def item(number: str, out_id: str = batch.label) -> dict[str, object]:
        return {"phone_number": number, "success": True, "err_code": "DELIVERED", "biz_id": "9^0", "out_id": out_id}

    with opened(answer({})) as (provider, _):
        told = provider.read_callback(push([item("13800000007"), item("8613800000008"), item("nobody")])).reports

    assert [each.reference for each in told] == ["deadbeef-1007", "deadbeef-1008", None]
    assert [each.provider_ref for each in told] == ["9^0:deadbeef-1007", "9^0:deadbeef-1008", None]
    assert len({each.key for each in told}) == 3


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    settings = SimulatorSettings(
        record=tmp_path_factory.mktemp("batches") / "record.jsonl",
        http_port=0,
        smtp_port=0,
        receipts=ReceiptRules(held=True),
    )
    with SimulatorProcess(settings) as running:
        yield running


@pytest.fixture
def provider(simulator: SimulatorProcess) -> Iterator[AliyunSms]:
    settings = {
        "access_key_id": "simulated-key", "access_key_secret": "simulated-secret", "sign_name": "示例商城",
        "template_codes": {"*": "SMS_1"}, "endpoint": simulator.http_url,
    }  # fmt: skip
    opened_provider = open_provider("sms.aliyun", settings)
    assert isinstance(opened_provider, AliyunSms)
    yield opened_provider
    opened_provider.close()


def order(simulator: SimulatorProcess, *faults: Fault) -> None:
    steer(simulator, {"next": faults})


def test_the_strict_gateway_takes_a_batch_and_each_of_its_messages_can_be_asked_about(
    simulator: SimulatorProcess, provider: AliyunSms
) -> None:
    crowd = [message(number, reference=f"feedface-{number}") for number in range(100, 160)]
    before = len(read_record(simulator.record_path))
    order(simulator, Fault.ANSWER_LOST)

    outcomes = deliver(provider, crowd)

    taken = read_record(simulator.record_path)[before:]
    assert {each.kind for each in outcomes} == {OutcomeKind.UNKNOWN}
    assert {(each.reference, "+86" + each.address) for each in taken} == {
        (each.reference, each.address) for each in crowd
    }
    assert len({each.label for each in taken}) == 1
    for each in crowd:
        found = provider.look_up(each, sent_at=datetime.now(UTC))
        assert found is not None
        assert found.reference == each.reference
    assert provider.look_up(message(100, reference="feedface-99999"), sent_at=datetime.now(UTC)) is None


def test_one_number_that_is_refused_does_not_stop_the_others(simulator: SimulatorProcess, provider: AliyunSms) -> None:
    crowd = [message(number, reference=f"0badf00d-{number}") for number in range(200, 220)]
    crowd[7] = message(207, reference="0badf00d-207", address="+8611000000007")
    before = len(read_record(simulator.record_path))

    outcomes = deliver(provider, crowd)

    assert [each.kind for each in outcomes].count(OutcomeKind.ACCEPTED) == 19
    assert (outcomes[7].kind, outcomes[7].blame) == (OutcomeKind.REJECTED, Blame.ADDRESS)
    taken = [each.reference for each in read_record(simulator.record_path)[before:] if each.accepted]
    assert sorted(taken) == sorted(each.reference for place, each in enumerate(crowd) if place != 7)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "isv.INVALID_JSON_PARAM"),
        ({"PhoneNumberJson": "[]", "SignNameJson": "[]", "TemplateParamJson": "[]"}, "isv.INVALID_PARAMETERS"),
        ({"SignNameJson": '["示例商城"]'}, "isv.INVALID_PARAMETERS"),
        ({"PhoneNumberJson": '["13800000001",7]'}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumberJson": '["13800000001","85261234567"]'}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"SignNameJson": '["示例商城",""]'}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"TemplateParamJson": '[{"name":"王"},{"name":7}]'}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParamJson": '{"name":"王"}'}, "isv.INVALID_JSON_PARAM"),
    ],
)
def test_the_strict_gateway_refuses_a_batch_that_is_not_as_documented(
    provider: AliyunSms, form: dict[str, str], code: str
) -> None:
    good = {
        "PhoneNumberJson": '["13800000001","13800000002"]',
        "SignNameJson": '["示例商城","示例商城"]',
        "TemplateParamJson": '[{"name":"王"},{"name":"李"}]',
    }
    parameters = {"TemplateCode": "SMS_1", "OutId": "b7"}
    with pytest.raises(DeliveryError) as refused:
        provider._call("SendBatchSms", parameters, time.monotonic() + 5, form=good | form if form else {})
    assert refused.value.code == code
    many = {name: json.dumps(json.loads(each)[:1] * (MOST + 1)) for name, each in good.items()}
    with pytest.raises(DeliveryError) as refused:
        provider._call("SendBatchSms", parameters, time.monotonic() + 5, form=many)
    assert refused.value.code == "isv.MOBILE_COUNT_OVER_LIMIT"
