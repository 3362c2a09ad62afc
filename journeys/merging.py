"""Merge rows that are one person, with all that is under way for them, and take merges back.

An enrolment under way goes on as the row that stays, unless the person is in that journey already, was let
in by the same cause, may not come back yet, or was drawn into the other arm: then it ends as ``merged``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from campaigns.sends.merging import (
    MERGED,
    carry_over_arms,
    carry_over_sends,
    give_arms_back,
    give_later_sends_back,
    give_sends_back,
)
from journeys.journey import Reentry
from journeys.published import MOVING, load_published
from members.identity.conflicts import note_conflicts
from members.identity.duplicates import Pair, find_duplicates, first_round
from members.identity.identifiers import adopt_attributes
from members.identity.merging import begin_merges, hold_rows, move_belongings
from members.identity.undoing import begin_undoing, return_belongings

EVER = timedelta(days=365 * 1000)
AT_ONCE = 500  #: merges of one transaction

_RULES = "unnest(CAST(:names AS text[]), CAST(:afters AS interval[])) AS rule (name, after)"

_END = text(f"""
WITH listed AS (
    SELECT m.id AS merge_id, to_jsonb(e) AS item, e.id FROM merges m JOIN enrolments e ON e.member_id = m.gone_id
    LEFT JOIN {_RULES} ON rule.name = e.journey_name
    WHERE m.id = ANY(:merges) AND e.state = 'active' AND (
        EXISTS (SELECT FROM assignments a WHERE a.member_id = m.kept_id AND a.experiment_id = e.experiment_id AND a.arm <> e.arm)
        OR EXISTS (SELECT FROM enrolments mine JOIN members r ON r.id = mine.member_id
            WHERE coalesce(r.merged_into, r.id) = m.kept_id AND mine.id <> e.id AND mine.member_id <> m.gone_id
              AND mine.journey_name = e.journey_name AND (
                mine.state = 'active' OR mine.entry_key = e.entry_key
                OR greatest(mine.entered_at, e.entered_at) - least(mine.entered_at, e.entered_at) < rule.after)))
    ORDER BY e.id FOR UPDATE OF e
), done AS (
    UPDATE enrolments e SET state = 'stopped', ended_at = :now, end_reason = '{MERGED}', due_at = NULL, waiting_for = NULL, step = ''
    FROM listed WHERE e.id = listed.id RETURNING listed.merge_id, listed.item
)
UPDATE merges SET moved = merges.moved || jsonb_build_object('ended', coalesce(merges.moved -> 'ended', '[]') || together.items)
FROM (SELECT merge_id, jsonb_agg(item) AS items FROM done GROUP BY merge_id) AS together WHERE merges.id = together.merge_id
""")  # noqa: S608 - Every word is ours.

_MOVE = text("""
WITH done AS (
    UPDATE enrolments e SET member_id = m.kept_id FROM merges m
    WHERE m.id = ANY(:merges) AND e.member_id = m.gone_id AND e.state = 'active' RETURNING m.id AS merge_id, e.id AS item
)
UPDATE merges SET moved = merges.moved || jsonb_build_object('enrolments', coalesce(merges.moved -> 'enrolments', '[]') || together.items)
FROM (SELECT merge_id, jsonb_agg(item) AS items FROM done GROUP BY merge_id) AS together WHERE merges.id = together.merge_id
""")

_RETURN = text("""
UPDATE enrolments e SET member_id = m.gone_id
FROM merges m CROSS JOIN LATERAL jsonb_array_elements_text(m.moved -> 'enrolments') AS moved (item)
WHERE m.id = ANY(:merges) AND e.id = CAST(moved.item AS bigint) AND e.member_id = m.kept_id
""")

_REVIVE = text("""
UPDATE enrolments e SET state = was.state, ended_at = NULL, end_reason = NULL, due_at = was.due_at,
    waiting_for = was.waiting_for, step = was.step
FROM merges m CROSS JOIN LATERAL jsonb_populate_recordset(NULL::enrolments, m.moved -> 'ended') AS was
WHERE m.id = ANY(:merges) AND e.id = was.id AND e.end_reason = 'merged'
  AND EXISTS (SELECT FROM journeys j WHERE j.id = e.journey_id AND j.state = ANY(:states))
""")

# One of each person, so that no two have a row in common; a row merged by way of another goes from one to the next.
_STRAYS = text("""
SELECT DISTINCT ON (gone.merged_into) m.id, m.kept_id, m.gone_id FROM (
    SELECT gone.id, gone.merged_into FROM members gone JOIN enrolments e ON e.member_id = gone.id AND e.state = 'active'
    WHERE gone.merged_into IS NOT NULL AND gone.erased_at IS NULL
    UNION ALL
    SELECT gone.id, gone.merged_into FROM members gone JOIN sends s ON s.member_id = gone.id AND s.state IN ('waiting', 'claimed')
    WHERE gone.merged_into IS NOT NULL AND gone.erased_at IS NULL
) AS gone JOIN merges m ON m.gone_id = gone.id AND m.undone_at IS NULL ORDER BY gone.merged_into, m.id LIMIT :most
""")
_STILL_MERGED = text("""
SELECT m.id FROM merges m JOIN members gone ON gone.id = m.gone_id
WHERE m.id = ANY(:merges) AND m.undone_at IS NULL AND gone.erased_at IS NULL ORDER BY m.id
""")


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What merging did."""

    merges: tuple[int, ...] = ()  #: their numbers
    ended: int = 0  #: messages that the person would have got twice
    conflicts: int = field(default=0)  #: pairs that wait for somebody to decide


def merge_members(connection: Connection, pairs: Sequence[Pair], *, by: str, now: datetime) -> Merged:
    """Merge pairs of rows of which no two have a row in common; those merged or erased meanwhile are passed over.

    Whoever plans, marks or tells something about them waits, or sees the result.
    """
    merges = begin_merges(connection, pairs, by=by, now=now)
    if not merges:
        return Merged()
    move_belongings(connection, merges, now=now)
    return Merged(merges=tuple(merges), ended=_carry_over(connection, merges, now))


def _carry_over(connection: Connection, merges: Sequence[int], now: datetime) -> int:
    """Let what is under way for the rows that go be under way for those that stay; return how many messages ended."""
    known = load_published(connection, (*MOVING, "paused"))
    rules = {version.name: version.journey.reentry_rule for version in known}
    afters = [rule.after if isinstance(rule, Reentry) else EVER if rule == "never" else timedelta(0) for rule in rules.values()]
    connection.execute(_END, {"merges": merges, "names": list(rules), "afters": afters, "now": now})
    carry_over_arms(connection, merges)
    connection.execute(_MOVE, {"merges": merges})
    return carry_over_sends(connection, merges)


def carry_strays(connection: Connection, *, now: datetime) -> int:
    """Carry over what came under way for a row that had been merged; return for how many persons.

    Whoever let it into a journey or planned a message for it had looked before the merge was committed, or a
    message that was handed over came back.  It is noted with the merge and goes back with it.
    """
    found = connection.execute(_STRAYS, {"most": AT_ONCE}).all()
    if not found:
        return 0
    hold_rows(connection, [each for row in found for each in (row.kept_id, row.gone_id)])
    merges = list(connection.execute(_STILL_MERGED, {"merges": [row.id for row in found]}).scalars())
    _carry_over(connection, merges, now)
    return len(merges)


def merge_certain(connection: Connection, *, by: str, now: datetime, limit: int = AT_ONCE) -> Merged:
    """Merge up to ``limit`` pairs that are certain, and note the conflicts; ask again until none is merged."""
    adopt_attributes(connection, now=now)
    found = find_duplicates(connection)
    conflicts = note_conflicts(connection, found, now=now)
    done = merge_members(connection, first_round(found)[:limit], by=by, now=now)
    return Merged(merges=done.merges, ended=done.ended, conflicts=conflicts)


def unmerge(connection: Connection, merge_id: int, *, now: datetime) -> None:
    """Take a merge back: everything it moved returns, what came since stays with the row that stayed.

    Raises:
        InputRefused: it cannot be taken back; the sentence says why.
    """
    begin_undoing(connection, merge_id, now=now)
    give_sends_back(connection, [merge_id])
    connection.execute(_RETURN, {"merges": [merge_id]})
    give_arms_back(connection, [merge_id])
    connection.execute(_REVIVE, {"merges": [merge_id], "states": [*MOVING, "paused"]})
    return_belongings(connection, merge_id, now=now)
    give_later_sends_back(connection, [merge_id])
