"""Carrying several messages at once on threads that one provider account keeps."""

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from channels.errors import DeliveryError
from channels.message import Message, Outcome, OutcomeKind

NOT_BEGUN = Outcome(kind=OutcomeKind.NOT_SENT, detail="there was no time left to begin")


class Crew:
    """A fixed number of threads which outlive single hand-overs, so that their connections do, too."""

    def __init__(self, size: int, *, name: str) -> None:
        self._size = size
        self._threads = ThreadPoolExecutor(max_workers=size, thread_name_prefix=name)

    def carry(
        self, messages: Sequence[Message], call: Callable[[Message, float], Outcome], *, deadline: float
    ) -> list[Outcome]:
        """Give each message to ``call`` together with the deadline; return the outcomes in the messages' order.

        A message not begun when ``time.monotonic()`` reaches ``deadline`` is NOT_SENT.  An error
        of ours in the middle of a call leaves UNKNOWN, for the request may have been written.
        """
        outcomes = [NOT_BEGUN] * len(messages)
        turn = itertools.count()

        def take_turns() -> None:
            while (place := next(turn)) < len(messages) and time.monotonic() < deadline:
                outcomes[place] = _outcome(call, messages[place], deadline)

        wait([self._threads.submit(take_turns) for _ in range(min(self._size, len(messages)))])
        return outcomes

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _outcome(call: Callable[[Message, float], Outcome], message: Message, deadline: float) -> Outcome:
    try:
        return call(message, deadline)
    except DeliveryError as error:
        return error.as_outcome()
    except Exception as error:  # noqa: BLE001 - A mistake of ours; what it says may quote the message.
        return Outcome(kind=OutcomeKind.UNKNOWN, detail=f"an error of ours in the middle ({type(error).__name__})")
