"""Compare the ledger with the simulator's own record: was anything lost, doubled, or sent to a control member?

The record is written by the simulator alone and knows nothing of our tables.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from campaigns.carrier import installation_mark
from campaigns.sends import send_of
from channels.simulator.record import RecordedMessage, read_record

_CARRIED = text("""
SELECT sends.id, sends.state, sends.arm, attempts.provider, addresses.address, attempts.provider_ref, attempts.outcome,
       attempts.provider = sends.provider AS is_present
FROM sends LEFT JOIN attempts ON attempts.send_id = sends.id
JOIN addresses ON addresses.id = coalesce(attempts.address_id, sends.address_id)
WHERE sends.attempts > 0 OR sends.state = 'withheld'
ORDER BY sends.id, attempts.number
""")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the comparison found; ``lost``, ``doubled`` and ``control`` must be 0."""

    taken: int  #: messages the pretend providers took
    unanswered: int  #: of those, how many were taken without our being told
    lost: int  #: the ledger says carried, and no provider ever saw it
    doubled: int  #: taken more often than the ledger has a send for
    control: int  #: taken for somebody who was held back
    closed_unknown: int  #: doubt that no provider could settle, closed by the clock and not sent again

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.control)


@dataclass(slots=True)
class _Carried:
    """What the ledger says of a send and one provider; a send that fell back has several."""

    state: str
    arm: str | None
    address: str
    is_present: bool  #: whether the send's state speaks of this provider
    known: bool = False  #: whether the ledger knows that it took the send, or may have


#: A send, and a provider it was handed to.
_HandOver = tuple[int, str | None]


def compare(connection: Connection, record: Path, *, secret: bytes) -> Verdict:
    """Lay the simulator's record and the ledger side by side."""
    entries = [entry for entry in read_record(record) if entry.accepted]
    carried: dict[_HandOver, _Carried] = {}
    by_ref: dict[tuple[str, str], int] = {}
    for row in connection.execute(_CARRIED):
        before = carried.get((row.id, row.provider))
        # Of a lost answer the ledger may speak where it is the last: had it moved on from one, that would be the harm.
        is_open = bool(row.is_present) and row.outcome in (None, "unknown")
        known = row.outcome == "accepted" or is_open or (before is not None and before.known)
        carried[row.id, row.provider] = _Carried(row.state, row.arm, row.address, bool(row.is_present), known)
        if row.provider_ref:
            by_ref[row.provider, row.provider_ref] = row.id
    taken, strays = _match(entries, by_ref, installation_mark(secret))
    unexplained = _without_doubtful(strays, carried, taken)
    treated = {send for (send, _), each in carried.items() if each.arm == "treated"}
    allowed = {(provider, each.address) for (send, provider), each in carried.items() if send in treated}
    to_control = sum((entry.provider, entry.address) not in allowed for entry in unexplained)
    return Verdict(
        taken=len(entries),
        unanswered=sum(not entry.answered for entry in entries),
        lost=sum(
            each.is_present and each.state in ("accepted", "delivered") and not taken[key] for key, each in carried.items()
        ),
        doubled=_doubled(taken, carried) + len(unexplained) - to_control,
        control=sum(send not in treated for (send, _), count in taken.items() if count) + to_control,
        closed_unknown=sum(each.is_present and each.state == "unknown" for each in carried.values()),
    )


def _doubled(taken: Counter[_HandOver], carried: Mapping[_HandOver, _Carried]) -> int:
    """Count what one provider took more than once, and what a second one took although the ledger knew of one only."""
    again = sum(count - 1 for count in taken.values() if count > 1)
    took = Counter(send for (send, _), count in taken.items() if count)
    knew = Counter(send for (send, _), each in carried.items() if each.known)
    return again + sum(count - max(1, knew[send]) for send, count in took.items() if count > max(1, knew[send]))


def _match(
    entries: Iterable[RecordedMessage], by_ref: Mapping[tuple[str, str], int], installation: str
) -> tuple[Counter[_HandOver], list[RecordedMessage]]:
    """Count how often each provider took each send, by our reference or its own; return what neither names, too."""
    taken: Counter[_HandOver] = Counter()
    strays = []
    for entry in entries:
        send = send_of(entry.reference, installation) or by_ref.get((entry.provider, entry.provider_ref or ""))
        if send is None:
            strays.append(entry)
        else:
            taken[send, entry.provider] += 1
    return taken, strays


def _without_doubtful(
    strays: Iterable[RecordedMessage], carried: Mapping[_HandOver, _Carried], taken: Counter[_HandOver]
) -> list[RecordedMessage]:
    """Give messages whose answer was lost to sends that are in doubt about the same address; return the others.

    Only a provider that is told no reference of ours leaves such messages behind.
    """
    doubtful: defaultdict[tuple[str | None, str], list[_HandOver]] = defaultdict(list)
    for key, each in carried.items():
        if each.is_present and each.state in ("unknown", "in_doubt") and not taken[key]:
            doubtful[key[1], each.address].append(key)
    unexplained = []
    for entry in strays:
        waiting = doubtful.get((entry.provider, entry.address))
        if waiting:
            taken[waiting.pop()] += 1
        else:
            unexplained.append(entry)
    return unexplained
