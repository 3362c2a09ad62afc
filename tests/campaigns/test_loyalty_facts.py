"""What templates may say of a member's points and tier is what the ledger and the programme themselves tell."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, event, insert, select, update

from campaigns.loyalty_facts import LOYALTY, NO_LOYALTY
from campaigns.rendering_facts import facts_for
from database.engine import Database
from database.loyalty_tables import member_tiers
from database.tables import events, members
from members.definitions import read_definitions
from members.events import NewEvent, record
from members.points.applying import save_programme as save_points
from members.points.expiring import expire_points
from members.points.ledger import burn
from members.points.rules import PointsProgramme
from members.reckoning import reckon_members
from members.tiers.applying import place_everybody
from members.tiers.applying import save_programme as save_tiers
from members.tiers.periods import end_periods
from members.tiers.programme import TierProgramme
from templates.known_facts import SAMPLE_FACTS

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "tiers" / "club.yaml"
START = datetime(2026, 3, 2, 4, tzinfo=UTC)  # a Monday, noon in Shanghai
DAY = timedelta(days=1)
POINTS = PointsProgramme.model_validate(
    {
        "points": "plain", "since": "2026-01-01", "expire": {"months": 1}, "expire_soon": ["7d"],
        "earn": [{"rule": "purchase", "event": "order.paid", "per": 1, "points": 1}],
    }
)  # fmt: skip


def tiers(**changes: object) -> TierProgramme:
    (found,) = read_definitions(EXAMPLE, TierProgramme)
    return TierProgramme.model_validate(found.model_dump(mode="json", by_alias=True, exclude_none=True) | changes)


def buys(database: Database, member: str, value: int, day: float) -> None:
    """Let a member buy so many days after the start, and what follows follow."""
    moment = START + day * DAY
    with database.transaction() as connection:
        key = f"{member}-{day}"
        told = NewEvent(
            source="shop", key=key, member_key=member, kind="order.paid", occurred_at=moment, value=Decimal(value)
        )
        record(connection, [told], now=moment)
        reckon_members(connection, [member_id(connection, member)], now=moment)


def member_id(connection: Connection, key: str) -> int:
    return connection.execute(select(members.c.id).where(members.c.key == key)).scalar_one()


def said(database: Database, member: str, day: float) -> dict[str, object]:
    """Return what templates may say of a member's loyalty so many days after the start."""
    with database.transaction() as connection:
        found = member_id(connection, member)
        known = facts_for(connection, [found], START + day * DAY, loyalty=True)[found]["loyalty"]
    assert isinstance(known, dict)
    return known


def test_points_are_told_with_those_that_expire_next_and_their_last_day(database: Database) -> None:
    with database.transaction() as connection:
        save_points(connection, POINTS, now=START)
    buys(database, "anna", 100, 0)
    buys(database, "anna", 100, 10)
    with database.transaction() as connection:
        burn(connection, member_id(connection, "anna"), 70, key="b", now=START + 20 * DAY)

    assert said(database, "anna", 20) == {
        **NO_LOYALTY, "points": 130, "expiring": 30, "expiring_on": date(2026, 4, 2)
    }  # fmt: skip
    expire_points(database, since=None, now=START + 32 * DAY)
    assert said(database, "anna", 32) == {
        **NO_LOYALTY, "points": 100, "expiring": 100, "expiring_on": date(2026, 4, 12)
    }  # fmt: skip


def test_what_is_said_to_expire_is_what_the_warning_told(database: Database) -> None:
    with database.transaction() as connection:
        save_points(connection, POINTS, now=START)
    buys(database, "anna", 40, 0)
    buys(database, "anna", 60, 0.5)
    expire_points(database, since=START, now=START + 26 * DAY)
    with database.transaction() as connection:
        warned = select(events.c.value).where(events.c.kind == "points.expire_soon").order_by(events.c.id)
        first = connection.execute(warned).scalars().first()

    assert said(database, "anna", 26)["expiring"] == first


def test_days_of_loyalty_are_those_of_the_members_own_zone(database: Database) -> None:
    with database.transaction() as connection:
        save_points(connection, POINTS, now=START)
    buys(database, "anna", 100, 0)
    with database.transaction() as connection:
        connection.execute(update(members).values(time_zone="Pacific/Auckland"))

    assert said(database, "anna", 0)["expiring_on"] == date(2026, 4, 3)


def test_a_tier_is_told_with_what_keeps_it_and_what_reaches_the_next(database: Database) -> None:
    save_tiers(database, tiers(), now=START)
    buys(database, "anna", 1000, 1)
    buys(database, "anna", 400, 90)

    assert said(database, "anna", 100) == {
        **NO_LOYALTY, "missing": Decimal(600), "tier_until": date(2027, 3, 3), "keep_by": date(2027, 4, 2),
        "next_tier": "gold", "next_missing": Decimal(3600),
    }  # fmt: skip
    buys(database, "anna", 600, 101)
    assert said(database, "anna", 102)["missing"] == 0
    assert said(database, "anna", 366.5)["next_missing"] == Decimal(4000), "the first order has left the window"


def test_what_is_said_to_be_missing_is_what_the_warning_told(database: Database) -> None:
    save_tiers(database, tiers(), now=START)
    buys(database, "anna", 1000, 1)
    buys(database, "anna", 320, 90)
    end_periods(database, since=START, now=START + 367 * DAY)
    with database.transaction() as connection:
        warning = connection.execute(select(events).where(events.c.kind == "tier.drop_soon")).one()

    known = said(database, "anna", 367)
    assert known["missing"] == warning.value == 680
    lost_at = datetime.fromisoformat(warning.properties["lost_at"])
    assert known["keep_by"] == (lost_at + timedelta(hours=8)).date()


def test_a_calendar_year_ends_on_its_last_day_and_orders_are_whole(database: Database) -> None:
    levels = [{"name": "member", "from": 0}, {"name": "silver", "from": 2}]
    save_tiers(
        database, tiers(levels=levels, measure="orders", counted="calendar_year", grace="0d", drop_soon=[]), now=START
    )
    buys(database, "anna", 5, 1)
    assert said(database, "anna", 2) == {**NO_LOYALTY, "missing": 0, "next_tier": "silver", "next_missing": 1}
    assert str(said(database, "anna", 2)["next_missing"]) == "1"
    buys(database, "anna", 5, 3)

    last = date(2026, 12, 31)
    assert said(database, "anna", 4) == {**NO_LOYALTY, "missing": 0, "tier_until": last, "keep_by": last}


def test_who_has_neither_points_nor_tier_has_no_more_than_nothing(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members).values(id=1, key="anna"))

    assert said(database, "anna", 0) == NO_LOYALTY == {"points": 0, "expiring": 0}


def test_a_tier_that_no_programme_names_any_more_says_nothing(database: Database) -> None:
    save_tiers(database, tiers(), now=START)
    buys(database, "anna", 1000, 1)
    with database.transaction() as connection:
        connection.execute(update(member_tiers).values(tier="of old"))

    assert said(database, "anna", 2) == NO_LOYALTY


def test_loyalty_is_read_for_all_at_once_and_only_where_it_is_asked(database: Database) -> None:
    save_tiers(database, tiers(), now=START)
    with database.transaction() as connection:
        connection.execute(insert(members), [{"id": number, "key": str(number)} for number in range(1, 401)])
    place_everybody(database, now=START)
    with database.transaction() as connection:
        asked: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda _c, _u, statement, *_rest: asked.append(statement))
        known = facts_for(connection, range(1, 401), START, loyalty=True)
        with_loyalty = len(asked)
        asked.clear()
        plain = facts_for(connection, range(1, 401), START)

    assert len(known) == 400 and {each["loyalty"]["next_tier"] for each in known.values()} == {"silver"}
    assert with_loyalty <= 5 and len(asked) == 1 and "loyalty" not in plain[1]


def test_a_sample_member_has_every_fact_of_loyalty() -> None:
    assert set(SAMPLE_FACTS["loyalty"]) == LOYALTY
