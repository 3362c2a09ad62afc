"""Would the predictions have come true?  Learn from the orders up to a day and compare with those after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import numpy as np
from sqlalchemy import Connection

from language.problems import refuse
from members.insight.buying import Buying, expected_orders, newcomers_orders
from members.insight.histories import DAYS_A_WEEK, Known, read_histories, repeats_by_day
from members.insight.predicting import learn
from members.insight.spending import Spending

#: Members with this many repeat orders or more stand in one row.
MOST_REPEATS = 7


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Members with one number of repeat orders before the cut, and what they bought after it."""

    repeats: int  #: before the cut; the last row is "or more"
    members: int
    expected: float  #: days with orders after the cut, on average
    actual: float


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """What was predicted at the cut, and what came of it."""

    cut: date
    end: date
    buying: Buying
    spending: Spending | None
    rows: Sequence[HeldOut]
    expected: float  #: days with orders after the cut, of everybody together
    actual: int
    weeks: Sequence[int]  #: since the first order of all
    expected_by_week: Sequence[float]  #: repeat orders so far, of the members known at the cut
    actual_by_week: Sequence[int]
    cut_week: float


def hold_out(connection: Connection, *, weeks: int, now: datetime, zone: tzinfo) -> Holdout:
    """Learn from all orders but those of the last ``weeks``, and compare.

    Raises:
        InputRefused: the orders before tell too little.
    """
    end = now.astimezone(zone).date()
    known = read_histories(connection, cut=end - timedelta(weeks=weeks), now=now, zone=zone)
    if not len(known.member_ids):
        raise refuse("nobody ordered before {day}; there is nothing to learn from", day=known.cut)
    buying, spending, _ = learn(known)
    expected = expected_orders(buying, known.histories, float(weeks))
    numbers, wanted, seen, cut_week = _by_week(connection, known, buying)
    return Holdout(
        cut=known.cut, end=end, buying=buying, spending=spending, rows=_by_repeats(known, expected),
        expected=float(expected.sum()), actual=int(known.later.sum()),
        weeks=numbers, expected_by_week=wanted, actual_by_week=seen, cut_week=cut_week,
    )  # fmt: skip


def _by_repeats(known: Known, expected: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[HeldOut]:
    group = np.minimum(known.histories.repeats, MOST_REPEATS).astype(int)
    return [
        HeldOut(
            repeats=repeats,
            members=int((group == repeats).sum()),
            expected=float(expected[group == repeats].mean()),
            actual=float(known.later[group == repeats].mean()),
        )
        for repeats in range(MOST_REPEATS + 1)
        if (group == repeats).any()
    ]


def _by_week(connection: Connection, known: Known, buying: Buying) -> tuple[list[int], list[float], list[int], float]:
    """Return week numbers, repeat orders expected and seen up to each week's end, and the week of the cut."""
    ages, members = np.unique(known.histories.age, return_counts=True)
    oldest = float(ages.max())
    start = known.cut - timedelta(days=round(oldest * DAYS_A_WEEK))
    days = [((day - start).days, count) for day, count in repeats_by_day(connection, known.cut)]
    numbers = list(range(1, -(-(known.end - start).days // DAYS_A_WEEK) + 1))
    wanted = []
    for week in numbers:
        since_first = np.maximum(week - (oldest - ages), 0.0)
        wanted.append(float(np.sum(members * newcomers_orders(buying, since_first))))
    seen = [sum(count for day, count in days if day < week * DAYS_A_WEEK) for week in numbers]
    return numbers, wanted, seen, oldest
