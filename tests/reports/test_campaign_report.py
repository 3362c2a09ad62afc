"""The closing sum, the arms by intent to treat, and no verdict before its time."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import insert

from database.engine import Database
from database.tables import attempts
from language.problems import InputRefused
from reports.campaign_report import campaign_report
from reports.export import as_data
from reports.lift import Verdict
from reports.responses import credit
from tests.reports.ledger_rows import START, Ledger

LATER = START + timedelta(days=8)
SUMMED = ("accepted", "delivered", "failed", "withheld", "in_doubt", "waiting", "cancelled")


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    with database.transaction() as connection:
        yield Ledger(connection)


def _measured(
    ledger: Ledger, *, treated: int = 900, treated_bought: int = 90, control: int = 100, control_bought: int = 2
) -> None:
    """Add the campaign ``spring`` with both arms and their orders, credited."""
    campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
    ledger.launch(campaign, considered=treated + control)
    messaged, held = ledger.members(treated), ledger.members(control)
    ledger.assign(draw, messaged, "treated")
    ledger.assign(draw, held, "control")
    ledger.sends(campaign, messaged, "delivered", experiment=draw, arm="treated", cost="0.05", accepted_at=START)
    ledger.sends(campaign, held, "withheld", experiment=draw, arm="control")
    for who in (messaged[:treated_bought], held[:control_bought]):
        if who:
            ledger.orders(who)
    credit(ledger.connection, now=LATER)


def test_planned_is_the_sum_of_the_rest_for_every_state_of_the_ledger(ledger: Ledger) -> None:
    campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
    held, rest = ledger.members(2), ledger.members(11)
    ledger.assign(draw, held, "control")
    ledger.assign(draw, rest, "treated")
    ledger.sends(campaign, held, "withheld", experiment=draw, arm="control")
    states = ("waiting", "claimed", "submitting", "in_doubt", "unknown", "accepted", "delivered", "failed", "cancelled")
    for member, state in zip(rest, states, strict=False):
        ledger.sends(campaign, [member], state, experiment=draw, arm="treated", cost="0.1")
    ledger.sends(campaign, [rest[9]], "refused", reason="no_consent", channel="sms")
    ledger.sends(campaign, [rest[10]], "refused", reason="no_address", channel=None)

    data = as_data(campaign_report(ledger.connection, "spring", now=LATER))

    assert data["refused"] == {"no_address": 1, "no_consent": 1}
    assert (data["waiting"], data["in_doubt"], data["withheld"]) == (3, 2, 2)
    assert data["planned"] == 13 == sum(data[name] for name in SUMMED) + sum(data["refused"].values())
    assert data["cost"] == pytest.approx(0.6)  # waiting, claimed and cancelled were not carried
    for part in ("channels", "days"):
        assert sum(each["planned"] for each in data[part]) == 13
    assert {each["channel"] for each in data["channels"]} == {"sms", "none"}


def test_a_closed_campaign_says_what_it_caused(ledger: Ledger) -> None:
    _measured(ledger)

    report = campaign_report(ledger.connection, "spring", now=LATER)
    data = as_data(report)

    assert [(each["arm"], each["assigned"], each["responded"]) for each in data["arms"]] == [
        ("treated", 900, 90),
        ("control", 100, 2),
    ]
    assert data["arms"][0]["revenue"] == 9000.0
    assert data["arms"][0]["revenue_per_member"] == pytest.approx(10.0)
    assert data["lift"]["verdict"] == "helped"
    assert data["lift"]["interim"] is False
    assert data["lift"]["diff"] == pytest.approx(0.08)
    assert data["lift"]["incremental"] == pytest.approx(72)
    assert data["lift"]["mean_diff"] == pytest.approx(8.0)
    assert data["lift"]["contamination"] == 0
    assert data["lift"]["iroas"] == pytest.approx(7200 / 45)
    json.dumps(data)


def test_while_a_window_is_open_only_the_sequential_interval_may_decide(ledger: Ledger) -> None:
    _measured(ledger)

    effect = campaign_report(ledger.connection, "spring", now=START + timedelta(days=6)).effect

    assert effect.interim
    assert effect.expected_members == 1000
    assert effect.look is not None
    assert effect.lift is not None
    assert effect.look.interval.lo < effect.lift.diff_interval.lo
    assert effect.lift.verdict is Verdict.HELPED
    assert effect.verdict is Verdict.NOT_SHOWN


def test_a_sample_ratio_mismatch_hides_the_lift(ledger: Ledger) -> None:
    _measured(ledger, treated=900, control=200)

    data = as_data(campaign_report(ledger.connection, "spring", now=LATER))

    assert data["lift"]["verdict"] == "sample ratio mismatch"
    assert data["lift"]["srm"]["alarm"] is True
    assert data["lift"]["diff"] is None
    assert data["arms"][1]["assigned"] == 200


def test_a_member_of_several_launches_counts_once_and_so_does_their_order(ledger: Ledger) -> None:
    campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
    who = ledger.members(1)
    ledger.assign(draw, who, "treated")
    for number in (1, 2):
        ledger.sends(campaign, who, "delivered", experiment=draw, arm="treated", occasion=f"launch:{number}")
    ledger.orders(who)
    assert credit(ledger.connection, now=LATER) == 2

    arm = campaign_report(ledger.connection, "spring", now=LATER).arms[0]

    assert (arm.counts.assigned, arm.counts.responded) == (1, 1)
    assert arm.counts.amounts is not None
    assert arm.counts.amounts.total == 100.0


def test_a_campaign_without_control_or_goal_claims_nothing(ledger: Ledger) -> None:
    campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring", share="0")
    who = ledger.members(3)
    ledger.assign(draw, who, "treated")
    ledger.sends(campaign, who, "delivered", experiment=draw, arm="treated")
    aimless = ledger.campaign("aimless", goal=None)
    ledger.sends(aimless, who, "delivered", experiment=draw, arm="treated")

    assert campaign_report(ledger.connection, "spring", now=LATER).effect.verdict is Verdict.NO_CONTROL
    empty = as_data(campaign_report(ledger.connection, "aimless", now=LATER))
    assert empty["lift"]["verdict"] == "no goal"
    assert (empty["planned"], empty["arms"][0]["responded"]) == (3, 0)


def test_its_own_draw_is_compared_before_a_journeys(ledger: Ledger) -> None:
    _measured(ledger)
    journey = ledger.experiment("journey:win-back@1", share="0.5")
    extra = ledger.members(2)
    ledger.assign(journey, extra, "control")
    campaign = 1
    ledger.sends(campaign, extra, "withheld", experiment=journey, arm="control")

    report = campaign_report(ledger.connection, "spring", now=LATER)

    assert report.effect.experiment is not None
    assert report.effect.experiment.name == "campaign:spring"
    assert report.closing.withheld == 102


def test_a_message_to_a_control_member_is_counted_as_contamination(ledger: Ledger) -> None:
    _measured(ledger)
    ledger.connection.exec_driver_sql("ALTER TABLE sends DROP CONSTRAINT sends_control_is_withheld_check")
    who = ledger.connection.exec_driver_sql("SELECT id FROM sends WHERE arm = 'control' LIMIT 1").scalar_one()
    ledger.connection.execute(insert(attempts), {"send_id": who, "number": 1, "provider": "p", "marked_at": START})

    assert campaign_report(ledger.connection, "spring", now=LATER).effect.contamination == 1
    ledger.connection.rollback()


def test_steps_close_one_by_one(ledger: Ledger) -> None:
    campaign, draw = ledger.campaign("spring"), ledger.experiment("journey:win-back@1")
    journey = ledger.journey("win-back", experiment=draw)
    who = ledger.members(4)
    ledger.assign(draw, who, "treated")
    entries = ledger.enrol(journey, who, experiment=draw, arm="treated")
    for step in ("10", "2"):
        for member, entry in zip(who, entries, strict=True):
            ledger.sends(campaign, [member], "delivered", experiment=draw, arm="treated", occasion=f"enrolment:{entry}:{step}",
                         enrolment_id=entry, step=step)  # fmt: skip

    report = campaign_report(ledger.connection, "spring", now=LATER)

    assert [(line.step, line.closing.planned) for line in report.steps if line.closing] == [("2", 4), ("10", 4)]
    assert report.effect.interim  # Members of a journey still enter.


def test_an_unknown_name_is_answered_with_the_nearest(ledger: Ledger) -> None:
    ledger.campaign("spring")

    with pytest.raises(InputRefused, match="is it spring"):
        campaign_report(ledger.connection, "sprng", now=LATER)
    with pytest.raises(InputRefused, match="there are: spring"):
        campaign_report(ledger.connection, "zzz", now=LATER)
