"""The pretend mail server against the standard library's client, which shares nothing with ours."""

import smtplib
import socket
from pathlib import Path

import pytest
from mail_sinks import running_sink

from channels.simulator.faults import Fault
from channels.simulator.smtp_session import SmtpServerSettings

MAIL = b"Subject: hello\r\nX-Tidings-Reference: m1\r\nContent-Transfer-Encoding: 7bit\r\n\r\n.dot\r\n..\r\nwords\r\n"


def said(port: int, words: bytes) -> bytes:
    """Return everything the server answers to some bytes before it hangs up."""
    with socket.create_connection(("127.0.0.1", port), 5) as wire:
        wire.sendall(words)
        wire.shutdown(socket.SHUT_WR)
        answer = b""
        while received := wire.recv(4096):
            answer += received
    return answer


def codes(answer: bytes) -> list[int]:
    return [int(line[:3]) for line in answer.splitlines() if line[3:4] == b" "]


def test_the_standard_client_can_hand_over_mails_and_they_are_recorded(tmp_path: Path):
    with running_sink(tmp_path) as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        for _ in range(3):
            assert client.sendmail("a@example.com", ["b@example.com"], MAIL) == {}

        assert [(each.reference, each.address) for each in sink.recorded()] == [("m1", "b@example.com")] * 3
        assert sink.record.recent[0].text == "hello\n\n.dot\r\n..\r\nwords\r\n"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.UNAVAILABLE, smtplib.SMTPSenderRefused),
        (Fault.REDIRECTED, smtplib.SMTPSenderRefused),
        (Fault.THROTTLED, smtplib.SMTPRecipientsRefused),
        (Fault.ADDRESS_REFUSED, smtplib.SMTPRecipientsRefused),
        (Fault.MEMBER_REFUSED, smtplib.SMTPRecipientsRefused),
        (Fault.CONTENT_REFUSED, smtplib.SMTPDataError),
        (Fault.DROPPED, smtplib.SMTPServerDisconnected),
        (Fault.ANSWER_LOST, smtplib.SMTPServerDisconnected),
    ],
)
def test_the_standard_client_understands_every_fault(tmp_path: Path, fault: Fault, error: type[Exception]):
    with running_sink(tmp_path) as sink:
        sink.faults.order([fault])
        client = smtplib.SMTP("127.0.0.1", sink.port, timeout=5)

        with pytest.raises(error):
            client.sendmail("a@example.com", ["b@example.com"], MAIL)
        client.close()

        assert sink.taken() == (["m1"] if fault is Fault.ANSWER_LOST else [])


def test_commands_out_of_order_are_refused(tmp_path: Path):
    with running_sink(tmp_path) as sink:
        answer = said(
            sink.port,
            b"RCPT TO:<b@example.com>\r\nDATA\r\nMAIL FROM:<a@example.com>\r\nMAIL FROM:<a@example.com>\r\nDATA\r\n"
            b"RSET\r\nMAIL FROM:nonsense\r\nNOOP\r\nWHAT\r\nQUIT\r\n",
        )

    assert codes(answer) == [220, 503, 503, 250, 503, 554, 250, 501, 250, 502, 221]


def test_a_mail_that_comes_byte_by_byte_is_one_mail(tmp_path: Path):
    words = b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n" + MAIL + b".\r\nQUIT\r\n"
    with running_sink(tmp_path) as sink, socket.create_connection(("127.0.0.1", sink.port), 5) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in words:
            wire.sendall(bytes([byte]))
        while wire.recv(4096):
            pass

        assert sink.taken() == ["m1"]


def test_a_mail_whose_final_dot_never_came_is_forgotten(tmp_path: Path):
    with running_sink(tmp_path) as sink:
        said(sink.port, b"EHLO x\r\nMAIL FROM:<a@b.cn>\r\nRCPT TO:<b@b.cn>\r\nDATA\r\n" + MAIL + b".\n.\r")

        assert sink.recorded() == []


def test_what_is_too_big_is_not_kept(tmp_path: Path):
    with running_sink(tmp_path, SmtpServerSettings(most_bytes=5000)) as sink:
        envelope = b"MAIL FROM:<a@b.cn>\r\nRCPT TO:<b@b.cn>\r\nDATA\r\n"
        too_big = said(sink.port, envelope + b"x" * 6000 + b"\r\n.\r\nQUIT\r\n")
        endless_line = said(sink.port, b"x" * 5000)

        assert 552 in codes(too_big)
        assert 500 in codes(endless_line)
        assert sink.recorded() == []


def test_a_strict_server_hangs_up_on_a_client_that_talks_ahead(tmp_path: Path):
    with running_sink(tmp_path, SmtpServerSettings(pipelining=False, strict=True)) as sink:
        answer = said(sink.port, b"EHLO x\r\nMAIL FROM:<a@b.cn>\r\n")

    assert codes(answer)[-1] == 503
    assert b"PIPELINING" not in answer


def test_a_server_that_is_stopped_hangs_up_on_everybody(tmp_path: Path):
    with running_sink(tmp_path) as sink:
        wire = socket.create_connection(("127.0.0.1", sink.port), 5)
        assert wire.recv(4096).startswith(b"220")

    assert wire.recv(4096) == b""
    wire.close()
