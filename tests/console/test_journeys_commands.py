"""``tidings journeys``: checked, published, watched, held, ended and replayed from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from campaigns.campaign import load_definitions
from campaigns.publishing import apply_campaigns
from console.commands.journeys import app
from database.engine import Database
from templates.library import load_library
from tests.makers import NOON

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = ROOT / "journeys" / "definitions"


class Asking:
    """Runs the commands against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
            "TIDINGS_LANGUAGE": "en",
        }

    def __call__(self, *arguments: str, language: str = "en") -> Result:
        return CliRunner().invoke(app, list(arguments), env=self.env | {"TIDINGS_LANGUAGE": language})


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    with database.transaction() as connection:
        apply_campaigns(connection, load_definitions(ROOT / "campaigns" / "definitions"), load_library(), now=NOON)
    return Asking(database, redis_url, tmp_path / "home")


def test_a_broken_file_is_refused_with_line_and_step_in_both_languages(ask: Asking, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("journey: b\ntrigger: {event: member.joined}\nsteps:\n  - sned: {campaign: welcome}\n", encoding="utf-8")

    english, chinese = ask("check", str(broken)), ask("check", str(broken), language="zh")

    assert (english.exit_code, chinese.exit_code) == (2, 2)
    assert "broken.yaml:4:steps[0].sned" in english.output
    assert "did you mean send?" in english.output
    assert "broken.yaml:4" in chinese.output


def test_one_broken_file_keeps_the_whole_folder_out(ask: Asking, tmp_path: Path) -> None:
    folder = tmp_path / "journeys"
    folder.mkdir()
    (folder / "a.yaml").write_text((DEFINITIONS / "welcome.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "b.yaml").write_text("journey: b\n", encoding="utf-8")

    assert ask("apply", str(folder)).exit_code == 2
    assert json.loads(ask("list", "--json").stdout) == []


def test_the_library_is_published_shown_held_and_ended(ask: Asking) -> None:
    published = json.loads(ask("apply", str(DEFINITIONS), "--json").stdout)
    again = json.loads(ask("apply", str(DEFINITIONS), "--json").stdout)
    shown = ask("show", "win-back-90")

    assert sorted(published["new"]) == sorted(again["unchanged"]) == ["birthday", "welcome", "win-back-90"]
    assert shown.exit_code == 0
    assert "we-miss-you" in shown.output
    assert ask("pause", "welcome").exit_code == ask("resume", "welcome").exit_code == ask("stop", "welcome").exit_code == 0
    assert ask("stop", "welcom").exit_code == 2


def test_a_replay_prints_its_contract(ask: Asking, tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("member,occurred_at,kind,value\nm1,2026-01-01,order.paid,10\nm2,2026-01-02,order.paid,10\n", encoding="utf-8")

    found = ask(
        "replay", str(DEFINITIONS / "win-back-90.yaml"), "--from", "2026-03-30", "--to", "2026-04-05",
        "--events", str(events), "--member", "m1", "--json",
    )  # fmt: skip

    told = json.loads(found.stdout)
    assert told["entries"] == {"2026-04-01": 1, "2026-04-02": 1}
    assert (told["sends"], told["withheld"], told["cost"]) == ({}, 0, 0)
    assert set(told) == {"entries", "sends", "withheld", "refused", "cost", "seconds", "timelines"}
    assert [entry["what"] for entry in told["timelines"]["m1"]][:2] == ["event", "entered"]
