"""Which attributes of members a template speaks of, and which of them no dictionary defines.

An attribute that nobody defined is kept as it is told, so saying one is no mistake: it is worth a look.
"""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path

from jinja2 import nodes

from language.problems import Problem
from templates.known_facts import KNOWN_FACTS
from templates.places import Place
from templates.rendering import inspect_content
from templates.template import SHEET, read_folder

_NEAR = "the dictionary defines no attribute {name}; did you mean {near}?"
_NONE = "the dictionary defines no attribute {name}; it is said if members have it, so look at its spelling, or define it"


def undefined_attributes(folder: Path, defined: Collection[str]) -> list[Problem]:
    """List the attributes that a template's words say although nobody defined them, with file and line, each once a file.

    Nothing is listed where nobody defined any attribute.  A name that the sheet declares under ``facts`` may have
    another origin than attributes, so it is listed only where it looks like one of theirs.
    """
    read = read_folder(folder)
    if not defined or read.content is None:
        return []
    found: dict[tuple[str | None, str], Problem] = {}
    for (channel, language, part), inspection in inspect_content(read.content).items():
        placed = Place(read, folder, channel, language, part)
        for name, line in _attributes_said(inspection.tree) if inspection.tree else ():
            if name not in defined:
                problem = placed.put(_problem(name, defined, line))
                found.setdefault((problem.file, name), problem)
    sheet, document = str(folder / SHEET), read.documents[SHEET]
    for name in read.content["facts"]:
        if "." not in name and name not in {*KNOWN_FACTS, *defined} and _near(name, defined):
            declared_at = document.line_of(("facts", name))
            found[sheet, name] = Problem(
                sentence=_NEAR, values={"name": name, "near": _near(name, defined)}, file=sheet, line=declared_at, field=f"facts.{name}"
            )
    return list(found.values())


def _attributes_said(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    """Find ``attributes.NAME`` and ``attributes['NAME']``, with their lines."""
    for node in tree.find_all(nodes.Getattr):
        if _is_attributes(node.node):
            yield node.attr, node.lineno
    for item in tree.find_all(nodes.Getitem):
        if _is_attributes(item.node) and isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str):
            yield item.arg.value, item.lineno


def _is_attributes(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Name) and node.name == "attributes"


def _problem(name: str, defined: Collection[str], line: int) -> Problem:
    near = _near(name, defined)
    return Problem(sentence=_NEAR if near else _NONE, values={"name": name, "near": near}, line=line)


def _near(name: str, defined: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(name, defined, n=1, cutoff=0.7)), "")
