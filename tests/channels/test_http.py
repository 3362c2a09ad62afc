"""Where "not sent" ends and "the answer was lost" begins, byte by byte."""

import email.message
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted_server import Act, answer, hang_up, raw, scripted, trickle

from channels.errors import OutcomeUnknown, ProviderMisconfigured, ProviderUnavailable
from channels.http import LARGEST_ANSWER, Answer, Http, TimeLimits
from channels.waits import retry_after

LIMITS = TimeLimits(connect=0.5, read=0.4, total=1.0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n"


def post(url: str, *, limits: TimeLimits = LIMITS, deadline: float | None = None, body: bytes = b"hello") -> Answer:
    http = Http(url, provider="test", limits=limits)
    try:
        return http.post("/send?key=hidden", headers={}, body=body, deadline=deadline or time.monotonic() + 10)
    finally:
        http.close()


def test_a_whole_answer_is_returned_whatever_its_status() -> None:
    for status in (200, 400, 500, 503):
        with scripted(answer({"Code": "OK"}, status=status, headers=["X-Extra: yes"])) as server:
            said = post(server.url)

            assert (said.status, said.body, said.headers["x-extra"]) == (status, b'{"Code": "OK"}', "yes")
            assert server.requests[0].startswith(b"POST /send?key=hidden HTTP/1.1\r\nHost: 127.0.0.1:")
            assert server.requests[0].endswith(b"Content-Length: 5\r\n\r\nhello")


def test_chunked_and_unbounded_answers_are_read_to_their_end() -> None:
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'
    with scripted(raw(chunked), hang_up(b'HTTP/1.1 200 OK\r\n\r\n{"a":1}')) as server:
        assert post(server.url).body == b'{"a":1}'
        assert post(server.url).body == b'{"a":1}'


@pytest.mark.parametrize(
    "act",
    [
        hang_up(),
        hang_up(b"HTTP/1"),
        hang_up(HEAD),
        hang_up(HEAD + b'{"Code"'),
        hang_up(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        raw(b"\x16\x03\x01 what is this\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LARGEST_ANSWER + 1)),
        lambda connected: time.sleep(0.6),
        trickle(HEAD + b'{"Code": "OK" }', every=0.1),
        trickle(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50, every=0.1),
    ],
    ids=[
        "nothing", "half a line", "no body", "half a body", "half a chunk",
        "not HTTP", "too large", "silence", "trickling body", "trickling head",
    ],
)  # fmt: skip
def test_after_the_request_is_written_whatever_fails_leaves_the_outcome_unknown(act: Act) -> None:
    with scripted(act) as server:
        began = time.monotonic()

        with pytest.raises(OutcomeUnknown):
            post(server.url)

        assert time.monotonic() - began < LIMITS.total + 0.5
        assert len(server.requests) == 1


def test_an_endless_answer_ends_at_the_largest_size() -> None:
    endless = hang_up(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LARGEST_ANSWER + 2))
    with scripted(endless) as server, pytest.raises(OutcomeUnknown):
        post(server.url, limits=TimeLimits(read=5, total=10))


def test_without_a_connection_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "http://no-such-host.invalid"):
        with pytest.raises(ProviderUnavailable):
            post(url)


def test_a_server_nobody_vouches_for_is_sent_nothing() -> None:
    with scripted(answer({})) as server, pytest.raises(ProviderUnavailable):
        post(server.url.replace("http://", "https://"))
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


def test_a_full_queue_of_connections_times_out_as_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        filling = [socket.create_connection(listening.getsockname()) for _ in range(1)]
        with pytest.raises(ProviderUnavailable):
            post(url, limits=TimeLimits(connect=0.2, read=0.2, total=1.0)) and post(url)
        for each in filling:
            each.close()


def test_after_the_deadline_not_a_byte_is_written() -> None:
    with scripted(answer({})) as server:
        with pytest.raises(ProviderUnavailable):
            post(server.url, deadline=time.monotonic())

        assert server.requests == []


def test_a_redirect_is_not_sent_and_not_followed() -> None:
    with scripted(answer({}, status=307, headers=["Location: /elsewhere"])) as server:
        with pytest.raises(ProviderUnavailable):
            post(server.url)

        assert len(server.requests) == 1


def test_429_is_not_sent_and_says_how_long_to_wait() -> None:
    with scripted(answer({}, status=429, headers=["Retry-After: 7"])) as server:
        with pytest.raises(ProviderUnavailable) as refused:
            post(server.url)

        assert refused.value.retry_after == 7.0


def test_a_date_to_retry_after_counts_from_the_answer_and_not_from_our_clock() -> None:
    headers = email.message.Message()
    headers["Date"] = "Wed, 18 Jun 2025 02:03:04 GMT"
    headers["Retry-After"] = "Wed, 18 Jun 2025 02:04:04 GMT"
    assert retry_after(headers) == 60.0

    headers.replace_header("Retry-After", "soon")
    assert retry_after(headers) is None


def test_a_connection_is_kept_and_one_closed_meanwhile_is_not_used() -> None:
    closing = answer({}, headers=["Connection: close"])
    with scripted(answer({}), closing, answer({})) as server:
        http = Http(server.url, provider="test", limits=LIMITS)
        for _ in range(4):
            assert http.post("/", headers={}, body=b"", deadline=time.monotonic() + 5).status == 200
        http.close()

        assert (len(server.requests), server.connections) == (4, 2)


def test_a_server_that_closes_an_idle_connection_costs_no_message() -> None:
    with scripted(hang_up(HEAD + b'{"Code": "OK" }')) as server:
        http = Http(server.url, provider="test", limits=LIMITS)
        for _ in range(3):
            assert http.post("/", headers={}, body=b"", deadline=time.monotonic() + 5).status == 200
            time.sleep(0.05)
        http.close()


def test_every_thread_has_a_connection_of_its_own() -> None:
    together = threading.Barrier(4, timeout=5)

    def together_then_answer(connected: socket.socket) -> None:
        together.wait()
        answer({})(connected)

    with scripted(together_then_answer) as server, ThreadPoolExecutor(4) as threads:
        http = Http(server.url, provider="test", limits=TimeLimits())
        calls = [threads.submit(http.post, "/", headers={}, body=b"", deadline=time.monotonic() + 5) for _ in range(4)]
        assert [call.result().status for call in calls] == [200] * 4
        http.close()

        assert server.connections == 4


@pytest.mark.parametrize("value", ["two\r\nlines", "中文"])
def test_a_setting_that_no_header_may_hold_is_told_before_anything_is_sent(value: str) -> None:
    with scripted(answer({})) as server:
        http = Http(server.url, provider="test", limits=LIMITS)
        with pytest.raises(ProviderMisconfigured):
            http.post("/", headers={"X-Key": value}, body=b"", deadline=time.monotonic() + 5)

        assert server.requests == []


@pytest.mark.parametrize("url", ["ftp://example.com", "https://example.com/path", "https://", "example.com"])
def test_an_endpoint_is_a_scheme_and_a_host(url: str) -> None:
    with pytest.raises(ValueError, match="an endpoint is"):
        Http(url, provider="test", limits=LIMITS)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"", OutcomeUnknown),
        (200, b"<html>", OutcomeUnknown),
        (200, b"[1]", OutcomeUnknown),
        (200, b"\xff\xfe", OutcomeUnknown),
        (502, b"<html>", OutcomeUnknown),
        (504, b"", OutcomeUnknown),
        (404, b"<html>", ProviderMisconfigured),
        (403, b"<html>", ProviderMisconfigured),
    ],
)
def test_an_answer_of_another_shape_is_never_a_yes(status: int, body: bytes, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        Answer(status=status, headers=email.message.Message(), body=body).members("test")


def test_no_exception_names_the_address_called_or_what_was_said() -> None:
    acts = [hang_up(b"HTTP/1.1 hidden"), answer({}, status=429), answer({}, status=302), hang_up()]
    with scripted(*acts) as server:
        for _ in acts:
            with pytest.raises((OutcomeUnknown, ProviderUnavailable)) as raised:
                post(server.url, body=b"hidden")
            whole = repr(raised.value) + str(raised.value) + repr(raised.value.__cause__)
            assert "hidden" not in whole and "127.0.0.1" not in whole


def test_a_get_has_no_body_and_keeps_to_the_same_line_between_not_sent_and_lost() -> None:
    with scripted(answer({"a": 1}), hang_up()) as server:
        http = Http(server.url, provider="test", limits=LIMITS)
        said = http.get("/list?To=%2B86&x=a%20b", headers={"X-Own": "1"}, deadline=time.monotonic() + 10)
        with pytest.raises(OutcomeUnknown):
            http.get("/list", headers={}, deadline=time.monotonic() + 10)
        with pytest.raises(ProviderUnavailable):
            http.get("/list", headers={}, deadline=time.monotonic())
        http.close()

    assert said.body == b'{"a": 1}'
    assert server.requests[0].startswith(b"GET /list?To=%2B86&x=a%20b HTTP/1.1\r\n")
    assert b"ontent-" not in server.requests[0]
    assert len(server.requests) == 2
