"""Carrying several messages at once on threads that one provider account keeps."""

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from channels.errors import DeliveryError
from channels.message import Message, Outcome, OutcomeKind

NOT_BEGUN = Outcome(kind=OutcomeKind.NOT_SENT, detail="there was no time left to begin")
UNGROUPED = Outcome(kind=OutcomeKind.NOT_SENT, detail="the message was put into no call")


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

        def carry_one(place: int) -> None:
            outcomes[place] = _outcome(call, messages[place], deadline)

        self._take_turns(carry_one, len(messages), deadline)
        return outcomes

    def carry_groups(
        self,
        messages: Sequence[Message],
        groups: Sequence[Sequence[int]],
        call: Callable[[int, Sequence[Message], float], Sequence[Outcome]],
        *,
        deadline: float,
        ungrouped: Outcome = UNGROUPED,
    ) -> list[Outcome]:
        """Call with the number of each group, its messages and the deadline; return the outcomes in the messages' order.

        ``groups`` hold the places of messages; ``call`` returns one outcome for each message of
        its group, in their order.  What holds for one message of ``carry`` holds here for each
        message of a group alike; a message of no group comes to ``ungrouped``.
        """
        outcomes = [ungrouped] * len(messages)
        for place in itertools.chain.from_iterable(groups):
            outcomes[place] = NOT_BEGUN

        def carry_group(turn: int) -> None:
            places = groups[turn]
            told = _outcomes(call, turn, [messages[place] for place in places], deadline)
            for place, outcome in zip(places, told, strict=True):
                outcomes[place] = outcome

        self._take_turns(carry_group, len(groups), deadline)
        return outcomes

    def _take_turns(self, carry: Callable[[int], None], count: int, deadline: float) -> None:
        turn = itertools.count()

        def take_turns() -> None:
            while (place := next(turn)) < count and time.monotonic() < deadline:
                carry(place)

        wait([self._threads.submit(take_turns) for _ in range(min(self._size, count))])

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _outcome(call: Callable[[Message, float], Outcome], message: Message, deadline: float) -> Outcome:
    try:
        return call(message, deadline)
    except DeliveryError as error:
        return error.as_outcome()
    except Exception as error:  # noqa: BLE001 - A mistake of ours; what it says may quote the message.
        return _our_error(error)


def _outcomes(
    call: Callable[[int, Sequence[Message], float], Sequence[Outcome]],
    turn: int,
    group: Sequence[Message],
    deadline: float,
) -> list[Outcome]:
    try:
        outcomes = list(call(turn, group, deadline))
    except DeliveryError as error:
        return [error.as_outcome()] * len(group)
    except Exception as error:  # noqa: BLE001 - As above.
        return [_our_error(error)] * len(group)
    return outcomes if len(outcomes) == len(group) else [_our_error(IndexError())] * len(group)


def _our_error(error: Exception) -> Outcome:
    return Outcome(kind=OutcomeKind.UNKNOWN, detail=f"an error of ours in the middle ({type(error).__name__})")
