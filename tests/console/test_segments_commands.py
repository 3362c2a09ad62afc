"""``tidings segments`` and ``tidings stores``: from files to counts, samples, reasons and SQL."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from console.command import assemble
from database.engine import Database, set_clock
from tests.makers import NOON, make_members

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples" / "segments"


class Asking:
    """Runs commands against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
            "TIDINGS_LANGUAGE": "en",
        }

    def __call__(self, *arguments: str, language: str = "en") -> Result:
        return CliRunner().invoke(assemble(arguments[0]), list(arguments), env={**self.env, "TIDINGS_LANGUAGE": language})


@pytest.fixture
def asking(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    with database.transaction() as connection:
        set_clock(connection, NOON)
        make_members(connection, 30, tier="gold")
        make_members(connection, 10, start=100, channels=[], tier="gold")
    (tmp_path / "gold.yaml").write_text(
        "segment: gold\ntitle: {zh: 金卡, en: Gold}\nkeep: true\ncondition: {all: [{tier: {eq: gold}}, {reachable: sms}]}\n", encoding="utf-8"
    )
    asking = Asking(database, redis_url, tmp_path / "home")
    assert asking("segments", "apply", str(tmp_path)).exit_code == 0
    return asking


def test_a_segment_is_applied_listed_counted_and_sampled(asking: Asking, tmp_path: Path) -> None:
    assert json.loads(asking("segments", "apply", str(tmp_path), "--json").stdout)["unchanged"] == ["gold"]
    assert json.loads(asking("segments", "list", "--json").stdout)[0]["inside"] == 30
    counted = json.loads(asking("segments", "count", "gold", "--json").stdout)
    assert (counted["everybody"], counted["matching"], counted["parts"][1]["alone_leaves_out"]) == (40, 30, 10)
    assert json.loads(asking("segments", "count", "gold", "--only-total", "--json").stdout) == {"matching": 30}
    assert "30 of 40 members." in asking("segments", "count", "gold").stdout
    first, again = (asking("segments", "sample", "gold", "--json").stdout for _ in range(2))
    assert first == again
    assert len(json.loads(first)) == 10
    assert len(json.loads(asking("segments", "sample", "gold", "--left-out", "--json").stdout)) == 10


def test_reasons_are_told_in_both_languages(asking: Asking, database: Database, tmp_path: Path) -> None:
    told = asking("segments", "reasons", "gold", "m100").stdout
    assert "✗ m100 is not in gold" in told
    assert "✓ tier {eq: gold}  has: tier gold" in told
    assert "部分会员" in asking("segments", "sample", "gold", language="zh").stdout
    (tmp_path / "asked.yaml").write_text(
        "segment: asked\ntitle: {zh: 同意, en: Asked}\ncondition: {all: [{consent: {channel: sms}}, {member: {joined_at: {older_than: 1d}}}]}\n",
        encoding="utf-8",
    )
    asking("segments", "apply", str(tmp_path))
    with database.transaction() as connection:
        connection.execute(text("UPDATE members SET joined_at = '2026-07-01 10:30:15.123456Z'"))
    asked = asking("segments", "reasons", "asked", "m1").stdout
    assert ("has: granted ✓" in asked, "joined_at 2026-07-01 10:30Z" in asked) == (True, True)
    assert "✓ m1 在人群 gold 中" in asking("segments", "reasons", "gold", "m1", language="zh").stdout
    assert json.loads(asking("segments", "reasons", "gold", "m1", "--json").stdout)["holds"] is True
    stranger = asking("segments", "reasons", "gold", "nobody")
    assert (stranger.exit_code, "there is no member nobody" in stranger.stderr) == (2, True)


def test_the_sql_the_plan_and_the_schema_are_shown(asking: Asking) -> None:
    assert asking("segments", "explain", "gold").stdout.startswith("SELECT members.id")
    assert json.loads(asking("segments", "explain", "gold", "--plan", "--json").stdout)["plan"]
    assert "near" in json.loads(asking("segments", "schema").stdout)["$defs"]["Condition"]["properties"]


def test_mistakes_end_with_a_sentence_and_code_2(asking: Asking, tmp_path: Path) -> None:
    ran = asking("segments", "count", "glod")
    assert (ran.exit_code, ran.stderr.strip()) == (2, "segment: there is no segment glod; did you mean gold?")
    (tmp_path / "bad.yaml").write_text("segment: bad\ncondition:\n  points: {ge: many}\n", encoding="utf-8")
    ran = asking("segments", "check", str(tmp_path / "gold.yaml"), str(tmp_path / "bad.yaml"))
    assert ran.exit_code == 2
    assert "bad.yaml:3:condition.points.ge: a number was expected; found 'many'" in ran.stderr
    assert asking("segments", "apply", str(tmp_path)).exit_code == 2
    assert asking("segments", "check", str(tmp_path / "bad.yaml"), "--json").exit_code == 2
    assert asking("segments", "check", str(EXAMPLES)).exit_code == 0


def test_stores_and_places_are_kept(asking: Asking, tmp_path: Path) -> None:
    stores = tmp_path / "stores.csv"
    stores.write_text("key,name,latitude,longitude\nsh,上海,31.23,121.47\n", encoding="utf-8")
    assert json.loads(asking("stores", "import", str(stores), "--json").stdout) == {"stores": 1}
    assert json.loads(asking("stores", "list", "--json").stdout)[0]["name"] == "上海"
    assert asking("members", "place", "m1", "31.2", "121.5").exit_code == 0
    (tmp_path / "near.yaml").write_text("segment: near\ncondition: {near: {store: sh, within: 5km}}\n", encoding="utf-8")
    assert asking("segments", "apply", str(tmp_path / "near.yaml")).exit_code == 0
    assert json.loads(asking("segments", "count", "near", "--only-total", "--json").stdout) == {"matching": 1}
    (tmp_path / "seen.yaml").write_text("segment: seen\ncondition: {near: {store: sh, within: 5km, of: last_seen}}\n", encoding="utf-8")
    assert asking("segments", "apply", str(tmp_path / "seen.yaml")).exit_code == 0
    assert json.loads(asking("segments", "count", "seen", "--only-total", "--json").stdout) == {"matching": 0}
    assert asking("members", "place", "m2", "31.2", "121.5", "--last-seen").exit_code == 0
    assert [one["key"] for one in json.loads(asking("segments", "sample", "seen", "--json").stdout)] == ["m2"]
    assert asking("members", "place", "m1", "91", "0").exit_code == 2
    assert asking("members", "place", "nobody", "1", "0").exit_code == 2


def test_a_segment_that_a_running_journey_begins_with_stays_kept(asking: Asking, tmp_path: Path) -> None:
    journeys, changed = tmp_path / "journeys", tmp_path / "gold.yaml"
    journeys.mkdir()
    words = "journey: gold-way\ntrigger: {event: {kind: segment.entered, where: {segment: {eq: gold}}}}\nsteps: [{exit: {}}]\n"
    (journeys / "gold.yaml").write_text(words, encoding="utf-8")
    assert asking("journeys", "apply", str(journeys)).exit_code == 0

    changed.write_text("segment: gold\ncondition: {tier: {eq: gold}}\n", encoding="utf-8")
    ran = asking("segments", "apply", str(tmp_path))
    assert (ran.exit_code, ran.stderr.strip().partition("; ")[2]) == (2, "its file lacks keep: true")
    assert json.loads(asking("segments", "list", "--json").stdout)[0]["inside"] == 30
    assert "缺少 keep: true" in asking("segments", "apply", str(tmp_path), language="zh").stderr
