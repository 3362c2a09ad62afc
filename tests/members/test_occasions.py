"""Each occasion is told once, on the member's own day, whoever tells it and however long nobody did."""

import random
import subprocess
import sys
import time as clock
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select
from wrong_files import first_line_refused

from database.engine import Database, set_clock
from database.member_tables import upkeep
from database.tables import events, members
from journeys.loader import load_journey
from members.definitions import read_definitions, save_definitions
from members.events import NewEvent, record
from members.local_days import days_due, instant
from members.occasions.choice import Occasions
from members.occasions.telling import preview_days, tell_days, tell_first_orders
from members.points.applying import save_programme
from members.points.rules import PointsProgramme
from members.reckoning import reckon

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "config" / "examples"
NOW = datetime(2026, 8, 3, 4, tzinfo=UTC)  # a Monday, noon in Shanghai
DAY = timedelta(days=1)
ZONES = (
    "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Auckland",
    "Africa/Casablanca", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Kiritimati", "Asia/Tehran", "Europe/London",
)  # fmt: skip


def life(**changes: object) -> Occasions:
    (found,) = read_definitions(EXAMPLES / "occasions" / "life.yaml", Occasions)
    return Occasions.model_validate(found.model_dump(mode="json") | changes)


def apply(database: Database, **changes: object) -> None:
    with database.transaction() as connection:
        save_definitions(connection, [life(**changes)], now=NOW - 900 * DAY)


def born(database: Database, *people: dict[str, object]) -> None:
    blank = {"time_zone": "Asia/Shanghai", "birth_month": None, "birth_day": None, "birth_calendar": "solar",
             "birth_leap_month": False, "joined_at": None, "erased_at": None}  # fmt: skip
    with database.transaction() as connection:
        connection.execute(insert(members), [blank | {"key": f"m{place}"} | who for place, who in enumerate(people)])


def turn(database: Database, since: datetime | None, now: datetime) -> None:
    with database.transaction() as connection:
        tell_days(connection, since=since, now=now, february_29="feb28")


def told(database: Database, kind: str = "%") -> list[tuple[str, str, datetime, object]]:
    """Return (kind, member's key, when, days or years) of what was told, by moment."""
    found = (
        select(events, members.c.key.label("member"))
        .join(members, members.c.id == events.c.member_id)
        .where(events.c.source == "tidings", events.c.kind.like(kind))
        .order_by(events.c.occurred_at, events.c.kind, members.c.key)
    )
    with database.transaction() as connection:
        rows = connection.execute(found).all()
    return [(row.kind, row.member, row.occurred_at, row.properties.get("days", row.properties.get("years"))) for row in rows]


def at_nine(day: date, zone: str = "Asia/Shanghai") -> datetime:
    return instant(day, time(9), zone)


# ---------------------------------------------------------------- local days


@pytest.mark.parametrize("zone", ZONES)
def test_every_local_day_is_told_once_right_through_the_clock_changes_of_years(zone: str) -> None:
    chance = random.Random(zone)
    at = time(*chance.choice([(0, 0), (1, 30), (2, 30), (9, 0), (23, 59)]))
    begin, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2032, 12, 31, tzinfo=UTC)
    cuts = sorted({begin, end, *(begin + timedelta(minutes=chance.randrange(4_733_280)) for _ in range(400))})

    days = [found for since, until in pairwise(cuts) for found in days_due(at, zone, since, until)]

    assert days == list(days_due(at, zone, begin, end))
    assert [day for day, _ in days] == [days[0][0] + place * DAY for place in range(len(days))]
    for day, moment in days:
        shown = moment.astimezone(ZoneInfo(zone))
        assert shown.date() == day, "a day that the clocks skip at this time begins after the gap"
        assert shown.time() >= at
    assert len(days) in range(3286, 3289)


# ------------------------------------------------------------------ birthdays


def test_birthdays_are_told_on_the_day_and_before_it_in_the_members_own_zone(database: Database) -> None:
    apply(database)
    born(
        database,
        {"birth_month": 8, "birth_day": 4},
        {"birth_month": 8, "birth_day": 4, "time_zone": "America/New_York"},
        {"birth_month": 8, "birth_day": 11},
        {"birth_month": 8, "birth_day": 4, "erased_at": NOW},
    )
    turn(database, NOW, NOW + DAY)

    assert told(database) == [
        ("birthday.soon", "m2", at_nine(date(2026, 8, 4)), 7),
        ("birthday.today", "m0", at_nine(date(2026, 8, 4)), 0),
    ]
    turn(database, NOW + DAY, NOW + 2 * DAY)
    assert told(database)[2:] == [("birthday.today", "m1", at_nine(date(2026, 8, 4), "America/New_York"), 0)]


def test_29_february_and_lunar_leap_months_have_their_day(database: Database) -> None:
    apply(database, birthday_soon=[], anniversary=False, quiet=[])
    leap = {"birth_month": 6, "birth_day": 1, "birth_calendar": "lunar", "birth_leap_month": True}
    born(database, {"birth_month": 2, "birth_day": 29}, leap)
    for year in (2025, 2026, 2027, 2028):
        for begin, end in ((date(year, 2, 20), date(year, 3, 3)), (date(year, 6, 20), date(year, 7, 20)), (date(year, 7, 20), date(year, 8, 5))):
            turn(database, at_nine(begin), at_nine(end))

    days = [(member, when.astimezone(ZoneInfo("Asia/Shanghai")).date()) for _, member, when, _ in told(database)]
    assert days == [
        ("m0", date(2025, 2, 28)), ("m1", date(2025, 7, 25)),  # 2025 has a second sixth month
        ("m0", date(2026, 2, 28)), ("m1", date(2026, 7, 14)),
        ("m0", date(2027, 2, 28)), ("m1", date(2027, 7, 4)),
        ("m0", date(2028, 2, 29)), ("m1", date(2028, 7, 22)),  # and 2028 a second fifth
    ]  # fmt: skip


def test_anniversaries_of_joining_say_how_many_years(database: Database) -> None:
    apply(database)
    born(
        database,
        {"joined_at": datetime(2023, 8, 3, 17, tzinfo=UTC)},  # 4 August in Shanghai
        {"joined_at": datetime(2025, 8, 4, 1, tzinfo=UTC)},
        {"joined_at": datetime(2026, 8, 4, 1, tzinfo=UTC)},
    )
    turn(database, NOW, NOW + DAY)

    assert [(member, years) for _, member, _, years in told(database, "membership.anniversary")] == [("m0", 3), ("m1", 1)]


# -------------------------------------------------------------------- silence


def order(database: Database, member: str, at: datetime, *, now: datetime = NOW, key: str | None = None, **more: object) -> None:
    with database.transaction() as connection:
        what = NewEvent(
            source="shop", key=key or f"{member} {at}", member_key=member, kind="order.paid", occurred_at=at, value=10.0, **more
        )  # type: ignore[arg-type]
        record(connection, [what], now=now)
        ids = connection.execute(select(members.c.id).where(members.c.key == member)).scalars().all()
        tell_first_orders(connection, ids, now)


def test_silence_is_told_at_each_length_once_and_ends_with_an_order(database: Database) -> None:
    apply(database, first_order=False, second_order=False)
    order(database, "a", NOW)
    for day in range(65):
        turn(database, NOW + day * DAY, NOW + (day + 1) * DAY)
    order(database, "a", NOW + 65 * DAY, now=NOW + 65 * DAY)
    for day in range(65, 97):
        turn(database, NOW + day * DAY, NOW + (day + 1) * DAY)

    quiet = [(days, when) for _, _, when, days in told(database, "member.quiet")]
    assert quiet == [(days, at_nine(date(2026, 8, 3) + after * DAY)) for days, after in ((30, 30), (60, 60), (30, 95))]


# --------------------------------------------------------------------- orders


def test_first_and_second_orders_are_told_once_by_the_days_of_the_orders(database: Database) -> None:
    apply(database)
    order(database, "a", NOW - 2 * DAY)
    order(database, "a", NOW - 5 * DAY)  # Told late: it was earlier, so the one told before is now the second.
    order(database, "a", NOW - DAY)
    order(database, "old", NOW - 100 * DAY)
    order(database, "old", NOW - DAY)

    assert told(database, "order.%") == [
        ("order.first", "a", NOW - 2 * DAY, None),
        ("order.second", "a", NOW - 2 * DAY, 3),
        ("order.second", "old", NOW - DAY, 99),  # Its first is too long ago to be told.
    ]


def test_nothing_is_told_before_it_is_chosen_and_nothing_that_is_not(database: Database) -> None:
    born(database, {"birth_month": 8, "birth_day": 4})
    turn(database, NOW, NOW + DAY)
    order(database, "m0", NOW)
    assert told(database) == []

    apply(database, birthday_today=False, birthday_soon=[9], first_order=False)
    turn(database, NOW - DAY, NOW + DAY)
    order(database, "m0", NOW - DAY)
    assert sorted(row[0] for row in told(database)) == ["order.second"]


def test_an_outage_is_made_up_for_and_after_a_month_no_further(database: Database) -> None:
    apply(database, birthday_soon=[])
    born(database, *({"birth_month": (date(2026, 8, 4) + place * DAY).month, "birth_day": (date(2026, 8, 4) + place * DAY).day} for place in range(40)))
    turn(database, NOW, NOW + 7 * DAY)
    assert [row[1] for row in told(database)] == [f"m{place}" for place in range(7)]

    turn(database, NOW + 7 * DAY, NOW + 40 * DAY)
    assert {row[1] for row in told(database)} == {f"m{place}" for place in range(40)} - {"m7", "m8"}


def test_a_preview_counts_what_would_be_told_and_tells_nothing(database: Database) -> None:
    born(database, {"birth_month": 8, "birth_day": 4}, {"birth_month": 8, "birth_day": 12})
    with database.transaction() as connection:
        found = preview_days(connection, life(), now=NOW, days=3, february_29="feb28")

    assert found == [("2026-08-04", "birthday.today", 1), ("2026-08-05", "birthday.soon", 1)]
    assert told(database) == []


# ------------------------------------------------------- schedulers and clocks


def test_three_schedulers_two_on_wrong_clocks_and_a_week_down_tell_each_occasion_once(database: Database) -> None:
    apply(database, birthday_soon=[7, 1])
    chance = random.Random(4)
    people = []
    for _ in range(300):
        day = date(2026, 8, 1) + chance.randrange(40) * DAY
        people.append({
            "birth_month": day.month, "birth_day": day.day, "time_zone": chance.choice(ZONES[:5]),
            "joined_at": datetime(2020, 8, 1, 12, tzinfo=UTC) + chance.randrange(40) * DAY,
        })  # fmt: skip
    born(database, *people)
    rules = {"points": "p", "since": "2026-01-01", "earn": [{"rule": "r", "event": "order.paid", "points": 7}],
             "expire": {"months": 1}, "expire_soon": ["7d"]}  # fmt: skip
    with database.transaction() as connection:
        save_programme(connection, PointsProgramme.model_validate(rules), now=NOW)
        orders = [
            NewEvent(source="shop", key=str(place), member_key=f"m{place}", kind="order.paid",
                     occurred_at=NOW - chance.randrange(28) * DAY, value=1.0)
            for place in range(300)
        ]  # fmt: skip
        record(connection, orders, now=NOW)
        while reckon(connection, now=NOW):
            pass
    moments = [NOW, NOW + timedelta(hours=7), NOW + DAY, NOW + 9 * DAY, NOW + timedelta(days=9, minutes=20), NOW + 12 * DAY]
    _run_three(database, moments)

    expected: Counter[tuple[str, str, object]] = Counter()
    begin, end = NOW - DAY, moments[-1]
    for place, who in enumerate(people):
        zone = str(who["time_zone"])
        for day, _ in days_due(time(9), zone, begin, end):
            born_on = date(2026, int(str(who["birth_month"])), int(str(who["birth_day"])))
            for kind, days in (("birthday.today", 0), ("birthday.soon", 1), ("birthday.soon", 7)):
                expected[kind, f"m{place}", days] += day + days * DAY == born_on
            joined = who["joined_at"].astimezone(ZoneInfo(zone)).date()  # type: ignore[attr-defined]
            expected["membership.anniversary", f"m{place}", 6] += (day.month, day.day) == (joined.month, joined.day)
    found = Counter((kind, member, days) for kind, member, _, days in told(database) if kind.startswith(("birth", "memb")))
    found = Counter({what: many for what, many in found.items() if what[0] != "member.quiet"})
    assert found == +expected
    assert set(found.values()) == {1}
    assert sum(found.values()) > 250
    points = Counter((kind, member) for kind, member, _, _ in told(database, "points.%"))
    assert {kind for kind, _ in points} == {"points.expire_soon", "points.expired", "points.cleared"}
    assert set(points.values()) == {1}


def _run_three(database: Database, moments: list[datetime]) -> None:
    url = database.url.render_as_string(hide_password=False)
    with database.transaction() as connection:
        set_clock(connection, moments[0])
    command = [sys.executable, "-m", "tests.members.wrong_clock", url]
    running = [
        subprocess.Popen([*command, str(days), moments[-1].isoformat()], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for days in (0, 400, -400)
    ]
    try:
        for each in running:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for moment in moments:
            with database.transaction() as connection:
                set_clock(connection, moment)
            _wait_until_done(database, moment)
        assert [each.wait(timeout=60) for each in running] == [0, 0, 0]
    finally:
        for each in running:
            each.kill()
            each.communicate()
        with database.transaction() as connection:
            set_clock(connection, None)


def _wait_until_done(database: Database, moment: datetime) -> None:
    give_up = clock.monotonic() + 60
    names = ["occasions", "points", "tiers"]
    while clock.monotonic() < give_up:
        with database.transaction() as connection:
            done = connection.execute(select(upkeep.c.done_to).where(upkeep.c.kind.in_(names))).scalars().all()
        if len(done) == len(names) and min(done) >= moment - timedelta(minutes=16):
            return
        clock.sleep(0.02)
    raise AssertionError("the chores were not done in a minute")


# ---------------------------------------------------------- files and journeys


@pytest.mark.parametrize("file", sorted((EXAMPLES / "journeys").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_example_journeys_can_be_read(file: Path) -> None:
    assert load_journey(file).trigger.event is not None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("quiet: [0]", "at least 1 was expected; found 0"),
        ("birthday_soon: [61]", "at most 60 was expected; found 61"),
        ("at: noon", "at"),
        ("birthday: true", "did you mean birthday_"),
        ("quiet_event: order paid", "quiet_event"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_line(tmp_path: Path, written: str, said: str) -> None:
    assert first_line_refused(tmp_path, f"occasions: life\n{written}\n", Occasions, said) == 2
