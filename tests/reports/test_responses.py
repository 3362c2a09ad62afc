"""One rule and one clock for both arms."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from database.engine import Database
from database.tables import responses
from reports.responses import LATENESS, credit
from tests.reports.ledger_rows import START, Ledger

WEEK = timedelta(days=7)
LATER = START + timedelta(days=8)


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    with database.transaction() as connection:
        yield Ledger(connection)


def _credited(ledger: Ledger) -> list[Decimal | None]:
    return list(ledger.connection.execute(select(responses.c.value).order_by(responses.c.occurred_at)).scalars())


def test_the_window_is_half_open_and_opens_with_the_decision(ledger: Ledger) -> None:
    campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
    who = ledger.members(1)
    ledger.assign(draw, who, "treated")
    ledger.sends(campaign, who, "delivered", experiment=draw, arm="treated")
    second = timedelta(seconds=1)
    for at, value in ((START - second, "10"), (START, "20"), (START + WEEK - second, "30"), (START + WEEK, "40")):
        ledger.orders(who, at=at, value=value)

    credit(ledger.connection, now=LATER)

    assert _credited(ledger) == [20, 30]


@pytest.mark.parametrize(
    ("state", "arm"), [("withheld", "control"), ("delivered", "treated"), ("failed", "treated"), ("refused", "treated")]
)
def test_both_arms_and_every_state_of_the_treated_are_credited_alike(ledger: Ledger, state: str, arm: str) -> None:
    campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
    who = ledger.members(1)
    ledger.assign(draw, who, arm)
    ledger.sends(campaign, who, state, experiment=draw, arm=arm, reason="no consent")
    ledger.orders(who)

    assert credit(ledger.connection, now=LATER) == 1


def test_a_refusal_that_was_never_drawn_is_not_credited(ledger: Ledger) -> None:
    campaign, who = ledger.campaign("spring"), ledger.members(1)
    ledger.sends(campaign, who, "refused", reason="no address", channel=None)
    ledger.orders(who)

    assert credit(ledger.connection, now=LATER) == 0


def test_other_events_and_campaigns_without_a_goal_are_not_credited(ledger: Ledger) -> None:
    aimless, spring = ledger.campaign("aimless", goal=None), ledger.campaign("spring")
    draw = ledger.experiment("campaign:spring")
    who = ledger.members(1)
    ledger.assign(draw, who, "treated")
    ledger.sends(aimless, who, "delivered", experiment=draw, arm="treated")
    ledger.orders(who)
    ledger.sends(spring, who, "delivered", experiment=draw, arm="treated", decided_at=START + timedelta(days=2))
    ledger.orders(who, kind="message.clicked", at=START + timedelta(days=3))

    assert credit(ledger.connection, now=LATER) == 0


def test_crediting_again_changes_nothing_and_late_events_are_still_found(ledger: Ledger) -> None:
    campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
    who = ledger.members(2)
    ledger.assign(draw, who, "control")
    ledger.sends(campaign, who, "withheld", experiment=draw, arm="control")
    ledger.orders(who[:1])
    assert credit(ledger.connection, now=LATER) == 1
    assert credit(ledger.connection, now=LATER) == 0

    ledger.orders(who[1:], at=START)
    assert credit(ledger.connection, now=START + WEEK + LATENESS + timedelta(seconds=1)) == 0
    assert credit(ledger.connection, now=LATER + timedelta(days=90), since=START) == 1


def test_events_of_the_future_are_not_credited_yet(ledger: Ledger) -> None:
    campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
    who = ledger.members(1)
    ledger.assign(draw, who, "treated")
    ledger.sends(campaign, who, "waiting", experiment=draw, arm="treated")
    ledger.orders(who, at=START + timedelta(days=3))

    def credited_at(now: datetime) -> int:
        return credit(ledger.connection, now=now)

    assert credited_at(START + timedelta(days=2)) == 0
    assert credited_at(START + timedelta(days=4)) == 1


def test_a_goal_without_a_value_counts_responses_but_no_revenue(ledger: Ledger) -> None:
    campaign = ledger.campaign("spring", goal={"event": "order.paid", "within": "7d", "value": None})
    draw, who = ledger.experiment("campaign:spring"), ledger.members(1)
    ledger.assign(draw, who, "treated")
    ledger.sends(campaign, who, "delivered", experiment=draw, arm="treated")
    ledger.orders(who)

    credit(ledger.connection, now=LATER)

    assert _credited(ledger) == [None]
