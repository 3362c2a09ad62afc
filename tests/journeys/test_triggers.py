"""Who is let in, when, and how often."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from journey_makers import BEGIN, RULES, add_members, happen, keys, planned, publish, states
from sqlalchemy import func, select

from database.engine import Database
from database.tables import assignments, enrolments, trigger_runs, unprocessed_events
from journeys.advance import advance
from journeys.publishing import pause_journey, resume_journey
from journeys.triggers import enrol, enrol_scheduled

JOINED = """
journey: hello
trigger: {event: member.joined}
steps: [{send: {campaign: first}}]
"""
QUIET = """
journey: quiet
trigger: {inactive: {event: order.paid, for: 90d, at: 10:00}}
reentry: {after: 180d}
exit: [{event: order.paid}]
steps: [{send: {campaign: first}}, {wait: {for: 3d}}, {send: {campaign: second}}]
"""
DAY = timedelta(days=1)


def test_an_event_lets_its_member_in_once_and_is_used_up(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, JOINED)
        happen(connection, ["a", "b"], "member.joined", BEGIN)
        happen(connection, ["a"], "member.joined", BEGIN + DAY)

        first = enrol(connection, now=BEGIN + DAY)
        again = enrol(connection, now=BEGIN + DAY)

        assert (first.events, first.entered) == (3, {"hello": 2})
        assert again.events == 0
        assert connection.execute(select(func.count()).select_from(unprocessed_events)).scalar_one() == 0


def test_events_from_before_publication_or_too_late_let_nobody_in(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, JOINED)
        happen(connection, ["before"], "member.joined", BEGIN - timedelta(seconds=1))
        happen(connection, ["late"], "member.joined", BEGIN)

        found = enrol(connection, now=BEGIN + timedelta(days=3, seconds=1))

        assert (found.events, found.entered) == (2, {"hello": 0})


def test_a_first_order_journey_ignores_the_second_order(database: Database, tmp_path: Path) -> None:
    words = JOINED.replace("event: member.joined", "event: {kind: order.paid, first: true}")
    with database.transaction() as connection:
        publish(connection, tmp_path, words)
        happen(connection, ["old"], "order.paid", BEGIN - DAY)
        enrol(connection, now=BEGIN)
        happen(connection, ["old", "new"], "order.paid", BEGIN + DAY)

        assert enrol(connection, now=BEGIN + DAY).entered == {"hello": 1}


def test_racing_batches_let_each_member_in_once(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, JOINED.replace("steps:", "reentry: {after: 30d}\nsteps:"))
        for hour in range(8):
            happen(connection, [f"m{number}" for number in range(100)], "member.joined", BEGIN + timedelta(hours=hour))

    def work() -> None:
        done = 1
        while done:
            with database.transaction() as connection:
                done = enrol(connection, now=BEGIN + DAY, limit=37).events

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(enrolments)).scalar_one() == 100


def test_silence_is_counted_in_whole_hours_and_lets_in_once(database: Database, tmp_path: Path) -> None:
    check = BEGIN + 90 * DAY  # ten in the morning in Shanghai
    with database.transaction() as connection:
        publish(connection, tmp_path, QUIET)
        happen(connection, ["exactly"], "order.paid", check - 90 * DAY)
        happen(connection, ["a second short"], "order.paid", check - 90 * DAY + timedelta(seconds=1))
        add_members(connection, 1)  # has never bought

        early = enrol_scheduled(connection, now=check - timedelta(seconds=1))
        found = enrol_scheduled(connection, now=check)
        again = enrol_scheduled(connection, now=check + timedelta(hours=1))
        tomorrow = enrol_scheduled(connection, now=check + DAY)

        assert sum(early.entered.values()) == 0
        assert (found.occasions, found.entered) == (1, {"quiet": 1})
        assert again.occasions == 0
        assert tomorrow.entered == {"quiet": 1}


def test_reentry_waits_both_for_a_new_order_and_for_its_time(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, QUIET.replace("180d", "18d").replace("90d", "9d"), now=BEGIN)
        happen(connection, ["m"], "order.paid", BEGIN)
        entered = []
        for day in range(42):
            now = BEGIN + day * DAY
            if day == 10:
                happen(connection, ["m"], "order.paid", now)
                enrol(connection, now=now)
            if enrol_scheduled(connection, now=now).entered.get("quiet"):
                entered.append(day)
            while advance(connection, now=now, rules=RULES).claimed:
                pass

        # Quiet since day 10, so due again on day 19; but the last entry was on day 9, and 18 days have not passed.
        assert entered == [9, 27]


def test_each_zone_has_its_own_ten_oclock(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        add_members(connection, 1, time_zone="Asia/Shanghai")
        add_members(connection, 1, time_zone="Europe/Berlin")
        publish(connection, tmp_path, QUIET, now=BEGIN)
        happen(connection, keys(connection), "order.paid", BEGIN - 100 * DAY)
        enrol(connection, now=BEGIN)

        shanghai = enrol_scheduled(connection, now=BEGIN)
        berlin = enrol_scheduled(connection, now=datetime(2026, 3, 2, 9, tzinfo=UTC))

        assert (shanghai.entered, berlin.entered) == ({"quiet": 1}, {"quiet": 1})
        names = set(connection.execute(select(trigger_runs.c.occasion)).scalars())
        assert {"2026-03-02 Asia/Shanghai", "2026-03-02 Europe/Berlin"} <= names


def test_missed_days_are_made_up_for_in_order(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, QUIET, now=BEGIN)
        for number in range(5):
            happen(connection, [f"m{number}"], "order.paid", BEGIN - 90 * DAY + number * DAY)
        enrol(connection, now=BEGIN)

        found = enrol_scheduled(connection, now=BEGIN + 4 * DAY)

        assert (found.occasions, found.entered) == (5, {"quiet": 5})
        moments = list(connection.execute(select(enrolments.c.entered_at).order_by(enrolments.c.id)).scalars())
        assert moments == [BEGIN + number * DAY for number in range(5)]


def test_racing_schedulers_see_to_each_occasion_once(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, QUIET, now=BEGIN)
        happen(connection, [f"m{number}" for number in range(50)], "order.paid", BEGIN - 95 * DAY)
    entered: list[int] = []

    def work() -> None:
        with database.transaction() as connection:
            entered.append(sum(enrol_scheduled(connection, now=BEGIN).entered.values()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(entered) == [0, 0, 0, 50]


@pytest.mark.parametrize(("february_29", "day"), [("feb28", 28), ("mar1", 1)])
def test_leap_day_birthdays_are_kept_on_the_day_the_setting_says(
    database: Database, tmp_path: Path, february_29: str, day: int
) -> None:
    words = "journey: wish\ntrigger: {birthday: {at: 10:00}}\nsteps: [{send: {campaign: first}}]"
    with database.transaction() as connection:
        publish(connection, tmp_path, words, now=datetime(2027, 2, 20, tzinfo=UTC))
        add_members(connection, 1, birth_month=2, birth_day=29)
        days = []
        for ahead in range(15):
            now = datetime(2027, 2, 20, 2, tzinfo=UTC) + ahead * DAY
            if enrol_scheduled(connection, now=now, february_29=february_29).entered.get("wish"):  # type: ignore[arg-type]
                days.append(now.day)

        assert days == [day]


def test_the_anniversary_of_a_leap_day_is_kept_every_year(database: Database, tmp_path: Path) -> None:
    words = "journey: years\ntrigger: {anniversary: {of: joined_at, at: 10:00}}\nsteps: [{send: {campaign: first}}]"
    with database.transaction() as connection:
        publish(connection, tmp_path, words, now=datetime(2027, 1, 1, tzinfo=UTC))
        add_members(connection, 1, joined_at=datetime(2024, 2, 29, 3, tzinfo=UTC))
        add_members(connection, 1, joined_at=datetime(2027, 2, 1, tzinfo=UTC))  # no year has passed
        days = []
        for ahead in (0, 26, 27, 28, 29, 365, 391, 392, 393, 394, 731, 757, 758, 759, 760):
            now = datetime(2027, 2, 1, 2, tzinfo=UTC) + ahead * DAY
            if enrol_scheduled(connection, now=now).entered.get("years"):
                days.append(f"{now:%Y-%m-%d}")
            while advance(connection, now=now, rules=RULES).claimed:
                pass

        assert days == ["2027-02-28", "2028-02-01", "2028-02-29", "2029-02-01", "2029-02-28"]


def test_a_cron_schedule_brings_the_audience_each_time(database: Database, tmp_path: Path) -> None:
    words = 'journey: monthly\ntrigger: {schedule: {cron: "0 10 8 * *"}}\nsteps: [{send: {campaign: first}}]'
    with database.transaction() as connection:
        publish(connection, tmp_path, words)
        add_members(connection, 3)
        entered = {}
        for ahead in range(40):
            now = BEGIN + ahead * DAY
            if count := enrol_scheduled(connection, now=now).entered.get("monthly"):
                entered[f"{now:%m-%d}"] = count
            while advance(connection, now=now, rules=RULES).claimed:
                pass

        assert entered == {"03-08": 3, "04-08": 3}


def test_while_paused_nobody_enters_and_nobody_is_let_in_afterwards(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, JOINED)
        pause_journey(connection, "hello")
        happen(connection, ["a"], "member.joined", BEGIN + DAY)
        assert enrol(connection, now=BEGIN + DAY).entered == {}
        resume_journey(connection, "hello")
        happen(connection, ["b"], "member.joined", BEGIN + 2 * DAY)

        assert enrol(connection, now=BEGIN + 2 * DAY).entered == {"hello": 1}


def test_a_share_is_held_back_and_walks_the_journey_without_messages(database: Database, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, tmp_path, JOINED.replace("steps:", "control: {share: 0.3}\nsteps:"))
        ids = add_members(connection, 400)
        happen(connection, keys(connection), "member.joined", BEGIN)
        enrol(connection, now=BEGIN)
        advance(connection, now=BEGIN, rules=RULES)

        control = connection.execute(
            select(func.count()).select_from(assignments).where(assignments.c.arm == "control")
        ).scalar_one()
        assert 80 < control < 160
        assert planned(connection) == {"waiting": len(ids) - control, "withheld": control}
        assert states(connection) == {"finished": 400}
