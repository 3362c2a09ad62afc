"""A journey's lift is counted from entry on; its steps and entries add up."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from database.engine import Database
from language.problems import InputRefused
from reports.export import as_data
from reports.journey_report import journey_report
from tests.reports.ledger_rows import START, Ledger

LATER = START + timedelta(days=30)


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    with database.transaction() as connection:
        yield Ledger(connection)


def test_conversions_are_counted_from_entry_without_any_send(ledger: Ledger) -> None:
    draw = ledger.experiment("journey:win-back@1", share="0.5")
    journey = ledger.journey("win-back", experiment=draw, state="stopped")
    treated, control = ledger.members(40), ledger.members(40)
    for who, arm in ((treated, "treated"), (control, "control")):
        ledger.assign(draw, who, arm)
        ledger.enrol(journey, who, experiment=draw, arm=arm)
    ledger.orders(treated[:20])
    ledger.orders(treated[:1], at=START + timedelta(days=2))
    ledger.orders(control[:5], value="50")
    ledger.orders(control[5:], at=START + timedelta(days=7))  # The window has just closed.

    data = as_data(journey_report(ledger.connection, "win-back", now=LATER))

    assert [(arm["assigned"], arm["responded"], arm["revenue"]) for arm in data["arms"]] == [
        (40, 20, 2100.0),
        (40, 5, 250.0),
    ]
    assert data["lift"]["diff"] == pytest.approx(15 / 40)
    assert (data["lift"]["verdict"], data["lift"]["interim"]) == ("helped", False)


def test_a_member_who_entered_twice_counts_once(ledger: Ledger) -> None:
    draw = ledger.experiment("journey:win-back@1")
    journey, who = ledger.journey("win-back", experiment=draw), ledger.members(1)
    ledger.assign(draw, who, "treated")
    ledger.enrol(journey, who, experiment=draw, arm="treated")
    ledger.enrol(journey, who, experiment=draw, arm="treated", at=START + timedelta(days=3))
    ledger.orders(who, at=START + timedelta(days=4))

    report = journey_report(ledger.connection, "win-back", now=LATER)

    assert report.arms[0].counts.assigned == 1
    assert report.arms[0].counts.amounts is not None
    assert report.arms[0].counts.amounts.total == 100.0
    assert report.entries is not None
    assert report.entries.entered == 2


def test_a_running_journey_is_always_interim(ledger: Ledger) -> None:
    draw = ledger.experiment("journey:win-back@1")
    journey, who = ledger.journey("win-back", experiment=draw), ledger.members(2)
    for member, arm in zip(who, ("treated", "control"), strict=True):
        ledger.assign(draw, [member], arm)
        ledger.enrol(journey, [member], experiment=draw, arm=arm)

    effect = journey_report(ledger.connection, "win-back", now=LATER).effect

    assert effect.interim
    assert effect.expected_members == 10_000


def test_steps_show_visits_results_and_their_closing_sums(ledger: Ledger) -> None:
    campaign, journey, who = ledger.campaign("we-miss-you"), ledger.journey("win-back"), ledger.members(3)
    draw = ledger.experiment("campaign:we-miss-you")
    ledger.assign(draw, who, "treated")
    entries = ledger.enrol(journey, who)
    ledger.visit(entries, "0", "send")
    ledger.visit(entries, "1", "branch", result="otherwise", visit=2)
    for member, entry, state in zip(who, entries, ("delivered", "failed", "cancelled"), strict=True):
        ledger.sends(campaign, [member], state, experiment=draw, arm="treated", occasion=f"enrolment:{entry}:1",
                     enrolment_id=entry, step="0")  # fmt: skip

    data = as_data(journey_report(ledger.connection, "win-back", now=LATER))

    first, second = data["steps"]
    assert (first["step"], first["kind"], first["campaign"], first["planned"], first["visits"]) == (
        "0",
        "send",
        "we-miss-you",
        3,
        3,
    )
    assert (first["delivered"], first["failed"], first["cancelled"]) == (1, 1, 1)
    assert (second["kind"], second["results"]) == ("branch", {"otherwise": 3})
    assert "planned" not in second
    assert data["planned"] == 3
    assert data["lift"]["verdict"] == "no control group"


def test_entries_are_counted_by_local_day_state_and_version(ledger: Ledger) -> None:
    old, new = ledger.journey("win-back", state="draining"), ledger.journey("win-back", version=2)
    ledger.enrol(old, ledger.members(2))
    ledger.enrol(new, ledger.members(1), at=START + timedelta(hours=15), state="active")

    report = journey_report(ledger.connection, "win-back", now=LATER)

    assert report.entries is not None
    assert (report.entries.by_state, report.entries.versions) == ({"active": 1, "finished": 2}, [1, 2])
    assert [(line.day, line.entries) for line in report.days] == [(date(2026, 3, 1), 2), (date(2026, 3, 2), 1)]


def test_an_unknown_name_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InputRefused, match="there is no journey called nothing"):
        journey_report(ledger.connection, "nothing", now=LATER)
