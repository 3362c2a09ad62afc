"""A mail that came in, taken apart within fixed bounds: whatever it holds, in time and memory that are known.

The standard library's parser follows nesting as deep as it goes and raises on some broken
encodings.  A bounce mailbox is open to everybody, so this reader stops at a depth, a number
of parts and a number of bytes, and never raises.

Source: RFC 5322, RFC 2045, RFC 2046 section 5.1, RFC 2047.
"""

import binascii
import codecs
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

#: A report stands at the beginning; what lies behind this much is the returned mail's body.
MOST_BYTES = 4_000_000
_MOST_HEADER_BYTES = 262_144
_MOST_HEADERS = 1_000
_MOST_PARTS = 100
_DEEPEST = 8
_MOST_TEXT = 262_144
_LONGEST_VALUE = 8_192

_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:[ \t]*(.*)", re.DOTALL)
_WORD = re.compile(r"=\?([A-Za-z0-9_:.()+-]{1,40})(?:\*[A-Za-z-]{1,20})?\?([bBqQ])\?([^? ]{0,2000})\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?)")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$&+.^_`|~-]{1,60})\s*=\s*(?:"((?:[^"\\]|\\.){0,1000})"|([^\s;"]{0,1000}))')
#: Charsets whose decoding can be made slow, or is none; and ASCII, which is what mail is called that is not.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"}) | {"ascii"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of a mail that holds no parts itself, or is a mail itself."""

    content_type: str  #: in lower case, without parameters
    parameters: Mapping[str, str]
    headers: Mapping[str, tuple[str, ...]]  #: names in lower case
    body: bytes  #: its transfer encoding undone; lines end with \n

    @property
    def text(self) -> str:
        """The words, as far as they can be read."""
        return decoded(self.body[:_MOST_TEXT], self.parameters.get("charset", ""))


@dataclass(frozen=True, kw_only=True, slots=True)
class IncomingMail:
    """A mail and its parts, in their order and however nested, without those of mails inside it."""

    headers: Mapping[str, tuple[str, ...]]
    content_type: str
    parameters: Mapping[str, str]
    parts: tuple[Part, ...] = field(default=())

    def first(self, name: str) -> str:
        """Return a header's first value, or nothing; ``name`` in lower case."""
        return self.headers.get(name, ("",))[0]

    def part(self, *content_types: str) -> Part | None:
        """Return the first part of one of these types."""
        return next((part for part in self.parts if part.content_type in content_types), None)


def read_mail(raw: bytes) -> IncomingMail:
    """Take a mail apart.  Never raises; what makes no sense is left out."""
    whole = raw[:MOST_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    headers, body = _split(whole)
    content_type, parameters = _content_type(headers)
    return IncomingMail(
        headers=headers, content_type=content_type, parameters=parameters, parts=tuple(_parts(headers, body))
    )


def read_headers(raw: bytes) -> Mapping[str, tuple[str, ...]]:
    """Return the headers that stand at the beginning of ``raw``, names in lower case."""
    return _split(raw[:_MOST_HEADER_BYTES].replace(b"\r\n", b"\n").lstrip(b"\n"))[0]


def decoded(data: bytes, charset: str = "") -> str:
    """Return bytes as text: by their charset if it is one, else as UTF-8, else as GB 18030, never failing."""
    with contextlib.suppress(LookupError, ValueError):
        name = codecs.lookup(charset.strip()).name if charset else "ascii"
        if name not in _NO_CHARSETS:
            return data.decode(name, "replace")
    for name in ("utf-8", "gb18030"):
        with contextlib.suppress(ValueError):
            return data.decode(name)
    return data.decode("utf-8", "replace")


def _split(raw: bytes) -> tuple[dict[str, tuple[str, ...]], bytes]:
    """Return headers and body; lines among the headers that are none are skipped."""
    end = raw.find(b"\n\n")
    head, body = (raw, b"") if end < 0 else (raw[:end], raw[end + 2 :])
    if raw.startswith(b"\n"):
        head, body = b"", raw[1:]
    headers: dict[str, list[str]] = {}
    lines = re.split(rb"\n(?![ \t])", head[:_MOST_HEADER_BYTES])
    for line in lines[:_MOST_HEADERS]:
        if found := _FIELD.match(line):
            name = found[1].decode("ascii", "replace").lower()
            headers.setdefault(name, []).append(_value(found[2]))
    return {name: tuple(values) for name, values in headers.items()}, body


def _value(raw: bytes) -> str:
    unfolded = b" ".join(line.strip() for line in raw[:_LONGEST_VALUE].split(b"\n"))
    text = decoded(unfolded)
    return _WORD.sub(_word, _BETWEEN_WORDS.sub(r"\1", text)) if "=?" in text else text


def _word(found: re.Match[str]) -> str:
    data = found[3].encode("ascii", "replace")
    if found[2] in "qQ":
        return decoded(binascii.a2b_qp(data, header=True), found[1])
    return decoded(_from_base64(data), found[1])


def _content_type(headers: Mapping[str, tuple[str, ...]]) -> tuple[str, dict[str, str]]:
    value = headers.get("content-type", ("text/plain",))[0]
    kind = value.partition(";")[0].strip().lower()
    parameters = {
        found[1].lower(): re.sub(r"\\(.)", r"\1", found[2]) if found[2] is not None else found[3]
        for found in _PARAMETER.finditer(value)
    }
    return (kind if "/" in kind else "text/plain"), parameters


def _parts(headers: Mapping[str, tuple[str, ...]], body: bytes) -> Iterator[Part]:
    """Yield the parts in their order, following nesting only so deep."""
    waiting = [(headers, body, 0)]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        headers, body, depth = waiting.pop()
        content_type, parameters = _content_type(headers)
        boundary = parameters.get("boundary", "").encode("utf-8", "replace")
        if content_type.startswith("multipart/") and boundary and depth < _DEEPEST:
            inner = [_split(piece) for piece in _pieces(body, boundary)]
            waiting += [(head, rest, depth + 1) for head, rest in reversed(inner)]
            if inner:
                continue
        unpacked = _unpacked(headers, body)
        yield Part(content_type=content_type, parameters=parameters, headers=headers, body=unpacked)


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """Cut a multipart body at its boundary lines; what stands before the first and after the last is left out."""
    line = re.compile(rb"(?:^|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\n|\Z)")
    pieces: list[bytes] = []
    start = -1
    for found in line.finditer(body):
        if start >= 0:
            pieces.append(body[start : found.start()])
        start = found.end() + 1
        if found[1] or len(pieces) >= _MOST_PARTS:
            return pieces
    if start >= 0:
        pieces.append(body[start:])
    return pieces


def _unpacked(headers: Mapping[str, tuple[str, ...]], body: bytes) -> bytes:
    encoding = headers.get("content-transfer-encoding", ("",))[0].strip().lower()
    if encoding == "base64":
        return _from_base64(body).replace(b"\r\n", b"\n")
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body).replace(b"\r\n", b"\n")
    return body


def _from_base64(data: bytes) -> bytes:
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data.partition(b"=")[0])
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))
