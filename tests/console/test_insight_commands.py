"""``tidings rfm | predictions | together | clusters`` on CDNOW's orders, and their answers to bad input."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from console.command import assemble
from database.engine import Database, set_clock
from tests.makers import make_members
from tests.order_histories import CDNOW_END, give_cdnow, give_orders

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "config" / "examples"
APP = assemble()

#: What the facts about orders say, here written at once for everybody.
GIVE_FACTS = """
INSERT INTO order_facts (member_id, orders, spent, refunded, first_order_at, last_order_at, average_order, reckoned_at,
    orders_7d, orders_30d, orders_90d, orders_365d, spent_7d, spent_30d, spent_90d, spent_365d)
SELECT member_id, count(*), sum(value), 0, min(occurred_at), max(occurred_at), avg(value), max(occurred_at), 0, 0, 0, 0, 0, 0, 0, 0
FROM events WHERE kind = 'order.paid' GROUP BY member_id
"""


class Asking:
    """Runs commands against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
        }

    def __call__(self, *words: str, language: str = "en", code: int = 0) -> Result:
        done = CliRunner().invoke(APP, list(words), env=self.env | {"TIDINGS_LANGUAGE": language})
        assert done.exit_code == code, done.output
        return done


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    return Asking(database, redis_url, tmp_path / "home")


@pytest.fixture
def cdnow(database: Database, shared: Path) -> None:
    with database.transaction() as connection:
        give_cdnow(connection, shared)
        connection.execute(text(GIVE_FACTS))
        set_clock(connection, CDNOW_END - timedelta(hours=12))


def test_rfm_from_file_to_cell(ask: Asking, cdnow: None) -> None:
    assert "tidings rfm run" in ask("rfm", "apply", str(EXAMPLES / "rfm" / "own-bounds.yaml")).output
    done = json.loads(ask("rfm", "run", "--json").output)
    assert done["members"] == sum(cell["members"] for cell in done["cells"]) == 2357
    assert "核心会员" in ask("rfm", "cells", language="zh").output
    shown = json.loads(ask("rfm", "show", "1", "--json").output)
    assert (shown["cell"], shown["frequency"]) == ("fading", 3)
    assert "Fading (fading)" in ask("rfm", "show", "1").output


def test_predictions_from_file_to_plot(ask: Asking, cdnow: None, tmp_path: Path) -> None:
    ask("predictions", "apply", str(EXAMPLES / "predictions" / "standard.yaml"))
    assert "2357 members predicted for 90 days ahead" in ask("predictions", "fit").output
    shown = json.loads(ask("predictions", "show", "1", "--json").output)
    assert 0 < shown["alive"] < 1
    assert shown["expected_value"] > 0
    assert "仍是顾客的概率" in ask("predictions", "show", "1", language="zh").output

    plot = tmp_path / "holdout.svg"
    found = json.loads(ask("predictions", "check", "--weeks", "39", "--plot", str(plot), "--json").output)
    assert (found["cut"], found["actual"]) == ("1997-09-30", 1882)
    assert plot.read_text(encoding="utf-8").count("<svg") == 1
    assert "7+" in ask("predictions", "check").output


def test_clusters_from_file_to_words(ask: Asking, cdnow: None, tmp_path: Path) -> None:
    file = tmp_path / "few.yaml"
    file.write_text("clusters: few\nk: {from: 3, to: 4}\n", encoding="utf-8")
    ask("clusters", "apply", str(file))
    assert "silhouette" in ask("clusters", "fit").output
    rows = json.loads(ask("clusters", "show", "--json").output)
    assert sum(row["members"] for row in rows) == 2357
    assert "everybody's" in ask("clusters", "explain", rows[0]["cluster"]).output
    ask("clusters", "name", rows[0]["cluster"], "路人")
    assert "路人" in ask("clusters", "explain", language="zh").output
    assert "there is no cluster c99" in ask("clusters", "explain", "c99", code=2).output


def test_together_from_file_to_rules(ask: Asking, database: Database) -> None:
    with database.transaction() as connection:
        (member,) = make_members(connection, 1, consenting=False)
        baskets = [["tea", "cup"], ["tea", "cup"], ["pot"], ["tea", "cup"], ["pot"]] * 3
        give_orders(
            connection,
            [(member, CDNOW_END - timedelta(days=90 - n), 1, {"items": [{"category": c} for c in one]}) for n, one in enumerate(baskets)],
        )
        set_clock(connection, CDNOW_END)
    ask("together", "apply", str(EXAMPLES / "together" / "categories.yaml"))
    ask("together", "run")
    (rule,) = json.loads(ask("together", "show", "tea", "--json").output)
    assert (rule["other"], rule["orders"], rule["confidence"]) == ("cup", 9, 1)
    assert json.loads(ask("together", "show", "tea", "--next", "--json").output)[0]["other"] == "pot"
    assert "提升度" in ask("together", "show", language="zh").output
    assert "near it: tea" in ask("together", "show", "teas", code=2).output
    assert "saddle: it came in no pair often enough" in ask("together", "show", "saddle", code=2).output
    with database.transaction() as connection:
        connection.execute(text("UPDATE bought_together SET support = 0.0000321, lift = 0.9 WHERE item = 'tea'"))
    assert {"0.00321%", "0.90"} <= set(ask("together", "show", "tea").output.split())


@pytest.mark.parametrize(
    ("family", "wrong", "told"),
    [
        ("rfm", "rfm: x\nwindow: 90\n", "wrong.yaml:2:window: a length of time"),
        ("rfm", "rfm: x\ncells:\n  - cell: a\n  - cell: b\n", "the cell b is never reached"),
        ("rfm", "rfm: x\nrecenzy: quintiles\n", "wrong.yaml:2:recenzy: recenzy is not known here; did you mean recency?"),
        ("predictions", "predictions: x\nrisk: {below: 0.5, back: 0.1}\n", "wrong.yaml:2:risk: back must not be less"),
        ("predictions", "horizon: 90d\n", "predictions is missing"),
        ("together", "together: x\nitem: [items.sku]\n", "wrong.yaml:2:item"),
        ("clusters", "clusters: x\nfacts:\n  - fact: orders\n  - fact: averge_order\n", "wrong.yaml:4:facts[1].fact: averge_order"),
        ("clusters", "- clusters\n", "a mapping of names to values was expected"),
    ],
)
def test_a_wrong_file_is_told_by_line_and_field_and_what_was_kept_stays(
    ask: Asking, tmp_path: Path, family: str, wrong: str, told: str
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(wrong, encoding="utf-8")

    assert told in ask(family, "apply", str(file), code=2).output
    assert "absent.yaml: 文件无法读取" in ask(family, "apply", str(file.with_name("absent.yaml")), language="zh", code=2).output


def test_what_was_never_defined_or_learnt_is_answered_with_what_to_do(ask: Asking, database: Database, tmp_path: Path) -> None:
    for words in (("rfm", "run"), ("rfm", "cells"), ("predictions", "fit"), ("together", "run"), ("clusters", "fit")):
        assert f"tidings {words[0]} apply FILE" in ask(*words, code=2).output
    assert "tidings clusters fit" in ask("clusters", "show", code=2).output
    with database.transaction() as connection:
        make_members(connection, 1, consenting=False)
    ask("predictions", "apply", str(EXAMPLES / "predictions" / "standard.yaml"))
    assert "0 members with orders" in ask("predictions", "fit", code=2).output
    assert "nothing is predicted of m1" in ask("predictions", "show", "m1", code=2).output
    assert "nobody ordered before" in ask("predictions", "check", code=2).output
    assert "ending in .png or .svg" in ask("predictions", "check", "--plot", "x.pdf", code=2).output
    ask("clusters", "apply", str(EXAMPLES / "clusters" / "kinds.yaml"))
    assert "nobody has facts about orders" in ask("clusters", "fit", code=2).output


def test_two_definitions_are_one_too_many_and_another_name_takes_the_first_one_s_place(ask: Asking) -> None:
    assert "there can be one definition of rfm; found own-bounds, standard" in ask("rfm", "apply", str(EXAMPLES / "rfm"), code=2).output
    ask("rfm", "apply", str(EXAMPLES / "rfm" / "standard.yaml"))
    ask("rfm", "apply", str(EXAMPLES / "rfm" / "own-bounds.yaml"))
    assert [cell["cell"] for cell in json.loads(ask("rfm", "cells", "--json").output)] == ["best", "fading", "everybody-else"]
