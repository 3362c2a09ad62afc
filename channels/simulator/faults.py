"""How a pretend provider misbehaves: shares of requests, drawn by a seeded die, or to order."""

import enum
import random
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace


class Fault(enum.StrEnum):
    """What goes wrong with one message; each also names its share in ``FaultRules``."""

    NONE = "none"
    ANSWER_LOST = "answer_lost"  #: taken, then the connection is dropped before a byte of the answer
    HALF_BODY = "half_body"  #: taken, and the answer breaks off in its middle
    HANG = "hang"  #: taken, and no answer within any sensible time
    BAD_GATEWAY = "bad_gateway"  #: taken, and a proxy answers 502 (SMTP: 451 after the final dot)
    GARBLED = "garbled"  #: taken, and the answer is a page nobody documented
    DROPPED = "dropped"  #: not taken; the connection is dropped once the request is written
    UNAVAILABLE = "unavailable"  #: not taken: 503 in the documented form (SMTP: 421)
    THROTTLED = "throttled"  #: not taken: 429 (SMTP: 450)
    REDIRECTED = "redirected"  #: not taken: the answer is a redirect
    ADDRESS_REFUSED = "address_refused"  #: refused: no such address
    MEMBER_REFUSED = "member_refused"  #: refused: this member asked for no more
    CONTENT_REFUSED = "content_refused"  #: refused: these words may not be sent


#: Faults after which the message is with the provider although the sender was not told.
TAKEN_UNTOLD = frozenset({Fault.ANSWER_LOST, Fault.HALF_BODY, Fault.HANG, Fault.BAD_GATEWAY, Fault.GARBLED})
#: Faults in which the provider refuses one message for good.
REFUSALS = frozenset({Fault.ADDRESS_REFUSED, Fault.MEMBER_REFUSED, Fault.CONTENT_REFUSED})


@dataclass(frozen=True, kw_only=True)
class FaultRules:
    """The share of messages that meet each fault, from 0 to 1; together at most 1."""

    answer_lost: float = 0.0
    half_body: float = 0.0
    hang: float = 0.0
    bad_gateway: float = 0.0
    garbled: float = 0.0
    dropped: float = 0.0
    unavailable: float = 0.0
    throttled: float = 0.0
    redirected: float = 0.0
    address_refused: float = 0.0
    member_refused: float = 0.0
    content_refused: float = 0.0
    latency: float = 0.0  #: seconds every answer takes
    hang_for: float = 60.0  #: seconds a hanging answer takes


class Faults:
    """The rules in force and the die.  Safe to use from several threads."""

    def __init__(self, rules: FaultRules, *, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._die = random.Random(seed)
        self._ordered: deque[Fault] = deque()
        self._shares: list[tuple[float, Fault]] = []
        self.use(rules)

    def use(self, rules: FaultRules) -> None:
        """Put other rules in force.

        Raises:
            ValueError: a share is not between 0 and 1, or together they exceed 1.
        """
        shares = [(float(getattr(rules, fault.value)), fault) for fault in Fault if fault is not Fault.NONE]
        if any(not 0 <= share <= 1 for share, _ in shares) or sum(share for share, _ in shares) > 1 + 1e-9:
            raise ValueError("each share lies between 0 and 1 and together they are at most 1")
        with self._lock:
            self.rules = rules
            self._shares = [(share, fault) for share, fault in shares if share]

    def change(self, changes: Mapping[str, object]) -> None:
        """Change the named rules and leave the others.

        Raises:
            ValueError: a name or a value is not one of ours.
        """
        known = {each.name for each in fields(FaultRules)}
        if not known.issuperset(changes) or not all(isinstance(each, int | float) for each in changes.values()):
            raise ValueError(f"known rules are {', '.join(sorted(known))}, each a number")
        self.use(replace(self.rules, **{name: float(str(value)) for name, value in changes.items()}))

    def order(self, faults: Sequence[Fault]) -> None:
        """Make the next messages meet exactly these, whatever was ordered before; then the die is asked again."""
        with self._lock:
            self._ordered = deque(faults)

    def draw(self) -> Fault:
        """Say what the next message meets."""
        with self._lock:
            if self._ordered:
                return self._ordered.popleft()
            if not self._shares:
                return Fault.NONE
            point = self._die.random()
            for share, fault in self._shares:
                if point < share:
                    return fault
                point -= share
            return Fault.NONE
