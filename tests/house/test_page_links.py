"""Every link between the pages leads somewhere, and every page can be found from the first one."""

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
#: A link or picture, and what it leads to; code is taken away before, for ``[…](…)`` may stand in an example.
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def leads(page: Path) -> list[str]:
    """Return the links of a page that stay within the tree, without their anchors."""
    found = LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
    return [link.partition("#")[0] for link in found if "://" not in link and not link.startswith(("#", "mailto:"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert [link for link in leads(page) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("first, folder", [("README.md", "docs"), ("docs/zh/README.md", "docs/zh")])
def test_every_page_of_a_folder_is_linked_from_its_first_page(first: str, folder: str) -> None:
    linked = {((ROOT / first).parent / link).resolve() for link in leads(ROOT / first)}

    assert {page for page in (ROOT / folder).glob("*.md") if page != ROOT / first} - linked == set()
