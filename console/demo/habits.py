"""What made-up members do: join, look around, buy, come back, and one day stop.

A member's orders are a Poisson process whose rate is their own, busier at weekends and
in the great sales, until they lose interest; after that they return now and then by
themselves.  Nothing here knows of messages: both arms of every experiment have these habits.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from console.demo.population import KEENNESS, SHANGHAI, STORY_ENDS, Resident, midnight

DAY = 86_400.0  #: seconds
ORDER, VIEW, JOINED = "order.paid", "product.viewed", "member.joined"
SHOP = "shop"  #: the source of the events

NEVER_BUYS = 0.38  #: share of members who join and leave it at that
RETURNS_A_DAY = 0.0022  #: chance that someone who had lost interest comes back on a given day
#: How busy each day of the week is, Monday first.
WEEK = (0.86, 0.84, 0.88, 0.92, 1.10, 1.28, 1.12)
#: The great sales: month, first and last day, how much busier.
SALES = ((6, 14, 18, 1.5), (11, 8, 11, 1.8), (12, 11, 12, 1.4), (1, 20, 26, 1.3))
BUSIEST = 2.0  #: no day is busier than this many usual ones
CATEGORIES = ("coffee", "tea", "bakery", "home", "care", "gift")


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """Something a member does."""

    key: str
    member: str
    kind: str
    at: datetime
    value: float | None = None
    properties: dict[str, object] = field(default_factory=dict)


def draw_deeds(resident: Resident, *, seed: int, ends: date = STORY_ENDS) -> list[Deed]:
    """Draw everything a member does from joining to the last day of the story, in order."""
    die = random.Random(f"habits {seed} {resident.number}")
    end = midnight(ends + timedelta(days=1))
    deeds = [_deed(resident, JOINED, resident.joined_at, 0, properties={"door": resident.door})]
    buys = die.random() >= NEVER_BUYS
    a_day = die.lognormvariate(-3.75, 0.75) * KEENNESS[resident.tier]
    loses_interest = resident.joined_at + timedelta(days=die.expovariate(1 / 230))
    usual = die.lognormvariate(4.7, 0.35) * KEENNESS[resident.tier] ** 0.5
    if buys:
        moments = _orders(die, resident.joined_at, min(loses_interest, end), a_day)
        returns = _returns(die, max(loses_interest, resident.joined_at), end)
        for place, moment in enumerate([*moments, *returns], start=1):
            amount = round(usual * die.lognormvariate(0, 0.4), 2)
            deeds.append(_deed(resident, ORDER, moment, place, value=amount, properties={"category": die.choice(CATEGORIES)}))
    deeds += _looks(die, resident, min(loses_interest, end))
    return sorted((deed for deed in deeds if deed.at < end), key=lambda deed: (deed.at, deed.key))


def busyness(day: date) -> float:
    """Say how much busier than usual the shop is on a day."""
    sale = next((busier for month, first, last, busier in SALES if day.month == month and first <= day.day <= last), 1.0)
    return min(WEEK[day.weekday()] * sale, BUSIEST)


def _deed(
    resident: Resident, kind: str, at: datetime, place: int, *, value: float | None = None, properties: dict[str, object]
) -> Deed:
    key = f"{resident.key}-{kind.partition('.')[0]}-{place}"
    return Deed(key=key, member=resident.key, kind=kind, at=at.replace(microsecond=0), value=value, properties=properties)


def _orders(die: random.Random, start: datetime, end: datetime, a_day: float) -> Iterator[datetime]:
    """Yield the moments of orders: first a trial for some, then by thinning a busier process."""
    if die.random() < 0.45:
        trial = start + timedelta(days=die.expovariate(1 / 6), minutes=30)
        if trial < end:
            yield trial
    # Seconds are counted as numbers: three of four moments are thinned out again, and a datetime is made of none of those.
    seconds, first_day = 0.0, (start + SHANGHAI.utcoffset(None)).toordinal()
    into_day = ((start + SHANGHAI.utcoffset(None)).timestamp()) % DAY
    longest = (end - start).total_seconds()
    while True:
        seconds += die.expovariate(a_day * BUSIEST) * DAY
        if seconds >= longest:
            return
        if die.random() * BUSIEST < _busyness_of(first_day + int((into_day + seconds) // DAY)):
            yield _at_a_likely_hour(die, start + timedelta(seconds=seconds))


@lru_cache(maxsize=4096)
def _busyness_of(ordinal: int) -> float:
    return busyness(date.fromordinal(ordinal))


def _returns(die: random.Random, start: datetime, end: datetime) -> Iterator[datetime]:
    moment = start
    while (moment := moment + timedelta(days=die.expovariate(RETURNS_A_DAY))) < end:
        yield _at_a_likely_hour(die, moment)


def _looks(die: random.Random, resident: Resident, end: datetime) -> Iterator[Deed]:
    moment = resident.joined_at
    for place in range(1, 100):
        moment += timedelta(days=die.expovariate(1 / 150))
        if moment >= end:
            return
        yield _deed(resident, VIEW, _at_a_likely_hour(die, moment), place, properties={"category": die.choice(CATEGORIES)})


def _at_a_likely_hour(die: random.Random, moment: datetime) -> datetime:
    """Move a moment forward on its own day, to noon or the evening, where it fell in the night."""
    if (moment.hour + 8) % 24 >= 9:
        return moment
    return moment + timedelta(hours=die.choice((9, 11, 12, 12)))
