"""A campaign's messages carry one coupon each, the same however often they are written, and its redemption is a cost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, insert, select, text

from campaigns.coupons import give_coupons
from campaigns.delivery import deliver
from campaigns.publishing import apply_campaigns
from campaigns.rules import PlanningRules
from campaigns.sends import claim, release
from campaigns.writing import messages_again, terms_by_campaign, write_words
from channels.simulator.running import SimulatorProcess
from database.engine import Database
from database.loyalty_tables import coupons
from database.tables import sends
from language.problems import InputRefused
from members.coupons.definition import Coupon
from members.coupons.redeeming import redeem_by_hand
from members.definitions import save_definitions
from reports.campaign_report import campaign_report
from templates.library import load_library
from tests.campaigns.test_planning import plan_all
from tests.carriers import a_carrier
from tests.makers import NOON, make_campaign, make_members, states

pytestmark = pytest.mark.usefixtures("sound")
COUPON = Coupon.model_validate({"coupon": "come-20", "valid_for": "30d", "cost": {"fixed": 20}})


def a_campaign_with_codes(connection: Connection, members: int, codes: int) -> None:
    """Plan a campaign to everybody whose words show a code."""
    save_definitions(connection, [COUPON], now=NOON)
    connection.execute(insert(coupons), [{"pool": "come-20", "code": f"CODE{number:03}"} for number in range(codes)])
    make_members(connection, members)
    plan_all(connection, make_campaign(connection, template="coupon-20", coupon="come-20"))


def test_each_message_shows_a_code_of_its_own(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        a_campaign_with_codes(connection, 50, 60)
    carrier = a_carrier(database, simulator, "sms")
    with database.transaction() as connection:
        token, claimed = claim(connection, "sms", now=NOON, limit=100, lease=timedelta(minutes=1))
        terms = terms_by_campaign(connection, {send.campaign_id for send in claimed}, carrier.rules)
        written, refused = write_words(connection, carrier, claimed, terms, NOON)
        again = messages_again(connection, carrier, claimed, NOON + timedelta(days=1))
        release(connection, token)
    held = select(coupons.c.occasion, coupons.c.code, coupons.c.member_id).where(coupons.c.member_id.is_not(None))
    with database.transaction() as connection:
        codes = {row.occasion: row for row in connection.execute(held)}

    assert (len(written), refused, len(codes)) == (50, [], 50)
    for each in written:
        row = codes[f"send:{each.send.id}"]
        assert row.member_id == each.send.member_id
        assert row.code in each.message.parts["text"]
        assert again[each.send.id].parts == each.message.parts

    assert deliver(carrier, now=NOON).claimed == 50
    with database.transaction() as connection:
        assert {row.occasion: row for row in connection.execute(held)} == codes


def test_where_codes_run_short_messages_fail_with_their_reason_and_go_out_without_no_code(
    database: Database, simulator: SimulatorProcess
) -> None:
    with database.transaction() as connection:
        a_campaign_with_codes(connection, 10, 7)

    done = deliver(a_carrier(database, simulator, "sms"), now=NOON)

    assert (done.claimed, done.unrendered) == (10, 3)
    assert states(database) == {"accepted": 7, "failed": 3}
    with database.transaction() as connection:
        reasons = connection.execute(select(sends.c.reason).where(sends.c.state == "failed")).scalars().all()
    assert reasons == ["words:no_coupon_left"] * 3


def test_members_held_back_get_no_coupon(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        save_definitions(connection, [COUPON], now=NOON)
        connection.execute(insert(coupons), [{"pool": "come-20", "code": f"CODE{number:03}"} for number in range(40)])
        make_members(connection, 40)
        plan_all(connection, make_campaign(connection, template="coupon-20", coupon="come-20", control={"share": "0.5"}))

    deliver(a_carrier(database, simulator, "sms"), now=NOON)

    with database.transaction() as connection:
        arms = connection.execute(
            text("SELECT arm FROM coupons JOIN sends ON coupons.occasion = 'send:' || sends.id WHERE coupons.member_id = sends.member_id")
        ).scalars()
        assert set(arms) == {"treated"}


def test_redeemed_coupons_count_as_the_campaigns_cost(database: Database, simulator: SimulatorProcess) -> None:
    with database.transaction() as connection:
        save_definitions(connection, [COUPON], now=NOON)
        connection.execute(insert(coupons), [{"pool": "come-20", "code": f"CODE{number:03}"} for number in range(60)])
        make_members(connection, 60)
        goal = {"event": "order.paid", "within": "14d", "value": "amount"}
        plan_all(connection, make_campaign(connection, template="coupon-20", coupon="come-20", control={"share": "0.4"}, goal=goal))
    deliver(a_carrier(database, simulator, "sms"), now=NOON)
    with database.transaction() as connection:
        before = campaign_report(connection, "new-season", now=NOON)
        held = connection.execute(select(coupons.c.code, coupons.c.member_id).where(coupons.c.member_id.is_not(None)).limit(3)).all()
        for row in held:
            redeem_by_hand(connection, row.code, row.member_id, now=NOON)
        after = campaign_report(connection, "new-season", now=NOON)

    assert before.effect.economics is not None and after.effect.economics is not None
    assert after.closing.cost == before.closing.cost
    assert after.effect.economics.cost == pytest.approx(float(before.closing.cost + Decimal(60)))


def test_a_coupon_nobody_defined_keeps_the_campaign_out(database: Database) -> None:
    with database.transaction() as connection:
        save_definitions(connection, [COUPON], now=NOON)
        with pytest.raises(InputRefused, match="there is no coupon come-2; expected come-20"):
            make_campaign(connection, coupon="come-2")
        assert apply_campaigns(connection, [], load_library(), now=NOON).new == ()


def test_a_coupon_that_ends_at_midnight_has_its_last_day_before_it(database: Database) -> None:
    with database.transaction() as connection:
        a_campaign_with_codes(connection, 1, 1)
        save_definitions(connection, [Coupon.model_validate({"coupon": "come-20", "until": "2027-01-01T00:00:00+08:00"})], now=NOON)
        _, claimed = claim(connection, "sms", now=NOON, limit=1, lease=timedelta(minutes=1))
        terms = terms_by_campaign(connection, {claimed[0].campaign_id}, PlanningRules())
        said = give_coupons(connection, claimed, terms, now=NOON)

    assert str(said[claimed[0].id]["coupon_ends_on"]) == "2026-12-31"
