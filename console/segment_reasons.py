"""Conditions and the reasons they gave, drawn for people."""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from rich.markup import escape
from rich.tree import Tree

from console.facts_shown import shown
from console.output import in_words, readable
from members.condition_model import Condition
from members.segments.reasons import Reason

LONGEST = 100
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d")


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
    told = ", ".join(f"{name} {readable(shown(_as_moment(value), name))}" for name, value in found.items())
    return f"  [dim]{escape(in_words('has: {values}', values=told))}[/]"


def _as_moment(value: object) -> object:
    """Return a moment as one that the database's JSON holds as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) and MOMENT.fullmatch(value) else value


def _mark(holds: bool) -> str:
    return "[green]✓[/]" if holds else "[red]✗[/]"
