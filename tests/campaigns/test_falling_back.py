"""A send goes on to the next channel where one refuses or nobody confirms, once, and never from doubt."""

import json
import random
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, select, text

from campaigns.accounts import Accounts
from campaigns.campaign import Campaign, CampaignDefinition
from campaigns.carrier import Carrier
from campaigns.delivery import deliver
from campaigns.invariants import broken
from campaigns.rules import Cap, PlanningRules
from campaigns.sends import FellBack, apply_reports, claim, fall_back, plan, store_reports
from campaigns.settling import settle, sweep
from channels.message import DeliveryReport, ReportStatus
from channels.registry import open_provider
from channels.simulator.record import read_record
from channels.simulator.running import SimulatorProcess
from console.demo.oracle import compare
from database.engine import Database
from database.tables import assignments, attempts, members, sends, suppressions
from reports.campaign_report import campaign_report
from reports.why import explain
from tests.campaigns.test_planning import a_group, plan_all
from tests.carriers import a_carrier, account_settings, carried_by, steer, trusted_again
from tests.makers import NOON, SECRET, addresses_of, consent, make_campaign, make_members, states
from workers.bells import Work
from workers.work import find_work

ORDER = ("wechat", "sms", "email")
PRICES = {"wechat": Decimal("0.01"), "sms": Decimal("0.045"), "email": Decimal("0.002")}
RULES = PlanningRules(quiet_hours=None, prices=PRICES)


@dataclass
class Road:
    """An installation's database, its three carriers, and the simulator they carry to."""

    database: Database
    simulator: SimulatorProcess
    carriers: dict[str, Carrier] = field(default_factory=dict)
    now: datetime = NOON

    def let(self, *faults: str) -> None:
        """Order what the next messages meet."""
        steer(self.simulator, {"next": faults})

    def act(self, openid: str, act: str) -> None:
        """Let a member of the WeChat account do something."""
        asked = json.dumps({"openid": openid, "act": act}).encode()
        urllib.request.urlopen(f"{self.simulator.http_url}/_simulator/wechat/members", asked, timeout=10).close()

    def carry(self, *channels: str) -> None:
        """Deliver on channels in turn, with nobody falling back meanwhile."""
        for channel in channels:
            deliver(trusted_again(self.carriers[channel]), now=self.now)

    def fall(self) -> FellBack:
        with self.database.transaction() as connection:
            return fall_back(connection, now=self.now)

    def go(self, *channels: str) -> None:
        """Deliver on channels in turn, and fall back after each."""
        for channel in channels:
            self.carry(channel)
            self.fall()

    def tell(self, number: int, status: ReportStatus, *, key: str = "", send_id: int = 1) -> None:
        """Let the provider of a send's hand-over report on it."""
        with self.database.transaction() as connection:
            report = a_report(connection, send_id, number, status, key=key)
            store_reports(connection, [report], installation=self.carriers["sms"].installation, now=self.now)
            apply_reports(connection, now=self.now)

    def send(self, send_id: int = 1) -> tuple[str, str | None, str | None]:
        """Return a send's state, channel and reason."""
        with self.database.transaction() as connection:
            return connection.execute(select(sends.c.state, sends.c.channel, sends.c.reason).where(sends.c.id == send_id)).one()._tuple()

    def taken(self) -> list[str]:
        """Return the providers that took a message, in order."""
        return [entry.provider for entry in read_record(self.simulator.record_path) if entry.accepted]

    def outcomes(self) -> list[tuple[str, str | None]]:
        with self.database.transaction() as connection:
            rows = connection.execute(select(attempts.c.provider, attempts.c.outcome).order_by(attempts.c.send_id, attempts.c.number))
            return [(row.provider.partition(".")[0], row.outcome) for row in rows]


def a_report(connection: Connection, send_id: int, number: int, status: ReportStatus, *, key: str = "") -> DeliveryReport:
    row = connection.execute(select(attempts).where(attempts.c.send_id == send_id, attempts.c.number == number)).one()
    return DeliveryReport(
        provider=row.provider, key=f"{send_id}:{number}:{status}:{key}", status=status, provider_ref=row.provider_ref, code=status.value
    )


@pytest.fixture
def road(database: Database, simulator: SimulatorProcess) -> Iterator[Road]:
    """Hold every invariant, and the simulator's own record against the ledger, after every test."""
    made = Road(database, simulator)
    for channel in ORDER:
        made.carriers[channel] = replace(a_carrier(database, simulator, channel), rules=RULES)
    yield made
    with database.transaction() as connection:
        assert broken(connection) == []
        assert compare(connection, simulator.record_path, secret=SECRET).is_clean


def planned(database: Database, count: int = 1, *, rules: PlanningRules = RULES, **terms: object) -> Campaign:
    with database.transaction() as connection:
        make_members(connection, count)
        campaign = make_campaign(connection, **{"channels": ORDER, **terms})
        plan_all(connection, campaign, rules=rules)
    return campaign


def test_whoever_does_not_follow_on_wechat_gets_a_text_message(database: Database, road: Road) -> None:
    planned(database, 2, purpose="service")
    given = {**account_settings(road.simulator)["wechat"], "ways": {"*": "template"}}
    provider = open_provider(str(given.pop("provider")), given)
    road.carriers["wechat"] = carried_by(road.carriers["wechat"], provider)
    road.act(addresses_of("m2")["wechat"], "unsubscribe")

    road.go("wechat", "sms")

    assert [road.send(1)[:2], road.send(2)[:2]] == [("accepted", "wechat"), ("accepted", "sms")]
    assert road.taken() == ["wechat.official_account", "sms.aliyun"]
    with database.transaction() as connection:
        refused = connection.execute(select(attempts.c.code).where(attempts.c.outcome == "rejected")).scalars().all()
        stopped = connection.execute(select(suppressions.c.channel, suppressions.c.reason)).tuples().all()
    assert refused == ["43004"]
    assert stopped == [("wechat", "reply")]


def test_a_used_up_quota_falls_to_the_next_channel_and_the_one_after(database: Database, road: Road) -> None:
    planned(database)
    road.let("member_refused")  # 43101: nothing left of what the member allowed.
    road.go("wechat")
    road.let("content_refused")
    road.go("sms")
    assert road.send() == ("waiting", "email", None)

    road.go("email")

    assert road.send() == ("accepted", "email", None)
    assert road.outcomes() == [("wechat", "rejected"), ("sms", "rejected"), ("email", "accepted")]


def test_consent_withdrawn_since_planning_falls_to_the_next_channel(database: Database, road: Road) -> None:
    planned(database)
    with database.transaction() as connection:
        consent(connection, [1], ["wechat"], granted=False, now=NOON)

    road.go("wechat", "sms")

    assert road.send() == ("accepted", "sms", None)
    assert road.taken() == ["sms.aliyun"]


def test_channels_that_may_not_be_used_are_passed_over(database: Database, road: Road) -> None:
    planned(database)
    with database.transaction() as connection:
        consent(connection, [1], ["sms"], granted=False, now=NOON)
    road.let("member_refused")

    road.go("wechat", "email")

    assert road.send() == ("accepted", "email", None)


def test_with_no_channel_left_it_stays_refused_and_is_looked_at_once(database: Database, road: Road) -> None:
    planned(database, channels=["wechat", "sms"])
    with database.transaction() as connection:
        connection.execute(text("UPDATE addresses SET problem = 'landline' WHERE channel = 'sms'"))
    road.let("member_refused")
    road.carry("wechat")

    assert road.fall() == FellBack(ended=1)
    assert road.fall() == FellBack()
    assert road.send() == ("failed", "wechat", "rejected")


@pytest.mark.parametrize("terms", [{"fallback": "none"}, {"channels": ["wechat"]}])
def test_fallback_can_be_switched_off_and_needs_a_second_channel(database: Database, road: Road, terms: dict[str, Any]) -> None:
    planned(database, **terms)
    road.let("member_refused")

    road.go("wechat", "sms")

    assert road.send() == ("failed", "wechat", "rejected")


def test_a_crash_between_the_answer_and_the_next_channel_is_found_by_the_poll(database: Database, road: Road) -> None:
    planned(database)
    road.let("member_refused")
    road.carry("wechat")

    with database.transaction() as connection:
        assert find_work(connection, now=NOON) == [Work.RECKONING, Work.FALLBACK]
    road.fall()
    with database.transaction() as connection:
        assert find_work(connection, now=NOON) == [Work.RECKONING, Work.SMS]


@pytest.mark.parametrize("fault", ["answer_lost", "half_body", "bad_gateway", "garbled"])
def test_a_lost_answer_never_falls_back_whatever_becomes_of_it(database: Database, road: Road, fault: str) -> None:
    planned(database, fallback={"unconfirmed_after": "1m"})
    road.let(fault)
    road.carry("wechat")
    road.now += timedelta(days=1)
    assert road.send()[0] == "in_doubt"
    assert road.fall() == FellBack()
    with database.transaction() as connection:
        connection.execute(text("UPDATE attempts SET marked_at = now() - interval '80 hours'"))
        connection.execute(text("UPDATE sends SET lease_until = now() - interval '1 s'"))
    sweep(database, road.carriers["wechat"].settling)

    road.go("wechat", "sms", "email")

    assert road.send()[0] == "unknown"
    assert road.taken() == ["wechat.official_account"]


def test_doubt_that_is_settled_as_taken_may_still_be_unconfirmed(database: Database, road: Road) -> None:
    planned(database, channels=["sms", "email"], fallback={"unconfirmed_after": "1h"})
    road.let("answer_lost")
    road.carry("sms")
    with database.transaction() as connection:
        connection.execute(text("UPDATE sends SET lease_until = now() - interval '1 s'"))
    settle(road.carriers["sms"], now=NOON)
    assert road.send()[:2] == ("accepted", "sms")

    road.now += timedelta(hours=1)
    assert road.fall() == FellBack(moved=1)


def test_what_nobody_confirms_in_time_goes_by_the_next_channel(database: Database, road: Road) -> None:
    planned(database, 2, channels=["wechat", "sms"], fallback={"unconfirmed_after": "4h"})
    road.carry("wechat")
    road.tell(1, ReportStatus.DELIVERED, send_id=2)
    road.now = NOON + timedelta(hours=4) - timedelta(seconds=1)
    assert road.fall() == FellBack()
    road.now += timedelta(seconds=1)
    with database.transaction() as connection:
        assert find_work(connection, now=road.now) == [Work.RECKONING, Work.FALLBACK]

    assert road.fall() == FellBack(moved=1)
    road.carry("sms")
    assert road.send() == ("accepted", "sms", None)
    assert road.send(2) == ("delivered", "wechat", None)
    road.now += timedelta(days=1)  # The last channel is not left again.
    assert road.fall() == FellBack()


@pytest.mark.parametrize("end", ["refused", "rejected", "expired", "cancelled", "cap", "failed later"])
def test_what_was_accepted_before_stands_where_the_next_channel_comes_to_nothing(database: Database, road: Road, end: str) -> None:
    campaign = planned(database, channels=["wechat", "sms"], fallback={"unconfirmed_after": "1h"})
    road.carry("wechat")
    road.now += timedelta(hours=1)
    road.fall()
    with database.transaction() as connection:
        if end == "refused":
            consent(connection, [1], ["sms"], granted=False, now=NOON)
        elif end == "expired":
            connection.execute(text("UPDATE sends SET expires_at = :now"), {"now": road.now})
        elif end == "cancelled":
            connection.execute(text("UPDATE campaigns SET state = 'cancelled'"))
        elif end == "cap":
            other = make_campaign(connection, campaign="other", channels=["email"])
            plan_all(connection, other, now=road.now)
    if end == "cap":
        road.carry("email")
        road.carriers["sms"] = replace(road.carriers["sms"], rules=replace(RULES, caps=(Cap(count=1, per=timedelta(days=1)),)))
    if end == "rejected":
        road.let("content_refused")

    road.carry("sms")
    if end == "failed later":
        road.tell(2, ReportStatus.FAILED)
    assert road.send()[0] in ("failed", "refused", "cancelled")
    assert road.fall() == FellBack(restored=1)

    assert road.send() == ("accepted", "wechat", None)
    with database.transaction() as connection:
        closing = campaign_report(connection, campaign.name, now=road.now).closing
    assert closing.cost == (Decimal("0.01") + Decimal("0.045") * parts_of(database) if end == "failed later" else Decimal("0.01"))
    road.tell(1, ReportStatus.FAILED)  # And may fail there for good.
    assert road.send() == ("failed", "wechat", "failed")
    assert road.fall() == FellBack()


def parts_of(database: Database) -> int:
    with database.transaction() as connection:
        return int(connection.execute(select(sends.c.parts)).scalar_one())


def test_the_cost_is_the_sum_of_what_was_billed(database: Database, road: Road) -> None:
    campaign = planned(database, fallback={"unconfirmed_after": "1h"})
    road.carry("wechat")  # Billed, never confirmed.
    road.now += timedelta(hours=1)
    road.fall()
    road.let("content_refused")  # Not billed.
    road.go("sms")
    with database.transaction() as connection:
        waiting = campaign_report(connection, campaign.name, now=road.now)
    road.go("email")

    with database.transaction() as connection:
        done = campaign_report(connection, campaign.name, now=road.now)
    assert waiting.closing.cost == Decimal("0.01")
    assert done.closing.cost == Decimal("0.012")
    assert {channel: closing.accepted for channel, closing in done.channels.items()} == {"email": 1}
    assert done.closing.planned == 1


def test_a_failure_reported_later_falls_to_the_next_channel_and_a_dead_address_is_suppressed(database: Database, road: Road) -> None:
    planned(database, channels=["email", "sms"])
    road.carry("email")
    road.tell(1, ReportStatus.BOUNCED)

    road.go("email", "sms")

    assert road.send() == ("accepted", "sms", None)
    road.tell(1, ReportStatus.BOUNCED, key="again")
    assert road.send() == ("accepted", "sms", None)
    with database.transaction() as connection:
        assert connection.execute(select(suppressions.c.channel)).scalars().all() == ["email"]


def test_a_late_bounce_of_the_channel_it_left_suppresses_that_address_and_fails_nothing(database: Database, road: Road) -> None:
    planned(database, channels=["email", "sms"], fallback={"unconfirmed_after": "1h"})
    road.carry("email")
    road.now += timedelta(hours=1)
    road.go("sms")  # Falls back first.
    road.go("sms")

    road.tell(1, ReportStatus.BOUNCED)

    assert road.send() == ("accepted", "sms", None)
    with database.transaction() as connection:
        assert connection.execute(select(suppressions.c.channel)).scalars().all() == ["email"]
    road.tell(2, ReportStatus.FAILED)  # Now nothing stands any more.
    assert road.fall() == FellBack(ended=1)
    assert road.send() == ("failed", "sms", "failed")


@pytest.mark.parametrize("held", [False, True])
def test_a_delivery_told_late_spares_the_second_message(database: Database, road: Road, held: bool) -> None:
    planned(database, channels=["wechat", "sms"], fallback={"unconfirmed_after": "1h"})
    road.carry("wechat")
    road.now += timedelta(hours=1)
    road.fall()
    if held:
        with database.transaction() as connection:
            assert len(claim(connection, "sms", now=road.now, limit=10, lease=timedelta(minutes=1))[1]) == 1

    road.tell(1, ReportStatus.DELIVERED)
    road.carry("sms")

    assert road.send() == ("delivered", "wechat", None)
    assert road.taken() == ["wechat.official_account"]


def test_a_delivery_told_between_claim_and_mark_keeps_the_worker_from_calling(database: Database, road: Road) -> None:
    planned(database, channels=["wechat", "sms"], fallback={"unconfirmed_after": "1h"})
    road.carry("wechat")
    road.now += timedelta(hours=1)
    road.fall()

    def while_held() -> bool:  # Asked once the send is claimed and its words are written.
        road.tell(1, ReportStatus.DELIVERED)
        return False

    done = deliver(road.carriers["sms"], now=road.now, stopped=while_held)

    assert (done.claimed, done.held_back, done.outcomes) == (1, 1, {})
    assert road.send() == ("delivered", "wechat", None)


def test_a_delivery_by_either_channel_counts_once_both_were_used(database: Database, road: Road) -> None:
    planned(database, channels=["wechat", "sms"], fallback={"unconfirmed_after": "1h"})
    road.carry("wechat")
    road.now += timedelta(hours=1)
    road.fall()
    road.carry("sms")

    road.tell(1, ReportStatus.DELIVERED)
    road.tell(2, ReportStatus.FAILED)

    assert road.send() == ("delivered", "wechat", None)
    assert road.outcomes() == [("wechat", "accepted"), ("sms", "accepted")]


def test_a_send_counts_once_for_caps_and_does_not_stand_in_its_own_way(database: Database, road: Road) -> None:
    rules = replace(RULES, caps=(Cap(count=2, per=timedelta(days=7)),))
    road.carriers = {channel: replace(carrier, rules=rules) for channel, carrier in road.carriers.items()}
    planned(database, rules=rules, fallback={"unconfirmed_after": "1h"})
    with database.transaction() as connection:
        second, third = (make_campaign(connection, campaign=name, channels=["email"]) for name in ("second", "third"))
    road.carry("wechat")
    road.now += timedelta(hours=1)
    with database.transaction() as connection:
        assert plan_all(connection, second, rules=rules, now=road.now).waiting == 1
    road.carry("email")

    road.go("sms")
    road.go("sms")  # A third hand-over, and the second message of a cap of two.
    assert road.send() == ("accepted", "sms", None)
    with database.transaction() as connection:
        assert plan_all(connection, third, rules=rules, now=road.now).refused == {"cap": 1}


def test_control_members_are_held_back_once_and_never_fall_back(database: Database, road: Road) -> None:
    planned(database, 60, control={"share": "0.5"}, fallback={"unconfirmed_after": "1h"})
    held = states(database)["withheld"]
    road.let(*["member_refused"] * (60 - held))

    road.go("wechat", "sms")
    road.now += timedelta(days=1)
    road.go("sms", "email")

    assert states(database) == {"withheld": held, "accepted": 60 - held}
    with database.transaction() as connection:
        control = select(assignments.c.member_id).where(assignments.c.arm == "control")
        touched = select(sends.c.id).where(sends.c.member_id.in_(control), sends.c.then_channels.is_not(None))
        assert connection.execute(touched).all() == []


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE sends SET expires_at = '2026-08-03T04:00Z'",
        "UPDATE campaigns SET state = 'cancelled'",
        "UPDATE members SET erased_at = now()",
    ],
)
def test_what_has_ended_does_not_fall_back(database: Database, road: Road, end: str) -> None:
    planned(database)
    road.let("member_refused")
    road.carry("wechat")
    with database.transaction() as connection:
        connection.execute(text(end))

    assert road.fall() == FellBack(ended=1)
    assert road.send() == ("failed", "wechat", "rejected")


def test_who_left_the_journey_does_not_fall_back(database: Database, road: Road) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
        connection.execute(
            text("INSERT INTO journeys (id, name, version, definition, published_at) VALUES (9, 'j', 1, '{}', now())")
        )
        connection.execute(
            text(
                "INSERT INTO enrolments (id, journey_id, journey_name, member_id, entry_key, state, step, entered_at, step_since,"
                " ended_at) VALUES (9, 9, 'j', 1, 'x', 'exited', '', now(), now(), now())"
            )
        )
        plan(connection, make_campaign(connection, channels=ORDER), a_group(select(members.c.id), "x"), now=NOON, rules=RULES)
    road.let("member_refused")
    road.carry("wechat")
    with database.transaction() as connection:
        connection.execute(text("UPDATE sends SET enrolment_id = 9"))

    assert road.fall() == FellBack(ended=1)


def test_quiet_hours_are_asked_again_for_the_next_channel(database: Database, road: Road) -> None:
    planned(database, quiet_hours="21:00-09:00", fallback={"unconfirmed_after": "10h"})
    road.carry("wechat")
    road.now += timedelta(hours=10)  # Ten in the evening in Shanghai.

    road.fall()
    road.carry("sms")

    assert road.send() == ("waiting", "sms", None)
    with database.transaction() as connection:
        assert connection.execute(select(sends.c.not_before)).scalar_one() == NOON + timedelta(hours=21)


def test_each_channel_has_its_own_tries(database: Database, road: Road) -> None:
    planned(database)
    for _ in range(12):
        road.let("unavailable")
        road.carry("wechat")
        road.now += timedelta(hours=1)
    assert road.send() == ("failed", "wechat", "not_sent")

    road.fall()
    road.let("unavailable")
    road.carry("sms")

    with database.transaction() as connection:
        row = connection.execute(select(sends.c.state, sends.c.channel, sends.c.not_before)).one()
    assert row._tuple() == ("waiting", "sms", road.now + timedelta(seconds=15))


def test_workers_that_fall_back_at_once_move_each_send_once(database: Database, road: Road) -> None:
    planned(database, 40)
    road.let(*["member_refused"] * 40)
    road.carry("wechat")

    with database.engine.connect() as one, database.engine.connect() as other, one.begin(), other.begin():
        first = fall_back(one, now=NOON, limit=25)
        second = fall_back(other, now=NOON)

    assert (first.moved, second.moved) == (25, 15)
    assert states(database) == {"waiting": 40}


@pytest.mark.parametrize("seed", range(6))
def test_reports_of_both_channels_in_any_order_and_number_give_one_truth(database: Database, seed: int) -> None:
    die = random.Random(seed)
    with database.transaction() as connection:
        make_members(connection, 120)
        plan_all(connection, make_campaign(connection, channels=["wechat", "sms"], fallback={"unconfirmed_after": "1h"}))
        for number, (channel, provider) in enumerate((("wechat", "wechat.official_account"), ("sms", "sms.aliyun")), start=1):
            carried_by_hand(connection, channel, provider, number)
            if number == 1:
                fall_back(connection, now=NOON + timedelta(hours=1))
    told = {send_id: [die.choice(SAID) for _ in range(2)] for send_id in range(1, 121)}
    reports = [
        (send_id, number, status)
        for send_id, by_number in told.items() for number, said in enumerate(by_number, start=1) for status in said
    ] * 3  # fmt: skip
    die.shuffle(reports)

    for start in range(0, len(reports), 29):
        with database.transaction() as connection:
            batch = [a_report(connection, *each) for each in reports[start : start + 29]]
            store_reports(connection, batch, installation="0123abcd", now=NOON)
            apply_reports(connection, now=NOON)
            if die.random() < 0.5:
                fall_back(connection, now=NOON + timedelta(hours=2))

    with database.transaction() as connection:
        fall_back(connection, now=NOON + timedelta(hours=2))
        found = dict(connection.execute(select(sends.c.id, sends.c.state)).tuples().all())
        stopped = set(connection.execute(select(suppressions.c.channel, suppressions.c.fingerprint)).tuples().all())
        bounced = {
            connection.execute(BOUNCED, {"send": send_id, "number": number}).one()._tuple()
            for send_id, number, status in reports if status is ReportStatus.BOUNCED
        }  # fmt: skip
        assert broken(connection) == []
    assert found == {send_id: the_truth(*by_number) for send_id, by_number in told.items()}
    assert stopped == bounced


FAILURES = frozenset({ReportStatus.FAILED, ReportStatus.BOUNCED})
SAID: list[list[ReportStatus]] = [
    [], [ReportStatus.ACCEPTED], [ReportStatus.FAILED], [ReportStatus.BOUNCED], [ReportStatus.DELIVERED],
    [ReportStatus.FAILED, ReportStatus.DELIVERED],
]  # fmt: skip
BOUNCED = text("""
SELECT channel, fingerprint FROM addresses JOIN attempts ON attempts.address_id = addresses.id
WHERE attempts.send_id = :send AND attempts.number = :number
""")


def the_truth(first: list[ReportStatus], second: list[ReportStatus]) -> str:
    """Return where a send ends whose two channels reported this, in whatever order."""
    if ReportStatus.DELIVERED in [*first, *second]:
        return "delivered"
    return "failed" if FAILURES & set(first) and FAILURES & set(second) else "accepted"


def carried_by_hand(connection: Connection, channel: str, provider: str, number: int) -> None:
    """Say of every send that its present channel's provider took it as its hand-over of this number."""
    given = {"provider": provider, "number": number, "now": NOON, "channel": channel}
    connection.execute(
        text(
            "INSERT INTO attempts (send_id, number, provider, address_id, marked_at, outcome, provider_ref) "
            "SELECT id, :number, :provider, address_id, now(), 'accepted', :provider || id FROM sends WHERE channel = :channel"
        ),
        given,
    )
    connection.execute(
        text(
            "UPDATE sends SET state = 'accepted', attempts = :number, provider = :provider, accepted_at = :now, "
            "confirm_by = :now + confirm_within WHERE channel = :channel"
        ),
        given,
    )


def test_why_tells_each_channel_and_why_it_was_left(database: Database, road: Road) -> None:
    campaign = planned(database)
    road.let("member_refused")
    road.go("wechat")
    with database.transaction() as connection:
        consent(connection, [1], ["sms"], granted=False, now=NOON)
    road.go("sms", "email")

    with database.transaction() as connection:
        told = explain(connection, member_id=1, name=campaign.name)
    assert [(line.kind, line.told("en")) for line in told.timeline if line.kind != "assignment"] == [
        ("send", "Send 1 of new-season by email was taken by the provider; no delivery was reported"),
        ("attempt", "Attempt 1 of send 1 by wechat: rejected (43101)"),
        ("fallback", "Send 1 left wechat for sms: rejected"),
        ("fallback", "Send 1 left sms for email: no consent"),
        ("attempt", "Attempt 2 of send 1 by email: accepted (250)"),
    ]
    assert "转至" in told.timeline[-2].told("zh")


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"fallback": {"unconfirmed_after": "59s"}}, "a delivery is awaited for 1m at least"),
        ({"fallback": {"unconfirmed_after": "4h"}, "channels": ["sms"]}, "needs a second channel"),
        ({"fallback": "off"}, "fallback is none, or says unconfirmed_after"),
        ({"fallback": None}, "fallback is none, or says unconfirmed_after"),
        ({"fallback": {"after": "4h"}}, "Extra inputs are not permitted"),
    ],
)
def test_a_campaign_that_says_it_wrong_is_told_how(terms: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        CampaignDefinition.model_validate({"campaign": "a", "template": "a", "channels": list(ORDER), **terms})


@pytest.mark.parametrize("said", ["none", {"unconfirmed_after": "4h"}, {}])
def test_what_a_campaign_says_is_kept_as_it_says_it(said: object) -> None:
    given = {"campaign": "a", "template": "a", "channels": list(ORDER), "fallback": said}
    definition = CampaignDefinition.model_validate(given)

    assert CampaignDefinition.model_validate(definition.model_dump(mode="json")) == definition
    assert (definition.fallback is None) == (said == "none")



def test_a_channel_that_is_used_up_for_today_lets_its_sends_go_on(database: Database, road: Road) -> None:
    planned(database, 5, channels=["sms", "email"])
    account = replace(road.carriers["sms"].accounts.accounts[0], per_day=3)
    fresh = Accounts(database=database, accounts=[account])
    road.carriers["sms"] = replace(road.carriers["sms"], accounts=fresh)
    assert not fresh.is_spent(now=road.now)

    road.carry("sms")
    assert road.outcomes() == [("sms", "accepted")] * 3
    assert Accounts(database=database, accounts=[account]).is_spent(now=road.now)
    with database.transaction() as connection:
        reached, unreached = connection.execute(select(sends.c.id).where(sends.c.state == "waiting").order_by(sends.c.id)).scalars()
        connection.execute(
            text(
                "UPDATE addresses SET problem = 'mistyped' FROM sends "
                "WHERE sends.id = :send AND addresses.member_id = sends.member_id AND addresses.channel = 'email'"
            ),
            {"send": unreached},
        )
        went = fall_back(connection, now=road.now, spent=["sms"])
    road.carry("email")

    assert (went.moved, went.ended) == (1, 1)
    assert (road.send(reached)[:2], road.send(unreached)[:2]) == (("accepted", "email"), ("waiting", "sms"))
    with database.transaction() as connection:
        left = connection.execute(select(sends.c.left_channels, sends.c.spent).where(sends.c.id == reached)).one()
    assert left._tuple() == (["sms:quota"], 0)
    road.now += timedelta(days=1)
    road.carry("sms")
    assert road.send(unreached)[:2] == ("accepted", "sms")


def test_a_lost_answer_on_the_channel_fallen_back_to_is_no_message_too_many(database: Database, road: Road) -> None:
    planned(database, channels=["sms", "wechat"])
    road.carry("sms")
    road.tell(1, ReportStatus.FAILED)
    road.fall()
    road.let("answer_lost")
    road.carry("wechat")

    assert road.send()[:2] == ("in_doubt", "wechat")
    assert road.taken() == ["sms.aliyun", "wechat.official_account"]  # The record and the ledger agree, as after every test.


def test_what_failed_before_keeps_no_send_from_leaving_a_channel_that_is_used_up(database: Database, road: Road) -> None:
    planned(database, fallback={"unconfirmed_after": "1h"})
    road.carry("wechat")
    road.now += timedelta(hours=1)
    road.fall()
    road.tell(1, ReportStatus.FAILED)

    with database.transaction() as connection:
        assert fall_back(connection, now=road.now, spent=["sms"]) == FellBack(moved=1)

    assert road.send() == ("waiting", "email", None)
