"""Mailgun: each documented answer, webhooks whose token is good once, and what their events mean."""

import email
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email import policy
from pathlib import Path

import pytest
from scripted_server import Act, ScriptedServer, answer, scripted

from channels.email.mailgun import Mailgun, MailgunSettings
from channels.errors import CallbackRefused
from channels.message import Blame, Callback, CallbackRequest, Channel, Message, Outcome, OutcomeKind

NOW = datetime(2026, 11, 5, 8, 30, tzinfo=UTC)
SECRET, SIGNING = "key-secret-of-ours", "signing-key-of-ours"
MESSAGE = Message(
    reference="0a1b2c3d-42",
    channel=Channel.EMAIL,
    address="m@example.com",
    parts={"subject": "生日快乐", "text": "您好\n.\n再见", "html": "<p>您好</p>"},
    headers={
        "List-Unsubscribe": "<https://crm.example.com/u/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
)
TAKEN = answer({"id": "<0a1b2c3d-42@example.org>", "message": "Queued. Thank you."})


def opened(endpoint: str = "http://127.0.0.1:1", *, now: datetime = NOW, **more: object) -> Mailgun:
    settings = {
        "domain": "mg.example.org",
        "api_key": SECRET,
        "webhook_signing_key": SIGNING,
        "sender_address": "news@example.org",
        "endpoint": endpoint,
        **more,
    }
    return Mailgun(MailgunSettings.model_validate(settings), clock=lambda: now)


def sent(*acts: Act, message: Message = MESSAGE, **more: object) -> tuple[Outcome, ScriptedServer]:
    with scripted(*acts) as server:
        provider = opened(server.url, **more)  # type: ignore[arg-type]
        (outcome,) = provider.deliver([message], deadline=time.monotonic() + 10)
        provider.close()
        return outcome, server


def form(asked: bytes) -> dict[str, bytes]:
    """Read a form by its boundary alone."""
    head, _, body = asked.partition(b"\r\n\r\n")
    boundary = b"--" + head.partition(b"boundary=")[2].partition(b"\r\n")[0]
    *pieces, last = body.split(boundary)[1:]
    assert last == b"--\r\n"
    parts = [piece.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n") for piece in pieces]
    return {head.partition(b'name="')[2].partition(b'"')[0].decode(): value for head, _, value in parts}


def test_a_mail_goes_out_whole_with_our_reference_and_no_tracking() -> None:
    outcome, server = sent(TAKEN)

    (asked,) = server.requests
    assert asked.startswith(b"POST /v3/mg.example.org/messages.mime HTTP/1.1\r\n")
    assert b"Authorization: Basic YXBpOmtleS1zZWNyZXQtb2Ytb3Vycw==\r\n" in asked
    fields = form(asked)
    mail = email.message_from_bytes(fields.pop("message"), policy=policy.SMTP)
    assert fields == {
        "to": b"m@example.com",
        "o:tracking": b"no",
        "o:tracking-clicks": b"no",
        "o:tracking-opens": b"no",
        "v:tidings_reference": b"0a1b2c3d-42",
    }
    assert mail["list-unsubscribe"] == "<https://crm.example.com/u/abc>"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert mail["message-id"] == "<0a1b2c3d-42@example.org>"
    assert mail.get_body(("plain",)).get_content() == "您好\r\n.\r\n再见"
    assert (outcome.kind, outcome.provider_ref) == (OutcomeKind.ACCEPTED, "0a1b2c3d-42@example.org")


def test_test_mode_is_asked_for_where_it_is_set() -> None:
    assert form(sent(TAKEN, test_mode=True)[1].requests[0])["o:testmode"] == b"yes"


@pytest.mark.parametrize("reference", ['a"\r\nx', "a\r\n--b", "", "a b"])
def test_a_reference_that_could_end_its_field_is_refused_before_any_call(reference: str) -> None:
    message = Message(reference=reference, channel=Channel.EMAIL, address="m@example.com", parts=MESSAGE.parts)

    outcome, server = sent(TAKEN, message=message)

    assert (outcome.kind, server.requests) == (OutcomeKind.REJECTED, [])


ANSWERS = [
    (400, "to parameter is not a valid address. please check documentation", OutcomeKind.REJECTED, Blame.ADDRESS),
    (400, "'to' parameter is not a valid address. m@example.com", OutcomeKind.REJECTED, Blame.ADDRESS),
    (400, "reply-to parameter is not a valid address", OutcomeKind.REJECTED, Blame.NOBODY),
    (400, "'from' parameter is not a valid address", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (400, "message is too large", OutcomeKind.REJECTED, Blame.CONTENT),
    (400, "something else", OutcomeKind.REJECTED, Blame.NOBODY),
    (402, "Request failed", OutcomeKind.REJECTED, Blame.NOBODY),
    (403, "Domain mg.example.org is not allowed to send: sandbox", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (403, "recipient limit exceeded. try again after Mon", OutcomeKind.NOT_SENT, Blame.NOBODY),
    (401, "Invalid private key", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (404, "Domain not found", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (413, "Request entity too large", OutcomeKind.REJECTED, Blame.CONTENT),
    (429, "Too many requests", OutcomeKind.NOT_SENT, Blame.NOBODY),
    (503, "Service unavailable", OutcomeKind.NOT_SENT, Blame.NOBODY),
    (
        500,
        "Internal error",
        OutcomeKind.UNKNOWN,
        Blame.NOBODY,
    ),
    (400, "", OutcomeKind.UNKNOWN, Blame.NOBODY),
    (202, "Queued", OutcomeKind.UNKNOWN, Blame.NOBODY),
]


@pytest.mark.parametrize(("status", "said", "kind", "blame"), ANSWERS)
def test_each_documented_answer_has_its_meaning(status: int, said: str, kind: OutcomeKind, blame: Blame) -> None:
    outcome, _ = sent(answer({"message": said}, status=status))

    assert (outcome.kind, outcome.blame, outcome.code) == (kind, blame, str(status))
    assert "m@example.com" not in repr(outcome)


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (answer(b"Forbidden", status=401), OutcomeKind.NOT_SENT),
        (answer(b"<html>", status=413), OutcomeKind.REJECTED),
        (answer(b"<html>", status=503), OutcomeKind.UNKNOWN),
        (answer(b"<html>"), OutcomeKind.UNKNOWN),
        (
            answer({"message": "Queued. Thank you."}),
            OutcomeKind.UNKNOWN,
        ),
        (answer({"id": 7}, status=502), OutcomeKind.UNKNOWN),
    ],
)
def test_answers_in_no_documented_form_fall_on_the_safe_side(act: Act, kind: OutcomeKind) -> None:
    assert sent(act)[0].kind is kind


EVENT = {
    "event": "failed",
    "severity": "permanent",
    "reason": "bounce",
    "timestamp": 1793867398.5,
    "id": "ev-1",
    "recipient": "M@example.com",
    "delivery-status": {"code": 550, "message": "5.1.1 user unknown"},
    "message": {"headers": {"message-id": "0a1b2c3d-42@example.org"}},
    "user-variables": {"tidings_reference": "0a1b2c3d-42"},
}


def pushed(
    event: object = EVENT, *, at: int = int(NOW.timestamp()), token: str = "a" * 50, key: str = SIGNING
) -> bytes:
    signature = hmac.digest(key.encode(), f"{at}{token}".encode(), "sha256").hex()
    return json.dumps(
        {"signature": {"timestamp": str(at), "token": token, "signature": signature}, "event-data": event}
    ).encode()


def read(provider: Mailgun, body: bytes) -> Callback:
    return provider.read_callback(
        CallbackRequest(method="POST", url="https://crm.example.com/c", headers={}, body=body)
    )


def test_the_shared_webhook_is_verified_and_read(shared: Path) -> None:
    for vector in json.loads((shared / "vectors" / "email.json").read_text("utf-8"))["mailgun"]:
        provider = opened(webhook_signing_key=vector["signing_key"], now=datetime.fromtimestamp(1750212200, UTC))

        (report,) = read(provider, json.dumps(vector["body"]).encode()).reports

        assert (report.key, report.status.value) == ("ev-1", "bounced")
        assert report.provider_ref == "m1001.cmp42@mail.example.org"


def test_a_known_signature_is_taken_and_none_beside_it() -> None:
    body = json.loads(pushed())
    body["signature"]["signature"] = "ec351d5ebe32e45a94fe7be350f33b1f3964ea4158227831e97d1ac803e9c385"
    assert len(read(opened(), json.dumps(body).encode()).reports) == 1

    for wrong in (
        "ec351d5ebe32e45a94fe7be350f33b1f3964ea4158227831e97d1ac803e9c385"[:-1],
        "ec351d5ebe32e45a94fe7be350f33b1f3964ea4158227831e97d1ac803e9c385".upper(),
        "",
    ):
        body["signature"]["signature"] = wrong
        with pytest.raises(CallbackRefused, match="signature"):
            read(opened(), json.dumps(body).encode())


def test_the_same_push_again_says_the_same_and_another_body_with_its_token_is_refused() -> None:
    provider = opened()

    first, again = read(provider, pushed()), read(provider, pushed())

    assert first == again and len(first.reports) == 1
    with pytest.raises(CallbackRefused, match="used before"):
        read(provider, pushed({**EVENT, "event": "delivered"}))
    assert read(provider, pushed({**EVENT, "event": "delivered"}, token="b" * 50)).reports


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"no json",
        b"[" * 100_000,
        b"{}",
        pushed(key="other"),
        pushed(at=int(NOW.timestamp()) - 32_401),
        pushed(at=int(NOW.timestamp()) + 301),
        pushed(at=-1),
        pushed(token=""),
        pushed(token="²"),
        pushed(token="a b"),
        json.dumps({"signature": "x", "event-data": EVENT}).encode(),
        json.dumps({"signature": {"timestamp": [1], "token": {}, "signature": "\ud800"}}).encode(),
    ],
)
def test_what_is_not_truly_the_providers_is_refused(body: bytes) -> None:
    with pytest.raises(CallbackRefused):
        read(opened(), body)


def test_without_a_key_every_webhook_is_refused() -> None:
    with pytest.raises(CallbackRefused, match="webhook_signing_key"):
        read(opened(webhook_signing_key=None), pushed())


def failed(reason: str, code: int, words: str, **more: str) -> Mapping[str, object]:
    return {"reason": reason, "delivery-status": {"code": code, "message": words, **more}}


EVENTS = [
    ({"event": "accepted"}, "accepted"),
    ({"event": "delivered"}, "delivered"),
    ({}, "bounced"),
    (failed("suppress-bounce", 605, "Not delivering to previously bounced address"), "bounced"),
    (failed("bounce", 550, "user unknown", **{"bounce-type": "soft"}), "failed"),
    (failed("bounce", 550, "5.7.26 unauthenticated"), "failed"),
    (failed("bounce", 552, "5.2.2 mailbox full"), "failed"),
    (failed("bounce", 550, "Ip frequency limited"), "failed"),
    (failed("suppress-complaint", 607, "x"), "failed"),
    (failed("suppress-unsubscribe", 606, "x"), "failed"),
    (failed("generic", 550, "5.1.1 user unknown"), "failed"),
    (failed("old", 602, "too old"), "failed"),
    ({"severity": "temporary"}, "accepted"),
    ({"severity": "unheard-of"}, "failed"),
    ({"event": "rejected"}, "failed"),
    ({"event": "complained"}, "complained"),
    ({"event": "opened"}, None),
    ({"event": "clicked"}, None),
    ({"event": None}, None),
]


@pytest.mark.parametrize(("change", "status"), EVENTS)
def test_each_event_has_its_meaning(change: Mapping[str, object], status: str | None) -> None:
    told = read(opened(), pushed({**EVENT, **change}))

    assert [each.status.value for each in told.reports] == ([] if status is None else [status])
    for report in told.reports:
        assert (report.key, report.reference) == ("ev-1", "0a1b2c3d-42")
        assert report.provider_ref == "0a1b2c3d-42@example.org"
        assert report.occurred_at == datetime.fromtimestamp(1793867398.5, UTC)
    assert told.replies == ()


def test_who_unsubscribes_at_the_provider_asks_us_to_stop() -> None:
    told = read(opened(), pushed({**EVENT, "event": "unsubscribed"}))

    assert [(each.address, each.text, each.key) for each in told.replies] == [("m@example.com", "STOP", "ev-1")]
    assert told.reports == ()


def test_secrets_are_shown_nowhere() -> None:
    provider = opened()
    shown = f"{provider!r} {vars(provider)!r} {provider._settings!r}"
    provider.close()

    assert SECRET not in shown and SIGNING not in shown
