"""No secret of an account is in any log line, exception or repr, whatever a server answers, and no redirect is followed."""

import base64
import contextlib
import io
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import BaseModel, SecretStr

from channels.message import CallbackRequest, Channel, Message
from channels.provider import Provider
from channels.registry import PROVIDERS, open_provider
from channels.simulator.webhook_keys import event_public_key
from config.logs import LOUD, set_up_logs
from tests.channels.scripted_server import Act, answer, hang_up, raw, scripted

SECRET = "Canary0Secret1Word2Of3Forty4Three5Letters6X"  #: 43 letters, as an EncodingAESKey has them
TOKEN = "98_Canary7Access8Token9"
URL = "https://crm.example/callbacks/x/Canary5Address"
SENDER = {"sender_address": "crm@example.com"}
WECHAT = {"callback_token": SECRET, "encoding_aes_key": SECRET, "previous_encoding_aes_key": SECRET}
TEMPLATES = {"template_ids": {"*": "T"}}
#: Settings that fill every secret there is.
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "sms.aliyun": {"access_key_id": "id", "access_key_secret": SECRET, "sign_name": "示例", "template_codes": {"*": "SMS_1"}},
    "sms.tencent": {
        "secret_id": "id", "secret_key": SECRET, "app_id": "1", "sign_name": "示例", "templates": {"*": {"id": "1"}}, "pull": True,
    },
    "sms.twilio": {
        "account_sid": "AC" + "0" * 32, "auth_token": SECRET, "sender": "+15005550006", "api_key": "SK" + "0" * 32, "api_key_secret": SECRET,
        "webhook_keys": {"k": SECRET}, "callback_url": URL,
    },
    "sms.kannel": {"username": "u", "password": SECRET, "callback_url": URL},
    "email.ses": {**SENDER, "access_key_id": "id", "secret_access_key": SECRET, "region": "us-east-1"},
    "email.sendgrid": {**SENDER, "api_key": SECRET, "webhook_key": event_public_key("x")},
    "email.mailgun": {**SENDER, "domain": "example.com", "api_key": SECRET, "webhook_signing_key": SECRET},
    "email.smtp": {
        **SENDER, "security": "none", "username": "u", "password": SECRET, "reply_timeout": 2, "bounce_address": "b@example.com",
        "bounce_per_message": True, "bounce_secret": SECRET,
    },
    "wechat.official_account": {**WECHAT, **TEMPLATES, "app_id": "wx1", "app_secret": SECRET},
    "wechat.mini_program": {**WECHAT, **TEMPLATES, "app_id": "wx1", "app_secret": SECRET},
    "wechat.wecom": {**WECHAT, "corp_id": "ww1", "secret": SECRET},
    "wechat.wecom_application": {**WECHAT, "corp_id": "ww1", "secret": SECRET, "agent_id": 1},
}  # fmt: skip
BY_HTTP = sorted(PROVIDERS.keys() - {"email.smtp"})
ADDRESSES = {"sms": "+8613800000001", "email": "m1@example.com", "wechat": "oMember0000000000000000000001"}


def opened(name: str, place: str) -> Provider:
    settings = dict(SETTINGS[name])
    if name == "email.smtp":
        settings |= {"host": "127.0.0.1", "port": int(place)}
    else:
        settings |= {"endpoint": place, "read_timeout": 1.0}
    return open_provider(name, settings)


def a_message(name: str) -> Message:
    channel = name.partition(".")[0]
    parts = {"sms": {"text": "好"}, "email": {"subject": "好", "text": "好"}, "wechat": {"text": "好", "thing1": "好"}}[
        channel
    ]
    return Message(
        reference="0123abcd-1", channel=Channel(channel), address=ADDRESSES[channel], parts=parts, template="x"
    )


def echo(status: int, *, heading: bytes = b"") -> Act:
    """Answer with a page that quotes an account's secrets, as a proxy's error page may quote a request."""
    page = f'{{"errcode": 40001, "Code": "NobodyKnowsIt", "Message": "{SECRET}", "message": "{TOKEN} {SECRET}", "error": "{SECRET}"}}'.encode()
    return raw(b"HTTP/1.1 %d Whatever\r\n%bContent-Length: %d\r\n\r\n%b" % (status, heading, len(page), page))


ACTS: Mapping[str, Act] = {
    **{str(status): echo(status) for status in (200, 202, 400, 401, 403, 404, 418, 429, 500, 502, 503)},
    "moved": echo(302, heading=f"Location: http://127.0.0.1:1/{SECRET}\r\n".encode()),
    "nothing": hang_up(),
    "half": hang_up(f"HTTP/1.1 200 OK\r\nX: {SECRET}\r\nContent-Length: 999\r\n\r\n{SECRET}".encode()),
    "no http": hang_up(f"{SECRET}\r\n\r\n".encode()),
    "bad header": hang_up(f"HTTP/1.1 200 OK\r\n{SECRET}\0\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n".encode()),
    "no json": answer(f"<html>{SECRET}</html>"),
    "a number": answer("1"),
}
#: How WeChat hands out the token that is then used.
HANDED = answer({"errcode": 0, "access_token": TOKEN, "expires_in": 7200})


class Kept(logging.Handler):
    """Every log line there is, formatted with its exception, at any level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, str) and record.msg.startswith("Failed to parse headers"):
            return  # What a library quotes here is the server's own; that it stays out of our lines is seen in those.
        self.lines.append(f"{self.format(record)} {record.__dict__}")


@contextlib.contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Keep what is logged, raw and as our own log lines are, every library at its most talkative."""
    root, ours, kept = logging.getLogger(), io.StringIO(), Kept()
    level, handlers = root.level, root.handlers[:]
    loud = {name: logging.getLogger(name).level for name in (*LOUD, "urllib3", "requests")}
    set_up_logs("debug", stream=ours)
    root.handlers.insert(0, kept)  # Our own handler leaves the filled-in words out, for whoever comes after it, too.
    for name in loud:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield kept.lines
    finally:
        kept.lines.append(ours.getvalue())
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, before in loud.items():
            logging.getLogger(name).setLevel(before)


def said_by(call: Callable[[], object]) -> str:
    """Return everything a call gives away: what it returns, or the whole chain of what it raises."""
    try:
        return repr(call())
    except Exception as error:
        return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


def all_calls(provider: Provider, name: str) -> Iterator[str]:
    message, now = a_message(name), datetime.now(UTC)
    yield said_by(lambda: provider.deliver([message], deadline=time.monotonic() + 5))
    if provider.can_look_up:
        yield said_by(lambda: provider.look_up(message, sent_at=now))
    yield said_by(lambda: provider.pull(lambda told: None))
    for method, query, body in (
        ("POST", "?timestamp=1&nonce=1&signature=x", b"<xml/>"),
        ("GET", "", b""),
        ("POST", "", b"[1]"),
    ):
        request = CallbackRequest(method=method, url=URL + query, headers={"x-twilio-signature": "x"}, body=body)
        yield said_by(lambda request=request: provider.read_callback(request))  # type: ignore[misc]


def forms_of(secret: str) -> set[str]:
    """Return the spellings a secret can hide in: as it is, quoted, and in Base64 wherever it begins."""
    found = {secret, quote(secret, safe="")}
    for before in range(3):
        coded = base64.b64encode(b"x" * before + secret.encode()).decode()
        found.add(coded[4:-4])
    return found


def assert_kept(words: list[str]) -> None:
    for form in {*forms_of(SECRET), *forms_of(TOKEN), "Canary5Address"}:
        shown = [each for each in words if form in each]
        assert not shown, shown[0][:2000]


def test_the_settings_here_fill_every_secret_that_any_provider_has() -> None:
    for name, entry in PROVIDERS.items():
        assert set(secret_fields(entry.settings)) <= SETTINGS[name].keys(), name


def secret_fields(settings: type[BaseModel]) -> Iterator[str]:
    for name, field in settings.model_fields.items():
        if SecretStr.__name__ in str(field.annotation):
            yield name


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", BY_HTTP)
def test_whatever_is_answered_no_secret_is_told(name: str, act: str) -> None:
    first = [HANDED] if name.startswith("wechat") else []
    with everything_logged() as lines, scripted(*first, ACTS[act]) as server:
        provider = opened(name, server.url)
        told = [repr(provider), repr(vars(provider)), *all_calls(provider, name)]
        provider.close()

    assert server.requests, "it was never called"
    assert_kept([*told, *lines])


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_server_that_is_not_there_is_told_without_secrets(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with everything_logged() as lines:
        provider = opened(name, str(port) if name == "email.smtp" else f"http://127.0.0.1:{port}")
        told = [*all_calls(provider, name)]
        provider.close()

    assert_kept([*told, *lines])


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_settings_that_are_wrong_are_refused_without_being_repeated(name: str) -> None:
    good = {
        **SETTINGS[name],
        **({"host": "127.0.0.1"} if name == "email.smtp" else {}),
        **({"endpoint": "http://h"} if name == "sms.kannel" else {}),
    }
    for field in good:
        wrong: Mapping[str, Any] = {**good, field: [SECRET], f"{field}{TOKEN[:2]}": SECRET}
        assert_kept([said_by(lambda wrong=wrong: open_provider(name, wrong))])  # type: ignore[misc]
    assert_kept(
        [repr(PROVIDERS[name].settings.model_validate(good)), str(PROVIDERS[name].settings.model_validate(good))]
    )


@pytest.mark.parametrize("reply", ["535 no {}", "334 {}", "554 {}", "421 {}", "250 {}", "{}", "235 ok {}"])
def test_a_mail_server_that_quotes_the_password_does_not_get_it_told(reply: str) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listening.accept()
                with line, contextlib.suppress(OSError):
                    line.sendall(b"220 hello\r\n")
                    while said := line.recv(4096):
                        greeted = said[:4] == b"EHLO"
                        line.sendall(
                            b"250-hello\r\n250 AUTH PLAIN LOGIN\r\n"
                            if greeted
                            else f"{reply.format(SECRET)}\r\n".encode()
                        )

    threading.Thread(target=serve, daemon=True).start()
    with everything_logged() as lines:
        provider = opened("email.smtp", str(listening.getsockname()[1]))
        told = [repr(provider), repr(vars(provider)), *all_calls(provider, "email.smtp")]
        provider.close()
    listening.close()

    assert_kept([*told, *lines])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", BY_HTTP)
def test_no_redirect_is_followed_by_any_call(name: str, status: int) -> None:
    with scripted(answer({})) as elsewhere:
        moved = answer({"moved": True}, status=status, headers=[f"Location: {elsewhere.url}/"])
        for first in ([], [HANDED]) if name.startswith("wechat") else ([],):
            with scripted(*first, moved) as server:
                provider = opened(name, server.url)
                list(all_calls(provider, name))
                provider.close()
            assert server.requests
        assert elsewhere.connections == 0


def test_a_secret_that_is_told_would_be_seen() -> None:
    """The red check: a provider whose error quotes its request."""
    with everything_logged() as lines:
        logging.getLogger("urllib3").debug("POST /?access_token=%s", TOKEN)
        told = said_by(lambda: (_ for _ in ()).throw(ValueError(base64.b64encode(f"api:{SECRET}".encode()).decode())))

    with pytest.raises(AssertionError):
        assert_kept(lines)
    with pytest.raises(AssertionError):
        assert_kept([told])
