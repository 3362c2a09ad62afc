"""Carrying what Jinja is to fill in through programs that know nothing of it.

Each ``{{ … }}`` and ``{% … %}`` is taken out and a word nobody else uses is put in its
place; the statements among them, which stand between elements, as comments, for those are
moved by no HTML parser.  Afterwards everything must be there again, and in the same branch
of the same ``{% if %}`` or ``{% for %}`` around whole elements; only then is it put back.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from language.problems import Problem
from templates.markup import Piece, read_markup, unquoted
from templates.sandbox import Sandbox

Kind = Literal["printed", "begin", "middle", "end"]
STATEMENTS: Final[dict[str, Kind]] = {
    "if": "begin",
    "for": "begin",
    "elif": "middle",
    "else": "middle",
    "endif": "end",
    "endfor": "end",
}
BEGINS: Final = ("variable_begin", "block_begin", "comment_begin")

#: Where in a document something stands: the kind of place and its number.
Place = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression or statement as its author wrote it."""

    source: str
    line: int
    kind: Kind
    branch: int | None  #: the statement in whose branch it stands; None: in none
    after: int | None  #: of a statement, the one before it in its group


@dataclass(kw_only=True)
class Protected:
    """A source with words in the place of its expressions."""

    text: str
    mark: str  #: what those words begin with
    expressions: list[Expression] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)  #: the line of the source that each line of the text was

    @property
    def words(self) -> re.Pattern[str]:
        """What finds the words; their first group is the expression's number."""
        return re.compile(rf"{self.mark}(\d+)z")

    def line_of(self, offset: int) -> int:
        return self.lines[self.text.count("\n", 0, offset)]

    def line_with(self, words: str) -> int | None:
        """Return the line of the source in which words stand first, or None where they are not as they are written."""
        place = self.text.find(words)
        return self.line_of(place) if words and place >= 0 else None

    def restore(self, text: str) -> str:
        """Put every expression back; what only looks like one, such as ``&#123;{`` once it is read, stays words."""
        text = re.sub(rf"<!--({self.mark}\d+z)-->", r"\1", text)
        text = re.sub(rf"\{{(?=[{{%#]|{self.mark}\d)", "{{ '{' }}", text)
        return self.words.sub(lambda found: self.expressions[int(found[1])].source, text)


def protect(source: str, sandbox: Sandbox) -> Protected:
    """Take every expression out of a source that has been inspected already."""
    mark, number = "qj", 0
    while mark in source.lower():
        mark, number = f"qj{'abcdefghijklmnop'[number % 16]}{mark[2:]}", number + 1
    taken = _Taken(Protected(text="", mark=mark, lines=[1]))
    for line, kind, value in sandbox.lex(source):
        taken.add(line, kind, value)
    taken.done.text = "".join(taken.parts)
    return taken.done


class _Taken:
    """What has been taken out so far."""

    def __init__(self, done: Protected) -> None:
        self.done = done
        self.parts: list[str] = []
        self._pending: list[str] = []  #: of the expression that is being read
        self._name = ""  #: of the statement that is being read
        self._begun: str | None = None
        self._line = 1
        self._open: list[int] = []  #: the latest statement of each group that is open

    def add(self, line: int, kind: str, value: str) -> None:
        if kind in BEGINS:
            self._begun, self._line, self._pending, self._name = kind, line, [], ""
        if self._begun is not None:
            self._pending.append(value)
            if kind == "name" and not self._name:
                self._name = value
            if kind == self._begun.replace("begin", "end"):
                self._finish(self._begun)
        elif kind == "data":
            self.parts.append(value)
            self.done.lines += range(line + 1, line + 1 + value.count("\n"))

    def _finish(self, begun: str) -> None:
        self._begun = None
        if begun == "comment_begin":  # It prints nothing and is for the author alone.
            return
        number = len(self.done.expressions)
        kind = "printed" if begun == "variable_begin" else STATEMENTS[self._name]
        after = self._open.pop() if kind in ("middle", "end") else None
        branch = self._open[-1] if self._open else None
        if kind in ("begin", "middle"):
            self._open.append(number)
        source = _unsigned(*self._pending)
        self.done.expressions.append(Expression(source, self._line, kind, branch, after))
        self.parts.append(f"{self.done.mark}{number}z")


def _unsigned(begin: str, *inside: str) -> str:
    """Return an expression without the signs that eat white space: what they eat is gone already.

    Left in, they would eat once more, of what is put around the expression later.
    """
    *said, end = inside
    words = "".join(said)
    # A second sign is a number's own, and must not become the first.
    return begin[:2] + (" " if words.startswith(("-", "+")) else "") + words + end.strip()[-2:]


def as_comments(protected: Protected, pieces: Iterable[Piece]) -> str:
    """Make comments of the statements that stand between elements or inside text; the pieces are the text's own."""
    statements = {number for number, each in enumerate(protected.expressions) if each.kind != "printed"}
    words = protected.words

    def commented(found: re.Match[str]) -> str:
        return f"<!--{found[0]}-->" if int(found[1]) in statements else found[0]

    made = []
    for piece in pieces:
        said = piece.text(protected.text)
        made.append(words.sub(commented, said) if piece.kind == "text" else said)
    return "".join(made)


def misplaced(protected: Protected, pieces: Iterable[Piece]) -> list[Problem]:
    """List the expressions that stand where nothing can be carried through: in a tag and not in its quotation marks."""
    problems = []
    for piece in pieces:
        if piece.kind not in ("open", "close") or piece.element is None:
            continue
        for found in protected.words.finditer(f"{piece.element.name} {unquoted(piece.attributes)}"):
            each = protected.expressions[int(found[1])]
            sentence = (
                "{what} stands inside a tag; it may stand in text, or between the quotation marks of an attribute"
            )
            problems.append(Problem(sentence=sentence, values={"what": each.source}, line=each.line))
    return problems


def lost(protected: Protected, html: str) -> list[Problem]:
    """List the expressions that did not come back where they were.

    Raises:
        Broken: the HTML cannot be read.
    """
    seen: set[int] = set()
    problems: dict[int, Problem] = {}
    open_groups: list[tuple[int, Place]] = []
    for number, place in _occurrences(protected, html):
        each = protected.expressions[number]
        seen.add(number)
        fits = True
        if each.kind in ("middle", "end"):
            fits = bool(open_groups) and open_groups.pop() == (each.after, place)
        fits = fits and each.branch == (open_groups[-1][0] if open_groups else None)
        if each.kind in ("begin", "middle"):
            open_groups.append((number, place))
        if not fits:
            problems.setdefault(number, _wrong(each))
    for number, each in enumerate(protected.expressions):
        if number not in seen:
            sentence = "{what} would be lost here; it may stand in text, or in an attribute such as href, src or alt"
            problems[number] = Problem(sentence=sentence, values={"what": each.source}, line=each.line)
    return [problems[number] for number in sorted(problems)]


def _wrong(each: Expression) -> Problem:
    sentence = (
        "{what} must stand with its beginning and its end around whole elements, inside one element or one attribute"
    )
    return Problem(sentence=sentence, values={"what": each.source}, line=each.line)


def _occurrences(protected: Protected, html: str) -> Iterator[tuple[int, Place]]:
    """Yield every expression's number wherever it stands, with the place."""
    words = protected.words
    for piece in read_markup(html):
        inside = piece.inside.serial if piece.inside is not None else 0
        if piece.kind == "open" and piece.element is not None:
            for name, value in piece.element.attributes.items():
                yield from ((int(found[1]), ("attribute", piece.start, name)) for found in words.finditer(value))
        elif piece.kind == "comment" and not words.fullmatch(html, piece.start + 4, piece.end - 3):
            for found in words.finditer(html, piece.start, piece.end):
                yield int(found[1]), ("comment", piece.start, "")
        else:
            for found in words.finditer(html, piece.start, piece.end):
                yield int(found[1]), ("element", inside, "")
