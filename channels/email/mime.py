"""Mail as bytes, ready for the wire.

The standard library's message objects cost about a millisecond a mail.  Here everything
that is the same in every mail is made once, and the rest is joined to it; tests let the
standard library's parser read the result back.
"""

import binascii
import functools
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Protocol

from channels.email.inline_images import related
from channels.email.mailbox import mailbox, one_line
from channels.errors import AddressRefused, ContentRefused, MessageRefused
from channels.message import Message

PROVIDER = "email.smtp"
REFERENCE_HEADER = "X-Tidings-Reference"
#: "=_" occurs neither in base64 nor in quoted-printable, so no body can hold this line.
BOUNDARY = "=_tidings_alternative"

#: A word begins with 10 bytes, ends with 2, has 75 at most, and its payload comes in fours.
_WORD_PAYLOAD = 45
_LONGEST_LINE = 998
_LONGEST_PLAIN = 58

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_OPEN_HEADER = re.compile(r"(?:List-[A-Za-z-]+|X-[A-Za-z0-9-]+|Auto-Submitted|Feedback-ID|Precedence)")
_NO_TOKEN = re.compile(r"[^A-Za-z0-9._-]")
_VISIBLE = re.compile(r"[ -~]+")
_PART = b"--" + BOUNDARY.encode() + b"\r\n"
_END = b"\r\n--" + BOUNDARY.encode() + b"--\r\n"
_ALTERNATIVE = f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n'.encode()
_CONTENT_TYPE = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: %s\r\n\r\n'


class Sender(Protocol):
    """Whoever a sender's settings are for, these four say who sends."""

    @property
    def sender_address(self) -> str: ...
    @property
    def sender_name(self) -> str: ...
    @property
    def reply_to(self) -> str | None: ...
    @property
    def feedback_sender(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """What every mail of one sender has in common."""

    sender: bytes  #: the From and Reply-To lines
    domain: str  #: the right side of Message-ID
    feedback_sender: str | None


def skeleton_for(settings: Sender) -> Skeleton:
    """Make the skeleton of a sender's mails."""
    lines = f"From: {_display(settings.sender_name)}<{settings.sender_address}>\r\n"
    if settings.reply_to:
        lines += f"Reply-To: <{settings.reply_to}>\r\n"
    domain = settings.sender_address.rpartition("@")[2]
    return Skeleton(sender=lines.encode(), domain=domain, feedback_sender=settings.feedback_sender)


def date_line(now: datetime) -> bytes:
    """Return the Date line of mails written now."""
    return f"Date: {format_datetime(now)}\r\n".encode()


def message_id(skeleton: Skeleton, message: Message) -> str:
    """Return the mail's own id: the same however often the message is tried."""
    return f"<{message.reference}@{skeleton.domain}>"


def recipient(message: Message) -> str:
    """Return the message's address as the envelope wants it.

    Raises:
        AddressRefused: no server can be asked to take mail for it.
    """
    try:
        return mailbox(message.address)
    except ValueError as error:
        raise AddressRefused(f"The address cannot be used: {error}.", provider=PROVIDER) from None


def check_mail(message: Message) -> None:
    """Refuse a message of which no mail can be made; its own headers are looked at where they are written.

    Raises:
        MessageRefused: its reference cannot stand in a mail.
        ContentRefused: it has no subject, or no words.
    """
    if not _REFERENCE.fullmatch(message.reference):
        raise MessageRefused("The reference of the message cannot stand in a mail header.", provider=PROVIDER)
    subject = message.parts.get("subject", "")
    if not subject or subject.isspace():
        raise ContentRefused("A mail needs a subject.", provider=PROVIDER)
    if not message.parts.get("text") and not message.parts.get("html"):
        raise ContentRefused("A mail needs a text or an HTML part.", provider=PROVIDER)


def write_mail(
    skeleton: Skeleton, message: Message, *, to: str, date: bytes, sign: Callable[[bytes], bytes] | None = None
) -> bytes:
    """Return the whole mail, dots stuffed, up to and including the lone dot that ends it.

    ``sign`` is given the mail as its receiver will read it, and returns a header to put in front.

    Raises:
        MessageRefused: its reference or a header of its own cannot stand in a mail.
        ContentRefused: it has no words.
    """
    check_mail(message)
    subject = encoded_words(message.parts["subject"], header="Subject")
    head = (
        f"To: <{to}>\r\nSubject: {subject}\r\nMessage-ID: {message_id(skeleton, message)}\r\n"
        f"{REFERENCE_HEADER}: {message.reference}\r\n{_own_headers(skeleton, message)}"
    )
    mail = b"".join((date, skeleton.sender, head.encode(), _body(message)))
    mail = b"".join((sign(mail) if sign is not None else b"", mail, b".\r\n"))
    # No header line begins with a dot, so a dot after a line end is a dot of the words, or the last one.
    return mail if mail.find(b"\r\n.") == len(mail) - 5 else mail[:-3].replace(b"\r\n.", b"\r\n..") + b".\r\n"


def encoded_words(text: str, *, header: str) -> str:
    """Return header text as it is, or as RFC 2047 words on lines of at most 76 columns.

    Anything a reader could see differently is encoded: what is not ASCII, what is long,
    what begins or ends with a space, and what already looks like an encoded word.
    """
    text = one_line(text)
    if text.isascii() and len(text) <= _LONGEST_PLAIN and "=?" not in text and text == text.strip():
        return text
    payloads = (binascii.b2a_base64(piece, newline=False).decode() for piece in _pieces(text, header))
    return "\r\n ".join(f"=?utf-8?B?{payload}?=" for payload in payloads)


def _pieces(text: str, header: str) -> Iterator[bytes]:
    """Cut a text into payloads of encoded words, never inside a character; the first shares its line with the header."""
    data, start, room = text.encode(), 0, (76 - len(header) - 2 - 12) // 4 * 3
    while start < len(data):
        end = min(start + room, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # The next byte continues a character.
            end -= 1
        yield data[start:end]
        start, room = end, _WORD_PAYLOAD


def _display(name: str) -> str:
    """Return a display name with the space that follows it, or nothing."""
    if not name:
        return ""
    words = encoded_words(name, header="From")
    if words == name:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" '
    return f"{words}\r\n "  # The address begins a line of its own, or the last word's line could pass 76 columns.


def _own_headers(skeleton: Skeleton, message: Message) -> str:
    """Return the message's own headers, each unfolded on one line.

    A List-Unsubscribe that is folded or encoded is not understood by those who read it.
    """
    lines = []
    for name, value in message.headers.items():
        if not _OPEN_HEADER.fullmatch(name) or name == REFERENCE_HEADER or not _VISIBLE.fullmatch(value):
            raise MessageRefused("A header of the message cannot stand in a mail.", provider=PROVIDER)
        if len(name) + 2 + len(value) > _LONGEST_LINE:
            raise MessageRefused("A header of the message is longer than a line of a mail.", provider=PROVIDER)
        lines.append(f"{name}: {value}\r\n")
    if skeleton.feedback_sender and "Feedback-ID" not in message.headers:
        template = _NO_TOKEN.sub("-", message.template)[:100]
        lines.append(f"Feedback-ID: {template}:{skeleton.feedback_sender}\r\n")
    return "".join(lines)


def own_headers(skeleton: Skeleton, message: Message) -> dict[str, str]:
    """Return the message's own headers by name, as they stand in its mail.

    Raises:
        MessageRefused: one of them cannot stand in a mail.
    """
    lines = _own_headers(skeleton, message).splitlines()
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}


def _body(message: Message) -> bytes:
    text, html = message.parts.get("text", ""), message.parts.get("html", "")
    if not html:
        return b"MIME-Version: 1.0\r\n" + _part(b"plain", text) + b"\r\n"
    shown = _part(b"html", html)
    if message.images:
        shown = related(shown, message.images, provider=PROVIDER)
    if not text:
        return b"MIME-Version: 1.0\r\n" + shown + b"\r\n"
    return b"".join((_ALTERNATIVE, _PART, _part(b"plain", text), b"\r\n", _PART, shown, _END))


def _part(kind: bytes, words: str) -> bytes:
    """Return one part with its headers; the line end after it belongs to what follows.

    ASCII goes as quoted-printable, which people can read and filters like; anything else
    as base64.  Neither leaves a server a reason to recode the mail and break its signature.
    """
    if "\r" in words:
        words = words.replace("\r\n", "\n").replace("\r", "\n")
    if words.isascii():
        # b2a_qp breaks long lines with whatever ends the first one, so line ends are made whole afterwards.
        quoted = binascii.b2a_qp(words.encode()).replace(b"\n", b"\r\n")
        return _CONTENT_TYPE % (kind, b"quoted-printable") + quoted
    encoded = binascii.b2a_base64(words.replace("\n", "\r\n").encode("utf-8", "replace"), newline=False)
    whole_lines = len(encoded) // 76
    lines = _cutter(whole_lines).unpack_from(encoded)
    return _CONTENT_TYPE % (kind, b"base64") + b"\r\n".join((*lines, encoded[whole_lines * 76 :]))


@functools.lru_cache(maxsize=1024)
def _cutter(lines: int) -> struct.Struct:
    """Return what cuts bytes into lines of 76, three times as fast as slicing them."""
    return struct.Struct("76s" * lines)
