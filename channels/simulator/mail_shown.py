"""A mail as a mail client shows it: read from the whole mail, or from the call that holds it."""

import base64
import email
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, Message

SHOWN_HEADERS = 60  #: more are left out
#: In front of a mail's HTML: links open beside the page, and nothing is sent along with whoever follows one.
HEAD = '<!doctype html><meta charset="utf-8"><base target="_blank"><meta name="referrer" content="no-referrer">'
_PICTURE = re.compile(r"cid:([^\"'\s)>]{1,200})")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownMail:
    """What a reader sees of a mail."""

    subject: str
    sender: str
    html: str  #: for a frame that runs nothing; empty: the mail has none
    text: str
    headers: Sequence[tuple[str, str]]
    one_click: str  #: the address that a client posts to when its reader unsubscribes; empty: the mail names none


def read_shown_mail(source: bytes, words: str) -> ShownMail:
    """Read a mail as far as it can be read; ``words`` stand where it cannot."""
    subject, _, rest = words.partition("\n\n")
    try:
        mail = _posted(source) if source.startswith(b"{") else _parsed(source)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ShownMail(subject=subject, sender="", html="", text=rest, headers=(), one_click="")
    html, text = _words(mail, "html"), _words(mail, "plain")
    return ShownMail(
        subject=_header(mail, "Subject") or subject,
        sender=_header(mail, "From"),
        html=HEAD + _with_pictures(mail, html) if html else "",
        text=text or ("" if html else rest),
        headers=[(str(name), str(value)) for name, value in list(mail.items())[:SHOWN_HEADERS]],
        one_click=_one_click(mail),
    )


def _parsed(source: bytes) -> EmailMessage:
    found = email.message_from_bytes(source.removeprefix(b"\r\n"), policy=policy.default)
    if not isinstance(found, EmailMessage) or not found.items():
        raise ValueError("no mail")
    return found


def _posted(source: bytes) -> EmailMessage:
    """Make the mail that a call describes by its fields."""
    asked = json.loads(source)
    mail = EmailMessage(policy=policy.default)
    sender = asked["from"]
    mail["From"] = f"{sender.get('name', '')} <{sender['email']}>".strip()
    mail["To"] = asked["personalizations"][0]["to"][0]["email"]
    mail["Subject"] = asked["subject"]
    for name, value in asked.get("headers", {}).items():
        mail[name] = value
    contents = {each["type"].partition("/")[2]: each["value"] for each in asked["content"]}
    if "plain" in contents:
        mail.set_content(contents["plain"])
    if "html" in contents:
        add = mail.add_alternative if "plain" in contents else mail.set_content
        add(contents["html"], subtype="html")
    _attach(mail, asked.get("attachments", ()))
    return mail


def _attach(mail: EmailMessage, attachments: Iterable[Mapping[str, str]]) -> None:
    """Put the pictures of a call beside the HTML that speaks of them."""
    shown = mail.get_body(("html",))
    if isinstance(shown, EmailMessage):
        for each in attachments:
            kind, _, ending = each["type"].partition("/")
            shown.add_related(base64.b64decode(each["content"]), kind, ending, cid=f"<{each['content_id']}>")


def _words(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except (LookupError, ValueError):
        return bytes(body.get_payload(decode=True) or b"").decode("utf-8", "replace")


def _header(mail: EmailMessage, name: str) -> str:
    return str(mail[name] or "")


def _one_click(mail: EmailMessage) -> str:
    if "one-click" not in _header(mail, "List-Unsubscribe-Post").lower():
        return ""
    found = re.search(r"<(https?://[^<>\s]+)>", _header(mail, "List-Unsubscribe"))
    return found[1] if found else ""


def _with_pictures(mail: EmailMessage, html: str) -> str:
    """Put the pictures that travel inside the mail where its HTML names them."""
    inside: Mapping[str, Message] = {
        str(part["Content-ID"]).strip("<> "): part
        for part in mail.walk()
        if part["Content-ID"] and part.get_content_maintype() == "image"
    }

    def picture(found: re.Match[str]) -> str:
        part = inside.get(found[1])
        if part is None:
            return found[0]
        content = base64.b64encode(bytes(part.get_payload(decode=True) or b"")).decode("ascii")
        return f"data:{part.get_content_type()};base64,{content}"

    return _PICTURE.sub(picture, html) if inside else html
