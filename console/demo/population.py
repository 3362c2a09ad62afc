"""Made-up members: who they are, how they can be reached, and what they agreed to.

Every member is drawn by a die of their own, seeded with the story's seed and their number:
the same story has the same members whatever is drawn elsewhere.  Telephone numbers,
addresses and openids have the right form and belong to nobody; only the simulator
ever sees them.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from console.demo.names import FullName, draw_name

#: Shanghai keeps no summer time, and a fixed offset is worked out several times faster.
SHANGHAI = timezone(timedelta(hours=8))
STORY_ENDS = date(2026, 8, 31)  #: the last day, unless told otherwise; fixed, so that a story can be told twice
HISTORY = timedelta(days=548)  #: eighteen months in which members join
UNUSABLE = 0.03  #: share of addresses that lead nowhere

TIERS = (("bronze", 60), ("silver", 25), ("gold", 12), ("platinum", 3))
#: What a tier does to how often its members buy, and to how much.
KEENNESS: Mapping[str, float] = {"bronze": 0.8, "silver": 1.1, "gold": 1.6, "platinum": 2.4}
ZONES = (
    ("Asia/Shanghai", 960), ("Asia/Hong_Kong", 14), ("Asia/Singapore", 10), ("Asia/Tokyo", 6), ("Europe/London", 6),
    ("Australia/Sydney", 4),
)  # fmt: skip
CITIES = ("上海", "北京", "广州", "深圳", "杭州", "成都", "南京", "武汉", "西安", "苏州")
MAIL_DOMAINS = ("example.com", "example.net", "example.org")
DOORS = ("shop", "app", "counter", "wechat")  #: where a member joined and agreed
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

#: Of all members, how many gave an address of each channel; and of those, how many want marketing there.
REACH: Mapping[str, tuple[float, float]] = {"sms": (0.86, 0.55), "email": (0.74, 0.72), "wechat": (0.42, 0.68)}
SILENT_ON_CONSENT = 0.12  #: share of addresses whose owner was never asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Birthday:
    """A birthday as the member told it; year 0 where they kept it to themselves."""

    year: int
    month: int
    day: int
    calendar: str = "solar"
    leap_month: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Resident:
    """One made-up member."""

    number: int
    key: str
    name: FullName
    tier: str
    time_zone: str
    joined_at: datetime
    birthday: Birthday | None
    city: str
    door: str
    points: int
    addresses: Mapping[str, str]  #: by channel
    consents: Mapping[str, bool]  #: by channel; a channel that is missing was never spoken of


def draw_population(count: int, *, seed: int, ends: date = STORY_ENDS) -> Iterator[Resident]:
    """Draw ``count`` members in the order of their numbers; the number says nothing about when they joined."""
    return (draw_resident(number, seed=seed, ends=ends) for number in range(1, count + 1))


def draw_resident(number: int, *, seed: int, ends: date = STORY_ENDS) -> Resident:
    """Draw one member; the same number and seed give the same member."""
    die = random.Random(f"member {seed} {number}")
    name = draw_name(die)
    tier = _weighted(die, TIERS)
    zone = _weighted(die, ZONES)
    addresses = _draw_addresses(die, number, name)
    return Resident(
        number=number,
        key=f"M{number:06d}",
        name=name,
        tier=tier,
        time_zone=zone,
        joined_at=_draw_joining(die, ends),
        birthday=_draw_birthday(die) if die.random() < 0.72 else None,
        city=die.choice(CITIES) if zone == "Asia/Shanghai" else zone.rpartition("/")[2].replace("_", " "),
        door=die.choice(DOORS),
        points=int(die.expovariate(1 / 400) * KEENNESS[tier]),
        addresses=addresses,
        consents=_draw_consents(die, addresses),
    )


def midnight(day: date) -> datetime:
    """Return the beginning of a day in Shanghai."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def _weighted(die: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    return die.choices([each for each, _ in weighted], weights=[weight for _, weight in weighted])[0]


def _draw_joining(die: random.Random, ends: date) -> datetime:
    # The square root bends a uniform draw so that the shop grows: later days see more people join.
    day = ends - timedelta(days=int((1 - die.random() ** 0.85) * HISTORY.days))
    return midnight(day) + timedelta(seconds=die.randint(9 * 3600, 22 * 3600))


def _draw_birthday(die: random.Random) -> Birthday:
    if die.random() < 0.12:
        month, day = die.randint(1, 12), die.randint(1, 29)
        return Birthday(year=0, month=month, day=day, calendar="lunar", leap_month=die.random() < 0.01)
    # Four years hold every day of the calendar once more than 29 February asks for.
    born = date(die.randrange(1948, 2004, 4), 1, 1) + timedelta(days=die.randrange(1461))
    return Birthday(year=born.year if die.random() < 0.8 or (born.month, born.day) == (2, 29) else 0, month=born.month, day=born.day)


def _draw_addresses(die: random.Random, number: int, name: FullName) -> dict[str, str]:
    made = {
        "sms": f"+86199{number:08d}",
        "email": f"{name.letters}{number}@{die.choice(MAIL_DOMAINS)}",
        "wechat": "o" + "".join(die.choices(LETTERS, k=27)),
    }
    spoilt = {"sms": f"021-{number % 10_000_000:07d}", "email": f"{name.letters}{number}.example.com", "wechat": f"o{number}"}
    found = {}
    for channel, (given, _) in REACH.items():
        wanted, bad = die.random() < given, die.random() < UNUSABLE
        if wanted:
            found[channel] = spoilt[channel] if bad else made[channel]
    return found


def _draw_consents(die: random.Random, addresses: Mapping[str, str]) -> dict[str, bool]:
    found = {}
    for channel, (_, agrees) in REACH.items():
        asked, says_yes = die.random() >= SILENT_ON_CONSENT, die.random() < agrees / (1 - SILENT_ON_CONSENT)
        if channel in addresses and asked:
            found[channel] = says_yes
    return found
