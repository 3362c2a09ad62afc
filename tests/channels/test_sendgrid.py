"""SendGrid: each documented answer, the signed Event Webhook, and what its events mean."""

import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError
from scripted_server import Act, ScriptedServer, answer, scripted

from channels.email.sendgrid import SendGrid, SendGridSettings
from channels.errors import CallbackRefused
from channels.message import Blame, Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind

KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime(2026, 11, 5, 8, 30, tzinfo=UTC)
SECRET = "SG.secret-of-ours"
MESSAGE = Message(
    reference="0a1b2c3d-42",
    channel=Channel.EMAIL,
    address="m@example.com",
    parts={"subject": "生日\n快乐", "text": "您好", "html": "<p>您好</p>"},
    headers={
        "List-Unsubscribe": "<https://crm.example.com/u/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
)
TAKEN = answer(b"", status=202, headers=["X-Message-Id: abc-1"])


def shown_key(key: ec.EllipticCurvePublicKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(serialization.Encoding.DER, form)).decode()


def opened(endpoint: str = "http://127.0.0.1:1", *, now: datetime = NOW, **more: object) -> SendGrid:
    settings = {
        "api_key": SECRET,
        "webhook_key": shown_key(KEY.public_key()),
        "sender_address": "news@example.org",
        "sender_name": "示例商城",
        "reply_to": "care@example.org",
        "endpoint": endpoint,
        **more,
    }
    return SendGrid(SendGridSettings.model_validate(settings), clock=lambda: now)


def sent(*acts: Act, message: Message = MESSAGE) -> tuple[Outcome, ScriptedServer]:
    with scripted(*acts) as server:
        provider = opened(server.url)
        (outcome,) = provider.deliver([message], deadline=time.monotonic() + 10)
        provider.close()
        return outcome, server


def test_a_mail_goes_out_with_our_headers_our_reference_and_no_tracking_but_ours() -> None:
    outcome, server = sent(TAKEN)

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v3/mail/send HTTP/1.1\r\n")
    assert f"Authorization: Bearer {SECRET}".encode() in head
    assert json.loads(body) == {
        "personalizations": [{"to": [{"email": "m@example.com"}]}],
        "from": {"email": "news@example.org", "name": "示例商城"},
        "reply_to": {"email": "care@example.org"},
        "subject": "生日 快乐",
        "content": [{"type": "text/plain", "value": "您好"}, {"type": "text/html", "value": "<p>您好</p>"}],
        "headers": {
            "Message-ID": "<0a1b2c3d-42@example.org>",
            "X-Tidings-Reference": "0a1b2c3d-42",
            "List-Unsubscribe": "<https://crm.example.com/u/abc>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "custom_args": {"tidings_reference": "0a1b2c3d-42"},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }
    assert (outcome.kind, outcome.provider_ref) == (OutcomeKind.ACCEPTED, "abc-1")


@pytest.mark.parametrize(
    "headers", [{"Bcc": "x@example.com"}, {"X-A": "a\r\nBcc: x@example.com"}, {"X-A: b\r\nBcc": "x"}]
)
def test_a_header_that_means_more_than_it_says_is_refused_before_any_call(headers: Mapping[str, str]) -> None:
    message = Message(
        reference="a", channel=Channel.EMAIL, address="m@example.com", parts=MESSAGE.parts, headers=headers
    )

    outcome, server = sent(TAKEN, message=message)

    assert (outcome.kind, server.requests) == (OutcomeKind.REJECTED, [])


@pytest.mark.parametrize(
    ("reference", "parts", "blame"),
    [
        ("a b", MESSAGE.parts, Blame.NOBODY),
        ("a", {"text": "x"}, Blame.CONTENT),
        ("a", {"subject": " ", "text": "x"}, Blame.CONTENT),
        ("a", {"subject": "x", "text": "", "html": ""}, Blame.CONTENT),
    ],
)
def test_what_no_mail_can_be_made_of_is_refused_before_any_call(
    reference: str, parts: Mapping[str, str], blame: Blame
) -> None:
    outcome, server = sent(
        TAKEN, message=Message(reference=reference, channel=Channel.EMAIL, address="m@example.com", parts=parts)
    )

    assert (outcome.kind, outcome.blame, server.requests) == (OutcomeKind.REJECTED, blame, [])


def error(field: str | None) -> object:
    return {"errors": [{"message": "m@example.com is wrong", "field": field, "help": None}]}


ANSWERS = [
    (400, error("personalizations.0.to.0.email"), OutcomeKind.REJECTED, Blame.ADDRESS),
    (400, error("personalizations.0.to"), OutcomeKind.REJECTED, Blame.ADDRESS),
    (400, error("personalizations.0.custom_args"), OutcomeKind.REJECTED, Blame.NOBODY),
    (400, error("from.email"), OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (400, error("content.0.value"), OutcomeKind.REJECTED, Blame.CONTENT),
    (400, error("subject"), OutcomeKind.REJECTED, Blame.CONTENT),
    (400, error(None), OutcomeKind.REJECTED, Blame.NOBODY),
    (401, error(None), OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (403, error("from"), OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (404, error(None), OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (413, error(None), OutcomeKind.REJECTED, Blame.CONTENT),
    (413, "<html>", OutcomeKind.REJECTED, Blame.CONTENT),
    (415, error(None), OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (429, error(None), OutcomeKind.NOT_SENT, Blame.NOBODY),
    (503, error(None), OutcomeKind.NOT_SENT, Blame.NOBODY),
    (503, "<html>", OutcomeKind.UNKNOWN, Blame.NOBODY),
    (500, error(None), OutcomeKind.UNKNOWN, Blame.NOBODY),
    (400, {}, OutcomeKind.UNKNOWN, Blame.NOBODY),
    (400, {"errors": "x"}, OutcomeKind.UNKNOWN, Blame.NOBODY),
    (200, {}, OutcomeKind.UNKNOWN, Blame.NOBODY),
    (202, {}, OutcomeKind.UNKNOWN, Blame.NOBODY),
]


@pytest.mark.parametrize(("status", "said", "kind", "blame"), ANSWERS)
def test_each_documented_answer_has_its_meaning(status: int, said: object, kind: OutcomeKind, blame: Blame) -> None:
    outcome, _ = sent(answer(said, status=status))

    assert (outcome.kind, outcome.blame) == (kind, blame)
    assert "m@example.com" not in repr(outcome)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (["X-RateLimit-Reset: 1392815263", "Date: Wed, 19 Feb 2014 13:07:13 GMT"], 30.0),
        (["X-RateLimit-Reset: 1392815263", "Date: Wed, 19 Feb 2014 14:00:00 GMT"], 0.0),
        (["X-RateLimit-Reset: 1392815263", "Date: Wed, 19 Feb 2014 13:07:13 GMT", "Retry-After: 7"], 7.0),
        (["X-RateLimit-Reset: 1392815263"], None),
        (["X-RateLimit-Reset: soon", "Date: Wed, 19 Feb 2014 13:07:13 GMT"], None),
        (["X-RateLimit-Reset: 60", "Date: Wed, 19 Feb 2014 13:07:13 GMT"], None),
        ([], None),
    ],
)
def test_a_reached_limit_says_when_it_is_lifted(headers: list[str], wait: float | None) -> None:
    outcome, _ = sent(answer(error(None), status=429, headers=headers))

    assert (outcome.kind, outcome.retry_after) == (OutcomeKind.NOT_SENT, wait)


@pytest.mark.parametrize("key", ["", "x", "AAAA", shown_key(ec.generate_private_key(ec.SECP384R1()).public_key())])
def test_a_key_that_can_verify_nothing_is_no_setting(key: str) -> None:
    with pytest.raises(ValidationError):
        opened(webhook_key=key)


def pushed(events: object, *, at: int = int(NOW.timestamp()), key: ec.EllipticCurvePrivateKey = KEY) -> CallbackRequest:
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    return request(
        body, str(at), base64.b64encode(key.sign(str(at).encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    )


def request(body: bytes, at: str, signature: str) -> CallbackRequest:
    headers = {
        "x-twilio-email-event-webhook-signature": signature,
        "x-twilio-email-event-webhook-timestamp": at,
    }
    return CallbackRequest(method="POST", url="https://crm.example.com/c", headers=headers, body=body)


def read(asked: CallbackRequest, **more: object) -> Callback:
    provider = opened(**more)  # type: ignore[arg-type]
    try:
        return provider.read_callback(asked)
    finally:
        provider.close()


def test_the_shared_push_is_verified_over_its_bytes_as_they_came(shared: Path) -> None:
    for vector in json.loads((shared / "vectors" / "email.json").read_text("utf-8"))["sendgrid"]:
        body, now = vector["body"].encode(), datetime.fromtimestamp(int(vector["timestamp"]) + 60, UTC)
        key = vector["public_key_base64"]

        reports = read(request(body, vector["timestamp"], vector["signature"]), webhook_key=key, now=now).reports
        assert [(each.key, each.status.value, each.provider_ref) for each in reports] == [
            ("ev1", "bounced", "abc"),
            ("ev2", "delivered", "abd"),
        ]
        for changed in (body.rstrip(), json.dumps(json.loads(body)).encode(), body + b" "):
            with pytest.raises(CallbackRefused, match="signature"):
                read(request(changed, vector["timestamp"], vector["signature"]), webhook_key=key, now=now)


@pytest.mark.parametrize(
    "asked",
    [
        pushed([], key=ec.generate_private_key(ec.SECP256R1())),
        pushed([], at=int(NOW.timestamp()) - 90_001),
        pushed([], at=int(NOW.timestamp()) + 301),
        pushed({}),
        pushed(b"no json"),
        pushed(b"[" * 100_000),
        request(b"[]", "", ""),
        request(b"[]", "1", "***"),
        request(b"[]", "²", "AAAA"),
        CallbackRequest(method="POST", url="https://crm.example.com/c", headers={}, body=b"[]"),
    ],
)
def test_what_is_not_truly_the_providers_is_refused(asked: CallbackRequest) -> None:
    with pytest.raises(CallbackRefused):
        read(asked)


def test_a_push_with_another_time_than_the_signed_one_is_refused() -> None:
    signed = pushed([])
    later = request(
        signed.body, str(int(NOW.timestamp()) + 1), signed.headers["x-twilio-email-event-webhook-signature"]
    )

    with pytest.raises(CallbackRefused, match="signature"):
        read(later)


def test_without_a_key_every_push_is_refused() -> None:
    with pytest.raises(CallbackRefused, match="webhook_key"):
        read(pushed([]), webhook_key=None)


EVENTS = [
    ({"event": "processed"}, "accepted"),
    ({"event": "deferred", "response": "450"}, "accepted"),
    ({"event": "delivered"}, "delivered"),
    ({"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 user unknown"}, "bounced"),
    ({"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}, "bounced"),
    ({"event": "bounce", "type": "bounce", "bounce_classification": "Reputation"}, "failed"),
    ({"event": "bounce", "type": "bounce", "status": "5.7.26", "reason": "550 5.7.26 unauthenticated"}, "failed"),
    ({"event": "bounce", "type": "bounce", "status": "5.2.2", "reason": "552 mailbox full"}, "failed"),
    ({"event": "bounce", "type": "bounce", "reason": "550 Mail content denied"}, "failed"),
    ({"event": "bounce", "type": "blocked", "status": "5.1.1"}, "failed"),
    ({"event": "bounce", "type": "expired"}, "failed"),
    ({"event": "bounce"}, "failed"),
    ({"event": "dropped", "reason": "Bounced Address"}, "bounced"),
    ({"event": "dropped", "reason": "Spam Reporting Address"}, "failed"),
    ({"event": "dropped", "reason": "Unsubscribed Address"}, "failed"),
    ({"event": "spamreport"}, "complained"),
    ({"event": "open"}, None),
    ({"event": "click"}, None),
    ({"event": "group_resubscribe"}, None),
    ({"event": 7}, None),
    ({}, None),
]
ABOUT = {
    "email": "M@example.com",
    "timestamp": 1793867398,
    "sg_event_id": "ev9",
    "sg_message_id": "14c5.dfd.64b469.filter0001.16648.5515E0B88.0",
    "tidings_reference": "0a1b2c3d-42",
}


@pytest.mark.parametrize(("event", "status"), EVENTS)
def test_each_event_has_its_meaning(event: dict[str, object], status: str | None) -> None:
    told = read(pushed([{**ABOUT, **event}, "x", 7]))

    assert [each.status.value for each in told.reports] == ([] if status is None else [status])
    for report in told.reports:
        assert (report.key, report.reference, report.provider_ref) == ("ev9", "0a1b2c3d-42", "14c5.dfd.64b469")
        assert report.occurred_at == datetime.fromtimestamp(1793867398, UTC)
    assert told.replies == ()


@pytest.mark.parametrize("kind", ["unsubscribe", "group_unsubscribe"])
def test_who_unsubscribes_at_the_provider_asks_us_to_stop(kind: str) -> None:
    told = read(pushed([{**ABOUT, "event": kind}]))

    assert [(each.address, each.text, each.channel, each.key) for each in told.replies] == [
        ("m@example.com", "STOP", Channel.EMAIL, "ev9")
    ]
    assert told.reports == ()


def test_an_event_without_an_id_has_the_same_key_each_time() -> None:
    event = {"event": "delivered", "sg_message_id": "a", "timestamp": 1, "email": "m@example.com"}

    keys = [each.key for each in read(pushed([event, event, {**event, "event": "bounce"}])).reports]

    assert keys[0] == keys[1] != keys[2]


def test_secrets_are_shown_nowhere() -> None:
    provider = opened()
    shown = f"{provider!r} {vars(provider)!r} {provider._settings!r}"
    provider.close()

    assert SECRET not in shown
