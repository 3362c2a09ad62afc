"""Of several members with one phone one is written to there, also where they come to it by falling back."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select, update

from campaigns.sends import FellBack, fall_back
from database.engine import Database
from database.tables import addresses, sends
from tests.campaigns.test_sharing import order, plan_for, share_a_phone, until_waited_for
from tests.makers import NOON, make_campaign, make_members

LATER = NOON + timedelta(hours=1)


def household(connection: Connection, channels: tuple[str, ...] = ("wechat", "sms")) -> tuple[int, int]:
    """Make two members with a phone in common and whatever else of their own."""
    first, second = make_members(connection, 2, channels=channels)
    share_a_phone(connection, [first, second])
    return first, second


def fail(connection: Connection, *ids: int) -> None:
    """Let WeChat refuse what waits for these members there."""
    failed = update(sends).where(sends.c.member_id.in_(ids), sends.c.channel == "wechat", sends.c.state == "waiting")
    assert connection.execute(failed.values(state="failed", reason="member_refused")).rowcount == len(ids)


def waiting(connection: Connection, channel: str = "sms") -> list[int]:
    found = select(sends.c.member_id).where(sends.c.state == "waiting", sends.c.channel == channel).order_by(sends.c.id)
    return list(connection.scalars(found))


@pytest.mark.parametrize("earlier", [0, 1])
def test_whoever_falls_back_first_has_the_turn(database: Database, earlier: int) -> None:
    with database.transaction() as connection:
        ids = household(connection)
        plan_for(connection, make_campaign(connection, channels=["wechat", "sms"]), list(ids))
        fail(connection, ids[earlier])
        assert fall_back(connection, now=LATER) == FellBack(moved=1)
        fail(connection, ids[1 - earlier])
        assert fall_back(connection, now=LATER) == FellBack(ended=1)

        assert waiting(connection) == [ids[earlier]]
        left = connection.execute(select(sends.c.state, sends.c.reason, sends.c.channel).where(sends.c.member_id == ids[1 - earlier])).one()
        assert tuple(left) == ("failed", "member_refused", "wechat")


def test_of_those_who_fall_back_together_whoever_ordered_last_has_the_turn(database: Database) -> None:
    with database.transaction() as connection:
        first, second = household(connection)
        order(connection, second, NOON - timedelta(days=1))
        plan_for(connection, make_campaign(connection, channels=["wechat", "sms"]), [first, second])
        fail(connection, first, second)

        assert fall_back(connection, now=LATER) == FellBack(moved=1, outrun=1)
        assert fall_back(connection, now=LATER) == FellBack(ended=1)
        assert waiting(connection) == [second]


def test_a_turn_that_planning_gave_is_kept_and_one_that_falling_back_took_is_found_by_planning(database: Database) -> None:
    with database.transaction() as connection:
        first, second = household(connection)
        connection.execute(update(addresses).where(addresses.c.member_id == second, addresses.c.channel == "wechat").values(is_current=False))
        campaign = make_campaign(connection, channels=["wechat", "sms"])
        plan_for(connection, campaign, [first, second], occasion="launch:1")
        fail(connection, first)
        assert fall_back(connection, now=LATER) == FellBack(ended=1)
        assert waiting(connection) == [second]

        plan_for(connection, campaign, [first], occasion="launch:2")
        fail(connection, first)
        assert fall_back(connection, now=LATER) == FellBack(moved=1)
        assert plan_for(connection, campaign, [second], occasion="launch:2", now=LATER).refused == {"shared_address": 1}


def test_whose_turn_it_is_not_goes_on_to_a_channel_of_their_own(database: Database) -> None:
    with database.transaction() as connection:
        first, second = household(connection, ("wechat", "sms", "email"))
        plan_for(connection, make_campaign(connection, channels=["wechat", "sms", "email"]), [first, second])
        fail(connection, first, second)
        fall_back(connection, now=LATER)
        assert fall_back(connection, now=LATER) == FellBack(moved=1)
        assert (waiting(connection), waiting(connection, "email")) == ([first], [second])


def test_in_journeys_the_turn_is_another_members_after_a_day(database: Database) -> None:
    with database.transaction() as connection:
        first, second = household(connection)
        campaign = make_campaign(connection, channels=["wechat", "sms"], expires_after="9d")
        for enrolment, member in enumerate((first, second), start=1):
            plan_for(connection, campaign, [member], occasion=f"enrolment:{enrolment}:0", enrolment_id=enrolment)
        fail(connection, first)
        fall_back(connection, now=LATER)
        fail(connection, second)
        assert fall_back(connection, now=LATER + timedelta(days=1)) == FellBack(moved=1)
        assert waiting(connection) == [first, second]


def test_service_messages_fall_back_for_everybody(database: Database) -> None:
    with database.transaction() as connection:
        first, second = household(connection)
        plan_for(connection, make_campaign(connection, channels=["wechat", "sms"], purpose="service"), [first, second])
        fail(connection, first, second)
        assert fall_back(connection, now=LATER) == FellBack(moved=2)


def test_two_workers_at_once_never_write_to_both(database: Database) -> None:
    with database.transaction() as connection:
        first, second = household(connection)
        plan_for(connection, make_campaign(connection, channels=["wechat", "sms"]), [first, second])
        fail(connection, first)
    went: list[FellBack] = []

    def fall_second() -> None:
        with database.transaction() as other:
            fail(other, second)
            went.append(fall_back(other, now=LATER))
        with database.transaction() as other:
            went.append(fall_back(other, now=LATER))

    with database.transaction() as connection:
        assert fall_back(connection, now=LATER) == FellBack(moved=1)
        rival = threading.Thread(target=fall_second)
        rival.start()
        until_waited_for(connection, rival)
    rival.join()

    assert went == [FellBack(outrun=1), FellBack(ended=1)]
    with database.transaction() as connection:
        assert waiting(connection) == [first]
