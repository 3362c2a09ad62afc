"""Mails of our own writing that come to a bounce mailbox, for tests that need one."""


def status_report(
    *recipients: str,
    to: str = "bounce+0badcafe-7@example.com",
    returned: str = "Message-ID: <0badcafe-7@example.com>\nX-Tidings-Reference: 0badcafe-7\nTo: li@example.net\n",
    told: str = "",
) -> bytes:
    """Return a delivery status report with these blocks, a line each."""
    blocks = "\n\n".join(recipients)
    return (
        "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@relay.example.com>\n"
        f"To: {to}\nSubject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        "Message-ID: <report-1@relay.example.com>\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\n\n'
        f"--=_b\nContent-Type: text/plain; charset=utf-8\n\n{told}\n\n--=_b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; relay.example.com\nOriginal-Envelope-Id: 0badcafe-7\n\n{blocks}\n\n"
        f"--=_b\nContent-Type: text/rfc822-headers\n\n{returned}\n--=_b--\n"
    ).encode()


def block(diagnostic: str, *, status: str = "5.0.0", action: str = "failed", address: str = "li@example.net") -> str:
    """Return one recipient's block."""
    return (
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"
        f"Remote-MTA: dns; mx.example.net\nDiagnostic-Code: smtp; {diagnostic}"
    )


def notice(text: str, *, headers: str = "", subject: str = "failure notice") -> bytes:
    """Return a bounce for people only."""
    return (
        f"From: MAILER-DAEMON@mx.example.net\nTo: bounce@example.com\nSubject: {subject}\n{headers}\n{text}\n".encode()
    )


def feedback_report(kind: str, *, fields: str = "Original-Rcpt-To: li@example.net\n") -> bytes:
    """Return a feedback report on a mail of ours."""
    return (
        "From: feedback@isp.example\nTo: abuse@example.com\nSubject: complaint\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=f\n\n"
        "--f\nContent-Type: text/plain\n\nThis is an abuse report.\n\n--f\nContent-Type: message/feedback-report\n\n"
        f"Feedback-Type: {kind}\nUser-Agent: Loop/1.0\nVersion: 1\n{fields}\n"
        "--f\nContent-Type: message/rfc822\n\nTo: li@example.net\nX-Tidings-Reference: 0badcafe-7\n"
        "Message-ID: <0badcafe-7@example.com>\n\nHello\n--f--\n"
    ).encode()
