"""The Kannel adapter against the gateway's own answers, as Kannel 1.4.5 gives them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from scripted_server import Act, ScriptedServer, answer, hang_up, scripted

from channels.errors import CallbackRefused
from channels.message import Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind
from channels.sms.kannel import KannelSettings, KannelSms
from channels.sms.kannel_answers import international, report_address

TAKEN = answer("0: Accepted for delivery", status=202)
CALLBACK = "http://10.0.0.5:8300/callbacks/sms.kannel/hush"
CHINESE = "【示例商城】您好，积分即将到期 退订回T"


def message(text: str = CHINESE, *, reference: str = "0badcafe-7", address: str = "+8613800138000") -> Message:
    return Message(reference=reference, channel=Channel.SMS, address=address, parts={"text": text})


@contextmanager
def opened(*acts: Act, **more: object) -> Iterator[tuple[KannelSms, ScriptedServer]]:
    with scripted(*acts) as server:
        given = {"endpoint": server.url, "username": "camp", "password": "hidden", "callback_url": CALLBACK}
        provider = KannelSms(KannelSettings.model_validate({**given, **more}))
        try:
            yield provider, server
        finally:
            provider.close()


def send(*acts: Act, given: Message | None = None, **more: object) -> Outcome:
    with opened(*acts, **more) as (provider, _):
        (outcome,) = provider.deliver([given or message()], deadline=time.monotonic() + 10)
        return outcome


def asked(text: str = CHINESE, **more: object) -> tuple[str, dict[str, str], bytes]:
    """Return the request's first line, its headers by lower-case name and its body."""
    with opened(TAKEN, **more) as (provider, server):
        provider.deliver([message(text)], deadline=time.monotonic() + 10)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


def test_chinese_goes_out_as_two_bytes_a_character_with_the_way_back_in_it() -> None:
    first, headers, body = asked(sender="10690000", smsc="CM1", validity=60)

    assert first == "POST /cgi-bin/sendsms HTTP/1.1"
    assert {name: value for name, value in headers.items() if name.startswith("x-kannel-")} == {
        "x-kannel-username": "camp",
        "x-kannel-password": "hidden",
        "x-kannel-to": "+8613800138000",
        "x-kannel-coding": "2",
        "x-kannel-dlr-mask": "31",
        "x-kannel-dlr-url": f"{CALLBACK}?reference=0badcafe-7&status=%d&answer=%A&at=%T",
        "x-kannel-from": "10690000",
        "x-kannel-smsc": "CM1",
        "x-kannel-validity": "60",
    }
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert body.decode() == CHINESE


def test_by_get_the_same_stands_in_the_address() -> None:
    first, _, body = asked(method="get")

    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    assert (method, path, body) == ("GET", "/cgi-bin/sendsms", b"")
    assert dict(parse_qsl(query)) == {
        "username": "camp",
        "password": "hidden",
        "to": "+8613800138000",
        "coding": "2",
        "charset": "UTF-8",
        "text": CHINESE,
        "dlr-mask": "31",
        "dlr-url": f"{CALLBACK}?reference=0badcafe-7&status=%d&answer=%A&at=%T",
    }


def test_what_the_gsm_alphabet_has_goes_out_in_it_and_nothing_else_does() -> None:
    for text in ("Hello [5 €] ~ à Ω", "@£$¥", ""):
        assert asked(text)[1]["x-kannel-coding"] == "0", text
    for text in ("ç", "“quoted”", "Hi 😀", "`", "\t"):
        assert asked(text)[1]["x-kannel-coding"] == "2", text


def test_without_a_callback_address_no_report_is_asked_for() -> None:
    _, headers, _ = asked(callback_url=None)

    assert not {"x-kannel-dlr-mask", "x-kannel-dlr-url"} & headers.keys()


def test_a_percent_sign_in_reference_or_address_is_not_taken_for_an_escape() -> None:
    assert report_address("http://h/a%20b?x=1", "%d/") == (
        "http://h/a%%20b?x=1&reference=%%25d%%2F&status=%d&answer=%A&at=%T"
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "blame"),
    [
        (202, "0: Accepted for delivery", "accepted", "nobody"),
        (202, "3: Queued for later delivery", "accepted", "nobody"),
        (503, "Temporal failure, try again later.", "not_sent", "nobody"),
        (403, "Authorization failed for sendsms", "not_sent", "account"),
        (403, "Not routable. Do not try again.", "rejected", "nobody"),
        (400, "Missing receiver number, rejected", "rejected", "address"),
        (400, "Missing receiver(s) number(s), rejected", "rejected", "address"),
        (400, "Empty receiver number not allowed, rejected", "rejected", "address"),
        (400, "Number(s) has/have been denied by white- and/or black-lists.", "rejected", "nobody"),
        (400, "Charset or body misformed, rejected", "rejected", "content"),
        (400, "Coding field misformed, rejected", "not_sent", "account"),
        (400, "DLR-URL field misformed, rejected", "not_sent", "account"),
        (400, "Validity field misformed, rejected", "not_sent", "account"),
        (400, "Sender missing and no global set, rejected", "not_sent", "account"),
        (400, "Invalid content-type", "not_sent", "account"),
        (404, "Unknown request.", "not_sent", "account"),
        # From here on nothing that is documented:
        (202, "Sent.", "unknown", "nobody"),
        (202, "", "unknown", "nobody"),
        (202, "1: Something else", "unknown", "nobody"),
        (200, "0: Accepted for delivery", "unknown", "nobody"),
        (400, "Something new, rejected", "unknown", "nobody"),
        (500, "Sending failed.", "unknown", "nobody"),
        (500, "Internal Server Error", "unknown", "nobody"),
        (502, "<h1>Bad Gateway</h1>", "unknown", "nobody"),
        (503, "<h1>Service Unavailable</h1>", "unknown", "nobody"),
    ],
)
def test_each_answer_has_its_meaning(status: int, body: str, kind: str, blame: str) -> None:
    outcome = send(answer(body, status=status))

    assert (outcome.kind.value, outcome.blame.value) == (kind, blame)
    assert outcome.code


def test_the_shared_answers_are_all_known(shared: Path) -> None:
    fixtures = json.loads((shared / "vectors" / "sms_fixtures.json").read_text("utf-8"))["kannel"]
    for name in ("accepted", "queued", "bad_login", "no_to", "bad_to", "bad_coding", "form_post"):
        outcome = send(answer(fixtures[name]["body"], status=fixtures[name]["http"]))
        assert (outcome.kind is OutcomeKind.ACCEPTED) is (name in {"accepted", "queued"}), name
        assert outcome.kind is not OutcomeKind.UNKNOWN, name


def test_an_answer_that_breaks_off_leaves_the_outcome_unknown() -> None:
    assert send(hang_up()).kind is OutcomeKind.UNKNOWN
    assert send(hang_up(b"HTTP/1.1 202 Accepted\r\nContent-Length: 24\r\n\r\n0: Acc")).kind is OutcomeKind.UNKNOWN


def test_a_text_the_gateway_would_cut_is_not_sent_at_all() -> None:
    for text, kind in (("好" * 670, OutcomeKind.ACCEPTED), ("好" * 671, OutcomeKind.REJECTED)):
        with opened(TAKEN) as (provider, server):
            (outcome,) = provider.deliver([message(text)], deadline=time.monotonic() + 10)
            assert (outcome.kind, len(server.requests)) == (kind, int(kind is OutcomeKind.ACCEPTED))
    assert send(TAKEN, given=message("a" * 161)).parts == 2


@pytest.mark.parametrize(
    "address", ["+8613800138000 +8613800138001", "1380013800a", "", "+86138\r\nX-Kannel-To: 1", "12"]
)
def test_what_is_not_one_number_goes_nowhere(address: str) -> None:
    with opened(TAKEN) as (provider, server):
        (outcome,) = provider.deliver([message(address=address)], deadline=time.monotonic() + 10)

    assert (outcome.kind, outcome.blame.value, server.requests) == (OutcomeKind.REJECTED, "address", [])


@pytest.mark.parametrize("sender", ["1\r\nX-Kannel-To: 2", "示例"])
def test_a_setting_no_header_can_hold_goes_nowhere(sender: str) -> None:
    outcome = send(TAKEN, sender=sender)

    assert (outcome.kind.value, outcome.blame.value) == ("not_sent", "account")


@pytest.mark.parametrize(
    ("text", "gsm", "parts"),
    [
        ("", True, 1),
        ("a" * 160, True, 1),
        ("a" * 161, True, 2),
        ("a" * 307, True, 3),
        ("€" * 80, True, 1),
        ("€" * 153, True, 3),  # 76 pairs fill a part of 153, for none is torn apart.
        ("好" * 70, False, 1),
        ("好" * 71, False, 2),
        ("好" * 135, False, 3),
        ("😀" * 35, False, 1),
        ("😀" * 67, False, 3),  # 33 pairs fill a part of 67.
    ],
)
def test_parts_are_counted_as_phones_put_them_together(text: str, gsm: bool, parts: int) -> None:
    with opened(TAKEN) as (provider, server):
        (outcome,) = provider.deliver([message(text)], deadline=time.monotonic() + 10)

    assert (b"X-Kannel-Coding: 0" in server.requests[0], outcome.parts) == (gsm, parts)


# -- callbacks -----------------------------------------------------------------------------------------------------


def told(query: str, *, method: str = "GET", **more: object) -> Callback:
    given = {"endpoint": "http://127.0.0.1:1", "username": "camp", "password": "hidden", **more}
    provider = KannelSms(KannelSettings.model_validate(given))
    try:
        request = CallbackRequest(method=method, url=f"{CALLBACK}?{query}", headers={}, body=b"")
        return provider.read_callback(request)
    finally:
        provider.close()


@pytest.mark.parametrize(
    ("said", "status"), [("1", "delivered"), ("2", "failed"), ("4", "accepted"), ("8", "accepted"), ("16", "failed")]
)
def test_each_report_has_its_meaning(said: str, status: str) -> None:
    query = f"reference=0badcafe-7&status={said}&answer=NACK%2Fno&at=1795333070"
    (report,) = told(query).reports
    (again,) = told(query).reports

    assert (report.status.value, report.reference, report.code) == (status, "0badcafe-7", said)
    assert str(report.occurred_at) == "2026-11-22 07:37:50+00:00"
    assert report.key == again.key == f"0badcafe-7:{said}"
    assert report.raw["answer"] == "NACK/no"


@pytest.mark.parametrize(
    ("text", "charset", "words"),
    [
        ("TD", "UTF-8", "TD"),
        ("%E9%80%80%E8%AE%A2", "UTF-8", "退订"),
        ("%90%00%8B%A2", "UTF-16BE", "退订"),
        ("Hello++two++spaces", "UTF-8", "Hello  two  spaces"),
        ("caf%E9", "WINDOWS-1252", "café"),
        ("%00abc%E9", "8-BIT", "\x00abcé"),
        ("%E9%80", "UTF-8", "�"),
        ("%90%00%8B", "UTF-16BE", "退�"),
        ("TD", "no-such-charset", "TD"),
        ("", "UTF-8", ""),
    ],
)
def test_a_reply_is_read_in_the_characters_it_names(text: str, charset: str, words: str) -> None:
    callback = told(f"from=13800138000&text={text}&charset={charset}&id=6e4563bb&at=1795333091")

    (reply,) = callback.replies
    assert (reply.text, reply.address, reply.key) == (words, "+8613800138000", "up:6e4563bb")
    assert callback.body == b"", "or the answer would be sent to the member"


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("13800138000", "86", "+8613800138000"),
        ("8613800138000", "86", "+8613800138000"),
        ("+8613800138000", "86", "+8613800138000"),
        ("008613800138000", "86", "+8613800138000"),
        ("12025550123", "86", "+12025550123"),
        ("07700900123", "44", "+447700900123"),
        ("447700900123", "44", "+447700900123"),
    ],
)
def test_a_number_is_known_again_however_it_is_written(number: str, country: str, expected: str) -> None:
    assert international(number, country) == expected


@pytest.mark.parametrize(
    "query",
    [
        "",
        "reference=a&status=3",
        "reference=&status=1",
        "reference=a",
        "from=1&text=x",
        "id=1&text=x",
        "from=1&id=2",
        "&".join(f"a{number}=1" for number in range(60)),
        urlencode({"reference": "a", "status": "１"}),
    ],
)
def test_what_is_neither_report_nor_reply_is_refused(query: str) -> None:
    with pytest.raises(CallbackRefused):
        told(query)


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_only_a_get_tells_anything(method: str) -> None:
    with pytest.raises(CallbackRefused):
        told("reference=a&status=1", method=method)


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "http://user:word@host"},
        {"endpoint": "ftp://host"},
        {"path": "cgi-bin"},
        {"path": "/a?b"},
        {"method": "put"},
        {"callback_url": "nowhere"},
        {"validity": 0},
        {"most_parts": 0},
        {"surplus": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    given = {"endpoint": "http://127.0.0.1:1", "username": "camp", "password": "hidden"}
    assert "hidden" not in repr(KannelSettings.model_validate(given))
    with pytest.raises(ValueError, match="validation error"):
        KannelSettings.model_validate({**given, **wrong})
