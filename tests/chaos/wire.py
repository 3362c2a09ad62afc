"""What went over the wire, read message by message: for whom, under which reference, with which words.

Reads requests and mails by the providers' documents and by the standard library, with nothing of the adapters' own.
"""

import base64
import email
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from email import policy
from email.message import EmailMessage
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit


class Request(NamedTuple):
    """One whole HTTP request."""

    method: str
    target: str
    headers: Mapping[str, str]  #: names in lower case
    repeated: tuple[str, ...]  #: names that stood there more than once
    body: bytes


class Parcel(NamedTuple):
    """One message for one address, as anybody on the wire could read it."""

    address: str
    reference: str | None  #: None: the protocol carries none
    words: str  #: everything in it that can be read, decoded
    shape: tuple[str, ...]  #: the names of its headers and fields, in their order


def requests_in(said: bytes) -> Iterator[Request]:
    """Read every whole request of a connection."""
    while b"\r\n\r\n" in said:
        head, _, said = said.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        headers = dict(pairs)
        length = int(headers.get("content-length", "0"))
        if len(said) < length:
            return
        names = [name for name, _ in pairs]
        method, target, _ = first.split(" ")
        yield Request(method, target, headers, tuple(name for name in headers if names.count(name) > 1), said[:length])
        said = said[length:]


def parcels_in(request: Request) -> list[Parcel]:
    """Read the messages of a request; none: it carries none, such as one for a token."""
    path = urlsplit(request.target).path
    if path == "/":
        path = "tencent" if "x-tc-action" in request.headers else request.headers.get("x-acs-action", "")
    reading = next((reading for ending, reading in _READERS.items() if path.endswith(ending)), None)
    return reading(request) if reading else []


def shape_of(request: Request) -> tuple[str, ...]:
    """Return what nobody's words may change: the method, the path, and the names of the headers."""
    path = re.sub(r"\d{6,}", "N", urlsplit(request.target).path)
    return request.method, path, *sorted(request.headers), *("twice: " + name for name in request.repeated)


def _json(request: Request) -> Any:
    return json.loads(request.body)


def _reference(label: str, number: str) -> str | None:
    """Return the reference of what went to a number under a label, by itself or in a batch; None: the batch lacks the number.

    A batch's label is ``b1.PREFIX.LEAST.MODULUS.WIDTH.ENTRIES``; what that means is written down in
    ``channels/sms/batches.py`` and read here by code of the tests' own.  Each entry is twelve bits, the number modulo
    MODULUS, and WIDTH bits, what to add to LEAST.
    """
    if not label.startswith("b1."):
        return label
    _, prefix, least, modulus, width, entries = label.split(".")
    bits = "".join(f"{byte:08b}" for byte in base64.urlsafe_b64decode(entries + "=" * (-len(entries) % 4)))
    size = 12 + int(width)
    for entry in (bits[start : start + size] for start in range(0, len(bits) - size + 1, size)):
        if int(entry[:12], 2) == int(number.removeprefix("+")) % int(modulus):
            return f"{prefix}{int(least) + int(entry[12:], 2)}"
    return None


def _aliyun(request: Request) -> list[Parcel]:
    said = f"{urlsplit(request.target).query}&{request.body.decode()}".removesuffix("&")  # What is long is in a form.
    asked = dict(parse_qsl(said, keep_blank_values=True))
    shape = tuple(sorted(asked))
    return [Parcel("+86" + asked["PhoneNumbers"], asked["OutId"], asked["TemplateParam"], shape)]


def _aliyun_batch(request: Request) -> list[Parcel]:
    asked = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    numbers, given = json.loads(form["PhoneNumberJson"]), json.loads(form["TemplateParamJson"])
    return [
        Parcel(f"+86{number}", _reference(asked["OutId"], f"+86{number}"), json.dumps(each, ensure_ascii=False), tuple(sorted({*asked, *form})))
        for number, each in zip(numbers, given, strict=True)
    ]  # fmt: skip


def _tencent(request: Request) -> list[Parcel]:
    asked = _json(request)
    words = " ".join(asked.get("TemplateParamSet", []))
    label = asked.get("SessionContext", "")
    return [
        Parcel(each, _reference(label, each), words, tuple(sorted(asked))) for each in asked.get("PhoneNumberSet", [])
    ]


def _twilio(request: Request) -> list[Parcel]:
    if request.method != "POST":
        return []
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True)
    asked = dict(pairs)
    reference = dict(parse_qsl(urlsplit(asked["StatusCallback"]).query)).get("m")
    return [Parcel(asked["To"], reference, asked["Body"], tuple(sorted(name for name, _ in pairs)))]


def _kannel(request: Request) -> list[Parcel]:
    calls = request.headers["x-kannel-dlr-url"].replace("%%", "%")
    reference = dict(parse_qsl(urlsplit(calls).query)).get("reference")
    return [Parcel(request.headers["x-kannel-to"], reference, request.body.decode(), tuple(sorted(request.headers)))]


def _ses(request: Request) -> list[Parcel]:
    asked = _json(request)
    (to,) = asked["Destination"]["ToAddresses"]
    mail = mail_in(base64.b64decode(asked["Content"]["Raw"]["Data"]))
    (tag,) = asked["EmailTags"]
    return [Parcel(to, tag["Value"], mail.words, (*sorted(asked), *asked["Destination"], *mail.shape))]


def _sendgrid(request: Request) -> list[Parcel]:
    asked = _json(request)
    (one,) = asked["personalizations"]
    (to,) = one["to"]
    words = json.dumps(asked, ensure_ascii=False)
    shape = (
        *sorted(asked),
        *sorted(one),
        *sorted(asked.get("headers", {})),
        *(each["type"] for each in asked["content"]),
    )
    return [Parcel(to["email"], asked["custom_args"]["tidings_reference"], words, shape)]


def _mailgun(request: Request) -> list[Parcel]:
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    fields: list[tuple[str, bytes]] = []
    for piece in request.body.split(b"--" + boundary)[1:-1]:
        head, _, value = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        found = re.search(rb'name="([^"]*)"', head)
        fields.append((found[1].decode() if found else "?", value.removesuffix(b"\r\n")))
    asked = dict(fields)
    mail = mail_in(asked["message"])
    shape = (*sorted(name for name, _ in fields), *mail.shape)
    return [Parcel(asked["to"].decode(), asked["v:tidings_reference"].decode(), mail.words, shape)]


def _wechat(request: Request) -> list[Parcel]:
    asked = _json(request)
    words = json.dumps({name: value for name, value in asked.items() if name != "touser"}, ensure_ascii=False)
    return [Parcel(asked["touser"], None, words, tuple(sorted(asked)))]


def _application(request: Request) -> list[Parcel]:
    asked = _json(request)
    return [Parcel(each, None, asked["text"]["content"], tuple(sorted(asked))) for each in asked["touser"].split("|")]


def _task(request: Request) -> list[Parcel]:
    asked = _json(request)
    return [Parcel(each, None, asked["text"]["content"], tuple(sorted(asked))) for each in asked["external_userid"]]


_READERS: Mapping[str, Callable[[Request], list[Parcel]]] = {
    "SendBatchSms": _aliyun_batch,
    "SendSms": _aliyun,
    "tencent": _tencent,
    "/Messages.json": _twilio,
    "/cgi-bin/sendsms": _kannel,
    "/v2/email/outbound-emails": _ses,
    "/v3/mail/send": _sendgrid,
    "/messages.mime": _mailgun,
    "/subscribe/bizsend": _wechat,
    "/subscribe/send": _wechat,
    "/message/send": _application,
    "/add_msg_template": _task,
}


def mail_in(content: bytes) -> Parcel:
    """Read one whole mail; its address is the one in its To line."""
    mail = email.message_from_bytes(content, policy=policy.SMTP)
    assert isinstance(mail, EmailMessage)
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    headers = [f"{name}: {value}" for name, value in mail.items()]
    words = "\n".join([*headers, *(str(part.get_content()) for part in leaves)])
    shape = (
        *(name for name, _ in mail.items()),
        *(part.get_content_type() for part in leaves),
        *map(repr, mail.defects),
    )
    return Parcel(str(mail["To"]).strip("<>"), mail["X-Tidings-Reference"], words, shape)


class Envelope(NamedTuple):
    """One mail as a server was handed it."""

    recipients: Sequence[str]
    mail: Parcel
    sender: str  #: empty: a bounce
    content: bytes  #: the mail itself, as it was handed over


def envelopes_in(said: bytes) -> Iterator[Envelope]:
    """Read every whole mail of a connection to a mail server."""
    recipients: list[str] = []
    sender = ""
    lines, place = said.split(b"\r\n"), 0
    while place < len(lines):
        line = lines[place]
        place += 1
        if line[:5].upper() == b"MAIL ":
            recipients, sender = [], _address(line)
        elif line[:8].upper() == b"RCPT TO:":
            recipients.append(_address(line))
        elif line.upper() == b"DATA" and place < len(lines) and not _is_command(lines[place]):
            if b"." not in lines[place:]:
                return  # It broke off.
            end = lines.index(b".", place)
            content = b"\r\n".join(each.removeprefix(b".") for each in lines[place:end]) + b"\r\n"
            place = end + 1
            if content.strip():
                yield Envelope(tuple(recipients), mail_in(content), sender, content)


def _address(line: bytes) -> str:
    return line.partition(b"<")[2].partition(b">")[0].decode()


def _is_command(line: bytes) -> bool:
    """Say whether a client that was to send a mail went on without it, as it does after a refusal."""
    return re.fullmatch(rb"(?i)(MAIL FROM:.*|RSET|QUIT|NOOP|EHLO .*|)", line) is not None


def readable(parcel: Parcel) -> str:
    """Return all words of a parcel, those of its links unquoted."""
    return unquote_to_bytes(parcel.words.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
