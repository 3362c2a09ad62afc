"""What really happened, by the simulator's own record; our tables are only asked what they claim."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import text

from channels.simulator.record import read_record
from tests.chaos.installation import Installation, reference_mark

_CLAIMS = text(
    "SELECT s.id, s.state, s.arm, s.channel, a.address FROM sends s LEFT JOIN addresses a ON a.id = s.address_id"
)
#: States in which nothing more will happen by itself.
SETTLED = frozenset({"accepted", "delivered", "failed", "withheld", "refused", "cancelled", "unknown"})


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The counts a run is judged by."""

    sends: int
    lost: int  #: we say carried, and no provider took it; or we gave it up
    doubled: int  #: messages a member got more than once
    to_control: int  #: messages to members who were held back
    unsettled: int
    unknown: int  #: closed by policy: the answer was lost and nobody could be asked
    told_wrong: int  #: settled as accepted or unknown against what the record says of look-up channels
    kills: int
    most_in_doubt: int
    answers_lost: int  #: injected: taken by the provider, and the answer dropped


def judge(running: Installation) -> Verdict:
    """Compare every claim of ours with the record."""
    entries = [entry for entry in read_record(running.simulator.record_path) if entry.accepted]
    by_address = Counter((entry.provider.partition(".")[0], entry.address) for entry in entries)
    with running.database.transaction() as connection:
        claims = connection.execute(_CLAIMS).all()
    mark = reference_mark()
    references = Counter(entry.reference for entry in entries if entry.reference)
    times = {
        claim.id: max(by_address[claim.channel, claim.address], references.get(f"{mark}-{claim.id}", 0))
        for claim in claims
    }
    carried = {"accepted", "delivered"}
    return Verdict(
        sends=len(claims),
        lost=sum(claim.state in carried | {"failed", "cancelled"} and not times[claim.id] for claim in claims),
        doubled=sum(max(0, count - 1) for count in times.values()),
        to_control=sum(times[claim.id] for claim in claims if claim.arm == "control"),
        unsettled=sum(claim.state not in SETTLED for claim in claims),
        unknown=sum(claim.state == "unknown" for claim in claims),
        told_wrong=sum(claim.state == "unknown" and claim.channel == "sms" for claim in claims),
        kills=running.kills,
        most_in_doubt=running.most_in_doubt,
        answers_lost=sum(not entry.answered for entry in entries),
    )
