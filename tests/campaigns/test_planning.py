"""Planning writes a row for everybody, draws arms after refusals, and plans nobody twice."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Select, String, cast, literal, null, select, text
from sqlalchemy.exc import IntegrityError

from campaigns.audience import launch_group
from campaigns.campaign import Campaign
from campaigns.control import Arm, assign, bucket_of, ensure_experiment
from campaigns.launching import launch
from campaigns.rules import Cap, PlanningRules, QuietHours
from campaigns.sends import Planned, plan
from database.engine import Database
from database.tables import assignments, members, sends
from members.consent import suppress
from tests.makers import NOON, consent, make_campaign, make_members, states

RULES = PlanningRules(quiet_hours=None)


def plan_all(connection: Connection, campaign: Campaign, *, occasion: str = "x", rules: PlanningRules = RULES, now: datetime = NOON) -> Planned:
    return plan(connection, campaign, a_group(select(members.c.id), occasion), now=now, rules=rules)


def a_group(ids: Select[tuple[int]], occasion: str, **given: Any) -> Select[Any]:
    chosen = ids.subquery()
    names: Mapping[str, Any] = {"launch_id": None, "enrolment_id": None, "step": None, "experiment_id": None, "arm": None, **given}
    types = {"step": String, "arm": String}
    return select(
        chosen.c.id.label("member_id"),
        literal(occasion).label("occasion"),
        *(cast(literal(value) if value is not None else null(), types.get(name, assignments.c.member_id.type)).label(name) for name, value in names.items()),
    )


def test_everybody_considered_has_a_send_and_the_sum_closes(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 60)
        make_members(connection, 20, channels=[], start=100)
        make_members(connection, 20, consenting=False, start=200)
        campaign = make_campaign(connection, control={"share": "0.2"})

        planned = plan_all(connection, campaign)

    assert planned.waiting + planned.withheld == 60
    assert planned.refused == {"no_address": 20, "no_consent": 20}
    assert states(database) == {"waiting": planned.waiting, "withheld": planned.withheld, "refused": 40}


def test_planning_the_same_occasion_twice_plans_once(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 5)
        campaign = make_campaign(connection)

        first, again = plan_all(connection, campaign), plan_all(connection, campaign)

    assert (first.waiting, again.waiting) == (5, 0)


def test_the_first_channel_that_may_be_used_is_used(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 1, channels=["email"])
        make_members(connection, 1, channels=["sms", "email"], start=2)
        make_members(connection, 1, channels=["sms", "email", "wechat"], start=3)
        campaign = make_campaign(connection, channels=["wechat", "sms", "email"])

        plan_all(connection, campaign)

        assert list(connection.execute(select(sends.c.channel).order_by(sends.c.member_id)).scalars()) == ["email", "sms", "wechat"]


def test_a_refusal_names_the_reason_that_came_furthest(database: Database) -> None:
    with database.transaction() as connection:
        silent, blocked = make_members(connection, 2, channels=["sms"])
        consent(connection, [silent], ["sms"], granted=False, now=NOON - timedelta(days=1))
        prints = connection.execute(text("SELECT fingerprint FROM addresses WHERE member_id = :m"), {"m": blocked}).scalars().all()
        suppress(connection, "sms", list(prints), reason="unsubscribed", source="test", now=NOON)
        campaign = make_campaign(connection, channels=["email", "sms"])

        plan_all(connection, campaign)

        reasons = dict(connection.execute(select(sends.c.member_id, sends.c.reason)).tuples().all())
    assert reasons == {silent: "no_consent", blocked: "suppressed"}


def test_service_messages_need_no_consent_but_heed_a_no(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 2, channels=["sms"], consenting=False)
        campaign = make_campaign(connection, purpose="service")

        planned = plan_all(connection, campaign)

    assert planned.waiting == 2


def test_arms_are_the_hash_of_the_member_and_stay(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 400)
        campaign = make_campaign(connection, control={"share": "0.1"})
        plan_all(connection, campaign, occasion="one")
        plan_all(connection, campaign, occasion="two")

        arms = connection.execute(select(sends.c.member_id, sends.c.occasion, sends.c.arm)).all()

    expected = {member_id: "control" if bucket_of("campaign:new-season", str(member_id)) < 1000 else "treated" for member_id in ids}
    assert len(arms) == 800
    assert all(arm == expected[member_id] for member_id, _, arm in arms)


def test_buckets_in_sql_are_those_of_python(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 500, channels=[])
        experiment = ensure_experiment(connection, "campaign:x", salt="盐 campaign:x", control_share=campaign_share())
        assign(connection, experiment, select(members.c.id), now=NOON)

        kept = dict(connection.execute(select(assignments.c.member_id, assignments.c.bucket)).tuples().all())

    assert kept == {member_id: bucket_of("盐 campaign:x", str(member_id)) for member_id in ids}


def campaign_share() -> Decimal:
    return Decimal("0.5")


def test_a_larger_share_keeps_everybody_who_was_held_back(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 300)
        plan_all(connection, make_campaign(connection, control={"share": "0.1"}), occasion="one")
        plan_all(connection, make_campaign(connection, control={"share": "0.3"}), occasion="two")

        rows = connection.execute(select(sends.c.occasion, sends.c.member_id).where(sends.c.arm == Arm.CONTROL)).all()

    before, after = ({member for occasion, member in rows if occasion == name} for name in ("one", "two"))
    assert before < after


def test_the_journeys_control_arm_is_withheld_whatever_the_campaign_says(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 10)
        journey = ensure_experiment(connection, "journey:x@1", salt="x", control_share=campaign_share())
        connection.execute(
            text("INSERT INTO assignments SELECT :e, id, 'control', 0, :now FROM members"), {"e": journey, "now": NOON}
        )
        campaign = make_campaign(connection)
        group = a_group(select(members.c.id), "enrolment:1:0", experiment_id=journey, arm="control")

        planned = plan(connection, campaign, group, now=NOON, rules=RULES)

    assert (planned.withheld, planned.waiting) == (len(ids), 0)


@pytest.mark.parametrize("state", ["waiting", "claimed", "submitting", "accepted", "delivered", "in_doubt"])
def test_postgresql_itself_refuses_a_send_to_a_control_member(database: Database, state: str) -> None:
    with database.transaction() as connection:
        make_members(connection, 50)
        plan_all(connection, make_campaign(connection, control={"share": "0.5"}))

    with pytest.raises(IntegrityError), database.transaction() as connection:
        connection.execute(text("UPDATE sends SET state = :state WHERE arm = 'control'"), {"state": state})
    with pytest.raises(IntegrityError), database.transaction() as connection:
        connection.execute(text("UPDATE sends SET arm = 'treated', state = 'waiting' WHERE arm = 'control'"))


def test_quiet_hours_put_a_send_off_until_the_members_own_morning(database: Database) -> None:
    quiet = QuietHours(start=time(21), end=time(9))
    evening = datetime(2026, 8, 3, 13, 30, tzinfo=UTC)  # 21:30 in Shanghai, 15:30 in Berlin, 09:30 in New York.
    with database.transaction() as connection:
        for start, zone in enumerate(["Asia/Shanghai", "Europe/Berlin", "America/New_York"], 1):
            make_members(connection, 1, start=start, time_zone=zone)
        campaign = make_campaign(connection, quiet_hours=str(quiet))

        plan_all(connection, campaign, now=evening)

        hours = list(connection.execute(select(sends.c.not_before).order_by(sends.c.member_id)).scalars())
    assert hours == [datetime(2026, 8, 4, 1, tzinfo=UTC), evening, evening]


def test_a_cap_counts_what_was_planned_and_what_was_withheld(database: Database) -> None:
    rules = PlanningRules(quiet_hours=None, caps=(Cap(count=1, per=timedelta(days=1)),))
    with database.transaction() as connection:
        make_members(connection, 40)
        campaign = make_campaign(connection, control={"share": "0.5"})
        plan_all(connection, campaign, occasion="one", rules=rules)

        again = plan_all(connection, campaign, occasion="two", rules=rules)

    assert again.refused == {"cap": 40}


def test_a_throttle_spreads_the_sends_over_time(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 6)
        plan_all(connection, make_campaign(connection, throttle=2))

        waits = sorted(moment - NOON for moment in connection.execute(select(sends.c.not_before)).scalars())
    assert waits == [timedelta(seconds=30 * turn) for turn in range(6)]


def test_a_launch_considers_its_audience_once(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 3, tier="gold")
        make_members(connection, 4, tier="silver", start=10)
        campaign = make_campaign(connection, audience={"member": {"tier": {"eq": "gold"}}})

        first = launch(connection, campaign, occasion="by hand", now=NOON, rules=RULES)
        again = launch(connection, campaign, occasion="by hand", now=NOON, rules=RULES)

    assert first is not None and first.considered == 3
    assert again is None


def test_a_launchs_group_has_the_columns_that_planning_names() -> None:
    assert launch_group(select(members.c.id.label("member_id")), 1).subquery().c.keys()[0] == "member_id"
