"""Whatever is pushed to a callback address, by whomever, is kept or refused: never an error of ours, never a wait for others."""

import base64
import contextlib
import gzip
import hmac
import json
import random
import socket
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import text

from campaigns.carrier import installation_mark
from channels.simulator.webhook_keys import sign_events
from channels.simulator.wechat_words import signed
from database.engine import Database
from tests.chaos.pushes import PretendProviders, path_of
from tests.conftest import empty
from tests.listening import ListeningSide, a_listening_side, told_by
from tests.makers import SECRET

UNSIGNED = ("sms.aliyun", "sms.tencent")


@pytest.fixture(scope="module")
def open_side(migrated_url: str, redis_url: str) -> Iterator[ListeningSide]:
    """Return one public side for all of these tests, for to begin and end one takes longer than most of them."""
    database = Database(migrated_url)
    empty(database)
    with a_listening_side(database, redis_url) as listening:
        yield listening
    database.close()


@pytest.fixture(scope="module")
def pretend(open_side: ListeningSide, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PretendProviders]:
    found = PretendProviders(tmp_path_factory.mktemp("pretend"))
    with told_by(open_side, *found.adapters().values()):
        yield found


@pytest.fixture
def side(open_side: ListeningSide) -> ListeningSide:
    """Return the public side with nothing in its database."""
    empty(open_side.application.database)
    return open_side


def aliyun(**changes: object) -> dict[str, object]:
    said = {
        "phone_number": "13800000001", "send_time": "2026-08-01 10:00:00", "report_time": "2026-08-01 10:00:05", "success": True,
        "err_code": "DELIVERED", "biz_id": "1^0", "out_id": "0123abcd-1", "sms_size": "1",
    }  # fmt: skip
    return said | changes


def tencent(**changes: object) -> dict[str, object]:
    said = {
        "user_receive_time": "2026-08-01 10:00:05", "nationcode": "86", "mobile": "13800000001", "report_status": "SUCCESS",
        "errmsg": "DELIVRD", "sid": "5000:1", "ext": "0123abcd-1",
    }  # fmt: skip
    return said | changes


def sendgrid(**changes: object) -> dict[str, object]:
    said = {
        "email": "m1@example.com", "timestamp": 1786000000, "sg_event_id": "e1", "sg_message_id": "1.recvd", "event": "delivered",
        "tidings_reference": "0123abcd-1",
    }  # fmt: skip
    return said | changes


def mailgun(**changes: object) -> dict[str, object]:
    said: dict[str, object] = {
        "id": "e1", "timestamp": 1786000000.5, "recipient": "m1@example.com", "message": {"headers": {"message-id": "1@example.com"}},
        "user-variables": {"tidings_reference": "0123abcd-1"}, "event": "delivered",
    }  # fmt: skip
    return said | changes


#: Values that are JSON and that nothing behind the door has a place for.
ODD: Mapping[str, object] = {
    "a zero": "a\0b",
    "half a character": "a\ud800b",
    "not a number": float("nan"),
    "without end": float("-inf"),
    "a huge number": 10**4000,
    "a long text": random.Random(1).randbytes(20_000).hex(),
    "an object": {"a": {"b": [1, None]}},
    "a list": [[]],
    "nothing": None,
    "yes": True,
    "the first moment": "0001-01-01 00:00:00",
    "the last moment": "9999-12-31 23:59:59",
    "a moment too far": 10**18,
    "a moment too small": -(10**18),
    "a send that cannot be": f"{installation_mark(SECRET)}-9999999999999999999",
}


def post(side: ListeningSide, name: str, body: bytes, *, query: str = "", **headers: str) -> requests.Response:
    return requests.post(f"{side.url}{path_of(name)}{query}", data=body, headers=headers, timeout=10)


def tell(side: ListeningSide, pretend: PretendProviders, name: str, *items: dict[str, object]) -> requests.Response:
    """Push items that their provider, or whoever has its key, has signed; one at most where a push is no list."""
    if name in UNSIGNED:
        return post(side, name, json.dumps(items).encode())
    if name == "email.sendgrid":
        body, at = json.dumps(items).encode(), str(int(time.time()))
        shown = sign_events(pretend.settings.mail_signing_key, at.encode() + body)
        told = {"X-Twilio-Email-Event-Webhook-Timestamp": at, "X-Twilio-Email-Event-Webhook-Signature": shown}
        return post(side, name, body, **told)
    (item,) = items
    at, token = str(int(time.time())), base64.b32encode(str(time.perf_counter_ns()).encode()).decode().rstrip("=")
    shown = hmac.digest(pretend.settings.mail_signing_key.encode(), (at + token).encode(), "sha256").hex()
    said = {"signature": {"timestamp": at, "token": token, "signature": shown}, "event-data": item}
    return post(side, name, json.dumps(said).encode())


ITEMS = {"sms.aliyun": aliyun, "sms.tencent": tencent, "email.sendgrid": sendgrid, "email.mailgun": mailgun}
LISTS = ("sms.aliyun", "sms.tencent", "email.sendgrid")  #: whose pushes hold several items


def good(name: str, own: str) -> dict[str, object]:
    """Return an item with nothing odd in it, and an id of its own."""
    ids: Mapping[str, dict[str, object]] = {
        "sms.aliyun": {"biz_id": own},
        "sms.tencent": {"sid": own},
        "email.sendgrid": {"sg_event_id": own, "sg_message_id": f"{own}.recvd"},
        "email.mailgun": {"id": own, "message": {"headers": {"message-id": own}}},
    }
    return ITEMS[name](**ids[name])


def kept(side: ListeningSide, name: str, own: str) -> int:
    """Count the receipts of the item with this id."""
    with side.application.database.transaction() as connection:
        query = text("SELECT count(*) FROM receipts WHERE provider = :name AND provider_ref = :own")
        return int(connection.execute(query, {"name": name, "own": own}).scalar_one())


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ITEMS)
def test_a_field_of_any_kind_is_kept_or_refused_and_spoils_nothing_beside_it(
    side: ListeningSide, pretend: PretendProviders, name: str, odd: str
) -> None:
    for field in ITEMS[name]():
        own = f"beside-{field}"
        beside = [good(name, own)] if name in LISTS else []
        answer = tell(side, pretend, name, ITEMS[name](**{field: ODD[odd]}), *beside)

        assert answer.status_code in (200, 403), (field, answer.status_code, answer.text)
        if beside and answer.status_code == 200:
            assert kept(side, name, own) == 1, field
    assert tell(side, pretend, name, good(name, "after")).status_code == 200
    assert kept(side, name, "after") == 1


@pytest.mark.parametrize("odd", ODD)
def test_a_wechat_push_with_odd_words_is_kept_or_refused(
    side: ListeningSide, pretend: PretendProviders, odd: str
) -> None:
    name = "wechat.official_account"
    push = {"ToUserName": "gh_1", "FromUserName": "o1", "CreateTime": 1786000000, "MsgType": "event", "MsgID": 7}
    for event in ("TEMPLATESENDJOBFINISH", "subscribe_msg_popup_event", "subscribe", "SCAN"):
        for field in (*push, "Status", "EventKey", "Event"):
            body = json.dumps({**push, "Event": event, "Status": "success", "EventKey": "k", field: ODD[odd]})
            query, whole = signed(body, str(int(time.time())), pretend.settings, pretend.settings.app_id)
            answer = post(side, name, whole, query=f"?{query}")

            assert answer.status_code in (200, 403), (event, field, answer.text)


@pytest.mark.parametrize("name", [*ITEMS, "email.ses", "wechat.official_account", "sms.twilio"])
def test_bodies_that_are_hostile_by_themselves_are_refused_at_once(
    side: ListeningSide, pretend: PretendProviders, name: str
) -> None:
    bodies = [
        b"[" * 200_000, b'{"a":' * 100_000, b'[{"a":1,"a":2}]', b"NaN", b"[NaN]", b"9" * 100_000, b'"' + b"\\ud800" * 1000 + b'"',
        b"\xff\xfe\x00[", b"\0" * 1000, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"<a>" * 200_000, b"a=1&" * 100_000, b"%" * 50_000,
        b"true", b"[[]]", b"[{}]", b"{}", b"",
    ]  # fmt: skip
    for body in bodies:
        began = time.perf_counter()
        answer = post(side, name, body)

        assert answer.status_code in (403, 413), (body[:20], answer.text)
        assert time.perf_counter() - began < 0.5, body[:20]


@pytest.mark.parametrize("name", ["sms.aliyun", "wechat.official_account"])
def test_ten_megabytes_and_compressed_bombs_are_not_read(
    side: ListeningSide, pretend: PretendProviders, name: str
) -> None:
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    assert len(bomb) < 100_000

    assert post(side, name, bomb, **{"Content-Encoding": "gzip"}).status_code == 415
    assert post(side, name, bomb).status_code == 403
    began = time.perf_counter()
    assert told_raw(side, name, b"Content-Length: 10485760\r\n", b"") == 413
    assert time.perf_counter() - began < 0.5


def test_a_body_in_pieces_ends_at_the_same_size(side: ListeningSide, pretend: PretendProviders) -> None:
    piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    assert told_raw(side, "sms.aliyun", b"Transfer-Encoding: chunked\r\n", piece * 20) == 413
    assert told_raw(side, "sms.aliyun", b"Transfer-Encoding: chunked\r\n", b"2\r\n[]\r\n0\r\n\r\n") == 200


@pytest.mark.parametrize(
    "head", [b"Content-Length: -1\r\n", b"Content-Length: 1e3\r\n", b"Content-Length: 2\r\nContent-Length: 3\r\n"]
)
def test_a_length_that_is_none_is_refused(side: ListeningSide, pretend: PretendProviders, head: bytes) -> None:
    assert told_raw(side, "sms.aliyun", head, b"[]") in (400, 413)


def told_raw(side: ListeningSide, name: str, head: bytes, body: bytes) -> int:
    place = urlsplit(side.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=10) as line:
        line.sendall(f"POST {path_of(name)} HTTP/1.1\r\nHost: crm.example\r\n".encode() + head + b"\r\n")
        with contextlib.suppress(OSError):  # It has heard enough.
            line.sendall(body)
        return int(line.recv(65536)[9:12])


def test_slow_senders_hold_up_nobody(side: ListeningSide, pretend: PretendProviders) -> None:
    place = urlsplit(side.url)
    lines = [socket.create_connection((place.hostname or "", place.port or 0), timeout=10) for _ in range(200)]
    try:
        for line in lines:
            line.sendall(
                f"POST {path_of('sms.aliyun')} HTTP/1.1\r\nHost: crm.example\r\nContent-Length: 500\r\n\r\n[".encode()
            )
        began = time.perf_counter()
        assert post(side, "sms.aliyun", json.dumps([aliyun()]).encode()).status_code == 200
        assert time.perf_counter() - began < 0.5
    finally:
        for line in lines:
            line.close()


def test_a_second_signature_or_parameter_beside_the_right_one_lets_nothing_else_in(
    side: ListeningSide, pretend: PretendProviders
) -> None:
    body = "<xml><MsgType>text</MsgType><FromUserName>o1</FromUserName><Content>TD</Content><MsgId>1</MsgId></xml>"
    query, _ = signed(body, str(int(time.time())), pretend.settings, pretend.settings.app_id)
    evil = b"<xml><Encrypt>AAAA</Encrypt></xml>"
    before = counted(side)

    for crooked in (
        f"?{query}&msg_signature=0",
        f"?msg_signature=0&{query}",
        f"?{query}&encrypt_type=raw",
        f"?encrypt_type=raw&{query}",
    ):
        assert post(side, "wechat.official_account", evil, query=crooked).status_code == 403
        assert post(side, "wechat.official_account", body.encode(), query=crooked).status_code == 403
    shown = {"X-Twilio-Signature": "AAAA, AAAA", "x-twilio-signature ": "AAAA"}
    assert post(side, "sms.twilio", b"MessageSid=SM1&MessageSid=SM2&AccountSid=AC1", **shown).status_code in (400, 403)
    assert counted(side) == before


def counted(side: ListeningSide) -> int:
    with side.application.database.transaction() as connection:
        query = "SELECT (SELECT count(*) FROM receipts) + (SELECT count(*) FROM events) + (SELECT count(*) FROM suppressions)"
        return int(connection.execute(text(query)).scalar_one())
