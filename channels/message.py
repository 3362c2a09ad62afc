"""What a provider is given, what it answered, and what it says later."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Self


class Channel(enum.StrEnum):
    """A way to reach a member."""

    SMS = "sms"
    EMAIL = "email"
    WECHAT = "wechat"


class Purpose(enum.StrEnum):
    """Why a message is sent, which decides by which ways it may go."""

    MARKETING = "marketing"
    SERVICE = "service"  #: about something the member did or asked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One rendered message for one address."""

    reference: str  #: ours, unique to the send; the provider gives it back in look-ups and reports
    channel: Channel
    address: str  #: E.164 number, mailbox or openid
    #: The rendered words by part.  sms: text.  email: subject, text, html.  wechat: one
    #: part per field of the provider's template, plus url where the notice is clickable.
    parts: Mapping[str, str]
    template: str = ""  #: the template's name, by which an account finds its approved template code
    variables: Mapping[str, str] = field(
        default_factory=dict
    )  #: facts the words used, for providers that fill in their own approved text
    headers: Mapping[str, str] = field(default_factory=dict)  #: email only: List-Unsubscribe and the like
    #: email only: pictures its html names as cid:…, by Content-ID; the same bytes in every message, never copied
    images: Mapping[str, bytes] = field(default_factory=dict)
    purpose: Purpose = Purpose.MARKETING  #: the stricter one, where nobody says
    answer_until: datetime | None = None  #: when the member's window for answers closes; None: not known here


class OutcomeKind(enum.StrEnum):
    """What a hand-over came to; nothing is ever guessed."""

    ACCEPTED = "accepted"  #: the provider took it and said so
    NOT_SENT = "not_sent"  #: it surely did not leave; it may be tried again
    REJECTED = "rejected"  #: the provider will not carry this one
    UNKNOWN = "unknown"  #: the answer was lost; it may have been sent


class Blame(enum.StrEnum):
    """Whose matter it is that a message was not taken, which decides what else must stop."""

    ADDRESS = "address"  #: this address; refused for good: suppress it
    MEMBER = "member"  #: this member asked for no more: suppress the address
    CONTENT = "content"  #: this text: tell the campaign's owner
    ACCOUNT = "account"  #: our account or settings: stop the channel, tell the operator
    NOBODY = "nobody"  #: this one only


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A provider's answer for one message."""

    kind: OutcomeKind
    #: The provider's own id of the message, where it gave one; messages that share one also share what is
    #: reported under it.
    provider_ref: str | None = None
    code: str | None = None  #: the provider's own code, for people to read, never for ``if``
    detail: str = ""  #: a sentence for people, free of personal data and secrets
    blame: Blame = Blame.NOBODY
    retry_after: float | None = None  #: seconds the provider asked us to wait
    parts: int | None = None  #: parts billed, where the provider said so
    cost: Decimal | None = None  #: amount billed, where the provider said so


class ReportStatus(enum.StrEnum):
    """What a delivery report says, in our words."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    BOUNCED = "bounced"  #: it failed because the address is dead
    COMPLAINED = "complained"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryReport:
    """What a provider says later about one message, by push or on being asked."""

    provider: str
    key: str  #: the same report pushed twice has the same key
    status: ReportStatus
    reference: str | None = None  #: ours, where the provider carries it
    provider_ref: str | None = None
    code: str | None = None
    occurred_at: datetime | None = None
    raw: Mapping[str, object] = field(default_factory=dict)  #: the provider's own words, kept as they came


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerWindow:
    """What a member's own act allows us: so many messages for so long after it."""

    messages: int
    lasts: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Something a member sent back."""

    provider: str
    key: str
    channel: Channel
    address: str
    text: str
    occurred_at: datetime | None = None
    window: AnswerWindow | None = None  #: what may be answered; None: this channel has no such rule


class GrantKind(enum.StrEnum):
    """What a member said about messages of one template of a provider."""

    GIVEN = "given"  #: one more is allowed
    DECLINED = "declined"  #: not this time; what was given before stands
    WITHDRAWN = "withdrawn"  #: none any more, however many were given


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A member's word on whether they may be sent messages of one template of a provider."""

    provider: str
    key: str  #: the same one pushed twice has the same key
    channel: Channel
    address: str
    template_code: str  #: the provider's own id of the template
    kind: GrantKind
    occurred_at: datetime | None = None


class ContactKind(enum.StrEnum):
    """What a member did with our account."""

    FOLLOWED = "followed"
    UNFOLLOWED = "unfollowed"  #: nothing reaches them any more
    SCANNED = "scanned"  #: a follower scanned a code of ours
    TAPPED = "tapped"  #: an entry of the menu
    VIEWED = "viewed"  #: a page, from the menu
    FORGOTTEN = "forgotten"  #: took back the permission to keep what the provider told about them


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """Something a member did that is neither a message nor a permission."""

    provider: str
    key: str  #: the same one pushed twice has the same key
    channel: Channel
    address: str
    kind: ContactKind
    detail: str | None = None  #: what the scanned code stands for, the menu's key, or the page's address
    occurred_at: datetime | None = None
    window: AnswerWindow | None = None  #: what it allows us to answer; None: nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class CallbackRequest:
    """An HTTP request a provider made to us, as raw as it came."""

    method: str
    url: str  #: the full public address, query included
    headers: Mapping[str, str]  #: names in lower case
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """What a verified provider request said, and what to answer."""

    reports: tuple[DeliveryReport, ...] = ()
    replies: tuple[Reply, ...] = ()
    grants: tuple[Grant, ...] = ()
    contacts: tuple[Contact, ...] = ()
    body: bytes = b""  #: the acknowledgement the provider expects
    content_type: str = "application/json"

    def named(self, account: str) -> Self:
        """Return the same under the name of the account that was told it, where that is not its provider's name."""
        told: dict[str, tuple[DeliveryReport | Reply | Grant | Contact, ...]] = {
            "reports": self.reports, "replies": self.replies, "grants": self.grants, "contacts": self.contacts,
        }  # fmt: skip
        if all(each.provider == account for each in chain.from_iterable(told.values())):
            return self
        return replace(self, **{name: tuple(replace(each, provider=account) for each in told[name]) for name in told})  # type: ignore[arg-type]
