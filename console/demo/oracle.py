"""Compare the ledger with the simulator's own record: was anything lost, doubled, or sent to a control member?

The record is written by the simulator alone and knows nothing of our tables.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from campaigns.delivery import installation_mark
from campaigns.sends import send_of
from channels.simulator.record import RecordedMessage, read_record

_CARRIED = text("""
SELECT sends.id, sends.state, sends.arm, sends.provider, addresses.address, attempts.provider_ref, attempts.outcome
FROM sends JOIN addresses ON addresses.id = sends.address_id
LEFT JOIN attempts ON attempts.send_id = sends.id AND attempts.number = sends.attempts
WHERE sends.attempts > 0 OR sends.state = 'withheld'
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


@dataclass(frozen=True, slots=True)
class _Sent:
    state: str
    arm: str | None
    provider: str | None
    address: str


def compare(connection: Connection, record: Path, *, secret: bytes) -> Verdict:
    """Lay the simulator's record and the ledger side by side."""
    entries = [entry for entry in read_record(record) if entry.accepted]
    sends: dict[int, _Sent] = {}
    by_ref: dict[tuple[str, str], int] = {}
    for row in connection.execute(_CARRIED):
        sends[row.id] = _Sent(row.state, row.arm, row.provider, row.address)
        if row.provider_ref:
            by_ref[row.provider, row.provider_ref] = row.id
    taken, strays = _match(entries, by_ref, installation_mark(secret))
    unexplained = _without_doubtful(strays, sends, taken)
    allowed = {(send.provider, send.address) for send in sends.values() if send.arm == "treated"}
    to_control = sum((entry.provider, entry.address) not in allowed for entry in unexplained)
    return Verdict(
        taken=len(entries),
        unanswered=sum(not entry.answered for entry in entries),
        lost=sum(send.state in ("accepted", "delivered") and not taken[id_] for id_, send in sends.items()),
        doubled=sum(count - 1 for count in taken.values() if count > 1) + len(unexplained) - to_control,
        control=sum(id_ not in sends or sends[id_].arm != "treated" for id_, count in taken.items() if count) + to_control,
        closed_unknown=sum(send.state == "unknown" for send in sends.values()),
    )


def _match(
    entries: Iterable[RecordedMessage], by_ref: Mapping[tuple[str, str], int], installation: str
) -> tuple[Counter[int], list[RecordedMessage]]:
    """Count how often each send was taken, by our reference or the provider's; return what neither names, too."""
    taken: Counter[int] = Counter()
    strays = []
    for entry in entries:
        send = send_of(entry.reference, installation) or by_ref.get((entry.provider, entry.provider_ref or ""))
        if send is None:
            strays.append(entry)
        else:
            taken[send] += 1
    return taken, strays


def _without_doubtful(
    strays: Iterable[RecordedMessage], sends: Mapping[int, _Sent], taken: Counter[int]
) -> list[RecordedMessage]:
    """Give messages whose answer was lost to sends that are in doubt about the same address; return the others.

    Only a provider that is told no reference of ours leaves such messages behind.
    """
    doubtful: defaultdict[tuple[str | None, str], list[int]] = defaultdict(list)
    for id_, send in sends.items():
        if send.state in ("unknown", "in_doubt") and not taken[id_]:
            doubtful[send.provider, send.address].append(id_)
    unexplained = []
    for entry in strays:
        waiting = doubtful.get((entry.provider, entry.address))
        if waiting:
            taken[waiting.pop()] += 1
        else:
            unexplained.append(entry)
    return unexplained
