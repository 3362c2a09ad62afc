"""Each folder keeps to its step, and each thing to its folder."""

import ast
import importlib
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from channels.registry import PROVIDERS
from tests.house.tree import FOLDERS, ROOT, functions, imports, modules, name_of, parsed, texts

STAIRS = ("language", "database", "members|templates|channels", "campaigns", "journeys|reports", "config", "workers", "console")
STEP = {folder: step for step, folders in enumerate(STAIRS) for folder in folders.split("|")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_go_down_the_stairs_only(path: Path) -> None:
    here = path.relative_to(ROOT).parts[0]
    ours = {name for _, name in imports(path) if name in STEP}

    assert {name for name in ours if name != here and STEP[name] >= STEP[here]} == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_is_imported_from_this_tree_and_not_from_a_package_of_that_name(folder: str) -> None:
    found = importlib.import_module(folder)

    assert Path(str(found.__file__)).is_relative_to(ROOT)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_config_looks_at_the_environment(path: Path) -> None:
    if not name_of(path).startswith("config/"):
        assert "os.environ" not in ast.unparse(parsed(path))
        assert "getenv" not in ast.unparse(parsed(path))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_workers_know_the_queue(path: Path) -> None:
    if not name_of(path).startswith("workers/"):
        assert not {"dramatiq", "apscheduler"} & {name for _, name in imports(path)}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_provider_names_stay_in_channels_and_config(path: Path) -> None:
    if not name_of(path).startswith(("channels/", "config/", "language/")):
        assert not set(PROVIDERS) & set(texts(path))


@pytest.mark.parametrize("path", modules("language", "database", "members", "templates", "campaigns", "journeys", "reports"), ids=name_of)
def test_nothing_below_config_asks_the_wall_clock(path: Path) -> None:
    called = {ast.unparse(node.func) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)}

    assert not called & {"datetime.now", "datetime.utcnow", "date.today", "time.time", "datetime.today"}


@pytest.mark.parametrize("table, writers", [("sends", "campaigns/sends/"), ("enrolments", "journeys/")])
@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_state_is_written_in_one_place_only(path: Path, table: str, writers: str) -> None:
    if name_of(path).startswith(writers):
        return
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("update", "insert"):
            assert not (node.args and ast.unparse(node.args[0]) == table)
    assert not any(f"UPDATE {table}" in text or f"INSERT INTO {table}" in text for text in texts(path))


def test_rows_have_columns_and_nothing_else() -> None:
    page = parsed(ROOT / "database" / "tables.py")

    assert [node.name for node in ast.walk(page) if isinstance(node, ast.ClassDef)] == []
    assert all(node.name.startswith("_") for node in functions(ROOT / "database" / "tables.py"))


def test_every_outside_package_that_is_imported_is_declared() -> None:
    declared = {
        line.split("[")[0].split(">")[0].split("=")[0].lower().replace("_", "-") for line in PROJECT["project"]["dependencies"]
    }
    owners = packages_distributions()
    imported = {name for path in modules() for _, name in imports(path)} - set(FOLDERS) - set(sys.stdlib_module_names)

    missing = {
        name for name in imported if not {each.lower().replace("_", "-") for each in owners.get(name, [name])} & declared
    }
    assert missing <= {"pydantic_core", "numpy"}, "they come with pydantic and scipy"


def test_every_declared_package_has_its_reason_on_the_page_of_dependencies() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    listed = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]

    assert [line for line in listed if f"`{line.split('[')[0].split('>')[0].split('=')[0].lower()}`" not in page] == []


def test_the_lock_names_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert "--hash=sha256:" in lock
    assert "://" not in lock and "index-url" not in lock and "find-links" not in lock
