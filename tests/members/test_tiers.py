"""Tiers go up at once and down after a period and its grace, each told once, and refunds undo what they bought."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from wrong_files import first_line_refused

from database.engine import Database
from database.loyalty_tables import member_tiers
from database.tables import events, members
from language.problems import InputRefused
from members.definitions import read_definitions
from members.events import NewEvent, record
from members.reckoning import reckon_members
from members.tiers.applying import drop_programme, place_everybody, preview, save_programme
from members.tiers.periods import end_periods
from members.tiers.programme import TierProgramme
from tests.campaigns.test_group_reports import until_somebody_waits

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "tiers" / "club.yaml"
START = datetime(2026, 1, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


class Club:
    """A programme over a test's database, with a clock that is moved by hand."""

    def __init__(self, database: Database, **changes: object) -> None:
        self.database = database
        self.now = START
        self.turned: datetime | None = None
        self.orders = 0
        self.programme = self.changed(**changes)
        save_programme(database, self.programme, now=START)
        place_everybody(database, now=START)

    @staticmethod
    def changed(**changes: object) -> TierProgramme:
        (example,) = read_definitions(EXAMPLE, TierProgramme)
        return TierProgramme.model_validate(example.model_dump(mode="json", by_alias=True, exclude_none=True) | changes)

    def happens(self, member: str, value: int, *, days: float, kind: str = "order.paid", order: str | None = None) -> str:
        """Let an order (or refund) happen so many days after the start, and what follows follow."""
        self.orders += 1
        self.now = max(self.now, START + days * DAY)
        with self.database.transaction() as connection:
            what = NewEvent(
                source="shop", key=f"o{self.orders}", member_key=member, kind=kind, value=Decimal(value),
                occurred_at=START + days * DAY, properties={} if order is None else {"order": order},
            )  # fmt: skip
            record(connection, [what], now=self.now)
            ids = connection.execute(select(members.c.id).where(members.c.key == member)).scalars().all()
            reckon_members(connection, ids, now=self.now)
        return f"o{self.orders}"

    def turn(self, *, days: float) -> None:
        """Let the chore be done so many days after the start."""
        self.now = START + days * DAY
        end_periods(self.database, since=self.turned, now=self.now)
        self.turned = self.now

    def tier(self, member: str) -> str | None:
        with self.database.transaction() as connection:
            return connection.execute(select(members.c.tier).where(members.c.key == member)).scalar_one()

    def told(self, kind: str = "tier.%") -> list[tuple[str, object, object, float]]:
        """Return (kind, from or tier, to or missing, day after the start) of what was told, in its order."""
        with self.database.transaction() as connection:
            found = connection.execute(select(events).where(events.c.kind.like(kind)).order_by(events.c.id)).all()
        return [
            (
                row.kind,
                row.properties.get("from", row.properties.get("tier")),
                row.properties.get("to", row.properties.get("missing")),
                (row.occurred_at - START) / DAY,
            )
            for row in found
        ]


@pytest.fixture
def club(database: Database) -> Club:
    return Club(database)


def test_how_tiers_were_reached_is_forgotten_in_the_order_of_members(database: Database) -> None:
    club = Club(database)
    for member in ("a", "b"):
        club.happens(member, 9_000, days=1)
    with database.transaction() as connection:
        first, second = connection.execute(select(member_tiers.c.member_id).order_by(member_tiers.c.member_id)).scalars()
        connection.execute(text("UPDATE member_tiers SET measured = measured WHERE member_id = :first"), {"first": first})  # Now last in the table.

    with ThreadPoolExecutor(1) as worker:
        with database.transaction() as reckoning:
            reckoning.execute(text("SELECT FROM member_tiers WHERE member_id = :first FOR UPDATE"), {"first": first})
            saved = worker.submit(save_programme, database, club.changed(measure="orders"), now=START)
            until_somebody_waits(database)
            reckoning.execute(text("SELECT FROM member_tiers WHERE member_id = :second FOR UPDATE NOWAIT"), {"second": second})
        saved.result()


def test_a_tier_is_reached_at_once_and_told_once(club: Club) -> None:
    club.happens("a", 999, days=1)
    club.happens("a", 1, days=2)
    club.happens("a", 100, days=3)
    club.happens("a", 4000, days=4)

    assert club.told() == [("tier.up", "member", "silver", 2), ("tier.up", "silver", "gold", 4)]
    assert club.tier("a") == "gold"


def test_a_first_order_that_reaches_a_tier_is_told_too(club: Club) -> None:
    club.happens("a", 6000, days=1)

    assert club.told() == [("tier.up", None, "gold", 1)]


def test_a_tier_is_kept_until_its_period_ends_then_for_grace_and_then_lost(club: Club) -> None:
    club.happens("a", 1000, days=10)
    for day in (374, 376, 404):
        club.turn(days=day)
        assert club.tier("a") == "silver"
    club.turn(days=405.5)

    assert club.tier("a") == "member"
    assert club.told("tier.down") == [("tier.down", "silver", "member", 405)]  # 10 + 365 + 30, whenever it was seen to.


def test_what_was_spent_in_the_period_or_in_grace_keeps_the_tier(club: Club) -> None:
    for member in ("period", "grace"):
        club.happens(member, 1000, days=10 if member == "period" else 10.1)
        club.now = START
    club.happens("period", 1000, days=300)
    club.turn(days=376)
    club.happens("grace", 1000, days=390)
    club.turn(days=420)

    assert (club.tier("period"), club.tier("grace")) == ("silver", "silver")
    with club.database.transaction() as connection:
        ends = connection.execute(select(member_tiers.c.until).order_by(member_tiers.c.until)).scalars().all()
    assert [(end - START) / DAY for end in ends] == pytest.approx([740, 740.1])


def test_before_a_drop_it_is_told_what_is_missing_and_after_an_outage_only_the_latest(club: Club) -> None:
    club.happens("a", 1000, days=10)
    club.happens("b", 1000, days=10)
    club.happens("b", 400, days=200)
    club.turn(days=374)
    club.turn(days=375.5)  # 405 - 30
    club.turn(days=376)
    assert club.told("tier.drop_soon") == [("tier.drop_soon", "silver", 1000, 375.5), ("tier.drop_soon", "silver", 600, 375.5)]

    club.happens("b", 600, days=380)
    club.turn(days=400)
    assert club.told("tier.drop_soon")[2:] == [("tier.drop_soon", "silver", 1000, 400)]


def test_after_an_outage_over_both_warnings_one_is_told(club: Club) -> None:
    club.happens("a", 1000, days=10)
    club.turn(days=370)
    club.turn(days=400)

    assert len(club.told("tier.drop_soon")) == 1


def test_an_outage_of_years_is_made_up_for_step_by_step(club: Club) -> None:
    club.happens("a", 6000, days=0)
    club.happens("a", 1200, days=364)
    club.turn(days=1000)

    assert club.tier("a") == "member"
    assert club.told("tier.down") == [("tier.down", "gold", "silver", 395), ("tier.down", "silver", "member", 790)]


def test_an_order_given_back_takes_its_tier_back_unless_the_programme_says_keep(database: Database) -> None:
    club = Club(database)
    club.happens("a", 900, days=1)
    order = club.happens("a", 4500, days=2)
    club.happens("a", 4500, days=3, kind="order.refunded", order=order)

    assert club.tier("a") == "member"
    assert club.told() == [("tier.up", "member", "gold", 2), ("tier.down", "gold", "member", 3)]

    save_programme(database, Club.changed(refunded="keep"), now=club.now)
    order = club.happens("b", 4500, days=4)
    club.happens("b", 4500, days=5, kind="order.refunded", order=order)
    assert club.tier("b") == "silver"


def test_a_refund_brings_back_the_tier_before_and_old_tiers_do_not_fall_with_old_orders(club: Club) -> None:
    club.happens("a", 1000, days=0)
    order = club.happens("a", 4000, days=360)
    club.happens("a", 4000, days=370, kind="order.refunded", order=order)

    assert club.tier("a") == "silver"  # Its first order is out of the window by now; the tier it brought is not.


def test_tiers_from_files_are_taken_over_and_names_of_others_left_alone(database: Database) -> None:
    with database.transaction() as connection:
        rows = [{"key": "old", "tier": "VIP"}, {"key": "staff", "tier": "staff"}, {"key": "new", "tier": None}]
        connection.execute(insert(members), [row | {"created_at": START - DAY} for row in rows])
    club = Club(database)
    club.happens("staff", 9000, days=1)

    assert [club.tier(key) for key in ("old", "staff", "new")] == ["gold", "staff", "member"]
    assert club.told() == []
    club.turn(days=396)
    assert club.told() == [("tier.down", "gold", "member", 395)]

    with database.transaction() as connection:
        connection.execute(members.update().where(members.c.key == "new").values(tier="银卡"))
    club.happens("new", 1, days=400)
    assert club.tier("new") == "silver"
    assert club.told()[1:] == [("tier.up", "member", "silver", 400)]


def test_a_tier_from_a_file_outlasts_a_refund_of_orders_that_would_have_reached_it(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(members), [{"key": "old", "tier": "gold", "created_at": START - DAY}])
        bought = NewEvent(source="shop", key="o", member_key="old", kind="order.paid", value=9000, occurred_at=START - DAY, properties={"order": "o"})
        record(connection, [bought], now=START)
    club = Club(database)
    club.happens("old", 9000, days=1, kind="order.refunded", order="o")

    assert (club.tier("old"), club.told()) == ("gold", [])


def test_a_tier_is_told_with_the_last_day_of_its_period_where_the_programme_is(database: Database) -> None:
    club = Club(database, counted="calendar_year", time_zone="America/New_York")
    club.happens("a", 1000, days=180)

    with database.transaction() as connection:
        said = connection.execute(select(events.c.properties).where(events.c.kind == "tier.up")).scalar_one()
    assert said["until"] == "2026-12-31"


def test_calendar_years_end_at_the_zones_new_year(database: Database) -> None:
    club = Club(database, counted="calendar_year", grace="0s")
    club.happens("a", 1000, days=180)
    club.turn(days=364.4)  # 31 December 2026, 21:36 in Shanghai
    club.turn(days=364.6)  # Kept by what was spent in the year in which it was reached.
    assert club.tier("a") == "silver"
    club.turn(days=729.6)

    assert club.tier("a") == "member"
    ((_, _, _, day),) = club.told("tier.down")
    assert START + timedelta(days=day) == datetime(2027, 12, 31, 16, tzinfo=UTC)


def test_counting_from_reaching_begins_anew_with_every_tier(database: Database) -> None:
    club = Club(database, counted="since_reaching")
    club.happens("a", 1000, days=1)
    club.happens("a", 4000, days=2)
    assert club.tier("a") == "silver"
    club.happens("a", 1000, days=3)

    assert club.tier("a") == "gold"


def test_orders_may_be_counted_and_nobody_falls_below_the_floor(database: Database) -> None:
    levels = [{"name": "one", "from": 0}, {"name": "two", "from": 2}, {"name": "three", "from": 3}]
    club = Club(database, measure="orders", levels=levels, floor="two")
    for day in (1, 2, 3):
        club.happens("a", 1, days=day)
    assert club.tier("a") == "three"
    club.turn(days=5000)

    assert club.tier("a") == "two"
    assert [row[2] for row in club.told("tier.down")] == ["two"]


def test_a_changed_programme_lifts_at_once_and_drops_nobody_before_their_period_ends(database: Database) -> None:
    club = Club(database)
    club.happens("a", 1000, days=1)
    club.happens("b", 900, days=1)
    harder = [{"name": "member", "from": 0}, {"name": "silver", "from": 2000}]
    easier = [{"name": "member", "from": 0}, {"name": "silver", "from": 900}]

    save_programme(database, Club.changed(levels=harder), now=club.now)
    place_everybody(database, now=club.now + DAY)
    assert (club.tier("a"), club.tier("b")) == ("silver", "member")
    save_programme(database, Club.changed(levels=easier), now=club.now)
    place_everybody(database, now=club.now + DAY)
    assert (club.tier("a"), club.tier("b")) == ("silver", "silver")

    with pytest.raises(InputRefused, match="2 members stand in silver, which is no longer in the file"):
        save_programme(database, Club.changed(levels=[{"name": "member", "from": 0}, {"name": "top", "from": 9}]), now=club.now)
    renamed = [{"name": "member", "from": 0}, {"name": "silber", "from": 900, "also": ["silver"]}]
    save_programme(database, Club.changed(levels=renamed), now=club.now)
    place_everybody(database, now=club.now + DAY)
    assert club.tier("a") == "silber"
    assert len(club.told()) == 2


def test_a_preview_says_who_moves_and_keeps_nothing(database: Database) -> None:
    club = Club(database)
    club.happens("a", 1000, days=1)
    club.happens("b", 900, days=1)
    with database.transaction() as connection:
        before = connection.execute(select(member_tiers)).all()
        found = preview(connection, Club.changed(levels=[{"name": "member", "from": 0}, {"name": "silver", "from": 900}]), now=club.now)

    assert found.counts == {("member", "silver", "reached"): 1}
    assert found.samples == {("member", "silver", "reached"): ["b"]}
    with database.transaction() as connection:
        assert connection.execute(select(member_tiers)).all() == before


def test_another_programme_must_wait_until_the_first_is_dropped(database: Database) -> None:
    club = Club(database)
    club.happens("a", 1000, days=1)
    with pytest.raises(InputRefused, match="a programme of tiers already, club"):
        save_programme(database, Club.changed(tiers="other"), now=club.now)
    with database.transaction() as connection:
        assert drop_programme(connection, "club") == 1
    save_programme(database, Club.changed(tiers="other"), now=club.now)

    assert club.tier("a") == "silver"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("levels: [{name: a, from: 0}, {name: b, from: 0}]", "b must ask for more than a"),
        ("levels: [{name: a, from: 5}, {name: b, from: 9}]", "a must be from 0"),
        ("levels: [{name: a, from: 0}, {name: b, from: 9, also: [a]}]", "a is the name of two tiers"),
        ("levels: [{name: a, from: 0}, {name: b, from: 9}]\nfloor: c", "c is none of the tiers"),
        ("levels: [{name: a, from: 0}, {name: b, from: 9}]\ngrace: soon", "a length of time such as 90d"),
        ("levels: [{name: a, from: 0}, {name: b, from: 9}]\ndropsoon: [7d]", "did you mean drop_soon"),
        ("levels: [{name: a, from: 0}, {name: b, from: 1.5}]\nmeasure: orders", "whole numbers"),
        ("levels: [{name: a, from: 0}, {name: b, from: 9}]\ntime_zone: Mars", "no time zone"),
        ("levels: [{name: a, from: 0}]", "at least 2"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_line(tmp_path: Path, written: str, said: str) -> None:
    assert first_line_refused(tmp_path, f"tiers: club\n{written}\n", TierProgramme, said) is not None


def _tiers(database: Database) -> Sequence[object]:
    with database.transaction() as connection:
        return connection.execute(text("SELECT member_id, tier, since, until FROM member_tiers ORDER BY 1")).all()


def test_looking_twice_changes_nothing(club: Club) -> None:
    for number in range(40):
        club.happens(f"m{number}", 100 * number, days=number / 10)
    before, told = _tiers(club.database), club.told()

    assert place_everybody(club.database, now=club.now) == 0
    club.turn(days=5)
    assert (_tiers(club.database), club.told()) == (before, told)
