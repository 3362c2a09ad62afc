"""What must be true of the ledger at any moment, as queries that find nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

#: Each query selects the ids of rows that should not be.
INVARIANTS: Mapping[str, str] = {
    "a send in a final state holds a lease": """
        SELECT id FROM sends WHERE lease_until IS NOT NULL AND state NOT IN ('claimed', 'submitting', 'in_doubt')""",
    "a claimed or submitting send has no lease": """
        SELECT id FROM sends WHERE lease_until IS NULL AND state IN ('claimed', 'submitting')""",
    "an attempt was made for a control member": """
        SELECT s.id FROM sends s JOIN attempts a ON a.send_id = s.id WHERE s.arm IS DISTINCT FROM 'treated'""",
    "two attempts of one send were accepted on one channel": """
        SELECT send_id FROM attempts WHERE outcome = 'accepted' GROUP BY send_id, address_id HAVING count(*) > 1""",
    "a send was accepted more often than it fell back": """
        SELECT s.id FROM sends s JOIN attempts a ON a.send_id = s.id AND a.outcome = 'accepted'
        GROUP BY s.id HAVING count(*) > 1 + coalesce(cardinality(s.left_channels), 0)""",
    "a send fell back although an answer was lost": """
        SELECT s.id FROM sends s JOIN attempts a ON a.send_id = s.id AND a.number <= s.earlier_attempts
        WHERE coalesce(a.outcome, 'unknown') = 'unknown' AND NOT EXISTS (SELECT FROM receipts r WHERE r.send_id = s.id
            AND r.attempt = a.number AND r.status IN ('failed', 'bounced', 'accepted'))""",
    "a send that is not for a treated member may fall back or did": """
        SELECT id FROM sends WHERE (then_channels IS NOT NULL OR left_channels IS NOT NULL) AND arm IS DISTINCT FROM 'treated'""",
    "a send waits on a channel that it left": """
        SELECT id FROM sends WHERE state IN ('waiting', 'claimed', 'submitting')
            AND channel IN (SELECT split_part(each, ':', 1) FROM unnest(left_channels) each)""",
    "a send forgot what it spent on the channels it left": """
        SELECT id FROM sends WHERE cost < spent""",
    "a send counts other attempts than it has": """
        SELECT s.id FROM sends s LEFT JOIN (SELECT send_id, count(*) AS made FROM attempts GROUP BY send_id) a
        ON a.send_id = s.id WHERE s.attempts <> coalesce(a.made, 0)""",
    "an attempt is open though its send is settled": """
        SELECT a.send_id FROM attempts a JOIN sends s ON s.id = a.send_id
        WHERE a.outcome IS NULL AND s.state NOT IN ('submitting', 'delivered', 'failed', 'accepted')
            AND a.number > s.earlier_attempts""",
    "a send is accepted or delivered without an attempt": """
        SELECT id FROM sends WHERE state IN ('accepted', 'delivered') AND attempts = 0""",
    "a send was handed over after the member's consent was withdrawn": """
        SELECT s.id FROM sends s JOIN attempts a ON a.send_id = s.id AND a.number = s.attempts
        JOIN addresses d ON d.id = coalesce(a.address_id, s.address_id)
        JOIN LATERAL (SELECT granted FROM consents c WHERE c.member_id = s.member_id AND c.channel = d.channel
            AND c.purpose = s.purpose AND c.recorded_at < s.counted_at - interval '5 seconds'
            ORDER BY occurred_at DESC, id DESC LIMIT 1) latest ON true
        WHERE NOT latest.granted""",
    "an assignment's arm is not its experiment's draw": """
        SELECT a.member_id FROM assignments a JOIN experiments e ON e.id = a.experiment_id
        WHERE (a.arm = 'control') <> (a.bucket < e.control_share * 10000)""",
    "a receipt was applied to a hand-over on another channel": """
        SELECT r.id FROM receipts r JOIN attempts a ON a.send_id = r.send_id AND a.number = r.attempt
        WHERE r.applied_at IS NOT NULL AND split_part(a.provider, '.', 1) <> split_part(r.provider, '.', 1)""",
    "facts differ from the events they sum up": """
        SELECT coalesce(f.member_id, e.member_id) FROM facts f FULL JOIN
            (SELECT member_id, kind, count(*) AS made, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
                coalesce(sum(value), 0) AS total FROM events GROUP BY member_id, kind) e
        ON e.member_id = f.member_id AND e.kind = f.event
        WHERE f.count IS DISTINCT FROM e.made OR f.first_at IS DISTINCT FROM e.first_at
            OR f.last_at IS DISTINCT FROM e.last_at OR f.total IS DISTINCT FROM e.total""",
    "an enrolment that is over has a step to come": """
        SELECT id FROM enrolments WHERE state <> 'active' AND (due_at IS NOT NULL OR waiting_for IS NOT NULL)""",
    "an enrolment that left has a send still waiting": """
        SELECT s.id FROM sends s JOIN enrolments e ON e.id = s.enrolment_id
        WHERE e.state IN ('exited', 'stopped') AND s.state = 'waiting'""",
    "an enrolment's visits are not numbered without gaps": """
        SELECT e.id FROM enrolments e JOIN (SELECT enrolment_id, count(*) AS made, max(visit) AS last FROM step_runs
        GROUP BY enrolment_id) r ON r.enrolment_id = e.id WHERE r.made <> r.last - (SELECT min(visit) FROM step_runs x
        WHERE x.enrolment_id = e.id) + 1""",
    "a response lies outside its send's window or is another member's": """
        SELECT r.send_id FROM responses r JOIN sends s ON s.id = r.send_id JOIN events e ON e.id = r.event_id
        JOIN members m ON m.id = s.member_id
        WHERE e.member_id NOT IN (m.id, coalesce(m.merged_into, m.id)) AND m.id NOT IN (SELECT kept_id FROM merges)
            OR e.occurred_at < s.decided_at""",
    "a row that was merged into another has events of its own": """
        SELECT e.id FROM members m JOIN events e ON e.member_id = m.id WHERE m.merged_into IS NOT NULL""",
    "a row that was merged into another is in a journey": """
        SELECT e.id FROM members m JOIN enrolments e ON e.member_id = m.id
        WHERE m.merged_into IS NOT NULL AND e.state = 'active'""",
}


@dataclass(frozen=True, kw_only=True)
class Broken:
    """An invariant that does not hold."""

    name: str
    count: int
    sample: tuple[int, ...]  #: up to five of the ids


def broken(connection: Connection) -> list[Broken]:
    """Return the invariants that do not hold; an empty list is a sound ledger."""
    found = []
    for name, query in INVARIANTS.items():
        counted = f"SELECT count(*) OVER () AS many, bad.* FROM ({query}) bad LIMIT 5"  # noqa: S608 - The queries stand above.
        ids = connection.execute(text(counted)).all()
        if ids:
            found.append(Broken(name=name, count=ids[0].many, sample=tuple(row[1] for row in ids)))
    return found
