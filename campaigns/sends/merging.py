"""What becomes of sends when two rows turn out to be one person: nobody gets the same thing twice.

What has been handed over stays with the row it was decided for, and reports count it there.  What still
waits goes to the row that stays, unless that one has its own of the same occasion or was drawn into the other arm.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from campaigns.sends.cancelling import cancel_listed

#: Why a send ended because the person has another.
MERGED = "merged"

_WAITING = "s.state IN ('waiting', 'claimed')"

_DOUBLED = text(f"""
SELECT s.id FROM merges m JOIN sends s ON s.member_id = m.gone_id WHERE m.id = ANY(:merges) AND {_WAITING} AND (
    EXISTS (SELECT FROM sends mine WHERE mine.member_id = m.kept_id AND mine.campaign_id = s.campaign_id AND mine.occasion = s.occasion)
    OR EXISTS (SELECT FROM assignments mine WHERE mine.member_id = m.kept_id AND mine.experiment_id = s.experiment_id AND mine.arm <> s.arm)
    OR EXISTS (SELECT FROM enrolments e WHERE e.id = s.enrolment_id AND e.end_reason = '{MERGED}'))
ORDER BY s.id FOR UPDATE OF s
""")  # noqa: S608 - Every word is ours.

_DRAWN = text(f"""
WITH done AS (
    INSERT INTO assignments (experiment_id, member_id, arm, bucket, decided_at)
    SELECT DISTINCT ON (m.kept_id, a.experiment_id) a.experiment_id, m.kept_id, a.arm, a.bucket, a.decided_at
    FROM merges m JOIN assignments a ON a.member_id = m.gone_id WHERE m.id = ANY(:merges) AND (
        EXISTS (SELECT FROM sends s WHERE s.member_id = m.gone_id AND s.experiment_id = a.experiment_id AND {_WAITING})
        OR EXISTS (SELECT FROM enrolments e WHERE e.member_id = m.gone_id AND e.experiment_id = a.experiment_id AND e.state = 'active'))
    ON CONFLICT DO NOTHING RETURNING experiment_id, member_id
)
UPDATE merges SET moved = moved || jsonb_build_object('assignments', coalesce(moved -> 'assignments', '[]') || listed.items)
FROM (SELECT member_id, jsonb_agg(experiment_id) AS items FROM done GROUP BY member_id) AS listed
WHERE merges.id = ANY(:merges) AND merges.kept_id = listed.member_id
""")  # noqa: S608

# A worker that holds one of them finds it is no longer its own; the person's address now is the one to use.
_MOVED = text(f"""
WITH listed AS (
    SELECT m.id AS merge_id, m.kept_id, s.id, s.address_id FROM merges m JOIN sends s ON s.member_id = m.gone_id
    WHERE m.id = ANY(:merges) AND {_WAITING} ORDER BY s.id FOR UPDATE OF s
), done AS (
    UPDATE sends s SET member_id = l.kept_id, state = 'waiting', token = NULL, lease_until = NULL,
        address_id = coalesce((SELECT id FROM addresses a WHERE a.member_id = l.kept_id AND a.channel = s.channel AND a.is_current),
                              s.address_id)
    FROM listed l WHERE s.id = l.id
    RETURNING l.merge_id, jsonb_build_object('id', s.id, 'address', l.address_id) AS item
)
UPDATE merges SET moved = merges.moved || jsonb_build_object('sends', coalesce(merges.moved -> 'sends', '[]') || together.items)
FROM (SELECT merge_id, jsonb_agg(item) AS items FROM done GROUP BY merge_id) AS together WHERE merges.id = together.merge_id
""")  # noqa: S608

_BACK = text(f"""
UPDATE sends s SET member_id = m.gone_id, address_id = CAST(moved.item ->> 'address' AS bigint), state = 'waiting',
    token = NULL, lease_until = NULL
FROM merges m CROSS JOIN LATERAL jsonb_array_elements(m.moved -> 'sends') AS moved (item)
WHERE m.id = ANY(:merges) AND s.id = CAST(moved.item ->> 'id' AS bigint) AND s.member_id = m.kept_id AND {_WAITING}
""")  # noqa: S608

_DRAWN_SINCE = text(f"""
INSERT INTO assignments (experiment_id, member_id, arm, bucket, decided_at)
SELECT DISTINCT a.experiment_id, m.gone_id, a.arm, a.bucket, a.decided_at
FROM merges m CROSS JOIN LATERAL jsonb_array_elements_text(m.moved -> 'enrolments') AS moved (item)
JOIN sends s ON s.enrolment_id = CAST(moved.item AS bigint) AND s.member_id = m.kept_id AND {_WAITING}
JOIN assignments a ON a.member_id = m.kept_id AND a.experiment_id = s.experiment_id
WHERE m.id = ANY(:merges) ON CONFLICT DO NOTHING
""")  # noqa: S608

# What was planned since for a way that goes back: to the address the member has again, where there is one.
_LATER_BACK = text(f"""
UPDATE sends s SET member_id = m.gone_id, address_id = a.id, state = 'waiting', token = NULL, lease_until = NULL
FROM merges m CROSS JOIN LATERAL jsonb_array_elements_text(m.moved -> 'enrolments') AS moved (item)
JOIN addresses a ON a.member_id = m.gone_id AND a.is_current
WHERE m.id = ANY(:merges) AND s.enrolment_id = CAST(moved.item AS bigint) AND s.member_id = m.kept_id
  AND a.channel = s.channel AND {_WAITING} AND (s.experiment_id IS NULL OR EXISTS (SELECT FROM assignments mine
    WHERE mine.member_id = m.gone_id AND mine.experiment_id = s.experiment_id AND mine.arm = s.arm))
""")  # noqa: S608

_UNDRAWN = text("""
DELETE FROM assignments a USING merges m CROSS JOIN LATERAL jsonb_array_elements_text(m.moved -> 'assignments') AS moved (item)
WHERE m.id = ANY(:merges) AND a.member_id = m.kept_id AND a.experiment_id = CAST(moved.item AS bigint)
  AND NOT EXISTS (SELECT FROM sends s WHERE s.member_id = a.member_id AND s.experiment_id = a.experiment_id)
  AND NOT EXISTS (SELECT FROM enrolments e WHERE e.member_id = a.member_id AND e.experiment_id = a.experiment_id)
""")


def carry_over_arms(connection: Connection, merges: Sequence[int]) -> None:
    """Let the rows that stay have the arms the others were drawn into, where something under way needs them."""
    connection.execute(_DRAWN, {"merges": list(merges)})


def carry_over_sends(connection: Connection, merges: Sequence[int]) -> int:
    """Cancel what the person would get twice, move what else waits; return how many were cancelled."""
    doubled = connection.execute(_DOUBLED, {"merges": list(merges)}).scalars().all()
    if doubled:
        cancel_listed(connection, doubled, reason=MERGED)
    connection.execute(_MOVED, {"merges": list(merges)})
    return len(doubled)


def give_sends_back(connection: Connection, merges: Sequence[int]) -> None:
    """Give back what still waits; what was cancelled stays so, and what was handed over was the person's then."""
    connection.execute(_BACK, {"merges": list(merges)})


def give_later_sends_back(connection: Connection, merges: Sequence[int]) -> None:
    """Give what was planned since for ways that went back, to whoever walks them; addresses have gone back before."""
    connection.execute(_DRAWN_SINCE, {"merges": list(merges)})
    connection.execute(_LATER_BACK, {"merges": list(merges)})


def give_arms_back(connection: Connection, merges: Sequence[int]) -> None:
    """Take the arms again that nothing needs."""
    connection.execute(_UNDRAWN, {"merges": list(merges)})
