"""Ask a journey's conditions of a column of member ids."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection

from journeys.journey import ConditionText
from members.conditions import clause, parse_condition
from members.segments import load_segments


def holds(
    connection: Connection,
    condition: ConditionText,
    *,
    member: ColumnElement[int],
    now: datetime,
    of_everybody: bool = False,
) -> ColumnElement[bool]:
    """Say in SQL whether the condition holds at ``now``; segments mean what they mean now.

    ``of_everybody``: the question goes to the whole base, not to a batch.
    """
    segments = load_segments(connection)
    return clause(parse_condition(condition), member=member, now=now, segments=segments, of_everybody=of_everybody)
