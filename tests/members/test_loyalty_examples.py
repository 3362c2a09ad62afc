"""What the pages about tiers and points tell of Anna is what happens."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from database.engine import Database
from database.loyalty_tables import member_tiers
from database.tables import events, members
from members.definitions import read_definitions
from members.events import NewEvent, record
from members.points.applying import save_programme as save_points
from members.points.earning import award_points
from members.points.expiring import expire_points
from members.points.ledger import balance, burn
from members.points.rules import PointsProgramme
from members.reckoning import reckon
from members.tiers.applying import save_programme as save_tiers
from members.tiers.periods import end_periods
from members.tiers.programme import TierProgramme

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
ZONE = ZoneInfo("Asia/Shanghai")


def noon(*day: int) -> datetime:
    return datetime(*day, 12, tzinfo=ZONE).astimezone(UTC)


def told(database: Database, kind: str) -> list[tuple[str, float | None]]:
    with database.transaction() as connection:
        found = connection.execute(select(events).where(events.c.kind == kind).order_by(events.c.id)).all()
    return [(f"{row.occurred_at.astimezone(ZONE):%Y-%m-%d}", None if row.value is None else float(row.value)) for row in found]


def buys(database: Database, amount: float, day: datetime) -> None:
    with database.transaction() as connection:
        order = NewEvent(source="shop", key=f"{day}", member_key="anna", kind="order.paid", occurred_at=day, value=amount)
        record(connection, [order], now=day)
        reckon(connection, now=day)


@pytest.mark.parametrize(
    ("orders", "warned", "tier", "until"),
    [
        ([], [("2027-01-11", 1000), ("2027-02-03", 1000)], "member", None),
        ([(400, noon(2026, 7, 5))], [("2027-01-11", 600), ("2027-02-03", 600)], "member", None),
        ([(1000, noon(2027, 1, 20))], [("2027-01-11", 1000)], "silver", "2028-01-11"),
    ],
)
def test_annas_tier(
    database: Database, orders: list[tuple[float, datetime]], warned: list[object], tier: str, until: str | None
) -> None:
    (club,) = read_definitions(EXAMPLES / "tiers" / "club.yaml", TierProgramme)
    save_tiers(database, club, now=noon(2026, 1, 1))
    buys(database, 1000, since := noon(2026, 1, 11))
    day = noon(2026, 1, 11)
    while (day := day + timedelta(days=1 if day.year == 2027 else 30)) < noon(2027, 2, 12):
        for amount, when in orders:
            if since < when <= day:
                buys(database, amount, when)
        end_periods(database, since=since, now=day)
        since = day

    assert told(database, "tier.drop_soon") == warned
    with database.transaction() as connection:
        kept = connection.execute(select(member_tiers)).one()
        assert connection.execute(select(members.c.tier)).scalar_one() == tier
    assert (None if kept.until is None else f"{kept.until.astimezone(ZONE):%Y-%m-%d}") == until
    assert told(database, "tier.down") == ([("2027-02-10", None)] if tier == "member" else [])


def test_annas_points(database: Database) -> None:
    (club,) = read_definitions(EXAMPLES / "points" / "club.yaml", PointsProgramme)
    with database.transaction() as connection:
        months = PointsProgramme.model_validate(club.model_dump(mode="json", exclude_none=True) | {"expire": {"months": 1}, "multiply": []})
        save_points(connection, months, now=noon(2026, 1, 1))
    for day in (noon(2026, 3, 2), noon(2026, 3, 12)):
        buys(database, 100, day)
    with database.transaction() as connection:
        award_points(connection, [1], noon(2026, 3, 12))
        assert burn(connection, 1, 70, key="gift", now=noon(2026, 3, 22)).balance == 130
    for day in (noon(2026, 4, 2), noon(2026, 4, 3), noon(2026, 4, 12), noon(2026, 4, 13)):
        expire_points(database, since=day - timedelta(days=1), now=day)

    assert told(database, "points.expired") == [("2026-04-03", 30), ("2026-04-13", 100)]  # At midnight, when 2 and 12 April end.
    assert told(database, "points.cleared") == [("2026-04-13", None)]
    with database.transaction() as connection:
        assert [balance(connection, 1, at=noon(2026, *day)) for day in ((4, 2), (4, 3), (4, 13))] == [130, 100, 0]
