"""A batch of mails and the conversation that hands them over, pipelined where the server allows.

One write holds the body of one mail and the envelope of the next.  A body is written only
after the server has said 354 to its own DATA, so a refusal never shifts an answer to a
neighbour.  An answer that is lost after the final dot may have left is UNKNOWN; before
that, the server was bound to forget the mail, and it is NOT_SENT.

Source: RFC 5321 sections 4.1.1.4 and 4.5, RFC 2920 section 3.1.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from channels.email.connection import Connection, ReplyGarbled, ServerClosing
from channels.email.replies import PROVIDER, Reply, Stage, accepted, outcome, refusal
from channels.errors import DeliveryError, OutcomeUnknown, ProviderUnavailable
from channels.message import Message, Outcome

_TOO_LATE = ProviderUnavailable("The time for this batch was over before the mail was begun.", provider=PROVIDER)
_LOST_BEFORE = ProviderUnavailable("The connection was lost before the mail was whole.", provider=PROVIDER)
_LOST_AFTER = OutcomeUnknown("The server's answer to the whole mail was lost.", provider=PROVIDER)
_WELCOME = [250, 250, 354]
_RESET = b"RSET\r\n"
_NOTHING = b".\r\n"


@dataclass(slots=True)
class Mail:
    """One mail of a batch, ready to be carried."""

    index: int  #: its message's place in the batch
    bounces_to: str
    recipient: str
    reference: str
    message_id: str
    content: bytes  #: up to and including the final dot
    put_back: bool = False  #: its envelope was lost with a connection once already

    def envelope(self, *, notifies: bool) -> list[bytes]:
        """Return the three commands that come before the body."""
        parameters = f" RET=HDRS ENVID={self.reference}" if notifies else ""
        return [
            f"MAIL FROM:<{self.bounces_to}>{parameters}\r\n".encode(),
            f"RCPT TO:<{self.recipient}>\r\n".encode(),
            b"DATA\r\n",
        ]


class Batch:
    """The mails still to be carried and the outcomes so far.  Several threads may draw on it."""

    def __init__(self, messages: Sequence[Message], write: Callable[[int, Message], Mail], *, deadline: float) -> None:
        self._waiting: deque[tuple[int, Message] | Mail] = deque(enumerate(messages))
        self._write = write
        self._deadline = deadline
        self._outcomes: list[Outcome | None] = [None] * len(messages)
        self.trouble: DeliveryError = _TOO_LATE  #: why mails were left over, where any were

    @property
    def late(self) -> bool:
        """Whether nothing more may begin."""
        return time.monotonic() >= self._deadline

    @property
    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> Mail | None:
        """Return the next mail, or None when there is none; those that cannot be written are settled here."""
        while True:
            try:
                item = self._waiting.popleft()
            except IndexError:  # Asked for rather than checked: another thread may take the last one.
                return None
            if isinstance(item, Mail):
                return item
            try:
                return self._write(*item)
            except DeliveryError as error:
                self._outcomes[item[0]] = error.as_outcome()

    def return_unbegun(self, mail: Mail) -> None:
        """Put back a mail of which the server has heard nothing."""
        self._waiting.appendleft(mail)

    def put_back(self, mail: Mail) -> None:
        """Put back, once and behind the others, a mail whose envelope was lost with a connection."""
        if mail.put_back:
            self.settle(mail, _LOST_BEFORE.as_outcome())
        else:
            mail.put_back = True
            self._waiting.append(mail)

    def settle(self, mail: Mail, outcome: Outcome) -> None:
        self._outcomes[mail.index] = outcome

    def outcomes(self) -> list[Outcome]:
        """Return one outcome per message; those nobody carried share the trouble there was."""
        left_over = self.trouble.as_outcome()
        return [left_over if each is None else each for each in self._outcomes]


class Conversation:
    """The handing over of mails on one connection, until none is left or the connection is."""

    def __init__(self, connection: Connection, batch: Batch, *, most: int) -> None:
        self._connection = connection
        self._batch = batch
        self._most = most  #: mails the connection may carry in its life
        self._spare: Mail | None = None  #: drawn ahead, nothing said of it yet
        self._opening: Mail | None = None  #: its envelope is written, the replies are not all read
        self._ready: Mail | None = None  #: the server waits for its body
        self._sending: Mail | None = None  #: its body is being written, or its reply awaited
        self.answered = 0  #: mails the server accepted or refused

    def run(self) -> None:
        """Carry mails as long as it goes.  A connection that broke is dropped, never an error."""
        try:
            while self._ready is not None or self._draw() is not None:
                if self._batch.late:
                    self._stop()
                elif self._ready is None:
                    self._open(self._next())
                else:
                    self._send(self._ready)
        except OSError as error:
            self._lose(error)
        except BaseException:
            self._connection.drop()
            raise
        if self._spare is not None:
            self._batch.return_unbegun(self._spare)

    def _draw(self) -> Mail | None:
        """Have the next mail written, if the connection may carry one more."""
        if self._spare is None and self._connection.open and self._connection.carried < self._most:
            self._spare = self._batch.take()
        return self._spare

    def _next(self) -> Mail | None:
        """Begin the drawn mail: from here on the server may hear of it."""
        self._opening, self._spare = self._spare, None
        if self._opening is not None:
            self._connection.carried += 1
        return self._opening

    def _commands(self, mail: Mail) -> list[bytes]:
        commands = mail.envelope(notifies=self._connection.notifies)
        if self._connection.needs_reset:
            self._connection.needs_reset = False
            commands.insert(0, _RESET)
        return commands

    def _open(self, mail: Mail | None) -> None:
        if mail is not None:
            commands = self._commands(mail)
            self._judge(mail, commands, self._connection.exchange(commands))

    def _send(self, mail: Mail) -> None:
        """Write a body and, with pipelining, the next envelope behind it; read what is said to both."""
        self._draw()
        self._ready, self._sending = None, mail
        following = self._next() if self._connection.pipelining else None
        commands = self._commands(following) if following is not None else []
        self._connection.write(b"".join((mail.content, *commands)))
        self._draw()  # The next mail is written while the server is busy with this one.
        reply = self._connection.read_reply()
        if 300 <= reply.code < 400:
            raise ReplyGarbled("the server answered a whole mail with a question")
        self._answer(mail, accepted(reply, mail.message_id) if reply.good else outcome(reply, Stage.CONTENT))
        if following is not None:
            self._judge(following, commands, [self._connection.read_reply() for _ in commands])

    def _judge(self, mail: Mail, commands: Sequence[bytes], replies: Sequence[Reply]) -> None:
        """Decide from the replies to an envelope whether its body may follow."""
        if [reply.code for reply in replies[-3:]] == _WELCOME:
            self._opening, self._ready = None, mail
            return
        said = dict(zip(commands, replies, strict=False))
        stages = (Stage.SENDER, Stage.RECIPIENT, Stage.CONTENT)
        envelope = [said.get(command) for command in commands[-3:]]
        for stage, reply in zip(stages, envelope, strict=True):
            if reply is None or reply.code >= 400:
                break
            if reply.good is (stage is Stage.CONTENT):  # Only DATA is answered by a question.
                raise ReplyGarbled("the server's replies do not fit the commands")
        else:
            self._opening, self._ready = None, mail
            return
        if reply is None:
            raise ReplyGarbled("the server refused to begin anew")
        self._opening = None
        self._answer(mail, outcome(reply, stage))
        self._connection.needs_reset = True
        if envelope[-1] is not None and envelope[-1].code == 354:
            # The server asks for the body of a mail that goes to nobody: it gets an empty one.
            self._connection.write(_NOTHING)
            self._connection.read_reply()

    def _answer(self, mail: Mail, outcome: Outcome) -> None:
        self._sending = None
        self.answered += 1
        self._batch.settle(mail, outcome)

    def _stop(self) -> None:
        """Begin nothing more.  After 354 the only way not to send a mail is to hang up."""
        if self._ready is not None:
            self._connection.drop()
            self._batch.settle(self._ready, _TOO_LATE.as_outcome())
            self._ready = None
        self._most = 0
        if self._spare is not None:
            self._batch.settle(self._spare, _TOO_LATE.as_outcome())
            self._spare = None

    def _lose(self, error: OSError) -> None:
        """Say of every mail that was under way what its fate is now that the connection is gone."""
        self._connection.drop()
        closing = refusal(error.reply, Stage.CONTENT) if isinstance(error, ServerClosing) else None
        self._batch.trouble = closing or _LOST_BEFORE
        if self._sending is not None:
            whole = self._connection.left >= len(self._sending.content)
            lost = closing or (_LOST_AFTER if whole else _LOST_BEFORE)
            self._batch.settle(self._sending, lost.as_outcome())
        for mail in (self._opening, self._ready):
            if mail is not None:
                self._batch.put_back(mail)
