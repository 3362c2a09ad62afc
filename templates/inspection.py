"""Reading one template source: what it may say, and which facts it uses.

Only the forms of Jinja listed in ``ALLOWED`` pass; everything else, known or still to be
invented, is refused.  The check runs before anything is compiled.
"""

import difflib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, cast

from jinja2 import TemplateSyntaxError, nodes

from language.problems import Problem
from templates.sandbox import INTERNAL_FILTERS, LARGEST_SOURCE, NOTED, PASSED_LIST, UNPRINTABLE, Sandbox

ALLOWED: Final = frozenset(
    {
        *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If),
        *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.Keyword),
        *(nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos),
        *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat),
        *(nodes.Tuple, nodes.List),
    }
)
DEEPEST: Final = 40  #: expressions and blocks inside each other
DEEPEST_LOOP: Final = 2
MOST_STEPS: Final = 200_000  #: parts of expressions computed in the longest possible rendering
FILTER_STEPS: Final = 5  #: a filter counts for so many of them
LARGEST_CONSTANT: Final = 10**12
LONGEST_CONSTANT: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The names a template may use."""

    facts: Collection[str]
    links: Collection[str]


@dataclass(kw_only=True)
class Inspection:
    """A parsed source, and everything that is wrong with it."""

    tree: nodes.Template | None = None  #: None: it could not even be read
    problems: list[Problem] = field(default_factory=list)
    facts: set[str] = field(default_factory=set)  #: of the vocabulary, those used
    links: set[str] = field(default_factory=set)

    @cached_property
    def has_loops(self) -> bool:
        return self.tree is not None and self.tree.find(nodes.For) is not None


def inspect_source(
    source: str, sandbox: Sandbox, vocabulary: Vocabulary, *, largest: int = LARGEST_SOURCE
) -> Inspection:
    """Read one source of at most ``largest`` bytes and list every problem with its line; nothing is run."""
    if len(source.encode("utf-8", "replace")) > largest:
        values = {"kilobytes": largest // 1024}
        return Inspection(problems=[Problem(sentence="the text is longer than {kilobytes} KB", values=values)])
    bad = UNPRINTABLE.search(source)
    if bad:
        line = source.count("\n", 0, bad.start()) + 1
        sentence = "the text holds the control character U+{code}; delete it"
        return Inspection(problems=[Problem(sentence=sentence, values={"code": f"{ord(bad[0]):04X}"}, line=line)])
    try:
        tree = sandbox.parse(source)
    except TemplateSyntaxError as error:
        told = {"words": error.message or ""}
        problem = Problem(sentence="this is not a well-formed template: {words}", values=told, line=error.lineno)
        return Inspection(problems=[problem])
    except (RecursionError, ValueError, OverflowError, MemoryError):
        return Inspection(problems=[Problem(sentence="the template is nested too deeply, or a number is too long")])
    inspection = Inspection(tree=tree)
    _Reader(sandbox, vocabulary, inspection).read(tree)
    return inspection


class _Reader:
    """One walk through one tree."""

    def __init__(self, sandbox: Sandbox, vocabulary: Vocabulary, found: Inspection) -> None:
        self._sandbox = sandbox
        self._vocabulary = vocabulary
        self._found = found
        self._steps = 0
        self._checks: dict[type[nodes.Node], Callable[..., None]] = {
            nodes.Name: self._name,
            nodes.Const: self._constant,
            nodes.Filter: self._filter,
            nodes.Test: self._test,
        }

    def read(self, tree: nodes.Template) -> None:
        self._walk(tree, frozenset(), depth=0, loops=0)
        if self._steps > MOST_STEPS:
            self._say(tree, "the loops of this template do too much; say less inside them")

    def _walk(self, node: nodes.Node, scope: frozenset[str], *, depth: int, loops: int) -> None:
        self._steps += (FILTER_STEPS if isinstance(node, nodes.Filter) else 1) * 100**loops
        if depth > DEEPEST:
            self._say(node, "the template is nested too deeply, or a number is too long")
            return
        if type(node) not in ALLOWED:
            self._say(node, "{form} is not allowed in templates", form=_form(node))
            return
        if isinstance(node, nodes.For):
            self._loop(node, scope, depth=depth, loops=loops)
            return
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "links":
            self._link(node)
            return
        check = self._checks.get(type(node))
        if check is not None:
            check(node, scope)
        for child in node.iter_child_nodes():
            self._walk(child, scope, depth=depth + 1, loops=loops)

    def _loop(self, node: nodes.For, scope: frozenset[str], *, depth: int, loops: int) -> None:
        if node.recursive or loops >= DEEPEST_LOOP:
            self._say(node, "a loop may hold one more loop and no third")
            return
        if not isinstance(node.iter, nodes.Name | nodes.Getattr | nodes.Getitem):
            self._say(node, "a loop may only walk through a list of the member, such as attributes.favourites")
            return
        targets = list(_targets(node.target))
        for name in targets:
            if name in self._vocabulary.facts or name in ("links", "loop"):
                self._say(node, "the loop's own name {name} is already the name of a fact; choose another", name=name)
        self._walk(node.iter, scope, depth=depth + 1, loops=loops)
        inner = scope | frozenset(targets) | {"loop"}
        for child in (*node.body, *([node.test] if node.test else [])):
            self._walk(child, inner, depth=depth + 1, loops=loops + 1)
        for child in node.else_:
            self._walk(child, scope, depth=depth + 1, loops=loops)

    def _name(self, node: nodes.Name, scope: frozenset[str]) -> None:
        if node.name in scope:
            return
        if node.name in self._vocabulary.facts:
            self._found.facts.add(node.name)
        elif node.name == "links":
            self._say(node, "say which link, such as {{{{ links.{name} }}}}", name=_one_of(self._vocabulary.links))
        else:
            self._unknown(node, "fact", node.name, self._vocabulary.facts)

    def _link(self, node: nodes.Getattr) -> None:
        if node.attr in self._vocabulary.links:
            self._found.links.add(node.attr)
        else:
            self._unknown(node, "link", node.attr, self._vocabulary.links)

    def _constant(self, node: nodes.Const, _scope: frozenset[str]) -> None:
        value = node.value
        if isinstance(value, int | float) and not abs(value) <= LARGEST_CONSTANT:
            self._say(node, "the template is nested too deeply, or a number is too long")
        if isinstance(value, str) and len(value) > LONGEST_CONSTANT:
            self._say(node, "a text inside an expression may have {longest} characters", longest=LONGEST_CONSTANT)

    def _filter(self, node: nodes.Filter, _scope: frozenset[str]) -> None:
        allowed = self._sandbox.filters.keys() - INTERNAL_FILTERS
        if node.dyn_args or node.dyn_kwargs or node.node is None:
            self._say(node, "{form} is not allowed in templates", form="*arguments")
        elif node.name not in allowed:
            self._unknown(node, "filter", node.name, allowed)

    def _test(self, node: nodes.Test, _scope: frozenset[str]) -> None:
        if node.dyn_args or node.dyn_kwargs:
            self._say(node, "{form} is not allowed in templates", form="*arguments")
        elif node.name not in self._sandbox.tests:
            self._unknown(node, "test", node.name, self._sandbox.tests)

    def _unknown(self, node: nodes.Node, kind: str, name: str, known: Collection[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        sentence = UNKNOWN_NEAR[kind] if near else UNKNOWN[kind]
        self._say(node, sentence, name=name, near=near[0] if near else "", known=", ".join(sorted(known)))

    def _say(self, node: nodes.Node, sentence: str, **values: object) -> None:
        self._found.problems.append(Problem(sentence=sentence, values=values, line=node.lineno))


UNKNOWN: Final = {
    "fact": "unknown fact {name}; known are {known}; others are attributes.NAME or declared under facts",
    "link": "unknown link {name}; declared under links are {known}",
    "filter": "unknown filter {name}; allowed are {known}",
    "test": "unknown test {name}; allowed are {known}",
}
UNKNOWN_NEAR: Final = {
    "fact": "unknown fact {name}; did you mean {near}?",
    "link": "unknown link {name}; did you mean {near}?",
    "filter": "unknown filter {name}; did you mean {near}?",
    "test": "unknown test {name}; did you mean {near}?",
}


def guard(tree: nodes.Template) -> None:
    """Wrap what every loop walks through, so that its length is bounded when it runs."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _wrapped(PASSED_LIST, cast(nodes.Expr, loop.iter))


def note_facts(tree: nodes.Template) -> None:
    """Make every printed expression leave its text behind, named after the fact it speaks of.

    The same expression keeps its name; another one about the same fact gets ``_2`` and so on.
    """
    names: dict[str, str] = {}
    for output in list(tree.find_all(nodes.Output)):
        for place, expression in enumerate(output.nodes):
            if isinstance(expression, nodes.TemplateData | nodes.Const):
                continue
            key = names.get(repr(expression))
            if key is None:
                key = names[repr(expression)] = _free(_subject(expression), names.values())
            output.nodes[place] = _wrapped(NOTED, expression, nodes.Const(key, lineno=expression.lineno))


def _wrapped(name: str, node: nodes.Expr, *arguments: nodes.Expr) -> nodes.Filter:
    made = nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)
    return made.set_environment(node.environment) if node.environment else made  # type: ignore[return-value]


def _subject(expression: nodes.Expr) -> str:
    """Name what an expression speaks of: the first fact, attribute or link in it."""
    found: nodes.Node | None = expression
    if not isinstance(expression, nodes.Getattr | nodes.Name):
        found = next(expression.find_all((nodes.Getattr, nodes.Name)), None)
    if isinstance(found, nodes.Getattr):
        return found.attr
    return found.name if isinstance(found, nodes.Name) else "text"


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _targets(target: nodes.Node) -> Iterator[str]:
    if isinstance(target, nodes.Name):
        yield target.name
    for name in target.find_all(nodes.Name):
        yield name.name


def _form(node: nodes.Node) -> str:
    """Name a form of Jinja as its author wrote it."""
    name = type(node).__name__
    return {"Call": "( ) calling something", "Assign": "set", "Pow": "**", "Slice": "[:]"}.get(name, name.lower())


def _one_of(names: Collection[str]) -> str:
    return min(names, default="shop")
