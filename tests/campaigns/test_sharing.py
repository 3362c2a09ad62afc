"""Of several members with one phone, one is written to: in one launch, across batches, and by two planners at once."""

import threading
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from campaigns.rules import PlanningRules
from campaigns.sends import Planned, plan
from database.engine import Database
from database.member_tables import order_facts
from database.tables import addresses, members, sends
from tests.campaigns.test_planning import a_group
from tests.makers import NOON, make_campaign, make_members

SOMEBODY_WAITS_FOR_US = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
RULES = PlanningRules(quiet_hours=None)


def until_waited_for(connection: Connection, rival: threading.Thread) -> None:
    """Return once somebody waits for what this transaction holds; the rival must be among the living until then."""
    while connection.scalar(text(SOMEBODY_WAITS_FOR_US)) is None:
        rival.join(0.01)
        assert rival.is_alive()


def share_a_phone(connection: Connection, ids: list[int]) -> None:
    """Give all of them the phone of the first."""
    first = connection.execute(
        select(addresses.c.address, addresses.c.fingerprint).where(addresses.c.member_id == ids[0], addresses.c.channel == "sms")
    ).one()
    own = (addresses.c.member_id.in_(ids), addresses.c.channel == "sms")
    connection.execute(update(addresses).where(*own).values(address=first.address, fingerprint=first.fingerprint))


def order(connection: Connection, member_id: int, at: datetime) -> None:
    numbers = dict.fromkeys(("orders", "spent", "refunded"), 1)
    numbers |= {f"{what}_{days}d": 0 for what in ("orders", "spent") for days in (7, 30, 90, 365)}
    connection.execute(insert(order_facts).values(member_id=member_id, reckoned_at=NOON, last_order_at=at, **numbers))


def plan_for(connection: Connection, campaign: Any, ids: list[int], *, occasion: str = "launch:1", now: datetime = NOON, **given: Any) -> Planned:
    return plan(connection, campaign, a_group(select(members.c.id).where(members.c.id.in_(ids)), occasion, **given), now=now, rules=RULES)


def written_to(connection: Connection, occasion: str = "launch:1") -> set[int]:
    return set(connection.scalars(select(sends.c.member_id).where(sends.c.occasion == occasion, sends.c.state != "refused")))


def test_of_a_household_whoever_ordered_last_is_written_to_and_the_others_are_refused(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 5, channels=["sms"])
        share_a_phone(connection, ids[:3])
        order(connection, ids[0], NOON - timedelta(days=9))
        order(connection, ids[1], NOON - timedelta(days=1))
        campaign = make_campaign(connection)

        planned = plan_for(connection, campaign, ids)

        assert (planned.waiting, planned.refused) == (3, {"shared_address": 2})
        assert written_to(connection) == {ids[1], ids[3], ids[4]}


def test_without_orders_the_lowest_id_is_written_to_and_another_launch_begins_anew(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 3, channels=["sms"])
        share_a_phone(connection, ids)
        campaign = make_campaign(connection)

        plan_for(connection, campaign, ids[1:])
        plan_for(connection, campaign, ids[:1])
        plan_for(connection, campaign, ids, occasion="launch:2")

        assert written_to(connection) == {ids[1]}
        assert written_to(connection, "launch:2") == {ids[0]}


def test_service_messages_go_to_everybody_whose_business_they_are(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 2, channels=["sms"])
        share_a_phone(connection, ids)
        campaign = make_campaign(connection, purpose="service")

        assert plan_for(connection, campaign, ids).waiting == 2


def test_an_address_somebody_had_once_is_not_shared(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 2, channels=["sms"])
        share_a_phone(connection, ids)
        connection.execute(update(addresses).where(addresses.c.member_id == ids[0]).values(is_current=False))
        campaign = make_campaign(connection)

        planned = plan_for(connection, campaign, ids)

        assert (planned.waiting, planned.refused) == (1, {"no_address": 1})


def test_in_journeys_an_address_is_left_to_one_member_for_a_day(database: Database) -> None:
    with database.transaction() as connection:
        first, second = make_members(connection, 2, channels=["sms"])
        share_a_phone(connection, [first, second])
        campaign = make_campaign(connection)
        hours = [(second, 0, 1), (first, 23, 2), (second, 23, 3), (first, 25, 4), (first, 48, 5)]
        for member, hour, enrolment in hours:
            plan_for(connection, campaign, [member], occasion=f"enrolment:{enrolment}:0", enrolment_id=enrolment, now=NOON + timedelta(hours=hour))

        found = connection.execute(select(sends.c.occasion, sends.c.state, sends.c.reason).order_by(sends.c.id)).all()

    assert [(state, reason) for _, state, reason in found] == [
        ("waiting", None), ("refused", "shared_address"), ("waiting", None), ("refused", "shared_address"), ("waiting", None),
    ]  # fmt: skip


def test_the_turn_is_drawn_before_the_arms_so_that_both_arms_lack_the_same_members(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 400, channels=["sms"])
        for pair in range(0, 400, 2):
            share_a_phone(connection, ids[pair : pair + 2])
        campaign = make_campaign(connection, control={"share": "0.5"})

        planned = plan_for(connection, campaign, ids)

        assert planned.refused == {"shared_address": 200}
        assert planned.waiting + planned.withheld == 200
        assert planned.withheld > 60
        refused = set(connection.scalars(select(sends.c.arm).where(sends.c.state == "refused")))
        assert refused == {None}
        # Where the one whose turn it is is held back, nobody is written to at that address.
        in_turn = set(connection.scalars(select(sends.c.member_id).where(sends.c.state != "refused")))
        assert all(member % 2 == 1 for member in in_turn)


def test_two_planners_at_once_never_write_to_both(database: Database) -> None:
    with database.transaction() as connection:
        first, second = make_members(connection, 2, channels=["sms"])
        share_a_phone(connection, [first, second])
        campaign = make_campaign(connection)
    done: list[Planned] = []

    def plan_second() -> None:
        with database.transaction() as other:
            done.append(plan_for(other, campaign, [second]))

    with database.transaction() as connection:
        planned = plan_for(connection, campaign, [first])
        rival = threading.Thread(target=plan_second)
        rival.start()
        until_waited_for(connection, rival)
    rival.join()

    assert (planned.waiting, done[0].refused) == (1, {"shared_address": 1})
