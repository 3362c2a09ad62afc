"""``tidings surveys``: defined from files, and what came of them as words, JSON and CSV."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.commands.surveys import app
from database.engine import Database
from members.definitions import load_definition
from members.surveys.answering import answer
from members.surveys.definition import Survey
from tests.makers import make_members

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "config" / "examples" / "surveys"
NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)


class Asking:
    """Runs the commands against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.database = database
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
        }

    def __call__(self, *arguments: str, language: str = "en") -> Result:
        return CliRunner().invoke(app, list(arguments), env=self.env | {"TIDINGS_LANGUAGE": language})

    def answered(self, survey: str, *scores: int, comment: str = "") -> None:
        """Let a member answer a day apart, each time about something else."""
        with self.database.transaction() as connection:
            wanted = load_definition(connection, Survey, survey)
            for number, score in enumerate(scores):
                words, at = comment if number == 0 else "", NOW + timedelta(days=number)
                assert answer(connection, wanted, 1, f"send:{number}", score=score, comment=words, now=at)


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    with database.transaction() as connection:
        make_members(connection, 1, channels=(), consenting=False)
    asking = Asking(database, redis_url, tmp_path / "home")
    assert json.loads(asking("apply", str(EXAMPLES), "--json").stdout)["new"] == ["after-purchase", "service-visit"]
    return asking


def test_the_net_promoter_score_comes_with_its_interval_and_its_groups(ask: Asking) -> None:
    ask.answered("after-purchase", 10, 9, 9, 8, 7, 6, 0, 10, 10, 9, comment="=1+1 很好")
    data = json.loads(ask("results", "after-purchase", "--json").stdout)
    english, chinese = ask("results", "after-purchase").stdout, ask("results", "after-purchase", language="zh").stdout

    assert data["groups"] == {"promoters": 6, "passives": 2, "detractors": 2}
    assert (data["measure"], data["value"], data["answers"], data["mean"]) == ("nps", 0.4, 10, 7.8)
    assert -0.2 < data["lo"] < 0 < 0.7 < data["hi"] < 0.8
    assert sum(data["scores"].values()) == 10
    assert [one["comment"] for one in data["newest"]] == ["=1+1 很好"]
    assert "NPS +40" in english and "How likely" in english
    assert "贬损者" in chinese and "您有多大可能" in chinese


def test_results_may_begin_on_a_day_and_go_to_a_file_no_spreadsheet_runs(ask: Asking, tmp_path: Path) -> None:
    ask.answered("service-visit", 5, 4, 3, 1, comment='=cmd|"/c calc"!A1')
    file = tmp_path / "answers.csv"

    later = json.loads(ask("results", "service-visit", "--since", "2026-08-02", "--json").stdout)
    done = ask("results", "service-visit", "--csv", str(file), "--comments", "0")

    assert (later["answers"], later["measure"], later["value"]) == (3, "satisfied", pytest.approx(1 / 3))
    assert done.exit_code == 0 and "50% are satisfied" in done.stdout and "calc" not in done.stdout
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["member"], row["score"]) for row in rows] == [("m1", "5"), ("m1", "4"), ("m1", "3"), ("m1", "1")]
    assert rows[0]["comment"].startswith("'=cmd")


def test_a_survey_nobody_answered_says_so(ask: Asking) -> None:
    assert "nobody has answered" in ask("results", "after-purchase").stdout
    assert json.loads(ask("results", "after-purchase", "--json").stdout)["value"] is None
    assert [one["answers"] for one in json.loads(ask("list", "--json").stdout)] == [0, 0]
    assert "您有多大可能" in ask("list", language="zh").stdout


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("scale: stars\nquestion: {en: How}", ":2:scale: "),
        ("scale: nps", "question is missing"),
        ("scale: nps\nquestion: {zh: ' '}", "words are needed in zh, en or both"),
        ("scale: nps\nquestion: {fr: Quoi}", "fr is not known here"),
        ("scale: nps\nquestion: {en: How}\nopen_for: 0d", "open for 1m at least"),
        (f"scale: nps\nquestion: {{en: {'x' * 301}}}", "at most 300 characters"),
    ],
)
def test_what_cannot_be_a_survey_is_told_by_line(ask: Asking, tmp_path: Path, said: str, told: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"survey: s\n{said}\n", encoding="utf-8")

    done = ask("apply", str(file))

    assert (done.exit_code, told in done.output) == (2, True), done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("results", "after-purchas"), "is it after-purchase?"),
        (("results", "after-purchase", "--csv", "/nowhere/answers.csv"), "cannot be written"),
        (("results", "after-purchase", "--since", "yesterday"), "yesterday"),
        (("apply", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_what_cannot_be_shown_is_said(ask: Asking, words: tuple[str, ...], told: str) -> None:
    done = ask(*words)

    assert (done.exit_code, told in done.output) == (2, True), done.output
