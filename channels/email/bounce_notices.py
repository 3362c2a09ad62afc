"""Bounces written for people only: who is named in them, and in which words.

Servers older than delivery status reports, and some of today's, say in a text which address
failed and why.  An address counts only where it stands at the beginning of a line, is named
in a header, or is the only one in the text.

Source: the forms of Exim, qmail, sendmail, Exchange and Gmail, and of QQ and Sina.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from channels.email.incoming import IncomingMail, read_headers
from channels.email.report_fields import address_in

_MOST_TEXT = 65_536
_MOST_ADDRESSES = 100

_DAEMON = re.compile(
    r"mailer-?daemon|post-?master|mail delivery|delivery (?:sub)?system|mail ?(?:system|administrator)"
    r"|bounce|mdaemon|系统退信",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|deliver\w* (?:status|failure|failed|has failed|problem|delay|report|notification)"
    r"|returned (?:mail|to sender)"
    r"|failure notice|mail (?:could not be|delivery|delayed|failure)|message (?:delayed|could not|undelivered)"
    r"|non-?deliver|not (?:be )?delivered|warning: (?:could not|message)|退信|失败|无法投递|未送达|投递",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"(?:has been|is|message|was) delayed|warning (?:message )?only|will (?:continue|be retried|keep|try again|retry)"
    r"|still (?:being )?retr|delivery[^.\n]{0,20}\(delay\)|not need to resend|no action is required|继续尝试|延迟",
    re.IGNORECASE,
)
_PERMANENT = re.compile(
    r"this is a permanent error|permanent fatal errors?|i've given up|无法(?:发送|投递)到您指定的(?:邮箱)?地址|永久性?(?:错误|失败)",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^(?:[ \t>]{0,20}-{2,40}.{0,60}(?:original|copy of|below this line|follow|returned|unsent|原信|原邮件|原始)"
    r"|[ \t]{0,20}original message (?:headers|follows)|(?:return-path|received|message-id):[ \t])",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS_LINE = re.compile(
    r"^[ \t]{0,40}[<'\"]?([^\s<>\"'();,:@]{1,128}@[A-Za-z0-9.-]{1,255}[A-Za-z0-9])[>'\"]?"
    r"(?:<mailto:[^>\n]{0,300}>)?(?:[ \t]*$|[ \t]*:|[ \t]*\.{3}|[ \t]+\()",
    re.MULTILINE,
)
_ANY_ADDRESS = re.compile(r"[^\s<>\"'();,:@]{1,128}@[A-Za-z0-9.-]{1,255}[A-Za-z0-9]")
_SERVER_SAID = re.compile(r"(?<![\w.])[45]\d\d[ -]")
_TAG = re.compile(r"<(?:style|script)\b[^<]*|<[^<>]{0,2000}>", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeFinding:
    """One address a notice names."""

    address: str
    diagnostic: str  #: a server's words as they are quoted; empty: none are
    told: str  #: everything that is said of the address


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A bounce for people, read."""

    findings: tuple[NoticeFinding, ...]
    delayed: bool  #: the server goes on trying
    gave_up: bool  #: it calls the failure permanent, names addresses, and gives no reason for any of them
    returned: Mapping[str, tuple[str, ...]]  #: headers of our mail, where it is quoted in the text


def looks_like_notice(mail: IncomingMail) -> bool:
    """Say whether a mail is a mail server's word about another mail."""
    if "x-failed-recipients" in mail.headers:
        return True
    daemon = bool(_DAEMON.search(mail.first("from")[:500]))
    nobody = mail.first("return-path").strip() == "<>"
    says_so = bool(_SUBJECT.search(mail.first("subject")[:500]))
    return (daemon and (says_so or nobody)) or (nobody and says_so)


def words_of(mail: IncomingMail) -> str:
    """Return what a mail says to people: its first text, or its HTML without the tags."""
    part = mail.part("text/plain")
    if part is not None:
        return part.text[:_MOST_TEXT]
    part = mail.part("text/html")
    return "" if part is None else html.unescape(_TAG.sub("\n", part.text[:_MOST_TEXT]))


def read_notice(mail: IncomingMail) -> Notice:
    """Read a bounce that has no machine-readable report."""
    text = words_of(mail)
    cut = _ORIGINAL.search(text)
    said = text[: cut.start()] if cut else text
    quoted = text[cut.start() :] if cut else ""
    if cut and re.match(r"[ \t>]*-|[ \t]*original", cut[0], re.IGNORECASE):
        quoted = quoted.partition("\n")[2].lstrip("\n")
    reasons = paragraphs_of(said)
    return Notice(
        gave_up=bool(reasons) and not any(reasons.values()) and bool(_PERMANENT.search(said)),
        findings=tuple(_findings(mail, said, reasons)),
        delayed=bool(_DELAYED.search(mail.first("subject")[:500]) or _DELAYED.search(said)),
        returned=read_headers(quoted.encode("utf-8", "replace")),
    )


def paragraphs_of(text: str) -> dict[str, str]:
    """Return what follows each line that begins with an address, up to the next such line."""
    lines = list(_ADDRESS_LINE.finditer(text[:_MOST_TEXT]))[:_MOST_ADDRESSES]
    if not lines:
        return {}
    ends = [line.start() for line in lines[1:]] + [len(text)]
    found: dict[str, str] = {}
    for line, end in zip(lines, ends, strict=True):
        address = address_in(line[1])
        if address is not None:
            found[address.lower()] = (found.get(address.lower(), "") + " " + text[line.end() : end]).strip()
    return found


def _findings(mail: IncomingMail, said: str, paragraphs: Mapping[str, str]) -> list[NoticeFinding]:
    named = [address_in(each) for value in mail.headers.get("x-failed-recipients", ()) for each in value.split(",")]
    addresses = list(dict.fromkeys(each.lower() for each in named if each)) or list(paragraphs)
    if not addresses:
        addresses = _only_one(mail, said)
    alone = len(addresses) == 1
    found = []
    for address in addresses[:_MOST_ADDRESSES]:
        told = paragraphs.get(address, "") if not alone else said
        # The words of a server stand behind the address they are about, if anywhere.
        server = _SERVER_SAID.search(paragraphs.get(address, "") or told)
        about = paragraphs.get(address, "") or told
        diagnostic = about[server.start() :].split("\n\n")[0] if server else ""
        found.append(
            NoticeFinding(address=address, diagnostic=" ".join(diagnostic.split()), told=" ".join(told.split()))
        )
    return found


def _only_one(mail: IncomingMail, said: str) -> list[str]:
    """Return the one address a text names besides its sender's and its receiver's, in a list, or nothing."""
    own = {
        address_in(value) for name in ("from", "to", "sender", "delivered-to") for value in mail.headers.get(name, ())
    }
    others = {address for each in _ANY_ADDRESS.findall(said) if (address := address_in(each)) and address not in own}
    others = {address.lower() for address in others if not _DAEMON.search(address)}
    return list(others) if len(others) == 1 else []
