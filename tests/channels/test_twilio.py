"""The Twilio adapter against answers as the provider's manual prints them."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from scripted_server import Act, ScriptedServer, answer, hang_up, scripted

from channels.errors import CallbackRefused, DeliveryError
from channels.message import Blame, Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind, ReportStatus
from channels.sms.twilio import TwilioSettings, TwilioSms, request_body
from channels.sms.twilio_callbacks import RECEIVED, signature
from channels.sms.twilio_codes import DEAD, MEANINGS

ACCOUNT, TOKEN = "AC" + "a" * 32, "0123456789abcdef0123456789abcdef"
CALLBACK = "https://crm.example.com/hooks/twilio/status"
TAKEN = {
    "sid": "SM" + "b" * 32, "account_sid": ACCOUNT, "api_version": "2010-04-01", "body": "Hello",
    "date_created": "Wed, 18 Jun 2025 02:03:04 +0000", "date_sent": None, "direction": "outbound-api",
    "error_code": None, "error_message": None, "from": "+15005550006", "to": "+447700900123",
    "messaging_service_sid": None, "num_media": "0", "num_segments": "1", "price": None, "price_unit": "USD",
    "status": "queued",
}  # fmt: skip
MESSAGE = Message(
    reference="1001",
    channel=Channel.SMS,
    address="+8613800138000",
    parts={"text": "【示例商城】您好，订单已发货 退订回T"},
)
SENT_AT = datetime(2025, 6, 18, 2, 3, 2, tzinfo=UTC)


def settings(**more: object) -> TwilioSettings:
    given = {"account_sid": ACCOUNT, "auth_token": TOKEN, "sender": "+15005550006", "callback_url": CALLBACK}
    return TwilioSettings.model_validate({**given, **more})


@contextmanager
def opened(*acts: Act, **more: object) -> Iterator[tuple[TwilioSms, ScriptedServer]]:
    with scripted(*acts) as server:
        provider = TwilioSms(settings(endpoint=server.url, **more))
        try:
            yield provider, server
        finally:
            provider.close()


def send(*acts: Act, message: Message = MESSAGE, **more: object) -> Outcome:
    with opened(*acts, **more) as (provider, _):
        (outcome,) = provider.deliver([message], deadline=time.monotonic() + 10)
        return outcome


def refused(code: int, status: int = 400) -> Act:
    said = {"code": code, "message": "about +8613800138000", "more_info": "https://…", "status": status}
    return answer(said, status=status)


def test_a_message_goes_out_byte_for_byte_as_the_providers_own_client_sends_it() -> None:
    with opened(answer(TAKEN, status=201), validity=3600) as (provider, server):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1"
    assert "Content-Type: application/x-www-form-urlencoded" in lines
    assert (
        "Authorization: Basic QUNhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYTowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="
        in lines
    )
    # Captured from the provider's client for Python, 9.13.0.
    assert body == (
        b"To=%2B8613800138000&StatusCallback=https%3A%2F%2Fcrm.example.com%2Fhooks%2Ftwilio%2Fstatus%3Fm%3D1001"
        b"&ValidityPeriod=3600&From=%2B15005550006&Body=%E3%80%90%E7%A4%BA%E4%BE%8B%E5%95%86%E5%9F%8E%E3%80%91"
        b"%E6%82%A8%E5%A5%BD%EF%BC%8C%E8%AE%A2%E5%8D%95%E5%B7%B2%E5%8F%91%E8%B4%A7+%E9%80%80%E8%AE%A2%E5%9B%9ET"
    )
    assert (outcome.kind, outcome.provider_ref, outcome.code, outcome.parts) == (
        OutcomeKind.ACCEPTED, TAKEN["sid"], "queued", 1,
    )  # fmt: skip


def test_every_captured_request_is_made_anew_byte_for_byte(shared: Path) -> None:
    names = {
        "to": "To", "status_callback": "StatusCallback", "max_price": "MaxPrice", "validity_period": "ValidityPeriod",
        "from_": "From", "messaging_service_sid": "MessagingServiceSid", "body": "Body",
    }  # fmt: skip
    vectors = json.loads((shared / "vectors" / "sms.json").read_text("utf-8"))["twilio_api"]

    for vector in vectors:
        given, captured = vector["args"], vector["sdk_captured"]
        body = request_body({names[name]: given.get(name) for name in names})
        login = base64.b64encode(f"{vector['account_sid']}:{vector['auth_token']}".encode()).decode()

        assert body.decode() == captured["body"]
        assert captured["headers"]["Authorization"] == f"Basic {login}"
    assert len(vectors) == 2


def test_a_service_sends_in_a_numbers_stead_and_its_parts_are_not_known_yet() -> None:
    service = "MG" + "c" * 32
    taken = {**TAKEN, "status": "accepted", "num_segments": "0", "from": None, "messaging_service_sid": service}
    with opened(
        answer(taken, status=201), sender=None, messaging_service=service, max_price="0.05", callback_url=None
    ) as (provider, server):
        (outcome,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

    asked = dict(parse_qsl(server.requests[0].partition(b"\r\n\r\n")[2].decode()))
    assert asked == {
        "To": "+8613800138000", "MaxPrice": "0.05", "MessagingServiceSid": service, "Body": MESSAGE.parts["text"],
    }  # fmt: skip
    assert (outcome.code, outcome.parts) == ("accepted", None)


def test_an_api_key_signs_in_and_the_account_stays_in_the_address() -> None:
    key = "SK" + "d" * 32
    with opened(answer(TAKEN, status=201), api_key=key, api_key_secret="its-own") as (provider, server):
        provider.deliver([MESSAGE], deadline=time.monotonic() + 10)

    assert base64.b64encode(f"{key}:its-own".encode()) in server.requests[0]
    assert f"/Accounts/{ACCOUNT}/".encode() in server.requests[0]


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_each_documented_code_has_its_meaning_and_nothing_personal_in_it(code: str) -> None:
    outcome = send(refused(int(code)))

    expected = MEANINGS[code].error
    assert (outcome.kind, outcome.blame, outcome.code) == (expected.kind, expected.blame, code)
    assert "13800138000" not in repr(outcome)


def test_the_table_of_codes_agrees_with_the_shared_one(shared: Path) -> None:
    classes = json.loads((shared / "vectors" / "sms_errors.json").read_text("utf-8"))
    kinds = {
        "retry": ("not_sent", "nobody"),
        "throttle_account": ("not_sent", "nobody"),
        "config": ("not_sent", "account"),
        "member_permanent": ("rejected", "address"),
        "member_optout": ("rejected", "member"),
        "message": ("rejected", "content"),
    }
    for code, named in classes["twilio_api"].items():
        if code == "20500":
            assert code not in MEANINGS, "an internal error promises nothing; it is left unknown on purpose"
        elif code == "21612":
            assert MEANINGS[code].error.blame is Blame.NOBODY, "from another sender the number may be reached"
        else:
            error = MEANINGS[code].error
            assert (error.kind.value, error.blame.value) == kinds[named.partition(" ")[0]], code
    permanent = {code for code, named in classes["twilio_delivery"].items() if named.startswith("member_permanent")}
    assert permanent == DEAD


@pytest.mark.parametrize(
    ("fixture", "kind", "blame"),
    [
        ("send_ok", "accepted", "nobody"),
        ("bad_number", "rejected", "address"),
        ("unsubscribed", "rejected", "member"),
        ("throttled", "not_sent", "nobody"),
        ("bad_auth", "not_sent", "account"),
    ],
)
def test_the_shared_answers_come_to_what_they_should(shared: Path, fixture: str, kind: str, blame: str) -> None:
    said = json.loads((shared / "vectors" / "sms_fixtures.json").read_text("utf-8"))["twilio"][fixture]
    headers = [f"{name}: {value}" for name, value in said.get("headers", {}).items()]

    outcome = send(answer(said["json"], status=said["http"], headers=headers))

    assert (outcome.kind.value, outcome.blame.value) == (kind, blame)
    assert outcome.retry_after == (1.0 if fixture == "throttled" else None)


@pytest.mark.parametrize(
    "act",
    [
        refused(29999),
        refused(20500, status=500),
        answer({"message": "no code"}, status=400),
        answer({**TAKEN}, status=200),
        answer({**TAKEN, "sid": None}, status=201),
        answer({**TAKEN, "sid": 7}, status=201),
        answer({**TAKEN, "status": "failed"}, status=201),
        answer({**TAKEN}, status=500),
        answer({"code": 21610}, status=200),
        answer("<html>", status=502),
        answer("<html>", status=201),
        hang_up(),
        hang_up(b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{"),
    ],
)
def test_an_answer_nobody_documented_leaves_the_outcome_unknown(act: Act) -> None:
    assert send(act).kind is OutcomeKind.UNKNOWN


# -- look-ups ------------------------------------------------------------------------------------------------------


def listed(**more: object) -> dict[str, object]:
    return {**TAKEN, "body": MESSAGE.parts["text"], "to": MESSAGE.address, "status": "sent", **more}


def page(*messages: object, following: str | None = None) -> Act:
    return answer({"messages": list(messages), "next_page_uri": following})


def test_a_look_up_finds_the_one_message_of_that_time_with_our_words() -> None:
    old = listed(sid="SM" + "1" * 32, date_created="Tue, 17 Jun 2025 02:03:04 +0000")
    second = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?To=x&Page=1"
    dead = listed(status="undelivered", error_code=30005)
    with opened(page(old, following=second), page(dead)) as (provider, server):
        found = provider.look_up(MESSAGE, sent_at=SENT_AT)

    assert found is not None
    assert (found.status, found.code, found.reference) == (ReportStatus.BOUNCED, "30005", "1001")
    assert found.provider_ref == TAKEN["sid"]
    first = server.requests[0].split(b" ")
    assert first[0] == b"GET"
    assert parse_qs(urlsplit(first[1].decode()).query)["To"] == ["+8613800138000"]
    assert server.requests[1].split(b" ")[1].decode() == second
    assert b"Authorization: Basic " in server.requests[1]


def test_a_look_up_finds_our_words_among_others_that_went_there_then() -> None:
    with opened(page(listed(sid="SM" + "2" * 32, body="other words"), listed())) as (provider, _):
        found = provider.look_up(MESSAGE, sent_at=SENT_AT)

    assert found is not None
    assert found.provider_ref == TAKEN["sid"]


def test_a_look_up_says_no_only_where_nothing_at_all_went_there_then() -> None:
    inbound = listed(direction="inbound")
    long_ago = listed(date_created="Wed, 18 Jun 2025 01:03:04 +0000")
    for acts in ([page()], [page(inbound, long_ago)]):
        with opened(*acts) as (provider, _):
            assert provider.look_up(MESSAGE, sent_at=SENT_AT) is None


@pytest.mark.parametrize(
    "act",
    [
        page(listed(), listed(sid="SM" + "2" * 32)),
        page(listed(body="other words")),
        page(listed(body="")),
        page(listed(date_created=None)),
        page(listed(sid=None)),
        page(following=f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?again"),
        page(following="https://elsewhere.example.com/"),
        answer({"messages": "none"}),
        answer({"messages": [1]}),
        answer({"code": 20003}, status=401),
        answer("<html>"),
        answer({}, status=429),
        hang_up(),
    ],
)
def test_a_look_up_that_cannot_say_says_neither_yes_nor_no(act: Act) -> None:
    with opened(act) as (provider, _), pytest.raises(DeliveryError):
        provider.look_up(MESSAGE, sent_at=SENT_AT)


def test_a_look_up_without_our_words_does_not_take_somebody_elses_message_for_ours() -> None:
    wordless = Message(reference="1001", channel=Channel.SMS, address=MESSAGE.address, parts={})
    with opened(page(listed())) as (provider, _), pytest.raises(DeliveryError):
        provider.look_up(wordless, sent_at=SENT_AT)


# -- callbacks -----------------------------------------------------------------------------------------------------

STATUS = {
    "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "From": "+15005550006", "MessageSid": "SM" + "b" * 32,
    "MessageStatus": "undelivered", "SmsSid": "SM" + "b" * 32, "SmsStatus": "undelivered", "To": "+8613800138000",
    "ErrorCode": "30003",
}  # fmt: skip
INCOMING = {
    "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "Body": "退订", "From": "+8613800138000", "FromCity": "",
    "FromCountry": "CN", "MessageSid": "SM" + "d" * 32, "NumMedia": "0", "NumSegments": "1",
    "SmsMessageSid": "SM" + "d" * 32, "SmsSid": "SM" + "d" * 32, "SmsStatus": "received", "To": "+15005550006",
}  # fmt: skip
ADDRESS = f"{CALLBACK}?m=1001"


def told(
    form: Mapping[str, str] | bytes, *, url: str = ADDRESS, shown: str | None = None, method: str = "POST",
    headers: Mapping[str, str] | None = None, **more: object,
) -> Callback:  # fmt: skip
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    right = "" if isinstance(form, bytes) else signature(url, list(form.items()), TOKEN)
    signed = {"x-twilio-signature": right if shown is None else shown, **(headers or {})}
    provider = TwilioSms(settings(**more))
    try:
        return provider.read_callback(CallbackRequest(method=method, url=url, headers=signed, body=body))
    finally:
        provider.close()


def test_signatures_are_those_of_the_published_and_the_recorded_examples() -> None:
    published = {
        "CallSid": "CA1234567890ABCDE", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
        "Caller": "+14158675309",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature(url, list(published.items()), "12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert signature(ADDRESS, list(STATUS.items()), TOKEN) == "RRpQFv/gprh1qv2EVLMbn2ZlUzE="
    assert signature("https://crm.example.com/hooks/twilio/inbound", list(INCOMING.items()), TOKEN) == (
        "kIzAxYb4wqC6MGO+G0GgTQHccuU="
    )


def test_every_shared_signature_is_made_and_a_changed_one_is_not_taken(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "sms.json").read_text("utf-8"))["twilio_webhook"]
    for vector in vectors:
        fields = list((vector["params"] or {}).items())
        assert signature(vector["url"], fields, vector["auth_token"]) == vector["signature"], vector["note"]
    assert len(vectors) == 4


def test_a_status_is_read_with_the_reference_our_address_carried() -> None:
    (report,) = told(STATUS, shown="RRpQFv/gprh1qv2EVLMbn2ZlUzE=").reports
    (again,) = told(STATUS).reports
    (later,) = told({**STATUS, "MessageStatus": "delivered"}).reports

    assert (report.status, report.code, report.reference) == (ReportStatus.FAILED, "30003", "1001")
    assert report.provider_ref == STATUS["MessageSid"]
    assert report.key == again.key != later.key
    assert later.status is ReportStatus.DELIVERED


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        ("accepted", "", "accepted"), ("scheduled", "", "accepted"), ("queued", "", "accepted"),
        ("sending", "", "accepted"), ("sent", "", "accepted"), ("delivered", "", "delivered"),
        ("read", "", "delivered"), ("failed", "30008", "failed"), ("undelivered", "30003", "failed"),
        ("undelivered", "30005", "bounced"), ("undelivered", "30006", "bounced"), ("failed", "21610", "failed"),
        ("canceled", "", "failed"), ("something-new", "", "accepted"), ("sent", "30005", "accepted"),
    ],
)  # fmt: skip
def test_each_status_has_its_meaning(said: str, code: str, status: str) -> None:
    form = {**STATUS, "MessageStatus": said, "ErrorCode": code}

    assert told(form).reports[0].status.value == status


def test_an_incoming_message_is_a_reply_and_is_answered_without_words() -> None:
    callback = told(INCOMING, url="https://crm.example.com/hooks/twilio/inbound", shown="kIzAxYb4wqC6MGO+G0GgTQHccuU=")

    (reply,) = callback.replies
    assert (reply.address, reply.text, reply.key) == ("+8613800138000", "退订", f"up:{INCOMING['MessageSid']}")
    assert (callback.body, callback.content_type) == (RECEIVED, "text/xml")
    assert b">" in RECEIVED
    assert RECEIVED.endswith(b"<Response/>")


def test_a_stop_in_words_the_account_chose_itself_is_a_stop() -> None:
    own_word = {**INCOMING, "Body": "no more please", "OptOutType": "STOP"}
    help_word = {**INCOMING, "Body": "info", "OptOutType": "HELP"}

    assert told(own_word).replies[0].text == "STOP"
    assert told(help_word).replies[0].text == "info"
    assert told({**INCOMING, "Body": "Stop"}).replies[0].text == "Stop"


def test_the_port_may_be_signed_or_left_out() -> None:
    with_port = ADDRESS.replace(".com/", ".com:443/")
    odd_port = ADDRESS.replace(".com/", ".com:8443/")
    for signed, called in [(with_port, ADDRESS), (ADDRESS, with_port), (odd_port, odd_port), (ADDRESS, odd_port)]:
        assert told(STATUS, url=called, shown=signature(signed, list(STATUS.items()), TOKEN)).reports


def test_a_newer_signature_is_made_with_the_shared_key_it_names() -> None:
    fields = list(STATUS.items())
    right = signature(ADDRESS, fields, "shared-secret", algorithm="HMAC_SHA256")
    named = {"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}
    keys = {"webhook_keys": {"webhooks_sharedkey_1": "shared-secret"}}

    assert told(STATUS, shown=right, headers=named, **keys).reports
    for headers, more in (
        (named, {}),
        ({}, keys),
        ({"x-twilio-webhooks-signature-settings": "key=another,algorithm=HMAC_SHA256"}, keys),
        ({"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=NONE"}, keys),
    ):
        with pytest.raises(CallbackRefused, match="signature"):
            told(STATUS, shown=right, headers=headers, **more)  # type: ignore[arg-type]


def test_a_body_signed_by_its_hash_is_checked_by_its_hash() -> None:
    body = urlencode(STATUS).encode()
    url = f"{ADDRESS}&bodySHA256={hashlib.sha256(body).hexdigest()}"

    assert told(body, url=url, shown=signature(url, [], TOKEN)).reports
    with pytest.raises(CallbackRefused, match="signature"):
        told(body + b"&x=1", url=url, shown=signature(url, [], TOKEN))


def test_json_with_a_right_signature_is_not_understood_and_with_a_wrong_one_not_believed() -> None:
    # The shared example of a JSON body.
    digest = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    url = f"https://crm.example.com/hooks/twilio/json?bodySHA256={digest}"
    with pytest.raises(CallbackRefused, match="account"):
        told(b'{"a":1}', url=url, shown="oGt3ArsEPEnTp3qCsiRy44r880w=")
    with pytest.raises(CallbackRefused, match="signature"):
        told(b'{"a":2}', url=url, shown="oGt3ArsEPEnTp3qCsiRy44r880w=")


@pytest.mark.parametrize(
    "change",
    [
        {"shown": ""},
        {"shown": "RRpQFv/gprh1qv2EVLMbn2ZlUzF="},
        {"shown": "é\x00"},
        {"url": ADDRESS.replace("1001", "1002"), "shown": "RRpQFv/gprh1qv2EVLMbn2ZlUzE="},
        {"url": ADDRESS.replace("https", "http"), "shown": "RRpQFv/gprh1qv2EVLMbn2ZlUzE="},
        {"method": "GET"},
        {"url": "https://crm.example.com:99999/x"},
        {"auth_token": "another-token"},
    ],
)
def test_a_request_that_is_not_the_providers_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(CallbackRefused):
        told(STATUS, **change)  # type: ignore[arg-type]


def test_a_field_added_changed_or_taken_away_breaks_the_signature() -> None:
    right = signature(ADDRESS, list(STATUS.items()), TOKEN)
    without = {name: value for name, value in STATUS.items() if name != "ErrorCode"}
    for form in ({**STATUS, "MessageStatus": "delivered"}, {**STATUS, "New": "1"}, without):
        with pytest.raises(CallbackRefused, match="signature"):
            told(form, shown=right)


@pytest.mark.parametrize(
    "form",
    [
        {**STATUS, "AccountSid": "AC" + "f" * 32},
        {**STATUS, "MessageSid": ""},
        {"AccountSid": ACCOUNT, "MessageSid": "SM1"},
        {**INCOMING, "From": ""},
        {},
    ],
)
def test_a_signed_request_that_is_not_to_be_understood_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(CallbackRefused):
        told(form)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=%ff", b"&".join(b"a%d=1" % number for number in range(500)), b""])
def test_a_body_that_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(CallbackRefused):
        told(body, shown="x")


# -- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"account_sid": "AC123"},
        {"sender": None},
        {"messaging_service": "MG" + "c" * 32},
        {"api_key": "SK" + "d" * 32},
        {"api_key_secret": "x"},
        {"sender": "+1500\r\nX: y"},
        {"callback_url": "https://crm.example.com/x y"},
        {"callback_url": "https://crm.example.com/x#part"},
        {"endpoint": "https://user@host"},
        {"validity": 0},
        {"validity": 36_001},
        {"max_price": "0"},
        {"surplus": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        settings(**wrong)


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(settings(webhook_keys={"k": "hidden-key"}, api_key="SK" + "d" * 32, api_key_secret="hidden-too"))

    assert TOKEN not in shown
    assert "hidden" not in shown
