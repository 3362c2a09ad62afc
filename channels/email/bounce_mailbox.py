"""The mailbox bounces come to, looked into over IMAP.

A mail is marked as seen only once the caller has stored what it says.  Whoever is killed in
between reads it again, and its report has the same key.  A person's mail, and a bounce of a
mail that is not known, stay unseen and get a keyword of ours instead.

Source: RFC 3501, and the documentation of Python's imaplib.
"""

import contextlib
import imaplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, model_validator

from channels.email.bounce_reports import report_of
from channels.email.bounces import MailKind, read_bounce
from channels.email.incoming import MOST_BYTES
from channels.email.return_address import ReturnAddress
from channels.email.settings import LOOPBACK, HostName, Plain
from channels.errors import ProviderMisconfigured, ProviderUnavailable
from channels.message import DeliveryReport

NAME = "email.bounces"  #: as it stands in errors
SEEN, PASSED_OVER = r"(\Seen)", "(TidingsRead)"
_BATCH = 50  #: mails read before their reports are stored
#: Kinds of mail that no person needs to see, even where they say nothing of a message of ours.
_NOBODY_S = frozenset({MailKind.DELAYED, MailKind.DELIVERED, MailKind.AUTO_REPLY})
_UNREAD = "UNSEEN UNKEYWORD TidingsRead UNDELETED"


class BounceMailboxSettings(BaseModel):
    """One mailbox on one IMAP server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: HostName
    port: int = Field(default=993, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "tls"
    ca_file: FilePath | None = None  #: certificates to trust; None: the system's
    username: Plain = Field(min_length=1)
    password: SecretStr
    folder: str = Field(default="INBOX", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/ -]{0,99}$")
    timeout: timedelta = timedelta(seconds=30)  #: for the connection and for every answer
    most_mails: int = Field(default=500, ge=1, le=10_000)  #: read in one look

    @model_validator(mode="after")
    def _login_is_private(self) -> Self:
        if self.security == "none" and self.host not in LOOPBACK:
            raise ValueError("a password may only travel encrypted: use security starttls or tls")
        if self.timeout <= timedelta(0):
            raise ValueError("times must be longer than nothing")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one look into the mailbox came to."""

    mails: int  #: read
    reports: int  #: stored by the caller
    passed_over: int  #: that gave no report


@dataclass(frozen=True, slots=True)
class _Read:
    """One mail, read."""

    number: str
    report: DeliveryReport | None
    flags: str  #: what it will be marked with


class BounceMailbox:
    """A mailbox to look into; it connects anew for each look."""

    def __init__(self, settings: BounceMailboxSettings, return_address: ReturnAddress) -> None:
        self._settings = settings
        self._return_address = return_address

    def look(self, store: Callable[[Sequence[DeliveryReport]], None]) -> Look:
        """Read what has come, hand the reports to ``store`` in batches, and mark each batch as seen after that.

        What ``store`` raises passes through, and its batch stays unseen.

        Raises:
            ProviderUnavailable: the server cannot be reached, or stopped answering.
            ProviderMisconfigured: it refused the login or the folder.
        """
        mails = reports = 0
        with self._open() as server:
            with _answering():
                unread = self._unread(server)
            for start in range(0, len(unread), _BATCH):
                with _answering():
                    read = [mail for number in unread[start : start + _BATCH] if (mail := self._read(server, number))]
                found = [mail.report for mail in read if mail.report is not None]
                if found:
                    store(found)
                with _answering():
                    for flags in (SEEN, PASSED_OVER):
                        self._mark(server, [mail.number for mail in read if mail.flags == flags], flags)
                mails += len(read)
                reports += len(found)
        return Look(mails=mails, reports=reports, passed_over=mails - reports)

    @contextlib.contextmanager
    def _open(self) -> Iterator[imaplib.IMAP4]:
        """Connect, log in and select the folder."""
        with _answering():
            server = self._connected()
        try:
            with _answering():
                self._log_in(server)
            yield server
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                server.logout()
            with contextlib.suppress(OSError):
                server.shutdown()

    def _connected(self) -> imaplib.IMAP4:
        settings = self._settings
        seconds = settings.timeout.total_seconds()
        context = None if settings.security == "none" else ssl.create_default_context(cafile=settings.ca_file)
        if settings.security == "tls":
            return imaplib.IMAP4_SSL(settings.host, settings.port, ssl_context=context, timeout=seconds)
        server = imaplib.IMAP4(settings.host, settings.port, timeout=seconds)
        if context is not None:
            try:
                server.starttls(ssl_context=context)
            except BaseException:
                server.shutdown()
                raise
        return server

    def _log_in(self, server: imaplib.IMAP4) -> None:
        secret = f"\0{self._settings.username}\0{self._settings.password.get_secret_value()}".encode()
        try:
            server.authenticate("PLAIN", lambda _: secret)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            raise ProviderMisconfigured("The mailbox's server refused the login.", provider=NAME) from None
        kind, _ = server.select(f'"{self._settings.folder}"')
        if kind != "OK":
            raise ProviderMisconfigured("The mailbox has no such folder.", provider=NAME)

    def _unread(self, server: imaplib.IMAP4) -> list[str]:
        kind, answer = server.uid("SEARCH", _UNREAD)
        if kind != "OK":
            raise imaplib.IMAP4.abort("the search was refused")
        found = (answer[0] or b"").decode("ascii", "replace").split() if answer else []
        return [number for number in found if number.isdecimal()][: self._settings.most_mails]

    def _read(self, server: imaplib.IMAP4, number: str) -> "_Read | None":
        """Return a mail, read; None where somebody else took it away."""
        kind, answer = server.uid("FETCH", number, f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
        raw = next((each[1] for each in answer or () if isinstance(each, tuple) and len(each) > 1), None)
        if kind != "OK" or not isinstance(raw, bytes):
            return None
        bounce = read_bounce(raw, self._return_address)
        report = report_of(bounce, raw)
        return _Read(number, report, SEEN if report is not None or bounce.kind in _NOBODY_S else PASSED_OVER)

    def _mark(self, server: imaplib.IMAP4, numbers: Sequence[str], flags: str) -> None:
        if not numbers:
            return
        kind, _ = server.uid("STORE", ",".join(numbers), "+FLAGS.SILENT", flags)
        if kind != "OK" and flags == PASSED_OVER:
            # A server without keywords: seen is all that keeps such mails from being read for ever.
            kind, _ = server.uid("STORE", ",".join(numbers), "+FLAGS.SILENT", SEEN)
        if kind != "OK":
            raise imaplib.IMAP4.abort("the mails could not be marked")


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Make every way a server can fail to answer one error of ours; its own words may hold an address."""
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise ProviderMisconfigured("The mailbox's server has a certificate nobody trusts.", provider=NAME) from None
    except (imaplib.IMAP4.error, OSError, ValueError):
        raise ProviderUnavailable("The mailbox's server does not answer as it should.", provider=NAME) from None
