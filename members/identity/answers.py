"""What two rows that become one person said about messages, brought together: the stricter answer stands.

Per channel and purpose: where both answered about the same address, the later answer stands; about
different ones, a no of either stands; where one never answered, the other's answer does.  The log is only
ever added to, so what changes is added to it, with the merge and the answer it rests on as its proof.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, text

from members.consent import NewConsent, record_consents

MERGE, UNMERGE = "merge", "unmerge"  #: sources of what is added

_COMBINED = """
WITH latest AS (
    SELECT DISTINCT ON (m.id, c.member_id, c.channel, c.purpose) m.id AS merge_id, m.kept_id, m.gone_id, c.member_id,
        c.channel, c.purpose, c.granted, c.occurred_at, c.id AS consent_id
    FROM merges m JOIN consents c ON c.member_id IN (m.kept_id, m.gone_id) WHERE m.id = ANY(:merges)
    ORDER BY m.id, c.member_id, c.channel, c.purpose, c.occurred_at DESC, c.id DESC
), both_said AS (
    SELECT theirs.*, mine.granted AS was, greatest(mine.occurred_at, theirs.occurred_at) AS at,
        CASE WHEN mine.granted IS NULL THEN theirs.granted
             WHEN NOT same.address THEN mine.granted AND theirs.granted
             WHEN theirs.occurred_at > mine.occurred_at THEN theirs.granted
             WHEN theirs.occurred_at = mine.occurred_at THEN mine.granted AND theirs.granted
             ELSE mine.granted END AS becomes
    FROM latest theirs LEFT JOIN latest mine ON mine.merge_id = theirs.merge_id AND mine.member_id = theirs.kept_id
        AND mine.channel = theirs.channel AND mine.purpose = theirs.purpose
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM addresses a JOIN addresses b USING (channel, fingerprint)
        WHERE a.member_id = theirs.kept_id AND b.member_id = theirs.gone_id AND a.is_current AND b.is_current
          AND a.channel = theirs.channel) AS address) AS same
    WHERE theirs.member_id = theirs.gone_id
)
SELECT merge_id, kept_id, channel, purpose, was, becomes, at, consent_id FROM both_said
WHERE becomes IS DISTINCT FROM was ORDER BY merge_id, channel, purpose
"""

_NOTE = """
UPDATE merges SET moved = moved || jsonb_build_object('answers', told.answers)
FROM json_to_recordset(CAST(:rows AS json)) AS told (merge_id bigint, answers jsonb) WHERE merges.id = told.merge_id
"""

# Only where nothing was said since: then the merge's own row is still the latest.
_TAKE_BACK = """
SELECT m.id AS merge_id, m.kept_id, said.channel, said.purpose, said.was, latest.occurred_at AS at
FROM merges m CROSS JOIN LATERAL jsonb_to_recordset(m.moved -> 'answers') AS said (channel text, purpose text, was boolean)
CROSS JOIN LATERAL (SELECT source, occurred_at, proof FROM consents c WHERE c.member_id = m.kept_id
    AND c.channel = said.channel AND c.purpose = said.purpose ORDER BY occurred_at DESC, id DESC LIMIT 1) AS latest
WHERE m.id = ANY(:merges) AND latest.source = 'merge' AND latest.proof ->> 'merge' = m.id::text
ORDER BY m.id, said.channel, said.purpose
"""


# A no that a person said while they were one row is meant by whoever they turn out to be.
_SAID_SINCE = """
SELECT DISTINCT ON (m.id, c.channel, c.purpose) m.id AS merge_id, m.gone_id, c.channel, c.purpose, c.granted, c.occurred_at
FROM merges m JOIN consents c ON c.member_id = m.kept_id AND c.recorded_at >= m.merged_at AND c.source NOT IN ('merge', 'unmerge')
WHERE m.id = ANY(:merges) ORDER BY m.id, c.channel, c.purpose, c.occurred_at DESC, c.id DESC
"""


def bring_answers(connection: Connection, merges: Sequence[int], *, now: datetime) -> None:
    """Add to the log of each row that stays what the other row said and it must keep to."""
    rows = connection.execute(text(_COMBINED), {"merges": list(merges)}).all()
    record_consents(connection, [_brought(row) for row in rows], now=now)
    noted: dict[int, list[dict[str, object]]] = {}
    for row in rows:
        noted.setdefault(row.merge_id, []).append({"channel": row.channel, "purpose": row.purpose, "was": row.was})
    told = [{"merge_id": merge, "answers": answers} for merge, answers in noted.items()]
    connection.execute(text(_NOTE), {"rows": json.dumps(told)})


def _brought(row: Row[tuple[object, ...]]) -> NewConsent:
    proof = {"merge": row.merge_id, "answer": row.consent_id}
    return NewConsent(
        member_id=row.kept_id, channel=row.channel, purpose=row.purpose, granted=row.becomes, source=MERGE, proof=proof,
        occurred_at=row.at,
    )  # fmt: skip


def take_answers_back(connection: Connection, merges: Sequence[int], *, now: datetime) -> None:
    """Add what stood before the merge, unless something was said since.

    A log cannot forget, so where nothing had been said what amounts to it is added: no to marketing, yes to service.
    """
    rows = connection.execute(text(_TAKE_BACK), {"merges": list(merges)}).all()
    told = [
        NewConsent(
            member_id=row.kept_id, channel=row.channel, purpose=row.purpose,
            granted=row.purpose == "service" if row.was is None else row.was,
            source=UNMERGE, proof={"merge": row.merge_id}, occurred_at=row.at,
        )
        for row in rows
    ]  # fmt: skip
    since = connection.execute(text(_SAID_SINCE), {"merges": list(merges)}).all()
    told += [
        NewConsent(
            member_id=row.gone_id, channel=row.channel, purpose=row.purpose, granted=False, source=UNMERGE,
            proof={"merge": row.merge_id}, occurred_at=row.occurred_at,
        )
        for row in since
        if not row.granted
    ]  # fmt: skip
    record_consents(connection, told, now=now)
