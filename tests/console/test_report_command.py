"""``tidings report``: for people, for programs, as files; an unknown name is answered."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.commands.report import app
from database.engine import Database, set_clock
from tests.reports.ledger_rows import START, Ledger


@pytest.fixture
def told(database: Database, redis_url: str, tmp_path: Path) -> "Asking":
    with database.transaction() as connection:
        ledger = Ledger(connection)
        campaign, draw = ledger.campaign("spring"), ledger.experiment("campaign:spring")
        journey = ledger.journey("win-back", experiment=draw)
        for arm, size, bought, state in (("treated", 90, 30, "delivered"), ("control", 10, 1, "withheld")):
            who = ledger.members(size)
            ledger.assign(draw, who, arm)
            entries = ledger.enrol(journey, who, experiment=draw, arm=arm)
            ledger.visit(entries, "0", "send")
            ledger.sends(campaign, who, state, experiment=draw, arm=arm)
            ledger.orders(who[:bought])
        set_clock(connection, START + timedelta(days=30))
    return Asking(database, redis_url, tmp_path)


class Asking:
    """Runs the command against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
        }

    def __call__(self, *arguments: str, language: str = "en") -> Result:
        return CliRunner().invoke(app, list(arguments), env={**self.env, "TIDINGS_LANGUAGE": language})


def test_a_report_credits_what_the_workers_have_not_yet(told: Asking) -> None:
    found = json.loads(told("campaign", "spring", "--json").stdout)

    assert found["planned"] == 100 == found["delivered"] + found["withheld"]
    assert [arm["responded"] for arm in found["arms"]] == [30, 1]
    assert datetime.fromisoformat(found["as_of"]) == datetime(2026, 3, 31, 2, tzinfo=UTC)


def test_a_journey_report_counts_from_entry(told: Asking) -> None:
    found = json.loads(told("journey", "win-back", "--json").stdout)

    assert found["enrolments"]["entered"] == 100
    assert found["steps"][0]["visits"] == 100
    assert [arm["responded"] for arm in found["arms"]] == [30, 1]


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("Closing sum", "Planned", "Withheld")), ("zh", ("合计核对", "计划", "留出"))]
)
def test_people_read_the_closing_sum_in_their_language(told: Asking, language: str, words: tuple[str, ...]) -> None:
    shown = told("campaign", "spring", language=language).stdout

    assert all(word in shown for word in words)


def test_files_are_written_where_asked(told: Asking, tmp_path: Path) -> None:
    done = told("campaign", "spring", "--csv", str(tmp_path / "out/r.csv"), "--html", str(tmp_path / "out/r.html"))

    assert done.exit_code == 0
    assert (tmp_path / "out/r.csv").read_bytes().startswith(b"\xef\xbb\xbfpart,item,measure,value\r\n")
    assert (tmp_path / "out/r.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("campaign", "sprnig"), "there is no campaign called sprnig; is it spring?"),
        (("journey", "nothing"), "there is no journey called nothing; there are: win-back"),
        (("campaign", "spring", "--csv", "/dev/null/r.csv"), "the file cannot be written"),
        (("campaign", "spring", "--json", "--csv", "r.csv"), "ask for one or the other"),
    ],
)
def test_what_cannot_be_is_said_and_ends_with_two(told: Asking, arguments: tuple[str, ...], said: str) -> None:
    found = told(*arguments)

    assert found.exit_code == 2
    assert said in found.stderr
