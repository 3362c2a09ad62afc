"""Every field that a line of the log is given is one that may stand there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.logs import ALLOWED
from tests.house.tree import modules, name_of, parsed

LEVELS = {f"log.{level}" for level in ("debug", "info", "warning", "error", "exception", "critical")}


def lines(path: Path) -> Iterator[ast.Call]:
    """Yield every call by which a module writes a line."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in LEVELS:
            yield node


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_line_names_a_field_that_would_be_left_out(path: Path) -> None:
    named = {keyword.arg for call in lines(path) for keyword in call.keywords}

    assert named <= ALLOWED | {"exc_info"}


def test_the_lines_are_found() -> None:
    assert sum(1 for path in modules() for _ in lines(path)) > 10
