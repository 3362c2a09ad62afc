"""What the pretend mail server says about mail: strict about the order, and as unreliable as ordered."""

import re
from dataclasses import dataclass

from channels.simulator.faults import TAKEN_UNTOLD, Fault, Faults
from channels.simulator.mail_reading import reference_of, words_of
from channels.simulator.record import Record
from channels.simulator.smtp_session import SmtpServerSettings, SmtpSession

PROVIDER = "email.smtp"
_ADDRESS = re.compile(rb"(?:FROM|TO):\s?<([^<>\s]*)>(.*)", re.IGNORECASE)
_ENVELOPE_ID = re.compile(rb"ENVID=(\S+)", re.IGNORECASE)
_GARBLED = b"HTTP/1.1 502 Bad Gateway"


@dataclass(slots=True)
class _Transaction:
    """What is known of the mail now being handed over."""

    fault: Fault
    envelope_id: str
    recipient: str | None = None


class MailConversation(SmtpSession):
    """One client handing over mails."""

    def __init__(
        self, settings: SmtpServerSettings, sessions: set[SmtpSession], record: Record, faults: Faults
    ) -> None:
        super().__init__(settings, sessions)
        self._record = record
        self._faults = faults
        self._refused = re.compile(settings.refused_addresses)
        self._transaction: _Transaction | None = None
        self._taken = 0

    def _forget(self) -> None:
        self._transaction = None

    def _obey_about_mail(self, verb: bytes, rest: bytes) -> None:
        if verb == b"MAIL":
            self._begin(rest)
        elif verb == b"RCPT":
            self._add_recipient(rest)
        else:
            self._ask_for_body()

    def _begin(self, rest: bytes) -> None:
        found = _ADDRESS.match(rest)
        if not self._known:
            self._say(b"530 5.7.0 log in first")
        elif self._transaction is not None:
            self._say(b"503 5.5.1 nested MAIL command")
        elif found is None:
            self._say(b"501 5.5.4 bad sender syntax")
        elif 0 < self._settings.messages_per_connection <= self._taken:
            self._end(b"421 4.7.0 too many messages on this connection\r\n")
        else:
            fault = self._faults.draw()
            if fault is Fault.UNAVAILABLE:
                self._end(b"421 4.3.2 not now\r\n")
            elif fault is Fault.REDIRECTED:
                self._say(b"451 4.3.0 try another server")
            else:
                named = _ENVELOPE_ID.search(found[2])
                self._transaction = _Transaction(fault, named[1].decode("ascii", "replace") if named else "")
                self._say(b"250 2.1.0 Ok")

    def _add_recipient(self, rest: bytes) -> None:
        transaction, found = self._transaction, _ADDRESS.match(rest)
        if transaction is None:
            self._say(b"503 5.5.1 need MAIL command")
        elif found is None or not found[1]:
            self._say(b"501 5.1.3 bad recipient syntax")
        elif transaction.recipient is not None:
            self._say(b"452 4.5.3 one recipient a mail")
        else:
            address = found[1].decode("ascii", "replace")
            match transaction.fault:
                case Fault.THROTTLED:
                    self._say(b"450 4.7.1 greylisted, try later")
                case Fault.MEMBER_REFUSED:
                    self._refuse(transaction, address, b"550 5.7.1 the recipient has opted out")
                case _ if transaction.fault is Fault.ADDRESS_REFUSED or self._refused.fullmatch(address):
                    self._refuse(transaction, address, b"550 5.1.1 user unknown")
                case _:
                    transaction.recipient = address
                    self._say(b"250 2.1.5 Ok")

    def _refuse(self, transaction: _Transaction, address: str, reply: bytes) -> None:
        self._record.append(
            provider=PROVIDER,
            reference=transaction.envelope_id,
            address=address,
            text="",
            accepted=False,
            code=reply[:9].decode(),
        )
        self._say(reply)

    def _ask_for_body(self) -> None:
        if self._transaction is None:
            self._say(b"503 5.5.1 need MAIL command")
        elif self._transaction.recipient is None and not self._settings.asks_for_nothing:
            self._say(b"554 5.5.1 no valid recipients")
        else:
            self._ask(b"354 end with a dot")

    def _take_mail(self, mail: bytes) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is None or transaction.recipient is None:
            self._say(b"554 5.5.1 no valid recipients")
        else:
            # A line end in front lets every header be found behind one.
            whole = b"\r\n" + (mail.replace(b"\r\n.", b"\r\n") if b"\r\n." in mail else mail)
            self._judge(transaction.fault, transaction.recipient, whole)

    def _judge(self, fault: Fault, recipient: str, mail: bytes) -> None:
        """Record a whole mail, or not, and answer it, or not."""
        if fault is Fault.DROPPED:
            self._end()
            return
        refused = fault is Fault.CONTENT_REFUSED
        self._taken += 1
        queue_id = f"{id(self):X}.{self._taken}"
        self._record.append(
            provider=PROVIDER,
            reference=reference_of(mail),
            address=recipient,
            text=words_of(mail),
            source=mail,
            accepted=not refused,
            answered=fault not in TAKEN_UNTOLD,
            provider_ref=None if refused else queue_id,
            code="554 5.7.1" if refused else None,
        )
        if fault is Fault.ANSWER_LOST:
            self._end()
        elif fault is Fault.HALF_BODY:
            self._end(b"25")
        elif fault is Fault.HANG:
            self._later(self._faults.rules.hang_for, b"")
        else:
            reply = b"250 2.0.0 Ok: queued as " + queue_id.encode()
            if refused:
                reply = b"554 5.7.1 mail content denied"
            elif fault in TAKEN_UNTOLD:
                reply = _GARBLED
            if self._faults.rules.latency > 0:
                self._later(self._faults.rules.latency, reply)
            else:
                self._say(reply)
