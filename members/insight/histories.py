"""Members' histories of orders, counted in one statement and handed over as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from members.insight.buying import Histories, Numbers
from members.insight.orders import EVER, count_orders

DAYS_A_WEEK = 7

# Orders of one day are one.  Whoever first ordered after the cut is not known at the cut.
_HISTORIES = text(
    """
WITH days AS (
    SELECT member_id, day, sum(amount) AS amount, min(day) OVER (PARTITION BY member_id) AS first
    FROM counted_orders GROUP BY member_id, day
)
SELECT member_id,
    CAST(count(*) FILTER (WHERE day <= CAST(:cut AS date)) - 1 AS float) AS repeats,
    CAST(max(day) FILTER (WHERE day <= CAST(:cut AS date)) - min(first) AS float) AS last,
    CAST(CAST(:cut AS date) - min(first) AS float) AS age,
    coalesce(CAST(avg(amount) FILTER (WHERE day > first AND day <= CAST(:cut AS date)) AS float), 0) AS mean,
    CAST(count(*) FILTER (WHERE day > CAST(:cut AS date)) AS float) AS later
FROM days WHERE first <= CAST(:cut AS date)
GROUP BY member_id ORDER BY member_id
"""
)

_REPEATS_BY_DAY = text(
    """
WITH days AS (SELECT DISTINCT member_id, day, min(day) OVER (PARTITION BY member_id) AS first FROM counted_orders)
SELECT day, count(*) FROM days WHERE first <= CAST(:cut AS date) AND day > first GROUP BY day ORDER BY day
"""
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """Who bought what until a day, and how often afterwards; one place in every array is one member."""

    member_ids: NDArray[np.int64]
    histories: Histories
    mean: Numbers  #: amount of a repeat day's orders; 0: none was repeated
    later: Numbers  #: days with orders after the cut
    cut: date
    end: date


def read_histories(connection: Connection, *, cut: date | None = None, now: datetime, zone: tzinfo) -> Known:
    """Count everybody's orders up to the end of the local day ``cut``, and those after it; None: up to today."""
    count_orders(connection, since=EVER, until=now, zone=zone)
    today = now.astimezone(zone).date()
    found = connection.execute(_HISTORIES, {"cut": cut or today}).all()
    table = np.array([row[1:] for row in found], dtype=np.float64).reshape(len(found), 5)
    weeks = table[:, 1:3] / DAYS_A_WEEK
    return Known(
        member_ids=np.array([row[0] for row in found], dtype=np.int64),
        histories=Histories(repeats=table[:, 0], last=weeks[:, 0], age=weeks[:, 1], count=np.ones(len(found))),
        mean=table[:, 3],
        later=table[:, 4],
        cut=cut or today,
        end=today,
    )


def repeats_by_day(connection: Connection, cut: date) -> Sequence[tuple[date, int]]:
    """Return how many repeat orders each day had, of members known at the cut; after ``read_histories``."""
    return [(row[0], row[1]) for row in connection.execute(_REPEATS_BY_DAY, {"cut": cut})]


def gathered(histories: Histories, *, at_most: int) -> Histories:
    """Put equal histories together with their number; of more than ``at_most`` members take every second, third, …."""
    step = -(-len(histories.repeats) // at_most) if len(histories.repeats) else 1
    table = np.stack([histories.repeats, histories.last, histories.age], axis=1)[::step]
    rows, counts = np.unique(table, axis=0, return_counts=True)
    return Histories(repeats=rows[:, 0], last=rows[:, 1], age=rows[:, 2], count=counts.astype(np.float64))


def weeks_of(length: timedelta) -> float:
    """Return a length of time in weeks."""
    return length / timedelta(days=DAYS_A_WEEK)
