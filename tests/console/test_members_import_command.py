"""``tidings members``: imported, looked at before, taken back, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.commands.members import app
from database.engine import Database

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "config" / "examples" / "import_map"
Ask = Callable[..., Result]
HEADER = "编码;姓名;联系方式\n"


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path) -> Ask:
    env = {
        "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
        "TIDINGS_REDIS_URL": redis_url,
        "TIDINGS_HOME": str(tmp_path / "home"),
    }

    def asking(*arguments: str, language: str = "en") -> Result:
        return CliRunner().invoke(app, list(arguments), env=env | {"TIDINGS_LANGUAGE": language})

    return asking


def test_a_map_is_kept_and_picked_by_the_header_and_the_import_can_be_undone(ask: Ask, tmp_path: Path) -> None:
    first, second, mapping = tmp_path / "may.csv", tmp_path / "june.csv", tmp_path / "map.yaml"
    first.write_text(HEADER + "A1;王芳;138 0000 1234\n", encoding="gb18030")
    second.write_text(HEADER + "A1;王芳芳;\nB1;小王;13800001234\n", encoding="utf-16")
    mapping.write_text("{key: 编码, name: 姓名, phone: 联系方式}", encoding="utf-8")

    assert "1 new, 0 changed" in ask("import", str(first), "--map", str(mapping), "--save-map", "monthly").stdout
    tried = ask("import", str(second), "--dry-run", language="zh")
    assert tried.exit_code == 0
    for words in ("使用映射 monthly", "试运行", "新增 1，更新 1", "王芳芳", "可能是同一人"):
        assert words in tried.output
    told = json.loads(ask("import", str(second), "--json").stdout)
    assert (told["new"], told["changed"], told["map"], told["report"]["rows"]) == (1, 1, "monthly", 2)
    assert json.loads(ask("imports", "undo", str(told["id"]), "--json").stdout) == {
        "removed": 1, "kept": 0, "restored": 1, "left": 0, "consents": 0,
    }  # fmt: skip
    listed = json.loads(ask("imports", "list", "--json").stdout)
    assert [(row["file_name"], row["undone_at"] is not None) for row in listed] == [("june.csv", True), ("may.csv", False)]
    assert "undone" in ask("imports", "list").stdout
    assert "联系方式" in ask("maps", "show", "monthly").stdout


def test_the_example_maps_are_kept_and_listed(ask: Ask) -> None:
    assert json.loads(ask("maps", "apply", str(EXAMPLES), "--json").stdout)["new"] == ["cash-desk"]
    assert [one["import_map"] for one in json.loads(ask("maps", "list", "--json").stdout)] == ["cash-desk"]
    assert "consent_sms" in ask("maps", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("import", "{file}", "--map", "nothing"), "there is no map nothing"),
        (("import", "{file}", "--map", "{map}"), "a yes without its proof is none"),
        (("import", "{file}", "--sheet", "one"), "this is no workbook and has no sheet one"),
        (("import", "{file}", "--save-map", "a b"), "'a b' is no name"),
        (("import", "{file}x"), "the file cannot be read"),
        (("imports", "undo", "7"), "there is no import 7 of members"),
        (("maps", "show", "nothing"), "there is no map nothing"),
        (("maps", "apply", "{map}"), "import_map"),
    ],
)
def test_bad_input_is_told_without_a_traceback_and_changes_nothing(
    ask: Ask, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    file, mapping = tmp_path / "a.csv", tmp_path / "map.yaml"
    file.write_text("key,sms\nA1,yes\n", encoding="utf-8")
    mapping.write_text("key: key\nconsent_sms: sms\n", encoding="utf-8")
    found = ask(*(argument.format(file=file, map=mapping) for argument in arguments))
    assert found.exit_code == 2
    assert told in found.output
    assert json.loads(ask("imports", "list", "--json").stdout) == []
