"""How members move from step to step."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from journey_makers import BEGIN, RULES, add_members, happen, keys, path_of, planned, publish, read, states
from sqlalchemy import func, select, update

from campaigns.rules import PlanningRules
from database.engine import Database
from database.tables import enrolments, members, sends, step_runs
from journeys.advance import advance
from journeys.publishing import apply_journeys, list_journeys, pause_journey, resume_journey, stop_journey
from journeys.triggers import enrol

DAY = timedelta(days=1)
HEAD = "journey: way\ntrigger: {event: member.joined}\n"
SEND_WAIT_SEND = (
    HEAD
    + """
exit: [{event: order.paid}]
steps:
  - send: {campaign: first}
  - wait: {for: 3d}
  - send: {campaign: second}
"""
)


def begin(
    database: Database, folder: Path, words: str, *, count: int = 1, now: datetime = BEGIN, **columns: object
) -> list[int]:
    with database.transaction() as connection:
        publish(connection, folder, words, now=now)
        ids = add_members(connection, count, **columns)
        happen(connection, keys(connection), "member.joined", now)
        enrol(connection, now=now)
    return ids


def move(database: Database, now: datetime, rules: PlanningRules = RULES) -> int:
    with database.transaction() as connection:
        return advance(connection, now=now, rules=rules).steps


def test_instant_steps_are_taken_together_and_waits_are_kept(database: Database, tmp_path: Path) -> None:
    (member,) = begin(database, tmp_path, SEND_WAIT_SEND)

    assert move(database, BEGIN) == 1
    assert move(database, BEGIN + 3 * DAY - timedelta(seconds=1)) == 0
    assert move(database, BEGIN + 3 * DAY) == 2

    with database.transaction() as connection:
        assert path_of(connection, member) == ["0 first", "1 elapsed", "2 second"]
        assert states(connection) == {"finished": 1}
        assert planned(connection) == {"waiting": 2}


def test_a_step_of_a_hundred_members_costs_as_many_statements_as_of_one(database: Database, tmp_path: Path) -> None:
    begin(database, tmp_path, SEND_WAIT_SEND, count=100)
    with database.transaction() as connection:
        found = advance(connection, now=BEGIN, rules=RULES)
    assert (found.claimed, found.steps) == (100, 100)


def test_the_awaited_event_ends_the_wait_at_once(database: Database, tmp_path: Path) -> None:
    words = HEAD + "steps: [{wait: {for: 3d, until: {event: order.paid}}}, {send: {campaign: first}}]"
    first, second = begin(database, tmp_path, words, count=2)
    later = BEGIN + timedelta(hours=5)
    with database.transaction() as connection:
        happen(connection, ["m0"], "order.paid", later)
        assert enrol(connection, now=later).woken == 1
    move(database, later)
    move(database, BEGIN + 3 * DAY)

    with database.transaction() as connection:
        assert path_of(connection, first) == ["0 order.paid", "1 first"]
        assert path_of(connection, second) == ["0 elapsed", "1 first"]


def test_an_awaited_event_counts_even_if_nobody_has_looked_at_it_yet(database: Database, tmp_path: Path) -> None:
    words = HEAD + "steps: [{wait: {for: 3d, until: {event: order.paid}}}, {send: {campaign: first}}]"
    (member,) = begin(database, tmp_path, words)
    with database.transaction() as connection:
        happen(connection, ["m0"], "order.paid", BEGIN + DAY)
    move(database, BEGIN + 3 * DAY)

    with database.transaction() as connection:
        assert path_of(connection, member) == ["0 order.paid", "1 first"]


def test_until_time_is_the_members_own_and_exact_over_a_clock_change(database: Database, tmp_path: Path) -> None:
    words = HEAD + "steps: [{wait: {until_time: 02:30}}, {send: {campaign: first}}]"
    # On 29 March 2026 Berlin's clocks skip from 02:00 to 03:00: half past two is never, three is 01:00 UTC.
    evening = datetime(2026, 3, 28, 20, tzinfo=UTC)
    begin(database, tmp_path, words, now=evening, time_zone="Europe/Berlin")

    with database.transaction() as connection:
        due_at = connection.execute(select(enrolments.c.due_at)).scalar_one()
        assert due_at == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_the_first_arm_that_holds_is_taken_and_the_rest_go_otherwise(database: Database, tmp_path: Path) -> None:
    words = (
        HEAD
        + """
steps:
  - branch:
      - when: {member: {tier: {in: [gold]}}}
        steps: [{send: {campaign: first}}]
      - when: {member: {tier: {in: [gold, silver]}}}
        steps: [{send: {campaign: second}}, {exit: {reason: silver}}]
      - otherwise: [{send: {campaign: third}}]
  - send: {campaign: fourth}
"""
    )
    ids = begin(database, tmp_path, words, count=3)
    with database.transaction() as connection:
        for member, tier in zip(ids, ("gold", "silver", None), strict=True):
            connection.execute(update(members).where(members.c.id == member).values(tier=tier))
    move(database, BEGIN)

    with database.transaction() as connection:
        assert path_of(connection, ids[0]) == ["0 0", "0.0.0 first", "1 fourth"]
        assert path_of(connection, ids[1]) == ["0 1", "0.1.0 second", "0.1.1 silver"]
        assert path_of(connection, ids[2]) == ["0 otherwise", "0.2.0 third", "1 fourth"]
        assert states(connection) == {"finished": 2, "exited": 1}


def test_a_split_draws_its_shares_and_draws_the_same_again(database: Database, tmp_path: Path) -> None:
    words = (
        HEAD
        + """
reentry: always
steps:
  - split:
      - {share: 0.2, name: small, steps: [{send: {campaign: first}}]}
      - {share: 0.8, name: large}
"""
    )
    begin(database, tmp_path, words, count=500)
    move(database, BEGIN)
    with database.transaction() as connection:
        happen(connection, keys(connection), "member.joined", BEGIN + DAY)
        enrol(connection, now=BEGIN + DAY)
    move(database, BEGIN + DAY)

    with database.transaction() as connection:
        drawn = connection.execute(
            select(enrolments.c.member_id, func.count(step_runs.c.result.distinct()), func.min(step_runs.c.result))
            .join(step_runs, step_runs.c.enrolment_id == enrolments.c.id)
            .where(step_runs.c.kind == "split")
            .group_by(enrolments.c.member_id)
        ).all()
        assert {count for _, count, _ in drawn} == {1}
        assert 65 < sum(name == "small" for _, _, name in drawn) < 135


def test_an_exit_event_ends_the_journey_and_cancels_what_still_waits(database: Database, tmp_path: Path) -> None:
    begin(database, tmp_path, SEND_WAIT_SEND, count=2)
    move(database, BEGIN)
    with database.transaction() as connection:
        happen(connection, ["m0"], "order.paid", BEGIN + timedelta(minutes=1))
        assert enrol(connection, now=BEGIN + timedelta(minutes=1)).exited == 1
        assert states(connection) == {"active": 1, "exited": 1}
        assert planned(connection) == {"waiting": 1, "cancelled": 1}


def test_an_order_after_the_last_step_still_cancels_a_message_that_waits(database: Database, tmp_path: Path) -> None:
    begin(database, tmp_path, HEAD + "exit: [{event: order.paid}]\nsteps: [{send: {campaign: first}}]")
    move(database, BEGIN)
    with database.transaction() as connection:
        happen(connection, ["m0"], "order.paid", BEGIN + timedelta(minutes=1))
        enrol(connection, now=BEGIN + timedelta(minutes=1))
        assert (states(connection), planned(connection)) == ({"finished": 1}, {"cancelled": 1})


def test_an_exit_event_nobody_has_looked_at_yet_still_comes_before_the_next_send(
    database: Database, tmp_path: Path
) -> None:
    begin(database, tmp_path, SEND_WAIT_SEND)
    move(database, BEGIN)
    with database.transaction() as connection:
        happen(connection, ["m0"], "order.paid", BEGIN + DAY)
        found = advance(connection, now=BEGIN + 3 * DAY, rules=RULES)
        assert (found.exited, found.steps) == (1, 0)
        assert planned(connection) == {"cancelled": 1}


def test_pausing_holds_timers_and_resuming_takes_the_steps_that_are_due(database: Database, tmp_path: Path) -> None:
    begin(database, tmp_path, SEND_WAIT_SEND)
    move(database, BEGIN)
    with database.transaction() as connection:
        pause_journey(connection, "way")
    assert move(database, BEGIN + 4 * DAY) == 0
    with database.transaction() as connection:
        resume_journey(connection, "way")
    assert move(database, BEGIN + 5 * DAY) == 2


def test_stopping_ends_everybody_and_cancels_what_has_not_left(database: Database, tmp_path: Path) -> None:
    begin(database, tmp_path, SEND_WAIT_SEND, count=3)
    move(database, BEGIN)
    with database.transaction() as connection:
        assert stop_journey(connection, "way", now=BEGIN) == 3
        assert (states(connection), planned(connection)) == ({"stopped": 3}, {"cancelled": 3})
    assert move(database, BEGIN + 9 * DAY) == 0


def test_people_inside_finish_the_version_they_entered(database: Database, tmp_path: Path) -> None:
    begin(database, tmp_path, SEND_WAIT_SEND)
    move(database, BEGIN)
    with database.transaction() as connection:
        changed = read(tmp_path, HEAD + "steps: [{send: {campaign: first}}]")
        assert apply_journeys(connection, [changed], now=BEGIN + DAY).changed == ("way",)
        assert apply_journeys(connection, [changed], now=BEGIN + DAY).unchanged == ("way",)
        happen(connection, ["new"], "member.joined", BEGIN + DAY)
        enrol(connection, now=BEGIN + DAY)
    move(database, BEGIN + 3 * DAY)

    with database.transaction() as connection:
        found = {(one.version, one.state, one.entered, one.inside) for one in list_journeys(connection)}
        assert found == {(1, "draining", 1, 0), (2, "active", 1, 0)}
        steps = connection.execute(select(sends.c.step).order_by(sends.c.id)).scalars().all()
        assert sorted(steps) == ["0", "0", "2"]


def test_racing_workers_take_every_step_once(database: Database, tmp_path: Path) -> None:
    begin(database, tmp_path, SEND_WAIT_SEND.replace("first", "first, channels: [sms]"), count=300)

    def work() -> None:
        claimed = 1
        while claimed:
            with database.transaction() as connection:
                claimed = advance(connection, now=BEGIN, limit=23, rules=RULES).claimed

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.transaction() as connection:
        assert planned(connection) == {"waiting": 300}
        assert connection.execute(select(func.count()).select_from(step_runs)).scalar_one() == 300
