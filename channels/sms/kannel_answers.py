"""What Kannel's answers to a hand-over mean, and what it tells us by itself: delivery reports and replies.

Kannel signs nothing; the address it calls is the secret.  A report comes to the address that
was given with its message, a reply to the ``get-url`` of Kannel's own configuration.

Source: Kannel 1.4.5, *User's Guide*, tables 7-10, 7-16 and 7-17 and chapter 10,
https://www.kannel.org/userguide.shtml, read in November 2026; the bodies are those of its smsbox.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

from channels.errors import (
    AddressRefused,
    CallbackRefused,
    ContentRefused,
    DeliveryError,
    MessageRefused,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.http import Answer, unexpected
from channels.meaning import Meaning
from channels.message import Callback, CallbackRequest, Channel, DeliveryReport, Reply, ReportStatus

REPORTS_ASKED = "31"  #: every kind of report: the sum of the numbers below
STATUSES: Mapping[str, ReportStatus] = {
    "1": ReportStatus.DELIVERED,
    "2": ReportStatus.FAILED,
    "4": ReportStatus.ACCEPTED,  #: buffered at the short message centre
    "8": ReportStatus.ACCEPTED,  #: taken by the short message centre
    "16": ReportStatus.FAILED,  #: refused by the short message centre
}
#: What is appended to the address of a report, and to that of replies; Kannel fills in each ``%`` and a letter.
REPORT_FIELDS = "status=%d&answer=%A&at=%T"
REPLY_FIELDS = "from=%p&text=%b&charset=%C&id=%I&at=%T"
TAKEN = {"0: Accepted for delivery": "0", "3: Queued for later delivery": "3"}

_SETTINGS = Meaning(ProviderMisconfigured, "the gateway does not accept our login or settings")
MEANINGS: Mapping[tuple[int, str], Meaning] = {
    (503, "Temporal failure, try again later."): Meaning(ProviderUnavailable, "the gateway could not take it now"),
    (403, "Not routable. Do not try again."): Meaning(MessageRefused, "the gateway has no way to this number"),
    # A list may be of numbers allowed for a trial; suppressing every other number would be a disaster.
    (400, "Number(s) has/have been denied by white- and/or black-lists."): Meaning(
        MessageRefused, "the gateway's lists or its allowed characters stop this number"
    ),
    (400, "Charset or body misformed, rejected"): Meaning(ContentRefused, "the gateway cannot write this text"),
    (403, "Authorization failed for sendsms"): _SETTINGS,
    (400, "Invalid content-type"): _SETTINGS,
    (400, "Sender missing and no global set, rejected"): _SETTINGS,
    **{
        (400, body): Meaning(AddressRefused, "the gateway finds no number in the address")
        for body in (
            "Missing receiver number, rejected",
            "Missing receiver(s) number(s), rejected",
            "Empty receiver number not allowed, rejected",
        )
    },
    **{
        (400, f"{field} field misformed, rejected"): _SETTINGS
        for field in ("Coding", "DLR-Mask", "DLR-URL", "Validity", "MClass", "Priority", "Deferred", "Compress", "UDH")
    },
}


def refusal(answer: Answer, provider: str) -> DeliveryError:
    """Return what an answer means that does not say yes."""
    body = answer.body.decode("utf-8", "replace").strip()
    meaning = MEANINGS.get((answer.status, body))
    if meaning is None:
        return unexpected(answer.status, provider)
    return meaning.error(meaning.sentence, provider=provider, code=body)


def report_address(address: str, reference: str) -> str:
    """Return what Kannel shall call for one message's reports; a ``%`` that is meant as one is doubled."""
    asked = f"{address}{'&' if '?' in address else '?'}reference={quote(reference, safe='')}".replace("%", "%%")
    return f"{asked}&{REPORT_FIELDS}"


def read_request(request: CallbackRequest, *, provider: str, country_code: str) -> Callback:
    """Translate a delivery report or a reply.

    Raises:
        CallbackRefused: it is neither.
    """
    query = urlsplit(request.url).query if request.method == "GET" else ""
    try:
        # Left as bytes here: what a reply is written in, it says itself.
        fields = dict(parse_qsl(query, keep_blank_values=True, encoding="latin-1", max_num_fields=50))
    except ValueError:
        fields = {}
    # The answer has no words: whatever is said to a reply is sent to the member.
    if fields.get("reference") and fields.get("status") in STATUSES:
        return Callback(reports=(_report(fields, provider),), content_type="text/plain")
    if fields.get("from") and fields.get("id") and "text" in fields:
        return Callback(replies=(_reply(fields, provider, country_code),), content_type="text/plain")
    raise CallbackRefused("the callback is neither a report nor a reply", provider=provider)


def _report(fields: Mapping[str, str], provider: str) -> DeliveryReport:
    status = fields["status"]
    reference = fields["reference"].encode("latin-1").decode("utf-8", "replace")
    return DeliveryReport(
        provider=provider,
        key=f"{reference}:{status}",
        status=STATUSES[status],
        reference=reference,
        code=status,
        occurred_at=_moment(fields.get("at", "")),
        raw={name: value[:500] for name, value in fields.items()},
    )


def _reply(fields: Mapping[str, str], provider: str, country_code: str) -> Reply:
    return Reply(
        provider=provider,
        key=f"up:{fields['id']}",
        channel=Channel.SMS,
        address=international(fields["from"], country_code),
        text=_text(fields["text"].encode("latin-1"), fields.get("charset", "")),
        occurred_at=_moment(fields.get("at", "")),
    )


def _text(said: bytes, charset: str) -> str:
    """Read a reply's bytes by the character set Kannel names; binary is read byte by byte."""
    known = {"UTF-16BE": "utf-16-be", "UCS-2": "utf-16-be", "WINDOWS-1252": "cp1252", "ISO-8859-1": "latin-1"}
    known |= dict.fromkeys(("8-BIT", "BINARY"), "latin-1")
    return said.decode(known.get(charset.upper(), "utf-8"), "replace")


def international(number: str, country_code: str) -> str:
    """Write a number as a short message centre prints it in E.164."""
    digits = re.sub(r"\D", "", number)
    if number.lstrip().startswith("+"):
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    at_home = re.fullmatch(r"1[3-9]\d{9}", digits) if country_code == "86" else digits.startswith("0")
    return f"+{country_code}{digits.removeprefix('0')}" if at_home else f"+{digits}"


def _moment(said: str) -> datetime | None:
    """Read seconds since 1970; None: it is no such number."""
    return datetime.fromtimestamp(int(said), UTC) if re.fullmatch(r"\d{9,10}", said, re.ASCII) else None
