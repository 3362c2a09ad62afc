"""Modules and functions stay short, documented and plainly named."""

import ast
import re
import statistics

import pytest

from tests.house.tree import functions, length, modules, name_of, parsed

LONGEST_MODULE = 300
LONGER = {"database/tables.py": 450}
LONGEST_FUNCTION, USUAL_FUNCTION = 50, 25
FORBIDDEN = {"utils", "helpers", "manager", "service", "services", "base", "common", "misc", "data", "info"}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_module_is_too_long(path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= LONGER.get(name_of(path), LONGEST_MODULE)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_every_module_says_what_it_is_for(path) -> None:
    assert not path.read_text(encoding="utf-8").strip() or ast.get_docstring(parsed(path))


def test_no_function_is_long_and_nine_in_ten_are_short() -> None:
    lengths = {(name_of(path), node.name): length(node) for path in modules() for node in functions(path)}

    assert {place: lines for place, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= USUAL_FUNCTION


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_nothing_has_a_name_that_says_nothing(path) -> None:
    assert not FORBIDDEN & set(re.split(r"[_/.]", name_of(path)))


@pytest.mark.parametrize("path", modules("workers", "console"), ids=name_of)
def test_actors_and_views_only_open_call_and_ring(path) -> None:
    for node in functions(path):
        decorated = any("actor" in ast.unparse(decorator) for decorator in node.decorator_list)
        is_view = isinstance(node, ast.AsyncFunctionDef) and any(argument.arg == "request" for argument in node.args.args)
        if decorated or is_view:
            assert length(node) <= 15 + len((ast.get_docstring(node) or "").splitlines()), node.name


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_every_public_class_says_what_it_is(path) -> None:
    silent = [
        node.name
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]

    assert silent == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_import_stands_inside_a_function(path) -> None:
    inside = [
        inner.lineno for node in functions(path) for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert inside == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_comment_postpones_work(path) -> None:
    assert not re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b", path.read_text(encoding="utf-8"))
