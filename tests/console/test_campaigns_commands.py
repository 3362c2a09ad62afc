"""``tidings campaigns``: checked, published, launched, held and ended from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.commands.campaigns import app
from database.engine import Database, set_clock
from tests.makers import NOON, make_members, states

DEFINITIONS = Path(__file__).resolve().parents[2] / "campaigns" / "definitions"

SPRING = """\
campaign: spring
title: {zh: 春天, en: Spring}
template: new-season
channels: [sms]
quiet_hours: none
control: {share: 0.5}
"""


class Asking:
    """Runs the commands against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
            "TIDINGS_LANGUAGE": "en",
        }

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=self.env)


@pytest.fixture
def asking(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    with database.transaction() as connection:
        set_clock(connection, NOON)
        make_members(connection, 40)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "spring.yaml").write_text(SPRING, encoding="utf-8")
    asking = Asking(database, redis_url, tmp_path / "home")
    assert asking("apply", str(tmp_path / "files")).exit_code == 0
    return asking


def test_the_library_passes_its_check(asking: Asking) -> None:
    ran = asking("check", *map(str, sorted(DEFINITIONS.glob("*.yaml"))), "--json")

    assert ran.exit_code == 0
    assert json.loads(ran.stdout) == {"files": 6, "problems": []}


def test_a_broken_file_is_told_with_file_line_and_field_and_stops_the_whole_folder(asking: Asking, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "a.yaml").write_text(SPRING.replace("spring", "summer"), encoding="utf-8")
    (folder / "b.yaml").write_text(SPRING.replace("template: new-season", "template: new-saeson"), encoding="utf-8")
    (folder / "c.yaml").write_text(SPRING + "chanels: [sms]\n", encoding="utf-8")

    checked = asking("check", *map(str, sorted(folder.glob("*.yaml"))), "--json")
    applied = asking("apply", str(folder))

    assert checked.exit_code == applied.exit_code == 2
    problems = json.loads(checked.stdout)["problems"]
    assert [(Path(each["file"]).name, each["field"]) for each in problems] == [("b.yaml", "template"), ("c.yaml", "chanels")]
    assert problems[1]["line"] == 7
    assert [one["name"] for one in json.loads(asking("list", "--json").stdout)] == ["spring"]


def test_applying_the_same_folder_again_changes_nothing(asking: Asking, tmp_path: Path) -> None:
    ran = asking("apply", str(tmp_path / "files"), "--json")

    assert json.loads(ran.stdout) == {"new": [], "changed": [], "unchanged": ["spring"]}


def test_a_launch_plans_a_send_for_everybody_in_both_arms(asking: Asking, database: Database) -> None:
    told = json.loads(asking("launch", "spring", "--json").stdout)

    assert told["considered"] == 40 == told["waiting"] + told["withheld"] + sum(told["refused"].values())
    assert told["withheld"] > 5
    assert states(database) == {"waiting": told["waiting"], "withheld": told["withheld"]}
    listed = json.loads(asking("list", "--json").stdout)[0]
    assert (listed["sends"], listed["control"], listed["state"]) == (40, 0.5, "active")


def test_a_launch_may_be_set_for_an_hour_in_the_installations_zone(asking: Asking, database: Database) -> None:
    ran = asking("launch", "spring", "--at", "2026-09-01 10:00", "--json")

    assert json.loads(ran.stdout)["launches_at"] == "2026-09-01T02:00:00+00:00"
    assert json.loads(asking("list", "--json").stdout)[0]["next_run_at"].startswith("2026-09-01T02:00:00")
    assert states(database) == {}


@pytest.mark.parametrize("words", [["launch", "sprng"], ["launch", "spring", "--at", "soon"], ["pause", "nothing"], ["cancel", "nothing"]])
def test_what_cannot_be_understood_is_refused_without_a_traceback(asking: Asking, words: list[str]) -> None:
    ran = asking(*words)

    assert ran.exit_code == 2
    assert "Traceback" not in ran.output
    assert ran.stderr


def test_a_paused_campaign_cannot_be_launched_until_it_is_resumed(asking: Asking) -> None:
    assert asking("pause", "spring").exit_code == 0
    assert asking("launch", "spring").exit_code == 2
    assert asking("launch", "spring", "--at", "2026-09-01").exit_code == 2
    assert asking("resume", "spring").exit_code == 0
    assert asking("launch", "spring").exit_code == 0


def test_a_cancelled_campaign_sends_nothing_that_waited_and_stays_cancelled(asking: Asking, database: Database) -> None:
    planned = json.loads(asking("launch", "spring", "--json").stdout)

    assert asking("cancel", "spring").exit_code == 0

    assert states(database) == {"cancelled": planned["waiting"], "withheld": planned["withheld"]}
    assert asking("resume", "spring").exit_code == 2


def test_the_list_reads_well_for_people(asking: Asking) -> None:
    ran = asking("list")

    assert ran.exit_code == 0
    assert "spring" in ran.stdout
    assert "Spring" in ran.stdout
