"""``tidings facts``, ``sources``, ``attributes`` and ``members tag``, as people and programs call them."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.command import assemble
from database.engine import Database
from members.reckoning import reckon_next

Ask = Callable[..., Result]
EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path) -> Ask:
    theirs = sqlite3.connect(tmp_path / "pos.db")
    theirs.executescript("""
        CREATE TABLE sales (id, card_no, type, sold_at, updated_at, total, category, original_id, store_no);
        INSERT INTO sales VALUES (1, 'A-1', 'S', '2026-07-01 10:00:00', '2026-07-01 10:00:01', 100, '茶', NULL, 'S1'),
            (2, 'A-1', 'S', '2026-07-20 10:00:00', '2026-07-20 10:00:01', 60, '咖啡', NULL, 'S1'),
            (3, 'A-1', 'R', '2026-07-21 10:00:00', '2026-07-21 10:00:01', 20, '咖啡', 2, 'S1'),
            (4, 'A-2', 'X', '2026-07-21 10:00:00', '2026-07-21 10:00:02', 20, '咖啡', NULL, 'S1');
    """)
    theirs.close()
    settings = {
        "TIDINGS_FILE": str(tmp_path / "none.toml"),
        "TIDINGS_HOME": str(tmp_path / "home"),
        "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
        "TIDINGS_REDIS_URL": redis_url,
        "TIDINGS_SOURCES__POS": f"sqlite:///{tmp_path / 'pos.db'}",
    }

    def asked(*words: str, language: str = "en") -> Result:
        return CliRunner().invoke(assemble(words[0]), list(words), env={**settings, "TIDINGS_LANGUAGE": language})

    return asked


def test_a_source_goes_from_its_file_to_facts(ask: Ask, database: Database) -> None:
    assert json.loads(ask("sources", "apply", str(EXAMPLES / "sources"), "--json").stdout)["new"] == ["pos", "shop"]
    tried = json.loads(ask("sources", "test", "pos", "--json").stdout)
    assert [each.get("kind", "refused") for each in tried] == ["order.paid", "order.paid", "order.refunded", "refused"]
    assert json.loads(ask("sources", "list", "--json").stdout)[0]["stored"] == 0

    assert json.loads(ask("sources", "pull", "pos", "--json").stdout)["stored"] == 3
    standing = json.loads(ask("sources", "list", "--json").stdout)[0]
    assert (standing["stored"], standing["refused"], standing["problem"]) == (3, 1, None)
    assert "'X' is none of the values of type: R, S" in ask("sources", "errors", "pos").stdout

    assert "not worked out yet" in ask("facts", "show", "A-1").stderr
    assert "尚未计算" in ask("members", "life", "A-1", language="zh").stderr
    assert json.loads(ask("facts", "rebuild", "--json").stdout) == {"totals": 2, "members": 1, "changed": 1}
    known = json.loads(ask("facts", "show", "A-1", "--json").stdout)
    assert (known["orders"]["orders"], known["orders"]["spent"], known["orders"]["refunded"]) == (2, 140, 20)
    assert [total["event"] for total in known["totals"]] == ["order.paid", "order.refunded"]
    assert "消费金额" in ask("facts", "show", "A-1", language="zh").stdout
    assert "favourite_category" in ask("members", "show", "A-1").stdout
    while reckon_next(database):
        pass
    assert ask("facts", "show", "A-1").stderr == ""


def test_a_source_that_is_down_is_told_and_its_address_is_not(ask: Ask, tmp_path: Path) -> None:
    ask("sources", "apply", str(EXAMPLES / "sources" / "pos.yaml"))
    (tmp_path / "pos.db").unlink()

    for words in (("sources", "pull", "pos"), ("sources", "test", "pos")):
        result = ask(*words)
        assert result.exit_code == 1
        assert "no such database file" in result.output and "pos.db" not in result.output
    assert "没有这个数据库文件" in ask("sources", "list", language="zh").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sources", "pull", "nobody"), "there is no source nobody; there are —"),
        (("sources", "errors", "nobody"), "there is no source nobody"),
        (("sources", "apply", "nowhere.yaml"), "nowhere.yaml: the file cannot be read"),
        (("facts", "show", "nobody"), "there is no member nobody"),
        (("attributes", "define", "skin", "--type", "colour"), "define:type"),
        (("attributes", "define", "skin type", "--type", "text"), "is no name"),
        (("attributes", "define", "n", "--type", "number", "--values", "1,two"), "values: a number was expected; found 'two'"),
        (("attributes", "apply", "nowhere"), "nowhere: the file cannot be read"),
        (("members", "tag", "nobody", "+vip"), "there is no member nobody"),
        (("members", "tag", "nobody", "vip"), "a tag is written +vip"),
        (("members", "tag", "nobody", "+"), "a tag is written +vip"),
    ],
)
def test_what_cannot_be_done_is_told(ask: Ask, words: tuple[str, ...], said: str) -> None:
    result = ask(*words)

    assert result.exit_code == 2
    assert said in result.output


def test_the_dictionary_is_defined_listed_and_used_for_tags(ask: Ask) -> None:
    ask("sources", "apply", str(EXAMPLES / "sources" / "pos.yaml"))
    ask("sources", "pull", "pos")
    assert json.loads(ask("attributes", "apply", str(EXAMPLES / "attributes"), "--json").stdout)["new"] == ["children", "skin_type", "tags"]
    assert ask("attributes", "define", "size", "--type", "number", "--title-zh", "尺码", "--values", "36,37.5").exit_code == 0

    assert json.loads(ask("members", "tag", "A-1", "+vip", "-new", "+新客", "--json").stdout)["tags"] == ["vip", "新客"]
    assert json.loads(ask("members", "tag", "A-1", "-vip", "--json").stdout) == {"member": "A-1", "tags": ["新客"], "changed": True}
    assert "none of the values of tags" in ask("members", "tag", "A-1", "+friend").output

    listed = {row["attribute"]: row for row in json.loads(ask("attributes", "list", "--json").stdout)}
    assert (listed["tags"]["members"], listed["size"]["values"], listed["skin_type"]["personal"]) == (1, [36, 37.5], True)
    assert "尺码" in ask("attributes", "list", language="zh").stdout
    assert ask("attributes", "drop", "tags").exit_code == 0
    assert ask("attributes", "drop", "tags").exit_code == 2
    assert json.loads(ask("members", "tag", "A-1", "+friend", "--json").stdout)["tags"] == ["新客", "friend"]


def test_a_source_that_was_dropped_goes_on_where_it_stopped(ask: Ask) -> None:
    pos = str(EXAMPLES / "sources" / "pos.yaml")
    ask("sources", "apply", pos)
    ask("sources", "pull", "pos")
    assert ask("sources", "drop", "pos").exit_code == 0
    assert ask("sources", "pull", "pos").exit_code == 2
    ask("sources", "apply", pos)

    assert json.loads(ask("sources", "pull", "pos", "--json").stdout)["stored"] == 0
    assert json.loads(ask("sources", "list", "--json").stdout)[0]["stored"] == 3
