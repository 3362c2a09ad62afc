"""What the pretend mail server reads in a mail: whose it is, and the words a reader would see."""

import base64
import binascii
import quopri
import re

REFERENCE_HEADER = b"\r\nX-Tidings-Reference: "
_WORD = re.compile(rb"=\?utf-8\?B\?([A-Za-z0-9+/=]*)\?=")


def reference_of(mail: bytes) -> str:
    """Return the sender's own reference, or nothing where the mail has none."""
    return _header(mail, REFERENCE_HEADER).decode("ascii", "replace")


def words_of(mail: bytes) -> str:
    """Return the subject and the first part's words, as far as they can be read."""
    subject = b"".join(_decoded(word) for word in _WORD.findall(_subject(mail))) or _subject(mail)
    start = mail.find(b"\r\nContent-Transfer-Encoding: ")
    body = mail.find(b"\r\n\r\n", max(start, 0))
    end = mail.find(b"\r\n--", body)
    words = mail[body + 4 : end if end > 0 else len(mail)] if body >= 0 else b""
    encoding = mail[start + 29 : start + 35] if start >= 0 else b""
    if encoding == b"base64":
        words = _decoded(words)
    elif encoding == b"quoted":
        words = quopri.decodestring(words)
    return (subject + b"\n\n" + words).decode("utf-8", "replace")


def _subject(mail: bytes) -> bytes:
    start = mail.find(b"\r\nSubject: ")
    end = start + 11
    while start >= 0:
        end = mail.find(b"\r\n", end)
        if end < 0 or mail[end + 2 : end + 3] != b" ":
            break
        end += 2
    return mail[start + 11 : end] if start >= 0 and end > 0 else b""


def _header(mail: bytes, name: bytes) -> bytes:
    start = mail.find(name)
    if start < 0 or start > mail.find(b"\r\n\r\n"):
        return b""
    start += len(name)
    return mail[start : mail.find(b"\r\n", start)]


def _decoded(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded)
    except binascii.Error:
        return encoded
