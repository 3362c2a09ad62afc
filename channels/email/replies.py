"""What a mail server's replies mean: one table, read by stage, code, known words and enhanced code.

Source: RFC 5321 section 4.2, RFC 3463; the known words are those big receivers print on
their help pages (QQ, NetEase, Aliyun DirectMail, Gmail, Outlook), read in November 2026.
"""

import enum
import re
from dataclasses import dataclass

from channels.errors import (
    AddressBusy,
    AddressRefused,
    ContentRefused,
    DeliveryError,
    MemberRefused,
    MessageRefused,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.message import Outcome, OutcomeKind

PROVIDER = "email.smtp"


class Stage(enum.StrEnum):
    """What the server was replying to, in the words an operator reads."""

    GREETING = "the connection"
    LOGIN = "the login"
    SENDER = "the sender"
    RECIPIENT = "the recipient"
    CONTENT = "the mail"


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply."""

    code: int
    lines: bytes  #: as they came

    @property
    def good(self) -> bool:
        return 200 <= self.code < 300

    @property
    def text(self) -> str:
        """The words without the codes in front of them, line by line."""
        return "\n".join(line[4:].strip() for line in self.lines.decode("utf-8", "replace").splitlines())


@dataclass(frozen=True, slots=True)
class _Words:
    """Words in a refusal that mean more than its code."""

    pattern: re.Pattern[str]
    error: type[DeliveryError]
    retry_after: float | None = None  #: seconds


def _words(pattern: str, error: type[DeliveryError], retry_after: float | None = None) -> _Words:
    return _Words(re.compile(pattern, re.IGNORECASE), error, retry_after)


#: Looked at before the enhanced code: a 5xx that is about us or about now, not about the address.
_WORDS_FIRST = (
    _words(r"frequency limited|receiving mail at a rate|too many (?:connections|messages)", ProviderUnavailable, 600),
    _words(r"mailbox unavailable or access denied", ProviderUnavailable, 3600),
    _words(r"connection denied|relay(?:ing)? (?:access )?denied|not permitted to relay", ProviderMisconfigured),
    _words(r"opted out|unsubscribed", MemberRefused),
    _words(r"content (?:denied|rejected)|\bspam\b|\bvirus\b|DT:SPM", ContentRefused),
)
#: Looked at where there is no enhanced code, or one that says nothing.
_WORDS_LAST = (
    _words(
        r"(?:mailbox|user|recipient|address|account) (?:is )?(?:not found|unknown|does not exist|doesn't exist)"
        r"|no such (?:user|recipient|mailbox)|unknown (?:user|recipient|mailbox)|invalid (?:user|rcptto|recipient)",
        AddressRefused,
    ),
)
_DISABLED = re.compile(r"disabled|unknown|not exist|inactive", re.IGNORECASE)
_GREYLISTED = re.compile(r"gr[ae]y-?list", re.IGNORECASE)
_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_QUEUE_IDS = (
    re.compile(r"queued as ([\w.-]{4,64})", re.IGNORECASE),
    re.compile(r"\bid=([\w.-]{4,64})"),
    re.compile(r"^(?:2\.\d\.\d )?Ok:? ([0-9A-Za-z-]{20,80})$", re.IGNORECASE),
)

_LOGIN_CODES = frozenset({432, 454, 530, 534, 535, 538})
#: Aliyun DirectMail's own codes, the first for a blocked account, the second for its list of dead addresses.
_ACCOUNT_BLOCKED, _ADDRESS_LISTED = 551, 559
_NO_SUCH_ADDRESS = frozenset({"1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "4.4"})
_FULL_OR_TOO_LARGE = frozenset({"2.2", "2.3"})
_ABOUT_SENDER = frozenset({"1.7", "1.8"})


def queue_id(reply: Reply) -> str | None:
    """Return the server's own id of a mail it took, where the reply names one we recognise."""
    text = reply.text
    for pattern in _QUEUE_IDS:
        if found := pattern.search(text):
            return found[1]
    return None


def refusal(reply: Reply, stage: Stage) -> DeliveryError:
    """Say what a reply that is not a yes means for the message it was given for.

    The server's own sentence is left out of it: it often repeats the address.
    """
    error, retry_after = _judge(reply, stage)
    enhanced = _ENHANCED.search(reply.text)
    code = f"{reply.code} {enhanced[0]}" if enhanced else str(reply.code)
    return error(f"The server refused {stage.value} ({code}).", provider=PROVIDER, code=code, retry_after=retry_after)


def outcome(reply: Reply, stage: Stage) -> Outcome:
    """Return the refusal as a value."""
    return refusal(reply, stage).as_outcome()


def accepted(reply: Reply, message_id: str) -> Outcome:
    """Return the outcome of a mail the server took; the server's id of it, or else the mail's own."""
    return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=queue_id(reply) or message_id, code=str(reply.code))


def _judge(reply: Reply, stage: Stage) -> tuple[type[DeliveryError], float | None]:
    if reply.code in _LOGIN_CODES or stage is Stage.LOGIN:
        return ProviderMisconfigured, None
    if reply.code < 500:
        error = AddressBusy if stage is Stage.RECIPIENT and _is_about_one(reply) else ProviderUnavailable
        return error, 300.0 if _GREYLISTED.search(reply.text) else None
    for words in _WORDS_FIRST:
        if words.pattern.search(reply.text):
            return words.error, words.retry_after
    if stage in (Stage.GREETING, Stage.SENDER):  # Nothing said so early is about the recipient or the words.
        return ProviderMisconfigured, None
    if enhanced := _ENHANCED.search(reply.text):
        return _judge_enhanced(_subject_and_detail(enhanced), reply), None
    return _judge_bare(reply), None


def _is_about_one(reply: Reply) -> bool:
    """Say whether a "not now" to a recipient is about this one; a relay may say it of all its mail, at this place too."""
    enhanced = _ENHANCED.search(reply.text)
    if enhanced is None or _GREYLISTED.search(reply.text):
        return True
    subject_and_detail = _subject_and_detail(enhanced)
    return subject_and_detail.startswith(("1.", "2.")) and subject_and_detail not in _ABOUT_SENDER


def _subject_and_detail(enhanced: re.Match[str]) -> str:
    return f"{int(enhanced[2])}.{int(enhanced[3])}"


def _judge_enhanced(subject_and_detail: str, reply: Reply) -> type[DeliveryError]:
    if subject_and_detail in _NO_SUCH_ADDRESS or (subject_and_detail == "2.1" and _DISABLED.search(reply.text)):
        return AddressRefused
    if subject_and_detail == "3.4":
        return ContentRefused
    if subject_and_detail in _FULL_OR_TOO_LARGE:
        return MessageRefused
    if subject_and_detail.startswith("7."):
        return ProviderMisconfigured
    if subject_and_detail.startswith("6."):
        return ContentRefused
    return _judge_bare(reply)


def _judge_bare(reply: Reply) -> type[DeliveryError]:
    for words in _WORDS_LAST:
        if words.pattern.search(reply.text):
            return words.error
    if reply.code == _ADDRESS_LISTED:
        return AddressRefused
    if reply.code == _ACCOUNT_BLOCKED and "account" in reply.text.lower():
        return ProviderMisconfigured
    # A syntax error may be this address's own; stopping the channel for it would stop everybody.
    return MessageRefused
