"""The win-back journey on real history, against a computation that shares nothing with the engine."""

import gzip
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from journey_makers import LIBRARY, RULES
from sqlalchemy import func, select, text

from campaigns.campaign import load_definitions
from database.engine import Database
from database.tables import enrolments, events, unprocessed_events
from journeys.history import hold_imported
from journeys.loader import load_journey
from journeys.replay import Rehearsal, ReplayResult, replay
from members.events_importing import import_events
from members.import_maps import EventMap

ROOT = Path(__file__).resolve().parents[2]
ZONE = ZoneInfo("Asia/Shanghai")
CDNOW = EventMap(member=1, occurred_at=2, value=4, kind="order.paid", delimiter="whitespace")


def expected_entries(orders: Iterable[tuple[str, date]], first: date, last: date) -> Counter[str]:
    """Walk every member's orders by hand: quiet for 90 × 24 h at ten, once a silence, 180 days apart."""
    days_of: dict[str, list[date]] = defaultdict(list)
    for member, day in orders:
        days_of[member].append(day)
    entries: Counter[str] = Counter()
    period = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    checks = [(day, datetime.combine(day, time(10), ZONE).astimezone(UTC)) for day in period]
    for days in days_of.values():
        bought = sorted(datetime.combine(day, time(), ZONE).astimezone(UTC) for day in days)
        entered: datetime | None = None
        for day, check in checks:
            position = bisect_right(bought, check)
            if not position or check - bought[position - 1] < timedelta(days=90):
                continue
            if entered is not None and (entered >= bought[position - 1] or check - entered < timedelta(days=180)):
                continue
            entries[day.isoformat()] += 1
            entered = check
    return entries


def run(
    database: Database, load: Callable[[Database], None] | None, first: date, last: date, **more: object
) -> ReplayResult:
    rehearsal = Rehearsal(
        journey=load_journey(ROOT / "journeys" / "definitions" / "win-back-90.yaml"),
        campaigns=load_definitions(ROOT / "campaigns" / "definitions"),
        library=LIBRARY,
        rules=RULES,
        from_day=first,
        to_day=last,
    )
    return replay(database, rehearsal, load=load, **more)  # type: ignore[arg-type]


def loader(path: Path) -> Callable[[Database], None]:
    def load(scratch: Database) -> None:
        import_events(scratch, path, mapping=CDNOW, now=datetime(2026, 1, 1, tzinfo=UTC), zone=ZONE)

    return load


def write(path: Path, orders: Iterable[tuple[str, date]]) -> Path:
    path.write_text("".join(f"{member} {day:%Y%m%d} 1 10.00\n" for member, day in orders), encoding="utf-8")
    return path


@pytest.fixture
def orders() -> list[tuple[str, date]]:
    """Return orders of members who buy at all sorts of intervals around 90 and 180 days."""
    start = date(2025, 1, 1)
    gaps = [1, 30, 89, 90, 91, 92, 120, 179, 180, 181, 182, 200, 269, 270, 271, 272, 300]
    found = []
    for number, gap in enumerate(gaps):
        for second in (gaps[(number * 5) % len(gaps)], gaps[(number * 7) % len(gaps)]):
            member = f"m{number}-{second}"
            found += [
                (member, start),
                (member, start + timedelta(days=gap)),
                (member, start + timedelta(days=gap + second)),
            ]
    return found


def test_entries_equal_the_hand_count_on_awkward_intervals(
    database: Database, tmp_path: Path, orders: list[tuple[str, date]]
) -> None:
    first, last = date(2025, 3, 25), date(2025, 12, 31)

    found = run(database, loader(write(tmp_path / "orders.txt", orders)), first, last, member_keys=[orders[0][0]])

    assert found.entries == expected_entries(orders, first, last)
    assert (found.sends, found.withheld, found.cost) == ({}, 0, 0)
    assert set(found.refused) == {"no_address"}
    assert [entry.what for entry in found.timelines[orders[0][0]]][:2] == ["event", "event"]
    assert "entered" in {entry.what for entry in found.timelines[orders[0][0]]}


def test_a_replay_touches_no_live_table_and_leaves_no_schema(
    database: Database, tmp_path: Path, orders: list[tuple[str, date]]
) -> None:
    def fail(scratch: Database) -> None:
        raise RuntimeError("the file is broken")

    run(database, loader(write(tmp_path / "orders.txt", orders)), date(2025, 4, 1), date(2025, 4, 3))
    with pytest.raises(RuntimeError):
        run(database, fail, date(2025, 4, 1), date(2025, 4, 3))

    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(events)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(enrolments)).scalar_one() == 0
        left = connection.execute(text("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'replay%'")).scalar_one()
        assert left == 0


def test_history_from_files_waits_for_its_day_and_for_nothing_else(database: Database, tmp_path: Path) -> None:
    """Events that a trigger was to look at twice would hide those of the day behind them."""
    path = tmp_path / "orders.txt"
    path.write_text("00001 19970101 1 11.77\n00002 19970112 1 12.00\n", encoding="utf-8")
    import_events(database, path, mapping=CDNOW, now=datetime(2026, 11, 1, tzinfo=UTC), zone=ZONE)

    hold_imported(database)

    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(unprocessed_events)).scalar_one() == 0
        assert connection.execute(text("SELECT count(*) FROM held_events")).scalar_one() == 2
        connection.execute(text("DROP TABLE held_events"))


def test_without_files_the_live_members_and_events_are_replayed(
    database: Database, tmp_path: Path, orders: list[tuple[str, date]]
) -> None:
    first, last = date(2025, 4, 1), date(2025, 4, 20)
    loader(write(tmp_path / "orders.txt", orders))(database)

    found = run(database, None, first, last)

    assert found.entries == expected_entries(orders, first, last)


@pytest.mark.slow
def test_entries_on_cdnow_equal_the_hand_count_on_every_day(database: Database, shared: Path) -> None:
    path = shared / "data" / "cdnow" / "CDNOW_master.txt.gz"
    if not path.is_file():
        pytest.skip("the CDNOW history is not here")
    rows = [line.split() for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    orders = [
        (row[0], datetime.strptime(row[1], "%Y%m%d").replace(tzinfo=ZONE).date()) for row in rows if row[0].isdigit()
    ]
    first, last = date(1997, 4, 1), date(1998, 7, 1)

    found = run(database, loader(path), first, last)

    assert found.entries == expected_entries(orders, first, last)
