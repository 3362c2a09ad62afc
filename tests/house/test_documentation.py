"""The documentation names everything there is, and nothing in the tree names what is ours alone."""

import re
import subprocess

import pytest
from typer.main import get_command

from channels.registry import PROVIDERS
from config.reference import configuration_reference, setting_names
from console.command import assemble, every_command
from console.public import ROUTES
from console.watching import GAUGES
from tests.house.tree import ROOT, docs
from workers.bells import Work, queue_of
from workers.running import ACTORS

SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".html", ".lock", ".sh", ""}


def tracked_texts() -> dict[str, str]:
    """Return every text file that belongs to the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    names = [name for name in listed if name] or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py")]
    return {
        name: (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for name in names
        if (ROOT / name).is_file() and (ROOT / name).suffix in SUFFIXES and (ROOT / name).stat().st_size < 2_000_000
    }


def test_the_configuration_reference_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert configuration_reference() in page, "run: python -m config.reference"


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_is_named_in_the_documentation(name: str) -> None:
    assert f"`{name}`" in docs()


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_has_a_page(name: str) -> None:
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "providers").glob("*.md")]

    assert any(f'provider = "{name}"' in page for page in pages)


@pytest.mark.parametrize("path", [path for path, _ in every_command(get_command(assemble())) if path != "tidings"])
def test_every_command_is_named_in_the_documentation(path: str) -> None:
    assert path in docs()


@pytest.mark.parametrize("path", sorted({entry.path for entry in ROUTES}))
def test_every_address_is_named_in_the_documentation(path: str) -> None:
    assert f"`{path}`" in docs()


@pytest.mark.parametrize("gauge", [gauge[0] for gauge in GAUGES])
def test_every_gauge_is_named_in_the_documentation(gauge: str) -> None:
    assert gauge in docs()


def test_every_queue_has_a_worker() -> None:
    answered = {actor.queue_name for actor in ACTORS.values()}

    assert {queue_of(work) for work in Work} == answered
    assert {str(work) for work in Work} == set(ACTORS)


def test_every_address_says_who_may_call_it() -> None:
    assert all(entry.caller for entry in ROUTES)
    assert len({(entry.path, method) for entry in ROUTES for method in entry.methods}) == sum(len(entry.methods) for entry in ROUTES)


@pytest.mark.parametrize(
    "what", [r"(?<![\w.])/work/(?!flows)", r"pypi\.org|files\.pythonhosted|registry\.npmjs|mirrors?\.(aliyun|tuna)", r"-----BEGIN \w* ?PRIVATE KEY"]
)
def test_the_tree_names_no_machine_registry_or_private_key(what: str) -> None:
    found = [name for name, text in tracked_texts().items() if re.search(what, text) and not name.startswith("tests/house/")]

    assert found == []
