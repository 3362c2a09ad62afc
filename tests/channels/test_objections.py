"""What an account has against a message is told without calling anybody."""

import time
from collections.abc import Mapping

import pytest

from channels.message import Channel, Message, OutcomeKind, Purpose
from channels.registry import PROVIDERS, open_provider
from language.chinese import CHINESE
from tests.channels.scripted_server import scripted

ALIYUN = {
    "access_key_id": "key",
    "access_key_secret": "a-secret-of-some-length",
    "sign_name": "晨光生活",
    "template_codes": {"season": "SMS_1"},
}
TENCENT = {
    "secret_id": "id", "secret_key": "a-secret-of-some-length", "app_id": "1", "sign_name": "晨光生活",
    "templates": {"season": {"id": "1", "variables": ["name"]}},
}  # fmt: skip
TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": "a-token-of-some-length", "sender": "+15005550006"}
KANNEL = {"username": "camp", "password": "a-password-of-some-length", "most_parts": 2}
OFFICIAL = {"app_id": "wx1", "app_secret": "a-secret-of-some-length", "template_ids": {"season": "T1"}}

NO_TEMPLATE = "this account has no approved template for these words"
NO_NOTICE = "this account has no notice template for these words"
ADDRESS = "the variable shop holds an address on the web, which is turned down unless the account was granted it"
EMOJI = "the variable name holds an emoji, and such texts are turned down"
MAINLAND = "+8613800138000"
FAR = "+14155550100"

#: Provider and settings; what differs of the message; the objections, and whether the provider surely turns it down.
CASES: list[tuple[str, Mapping[str, object], Mapping[str, object], list[tuple[str, bool]]]] = [
    ("sms.aliyun", ALIYUN, {}, []),
    ("sms.aliyun", ALIYUN, {"template": "other"}, [(NO_TEMPLATE, True)]),
    ("sms.aliyun", {**ALIYUN, "template_codes": {"*": "SMS_2"}}, {"template": "other"}, []),
    ("sms.aliyun", ALIYUN, {"variables": {"shop": "https://example.com/c/1"}}, [(ADDRESS, False)]),
    ("sms.aliyun", ALIYUN, {"variables": {"shop": "https://example.com/c/1"}, "address": FAR}, []),
    ("sms.aliyun", ALIYUN, {"variables": {"name": "小明🎂"}}, [(EMOJI, True)]),
    ("sms.aliyun", ALIYUN, {"parts": {"text": "好" * 494}}, []),
    ("sms.aliyun", ALIYUN, {"parts": {"text": "好" * 495}}, [
        ("the text comes to more than 500 characters, the most that networks in the mainland take", True)]),
    ("sms.tencent", TENCENT, {"variables": {"name": "王小明"}}, []),
    ("sms.tencent", TENCENT, {"template": "other"}, [(NO_TEMPLATE, True)]),
    ("sms.tencent", TENCENT, {"variables": {}}, [("the message lacks a variable of the approved template", True)]),
    ("sms.tencent", TENCENT, {"variables": {"name": "欧阳一二三四五"}}, [
        ("the variable name has more than 6 characters, too many for accounts opened since 2024", False)]),
    ("sms.tencent", TENCENT, {"variables": {"name": "欧阳一二三四五"}, "address": FAR}, []),
    ("sms.twilio", TWILIO, {"parts": {"text": "a" * 1600}}, []),
    ("sms.twilio", TWILIO, {"parts": {"text": "a" * 1601}}, [
        ("the text comes to more than 1600 characters, the most that Twilio takes", True)]),
    ("sms.twilio", {**TWILIO, "sign_name": "晨光"}, {"parts": {"text": "a" * 1597}}, [
        ("the text comes to more than 1600 characters, the most that Twilio takes", True)]),
    ("sms.kannel", KANNEL, {"parts": {"text": "好" * 134}}, []),
    ("sms.kannel", KANNEL, {"parts": {"text": "好" * 135}}, [("the text has more parts than the gateway would send", True)]),
    ("sms.kannel", KANNEL, {"address": "+86 138"}, [("this is not a phone number", True)]),
    ("wechat.official_account", OFFICIAL, {"parts": {"thing1": "新品"}}, []),
    ("wechat.official_account", OFFICIAL, {"parts": {"thing1": "新品"}, "template": "other"}, [(NO_NOTICE, True)]),
    ("wechat.official_account", OFFICIAL, {"parts": {"text": "新品"}}, [
        ("these words have no fields, which a notice must have", True)]),
    ("wechat.official_account", {**OFFICIAL, "ways": {"*": "template"}}, {"parts": {"thing1": "新品"}}, [
        ("WeChat forbids marketing in template messages; use a subscription notice or a mass send", True)]),
    ("wechat.official_account", {**OFFICIAL, "ways": {"*": "customer_service"}}, {"parts": {"text": "新品"}, "purpose": Purpose.SERVICE}, [
        ("WeChat carries an answer only to a member who wrote or acted shortly before", False)]),
    ("wechat.official_account", {**OFFICIAL, "ways": {"*": "mass"}}, {"parts": {"text": "新品"}, "template": "other"}, []),
    ("wechat.mini_program", OFFICIAL, {"parts": {"thing1": "新品"}}, []),
    ("wechat.mini_program", OFFICIAL, {"parts": {"thing1": "新品"}, "template": "other"}, [(NO_NOTICE, True)]),
]  # fmt: skip


def message(provider: str, differing: Mapping[str, object]) -> Message:
    channel = Channel(provider.partition(".")[0])
    address = MAINLAND if channel is Channel.SMS else "o" + "0" * 27
    usual = {
        "reference": "01234567-1",
        "channel": channel,
        "address": address,
        "parts": {"text": "新品到店"},
        "template": "season",
    }
    return Message(**{**usual, **differing})  # type: ignore[arg-type]


@pytest.mark.parametrize(("provider", "settings", "differing", "expected"), CASES)
def test_each_message_has_its_objections_and_nobody_is_called(
    provider: str, settings: Mapping[str, object], differing: Mapping[str, object], expected: list[tuple[str, bool]]
) -> None:
    with scripted() as nobody:
        account = open_provider(provider, {**settings, "endpoint": nobody.url})
        found = account.objections(message(provider, differing))
        account.close()

        assert [(each.sentence.format(**each.values), each.surely) for each in found] == expected
        assert all(each.sentence in CHINESE for each in found)
        assert nobody.connections == 0


@pytest.mark.parametrize(
    ("provider", "settings", "differing"),
    [
        case[:3]
        for case in CASES
        if any(sentence in (NO_TEMPLATE, NO_NOTICE) for sentence, _ in case[3]) or (case[0] == "sms.kannel" and case[3])
    ],
)
def test_what_the_adapter_itself_refuses_is_refused_for_the_same_reason(
    provider: str, settings: Mapping[str, object], differing: Mapping[str, object]
) -> None:
    account = open_provider(provider, {**settings, "endpoint": "http://127.0.0.1:9"})
    told = message(provider, differing)

    (objection,), (outcome,) = account.objections(told), account.deliver([told], deadline=time.monotonic() + 5)
    account.close()

    assert (outcome.kind, outcome.detail) == (OutcomeKind.REJECTED, objection.sentence)


def test_who_says_nothing_objects_to_nothing() -> None:
    silent = {name for name, entry in PROVIDERS.items() if "objections" not in vars(entry.factory)}

    assert silent == {
        "email.mailgun",
        "email.sendgrid",
        "email.ses",
        "email.smtp",
        "wechat.wecom",
        "wechat.wecom_application",
    }
