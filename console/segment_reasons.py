"""Conditions and the reasons they gave, drawn for people."""

import json
from collections.abc import Mapping

from rich.markup import escape
from rich.tree import Tree

from console.facts_shown import shown
from console.output import in_words
from members.condition_model import Condition
from members.segments.reasons import Reason

LONGEST = 100


def in_words_of(what: str | Condition) -> str:
    """Return a word in the user's language, or a condition in one line."""
    return in_words(what) if isinstance(what, str) else _one_line(what.model_dump(mode="json"))


def _one_line(asked: object) -> str:
    written = json.dumps(asked, ensure_ascii=False, default=str).replace('"', "")
    return written if len(written) <= LONGEST else written[: LONGEST - 1] + "…"


def reason_tree(reason: Reason, segment: str, member: str) -> Tree:
    """Draw why a member is in a segment or not."""
    said = "{member} is in {segment}" if reason.holds else "{member} is not in {segment}"
    tree = Tree(f"{_mark(reason.holds)} [bold]{escape(in_words(said, member=member, segment=segment))}[/]")
    _grow(tree, reason)
    return tree


def _grow(tree: Tree, reason: Reason) -> None:
    asked = "" if reason.asked is None else f" {escape(_one_line(reason.asked))}"
    branch = tree.add(f"{_mark(reason.holds)} [cyan]{in_words(reason.name)}[/]{asked}{_found(reason.found)}")
    for part in reason.parts:
        _grow(branch, part)


def _found(found: Mapping[str, object]) -> str:
    if not found:
        return ""
    told = ", ".join(f"{name} {'—' if value is None else shown(value, name)}" for name, value in found.items())
    return f"  [dim]{escape(in_words('has: {values}', values=told))}[/]"


def _mark(holds: bool) -> str:
    return "[green]✓[/]" if holds else "[red]✗[/]"
