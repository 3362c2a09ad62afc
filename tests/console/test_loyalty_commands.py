"""``tidings tiers``, ``points`` and ``occasions`` from the command line, in both languages."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from console.command import assemble
from database.engine import Database, set_clock
from members.definitions import load_definitions
from members.events import NewEvent, record
from members.occasions.choice import Occasions
from members.points.rules import PointsProgramme
from members.reckoning import reckon
from members.tiers.programme import TierProgramme
from tests.makers import NOON

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
CLUB, PURSE, LIFE = (EXAMPLES / kind / name for kind, name in (("tiers", "club.yaml"), ("points", "club.yaml"), ("occasions", "life.yaml")))
DAY = timedelta(days=1)


class Asking:
    """Runs the commands against the test's own database, whose clock stands at noon."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.database = database
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
        }

    def __call__(self, *arguments: object, language: str = "en") -> Result:
        words = [str(each) for each in arguments]
        return CliRunner().invoke(assemble(words[0]), words, env=self.env | {"TIDINGS_LANGUAGE": language})

    def json(self, *arguments: object) -> object:
        answered = self(*arguments, "--json")
        assert answered.exit_code == 0, answered.output
        return json.loads(answered.stdout)

    def orders(self, *told: tuple[str, float, datetime]) -> None:
        with self.database.transaction() as connection:
            batch = [
                NewEvent(source="shop", key=f"{member} {at}", member_key=member, kind="order.paid", occurred_at=at, value=value)
                for member, value, at in told
            ]
            record(connection, batch, now=NOON)
            reckon(connection, now=NOON)


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    with database.transaction() as connection:
        set_clock(connection, NOON)
    return Asking(database, redis_url, tmp_path / "home")


def test_a_programme_of_tiers_is_previewed_applied_and_shown(ask: Asking) -> None:
    ask.orders(("anna", 1200, NOON - 10 * DAY), ("bob", 6000, NOON - DAY), ("cid", 5, NOON - DAY))

    preview = ask.json("tiers", "preview", CLUB)
    assert ask.json("tiers", "list") == []
    done = ask.json("tiers", "apply", CLUB)
    ask.orders(("cid", 1000, NOON))
    shown = ask.json("tiers", "show", "cid")

    assert {(way["to"], way["members"]) for way in preview["moves"]} == {("member", 1), ("silver", 1), ("gold", 1)}
    assert done["told"] == 0  # Those who were here before are placed in silence.
    assert [level["members"] for level in done["levels"]] == [1, 1, 1]
    assert (shown["tier"], shown["measured"], shown["next"]) == ("silver", 0, "gold (5000)")  # A new period begins.
    assert "Who would move" in ask("tiers", "preview", CLUB).output
    assert "将要变动的会员" in ask("tiers", "preview", CLUB, language="zh").output
    assert ask("tiers", "drop", "club").exit_code == 0
    assert "No programme of tiers is applied" in ask("tiers", "list").output


def test_points_are_earned_spent_put_right_and_summed_up(ask: Asking) -> None:
    ask.orders(("anna", 100, NOON - 10 * DAY), ("anna", 50, NOON - DAY))

    assert ask.json("points", "apply", PURSE) == {"programme": "club", "written": 2}
    assert ask.json("points", "apply", PURSE) == {"programme": "club", "written": 0}
    assert ask.json("points", "burn", "anna", 30, "--key", "gift")["points"] == 120
    assert ask.json("points", "burn", "anna", 30, "--key", "gift") == {"member": "anna", "points": 120, "is_new": False}
    assert ask.json("points", "adjust", "anna", "-20", "--key", "k", "--reason", "wrong")["points"] == 100
    assert ask.json("points", "balance", "anna", "--at", "2026-07-30")["points"] == 100
    history = ask.json("points", "history", "anna")
    assert [(row["kind"], row["amount"]) for row in history[2:]] == [("earn", 50), ("earn", 100)]
    totals = ask.json("points", "totals")
    assert (totals["earned"], totals["spent"], totals["adjusted"], totals["balance"], totals["faults"]) == (150, -30, -20, 100, [])
    assert "The sums close" in ask("points", "totals").output
    assert "账目相符" in ask("points", "totals", language="zh").output
    with ask.database.transaction() as connection:
        connection.execute(text("UPDATE points SET amount = 10 WHERE kind = 'burn'"))
    wrong = ask("points", "totals")
    assert (wrong.exit_code, "Entries that cannot be" in wrong.output, "The sums close" in wrong.output) == (1, True, False)
    assert ask("points", "drop", "club").exit_code == 0


def test_occasions_are_looked_at_chosen_and_dropped(ask: Asking) -> None:
    ask.orders(("anna", 100, NOON - 29 * DAY))

    ahead = [{"day": "2026-08-04", "kind": "member.quiet", "members": 1}]
    assert ask.json("occasions", "preview", LIFE, "--days", 3) == ahead
    assert ask.json("occasions", "preview") == []
    assert ask.json("occasions", "apply", LIFE)["changed"] is True
    assert ask.json("occasions", "preview", "--days", 3) == ahead
    assert [row["event"] for row in ask.json("occasions", "list")][:2] == ["birthday.soon", "birthday.today"]
    assert "member.quiet" in ask("occasions", "list", language="zh").output
    told = [
        NewEvent(source="shop", key=f"q{days}", member_key="anna", kind="member.quiet", occurred_at=NOON - days * DAY, value=None)
        for days in (1, 29, 31)
    ]
    with ask.database.transaction() as connection:
        record(connection, told, now=NOON)
        connection.execute(text("UPDATE events SET source = 'tidings' WHERE kind = 'member.quiet'"))
    assert {row["event"]: row["told"] for row in ask.json("occasions", "list")}["member.quiet"] == 2
    assert ask("occasions", "drop", "life").exit_code == 0
    assert "No occasions are chosen" in ask("occasions", "list").output


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (("tiers", "show", "nobody"), "there is no member nobody", "没有会员 nobody"),
        (("tiers", "show", "anna"), "anna stands in no tier", "anna 不在任何等级方案中"),
        (("tiers", "drop", "club"), "no programme of tiers called club", "没有名为 club 的等级方案"),
        (("tiers", "apply", "BROKEN"), "broken.yaml:3:drop_soo: drop_soo is not known here; did you mean drop_soon?", "broken.yaml:3"),
        (("tiers", "preview", "nowhere.yaml"), "the file cannot be read", "文件无法读取"),
        (("points", "burn", "anna", "1", "--key", "k"), "1 points were asked for and 0 are there", "要扣 1 分，而只有 0 分"),
        (("points", "burn", "anna", "0", "--key", "k"), "a number of points above zero", "积分数应大于零"),
        (("points", "adjust", "anna", "0", "--key", "k"), "above or below zero", "应大于或小于零"),
        (("points", "balance", "anna", "--at", "yesterday"), "a moment such as 2026-08-01", "应为时刻"),
        (("points", "drop", "club"), "no programme of points called club", "没有名为 club 的积分方案"),
        (("points", "apply", "BROKEN"), "broken.yaml:", "broken.yaml:"),
        (("occasions", "apply", "BROKEN"), "broken.yaml:", "broken.yaml:"),
        (("occasions", "drop", "life"), "no choice of occasions called life", "没有名为 life 的选择"),
    ],
)
def test_bad_input_is_told_in_both_languages(
    ask: Asking, tmp_path: Path, arguments: tuple[str, ...], english: str, chinese: str
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("tiers: club\nlevels: [{name: a, from: 0}, {name: b, from: 9}]\ndrop_soo: [7d]\n", encoding="utf-8")
    ask.orders(("anna", 0, NOON - DAY))
    words = [str(broken) if each == "BROKEN" else each for each in arguments]

    for language, said in (("en", english), ("zh", chinese)):
        answered = ask(*words, language=language)
        assert answered.exit_code == 2
        assert said in answered.output


@pytest.mark.parametrize(("what", "file"), [("tiers", CLUB), ("points", PURSE), ("occasions", LIFE)])
def test_a_folder_of_two_definitions_is_refused_and_neither_is_kept(ask: Asking, tmp_path: Path, what: str, file: Path) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    words = file.read_text(encoding="utf-8")
    (folder / "a.yaml").write_text(words, encoding="utf-8")
    (folder / "b.yaml").write_text(words.replace(f"{what}: {file.stem}", f"{what}: other"), encoding="utf-8")

    refused = ask(what, "apply", folder)

    assert (refused.exit_code, "one definition was expected; this folder has 2" in refused.output) == (2, True)
    assert "应只有一份定义" in ask(what, "apply", folder, language="zh").output
    with ask.database.transaction() as connection:
        assert load_definitions(connection, {"tiers": TierProgramme, "points": PointsProgramme, "occasions": Occasions}[what]) == {}
