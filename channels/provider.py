"""The contract every provider keeps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from channels.errors import CallbackRefused
from channels.message import Callback, CallbackRequest, Channel, DeliveryReport, Message, Outcome
from channels.objections import Objection


class Provider(ABC):
    """A company or server that carries messages for one channel.

    An instance holds one account's settings and its live connections.  It translates;
    it does not decide, retry, log bodies or touch rows.  Safe to call from several
    threads at once.
    """

    channel: ClassVar[Channel]
    name: ClassVar[str]  #: sms.aliyun, email.smtp, …
    #: How many messages may be with the provider at once, marked but not answered.
    window: ClassVar[int] = 32
    #: Whether ``look_up`` can settle a lost answer.
    can_look_up: ClassVar[bool] = False
    #: Whether a look-up that finds nothing proves that nothing was taken; where not, ``look_up`` raises instead.
    look_up_denies: ClassVar[bool] = True
    #: Whether a look-up knows our message by nothing but its words; elsewhere it is given none.
    look_up_reads_words: ClassVar[bool] = False
    #: Whether what became of accepted messages is told only when asked, by ``ask_after``.
    can_ask_after: ClassVar[bool] = False
    #: Whether ``read_callback`` may have to ask somebody, and so must not hold up others.
    callbacks_may_wait: ClassVar[bool] = False

    @abstractmethod
    def deliver(self, messages: Sequence[Message], *, deadline: float) -> list[Outcome]:
        """Carry the messages and say what came of each, in their order, never all-or-nothing.

        No call may begin once ``time.monotonic()`` has reached ``deadline``; messages not
        begun by then are NOT_SENT.  Never raises for a message's sake.
        """

    def permission_for(self, message: Message) -> str | None:
        """Return the provider's id of the template of which this message uses up one yes of the member's.

        None: it needs no such yes.  The ids are those that ``Grant`` tells of.
        """
        return None

    def objections(self, message: Message) -> Sequence[Objection]:
        """Say why the message would be turned down, as far as that can be told without calling anybody.

        Empty: nothing is known against it, which is no promise.
        """
        return ()

    def look_up(self, message: Message, *, sent_at: datetime) -> DeliveryReport | None:
        """Ask what became of a message whose answer was lost; None: the provider never took it.

        ``sent_at`` is when the attempt began; the provider may count days in a zone of its own.
        The message has words only where ``look_up_reads_words``: they are written once more, so
        they differ from those sent where the member's facts have changed.

        Raises:
            DeliveryError: the provider could not say.
        """
        raise NotImplementedError

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Verify a request the provider made to us and translate it.

        Raises:
            CallbackRefused: it is not the provider's, or not to be understood.
            CallbackUnverified: that cannot be told now; the provider is asked to make it again.
        """
        raise CallbackRefused("this provider makes no callbacks", provider=self.name)

    def pull(self, store: Callable[[Callback], None]) -> None:  # noqa: B027 - Most providers tell everything by themselves.
        """Ask for what the provider tells only when asked, and hand it to ``store``, which has kept it when it returns.

        What ``store`` raises passes through.

        Raises:
            DeliveryError: the provider could not be asked.
        """

    def ask_after(self, provider_refs: Sequence[str], *, deadline: float) -> list[DeliveryReport]:
        """Ask what became of messages that were accepted under these ids of the provider's.

        Messages still on their way are left out, and so is what there was no time for: no call may
        begin once ``time.monotonic()`` has reached ``deadline``.

        Raises:
            DeliveryError: the provider could say nothing of any of them.
        """
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 - A provider without connections has nothing to give back.
        """Give back connections."""
