"""Totals of events, made again for members whose events went from one to another."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from members.facts import MERGE, TOTALS

_OWN = "(SELECT * FROM events WHERE member_id = ANY(:ids)) AS own"
_COUNT = f"WITH fresh AS ({TOTALS.format(events=_OWN)}) {MERGE}"


def count_again(connection: Connection, member_ids: Sequence[int]) -> None:
    """Make the totals of these members from the events they have; hold their rows before, or somebody may add to them meanwhile."""
    connection.execute(text("DELETE FROM facts WHERE member_id = ANY(:ids)"), {"ids": list(member_ids)})
    connection.execute(text(_COUNT), {"ids": list(member_ids)})
