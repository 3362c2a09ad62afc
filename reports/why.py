"""Why a member did or did not get something: one timeline from the ledger, nothing guessed."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text

from database.tables import campaigns, journeys, members
from language.problems import refuse
from reports.reasons import reason_words
from reports.wording import said


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One line of the timeline."""

    at: datetime
    kind: str  #: assignment, enrolment, step, send, attempt, fallback, receipt, response
    sentence: str  #: in English, with ``{values}``
    values: Mapping[str, object] = field(default_factory=dict)
    reason: str | None = None  #: the code as the ledger has it: why refused, failed, ended, or the provider's own

    def told(self, language: str) -> str:
        """Return the line in ``zh`` or ``en``."""
        words = {name: said(str(value), language) if isinstance(value, str) else value for name, value in self.values.items()}
        if self.reason is not None:
            words["reason"] = reason_words(self.reason, language)
        return said(self.sentence, language, **words)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a member can be reached on one channel as things stand."""

    channel: str
    problem: str | None  #: why the address cannot be used; None: it can
    marketing: bool | None  #: the latest word on marketing; None: never asked
    suppressed: str | None  #: why the address is suppressed; None: it is not


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Everything the ledger knows about a member and a campaign or journey."""

    member: str
    kind: str  #: campaign or journey
    name: str
    timeline: Sequence[Happening]
    standings: Sequence[Standing]

    @property
    def conclusion(self) -> Happening | None:
        """The last line that says what became of a send, or else of the enrolment; None: never considered."""
        for kind in ("send", "enrolment"):
            found = [each for each in self.timeline if each.kind == kind]
            if found:
                return found[-1]
        return None


_ASSIGNMENTS = text("""
SELECT experiments.name, experiments.control_share, assignments.arm, assignments.bucket, assignments.decided_at AS at
FROM assignments JOIN experiments ON experiments.id = assignments.experiment_id
WHERE assignments.member_id = :member
  AND (experiments.name = :name OR starts_with(experiments.name, :name || '@') OR starts_with(experiments.name, :name || '#'))
ORDER BY assignments.decided_at
""")

_ENROLMENTS = text("""
SELECT enrolments.*, journeys.version FROM enrolments JOIN journeys ON journeys.id = enrolments.journey_id
WHERE enrolments.member_id = :member AND enrolments.journey_name = :name ORDER BY entered_at, enrolments.id
""")

_STEPS = text("""
SELECT step_runs.* FROM step_runs JOIN enrolments ON enrolments.id = step_runs.enrolment_id
WHERE enrolments.member_id = :member AND enrolments.journey_name = :name ORDER BY run_at, visit
""")

_SENDS = text("""
SELECT sends.*, campaigns.name AS campaign, enrolments.journey_name FROM sends
JOIN campaigns ON campaigns.id = sends.campaign_id LEFT JOIN enrolments ON enrolments.id = sends.enrolment_id
WHERE sends.member_id = :member AND CASE WHEN :kind = 'campaign' THEN campaigns.name = :name ELSE enrolments.journey_name = :name END
ORDER BY sends.decided_at, sends.id
""")

_ATTEMPTS = text("""
SELECT attempts.*, coalesce(addresses.channel, sends.channel) AS channel FROM attempts
JOIN sends ON sends.id = attempts.send_id LEFT JOIN addresses ON addresses.id = attempts.address_id
WHERE attempts.send_id = ANY(:sends) ORDER BY attempts.marked_at, attempts.number
""")
_RECEIPTS = text("SELECT * FROM receipts WHERE send_id = ANY(:sends) AND applied_at IS NOT NULL ORDER BY received_at, id")
_RESPONSES = text("""
SELECT responses.send_id, responses.occurred_at AS at, responses.value, events.kind
FROM responses JOIN events ON events.id = responses.event_id WHERE responses.send_id = ANY(:sends) ORDER BY responses.occurred_at
""")

_STANDINGS = text("""
SELECT addresses.channel, addresses.problem, consent_now.granted AS marketing, suppressions.reason AS suppressed
FROM addresses
LEFT JOIN consent_now ON consent_now.member_id = addresses.member_id AND consent_now.channel = addresses.channel
    AND consent_now.purpose = 'marketing'
LEFT JOIN suppressions ON suppressions.channel = addresses.channel AND suppressions.fingerprint = addresses.fingerprint
WHERE addresses.member_id = :member AND addresses.is_current ORDER BY addresses.channel
""")

#: What became of a send, by its state.
BECAME: Mapping[str, str] = {
    "waiting": "Send {send} of {campaign} waits for its turn, not before {not_before}",
    "claimed": "Send {send} of {campaign} is in a worker's hands",
    "submitting": "Send {send} of {campaign} is being handed to the provider",
    "in_doubt": "Send {send} of {campaign} by {channel}: the provider's answer was lost, and it is being asked",
    "unknown": "Send {send} of {campaign} by {channel}: the provider's answer was lost for good; it is not sent again",
    "accepted": "Send {send} of {campaign} by {channel} was taken by the provider; no delivery was reported",
    "delivered": "Send {send} of {campaign} by {channel} was delivered",
    "failed": "Send {send} of {campaign} by {channel} failed: {reason}",
    "withheld": "Send {send} of {campaign} was withheld: the member is in the control group",
    "refused": "Send {send} of {campaign} was refused: {reason}",
    "cancelled": "Send {send} of {campaign} was cancelled: {reason}",
}

LEFT_AND_BACK = "Send {send} left {channel} and stands as it was by {next}: {reason}"

Rows = Sequence[Row[tuple[Any, ...]]]


def explain(connection: Connection, *, member_id: int, name: str) -> Explanation:
    """Tell everything that happened between a member and the campaign or journey of this name; a journey wins.

    Raises:
        InputRefused: neither is called so.
    """
    kind = _kind_of(connection, name)
    key = connection.execute(select(members.c.key).where(members.c.id == member_id)).scalar_one()
    given = {"member": member_id, "name": name, "kind": kind}
    drawn = connection.execute(_ASSIGNMENTS, {"member": member_id, "name": f"{kind}:{name}"}).all()
    sends = connection.execute(_SENDS, given).all()
    lines = [*_assignments(drawn), *_of_sends(connection, sends)]
    if kind == "journey":
        entered = connection.execute(_ENROLMENTS, given).all()
        lines += [*_enrolments(entered), *_steps(connection.execute(_STEPS, given).all())]
    standings = [Standing(**row._mapping) for row in connection.execute(_STANDINGS, {"member": member_id})]
    ordered = [line for _, line in sorted(lines, key=lambda each: each[0])]
    return Explanation(member=key, kind=kind, name=name, timeline=ordered, standings=standings)


def _kind_of(connection: Connection, name: str) -> str:
    journey_names = set(connection.execute(select(journeys.c.name)).scalars())
    if name in journey_names:
        return "journey"
    campaign_names = set(connection.execute(select(campaigns.c.name)).scalars())
    if name in campaign_names:
        return "campaign"
    known = sorted(journey_names | campaign_names)
    near = difflib.get_close_matches(name, known, n=1)
    raise refuse("there is no campaign or journey {name}; expected {known}", name=name, known=near[0] if near else ", ".join(known) or "-")


#: When a line belongs in the order of things, and the line: attempts run by the real clock, which a simulated day does not.
Placed = tuple[tuple[datetime, int], Happening]


def _assignments(rows: Rows) -> Iterator[Placed]:
    for row in rows:
        sentence = "Drawn for {experiment}: {arm} (bucket {bucket} of 10000, {share} held back)"
        share = f"{float(row.control_share):.0%}"
        values = {"experiment": row.name, "arm": row.arm, "bucket": row.bucket, "share": share}
        yield (row.at, 1), Happening(at=row.at, kind="assignment", sentence=sentence, values=values, reason=None)


def _enrolments(rows: Rows) -> Iterator[Placed]:
    for row in rows:
        sentence = "Entered the journey (version {version}) because of {cause}"
        values = {"version": row.version, "cause": row.entry_key.partition(":")[0]}
        yield (row.entered_at, 0), Happening(at=row.entered_at, kind="enrolment", sentence=sentence, values=values)
        if row.ended_at is not None:
            sentence = "Left the journey: {reason}"
            ended = Happening(at=row.ended_at, kind="enrolment", sentence=sentence, reason=row.end_reason or row.state)
            yield (row.ended_at, 9), ended


def _steps(rows: Rows) -> Iterator[Placed]:
    for row in rows:
        sentence = "Step {step}, {kind}: {result}" if row.result else "Step {step}, {kind}"
        values = {"step": row.step, "kind": row.kind, "result": row.result or ""}
        yield (row.run_at, 2), Happening(at=row.run_at, kind="step", sentence=sentence, values=values)


def _hand_overs(send: Row[tuple[Any, ...]], made: Rows) -> Iterator[Placed]:
    """Tell the attempts channel by channel, and after each channel that was left why it was."""
    left = [each.partition(":") for each in send.left_channels or ()]
    channels = [*(channel for channel, _, _ in left), send.channel]
    untold = list(made)
    for place, channel in enumerate(channels):
        last = place == len(left)
        here = untold if last else [row for row in untold if row.channel == channel]
        untold = [row for row in untold if row not in here]
        for row in here:
            sentence = "Attempt {number} of send {send} by {channel}: {outcome}" + (" ({reason})" if row.code else "")
            values = {"number": row.number, "send": send.id, "channel": row.channel or "none", "outcome": row.outcome or "not answered"}
            yield (send.decided_at, 4), Happening(at=row.marked_at, kind="attempt", sentence=sentence, values=values, reason=row.code)
        if not last:
            at = here[-1].marked_at if here else send.decided_at
            values = {"send": send.id, "channel": channel, "next": channels[place + 1]}
            back = channels[place + 1] in channels[:place]
            sentence = LEFT_AND_BACK if back else "Send {send} left {channel} for {next}: {reason}"
            yield (send.decided_at, 4), Happening(at=at, kind="fallback", sentence=sentence, values=values, reason=left[place][2])


def _of_sends(connection: Connection, sends: Rows) -> Iterator[Placed]:
    given = {"sends": [row.id for row in sends]}
    for row in sends:
        values = {
            "send": row.id, "campaign": row.campaign, "channel": row.channel or "none", "not_before": f"{row.not_before:%Y-%m-%d %H:%M}Z",
        }  # fmt: skip
        reason = row.reason if row.state in ("failed", "refused", "cancelled") else None
        line = Happening(at=row.decided_at, kind="send", sentence=BECAME[row.state], values=values, reason=reason)
        yield (row.decided_at, 3), line
    made = connection.execute(_ATTEMPTS, given).all()
    for send in sends:
        yield from _hand_overs(send, [row for row in made if row.send_id == send.id])
    for row in connection.execute(_RECEIPTS, given):
        sentence = "The provider reported on send {send}: {status}" + (" ({reason})" if row.code else "")
        values = {"send": row.send_id, "status": row.status}
        yield (row.received_at, 5), Happening(at=row.received_at, kind="receipt", sentence=sentence, values=values, reason=row.code)
    for row in connection.execute(_RESPONSES, given):
        sentence = "Responded to send {send}: {event}" + (", {value}" if row.value is not None else "")
        values = {"send": row.send_id, "event": row.kind, "value": row.value if row.value is not None else ""}
        yield (row.at, 6), Happening(at=row.at, kind="response", sentence=sentence, values=values)
