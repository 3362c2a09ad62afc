"""Pairs that may be one person or two: listed until somebody decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from language.problems import refuse
from members.identity.duplicates import Pair

Decision = Literal["merged", "apart"]

_NOTE = """
INSERT INTO merge_conflicts (first_id, second_id, matched_by, problem, found_at)
SELECT first_id, second_id, matched_by, problem, :now
FROM unnest(CAST(:first AS bigint[]), CAST(:second AS bigint[]), CAST(:marks AS text[]), CAST(:problems AS text[]))
    AS told (first_id, second_id, matched_by, problem) ORDER BY first_id, second_id
ON CONFLICT (first_id, second_id) DO UPDATE SET matched_by = excluded.matched_by, problem = excluded.problem,
    decided_at = NULL, decision = NULL
WHERE merge_conflicts.decision IS DISTINCT FROM 'apart'
"""

_OPEN = """
SELECT c.id, c.matched_by, c.problem, c.found_at, c.first_id, c.second_id, a.key AS first_key, b.key AS second_key,
    a.name AS first_name, b.name AS second_name,
    coalesce(a.joined_at, 'infinity') <= coalesce(b.joined_at, 'infinity') AS first_stays
FROM merge_conflicts c JOIN members a ON a.id = c.first_id JOIN members b ON b.id = c.second_id
WHERE c.decided_at IS NULL AND a.merged_into IS NULL AND b.merged_into IS NULL AND a.erased_at IS NULL AND b.erased_at IS NULL
"""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Two rows that share an address and may be two people."""

    id: int
    matched_by: str
    problem: str
    found_at: datetime
    first_id: int
    second_id: int
    first_key: str
    second_key: str
    first_name: str
    second_name: str
    first_stays: bool  #: if they are merged

    @property
    def pair(self) -> Pair:
        kept, gone = (self.first_id, self.second_id) if self.first_stays else (self.second_id, self.first_id)
        return Pair(kept_id=kept, gone_id=gone, matched_by=self.matched_by)


def note_conflicts(connection: Connection, found: Sequence[Pair], *, now: datetime) -> int:
    """Keep the pairs that are not certain for somebody to decide; return how many there are."""
    unsure = [pair for pair in found if pair.problem is not None]
    told = {
        "first": [min(pair.kept_id, pair.gone_id) for pair in unsure],
        "second": [max(pair.kept_id, pair.gone_id) for pair in unsure],
        "marks": [pair.matched_by for pair in unsure],
        "problems": [pair.problem for pair in unsure],
    }
    if unsure:
        connection.execute(text(_NOTE), {**told, "now": now})
    return len(unsure)


def open_conflicts(connection: Connection) -> list[Conflict]:
    """Return the pairs nobody has decided, the oldest first."""
    return [Conflict(**row) for row in connection.execute(text(f"{_OPEN} ORDER BY c.id")).mappings()]


def find_conflict(connection: Connection, conflict_id: int) -> Conflict:
    """Return the conflict of that number.

    Raises:
        InputRefused: there is none that waits for a decision.
    """
    rows = connection.execute(text(f"{_OPEN} AND c.id = :id"), {"id": conflict_id}).mappings().all()
    if not rows:
        raise refuse("there is no conflict {id} that waits for a decision", id=conflict_id)
    return Conflict(**rows[0])


def keep_apart(connection: Connection, conflict_id: int, *, now: datetime) -> None:
    """Note that these two are two people; they are never found again."""
    find_conflict(connection, conflict_id)
    decided = text("UPDATE merge_conflicts SET decided_at = :now, decision = 'apart' WHERE id = :id")
    connection.execute(decided, {"id": conflict_id, "now": now})
