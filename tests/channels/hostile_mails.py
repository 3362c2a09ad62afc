"""Mails made to hurt whoever reads them, shared by tests of the reader and of the command."""

from collections.abc import Iterator


def hostile_mails() -> Iterator[tuple[str, bytes]]:
    """Yield a name and a mail."""
    head = b"Return-Path: <>\nFrom: MAILER-DAEMON@example.com\nSubject: Undelivered Mail Returned to Sender\n"
    report = head + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(20_000))
    status = b"--b\nContent-Type: message/delivery-status\n\n"
    block = (
        b"\n\nFinal-Recipient: rfc822; a%d@example.com\nAction: failed\nDiagnostic-Code: smtp; 550 " + b"user " * 200
    )
    yield "nothing", b""
    yield "zeros", b"\0" * 10_000_000
    yield "no line end", b"a" * 10_000_000
    yield "only line ends", b"\r\n" * 5_000_000
    yield "only blanks", head + b"\n" + b" " * 10_000_000
    yield "one header", head + b"X-A: " + b"a" * 10_000_000
    yield "folded blanks", head + (b"X-A: " + b" \n\t" * 5_000 + b"\n") * 200
    yield "many headers", b"".join(b"X-%d: a\n" % n for n in range(500_000))
    yield "deep nesting", nested
    yield "mails in mails", b"Content-Type: message/rfc822\n\n" * 200_000
    yield "many parts", report + b"--b\n\na\n" * 1_000_000
    yield "many small multiparts", report + b'--b\nContent-Type: multipart/mixed; boundary="c"\n\n--c\n\n' * 100_000
    yield "many recipients", report + status + b"".join(block % n for n in range(10_000))
    yield (
        "long diagnostic",
        report + status + b"Final-Recipient: rfc822; a@example.com\nDiagnostic-Code: smtp; " + b"user " * 1_000_000,
    )
    yield "addresses", head + b"\n" + b"a" * 200 + b"@b.example\n" * 900_000
    yield "at signs", head + b"\n" + b"a@" * 5_000_000
    yield "no addresses", head + b"\n" + b"a" * 10_000_000
    yield "dashes", head + b"\n" + b"-" * 10_000_000
    yield "tags", head + b"Content-Type: text/html\n\n" + b"<style " * 1_000_000 + b"<" * 3_000_000
    yield "encoded words", head + b"X-A: " + b"=?utf-8?B?=E4?= " * 500_000
    yield (
        "unknown charset",
        head.replace(b"Undelivered", b"=?no-such?Q?=E4?=") + b"Content-Type: text/plain; charset=\x00\xff\n\n\xff",
    )
    yield "no charset of text", head + b"Content-Type: text/plain; charset=zlib\n\nx"
    yield "slow charset", head + b"Content-Type: text/plain; charset=idna\n\n" + b"a" * 1_000_000
    yield "broken base64", head + b"Content-Transfer-Encoding: base64\n\n" + b"=A=B=C*" * 1_000_000
    yield "broken quoted-printable", head + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=\n=X" * 1_000_000
    yield "half a surrogate", head + b"Content-Type: text/plain; charset=utf-16\n\n\xff\xfe\x00\xd8"
    yield (
        "feedback of nothing",
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n--b--",
    )
    yield "a boundary of a pattern", b'Content-Type: multipart/mixed; boundary="(a+)+$"\n\n--' + b"a" * 100_000
