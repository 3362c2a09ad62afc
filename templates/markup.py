"""Reading HTML and MJML piece by piece, strictly and within bounds.

The programs that turn MJML into HTML and put styles into elements forgive much, move what
they think is misplaced, and end the whole process on elements nested deep enough.  So
whatever they are given is read here first: well-formed, of bounded depth and number, and
with the line of what is wrong.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

DEEPEST: Final = 100  #: elements inside each other
MOST_ELEMENTS: Final = 5_000

#: Elements that hold nothing and are never closed.
VOID: Final = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
#: Elements whose content is text and nothing else.
RAW: Final = frozenset({"style", "title", "script", "mj-style", "mj-title", "mj-preview"})
#: Elements that may be left open: the next of their kind, or the end of what is around them, closes them.
OPTIONAL: Final = frozenset(
    {"p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "body", "head", "html"}
)
#: Elements a new one closes, as every browser does.
CLOSES: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name,) for name in ("p", "li")},
    **dict.fromkeys(("dt", "dd"), ("dt", "dd")),
    **dict.fromkeys(("td", "th"), ("td", "th")),
    "tr": ("td", "th", "tr"),
    **dict.fromkeys(("tbody", "thead", "tfoot"), ("td", "th", "tr", "tbody", "thead", "tfoot")),
}

_NAME = r"[A-Za-z][A-Za-z0-9:-]*"
_TAG = re.compile(rf"<(?P<close>/?)(?P<name>{_NAME})(?P<attributes>(?:[^\"'>]|\"[^\"]*\"|'[^']*')*+)>")
ATTRIBUTE = re.compile(
    r"(?P<name>[^\s\"'<>/=]+)(?:\s*=\s*(?:\"(?P<two>[^\"]*)\"|'(?P<one>[^']*)'|(?P<bare>[^\s\"'>]+)))?"
)
_TAG_BEGIN = re.compile(r"<(?:[A-Za-z/!?])")

Kind = Literal["open", "close", "text", "raw", "comment", "doctype"]


class Broken(Exception):
    """The source cannot be read: a sentence for people, its values and where it is."""

    def __init__(self, offset: int, sentence: str, **values: object) -> None:
        super().__init__(sentence)
        self.offset, self.sentence, self.values = offset, sentence, values


@dataclass(slots=True)
class Element:
    """An element that is open."""

    name: str
    serial: int  #: counted from 1 in the order they begin
    offset: int
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """A tag, a stretch of text or a comment, and the element it stands in."""

    kind: Kind
    start: int
    end: int
    inside: Element | None  #: of an opening tag, the element around it; None: outside of all
    element: Element | None = None  #: of a tag, the element it begins or ends
    holds: bool = False  #: of an opening tag, whether anything can stand in it
    attributes: str = ""  #: of a tag, as they are written

    def text(self, source: str) -> str:
        return source[self.start : self.end]


def attributes_in(written: str) -> dict[str, str]:
    """Return the attributes of a tag by their names in small letters, as they are written; the first of a name counts."""
    found: dict[str, str] = {}
    for match in ATTRIBUTE.finditer(written):
        value = next((value for value in match.group("two", "one", "bare") if value is not None), "")
        found.setdefault(match["name"].lower(), value)
    return found


def unquoted(written: str) -> str:
    """Return what of a tag's attributes stands between no quotation marks."""
    return re.sub(r"\"[^\"]*\"|'[^']*'", "", written)


def read_markup(source: str, *, mjml: bool = False) -> Iterator[Piece]:
    """Yield every piece of the source in its order.

    Raises:
        Broken: it is not well-formed, too deep, or has too many elements.
    """
    reader = _Reader(source, mjml=mjml)
    place = 0
    while place < len(source):
        piece = reader.next(place)
        yield piece
        place = piece.end
    reader.finish()


class _Reader:
    """Where reading has come to: which elements are open."""

    def __init__(self, source: str, *, mjml: bool) -> None:
        self._source, self._mjml = source, mjml
        self._open: list[Element] = []
        self._count = 0

    @property
    def _inside(self) -> Element | None:
        return self._open[-1] if self._open else None

    def next(self, place: int) -> Piece:
        """Return the piece that begins here."""
        source = self._source
        if self._inside is not None and self._inside.name in RAW:
            return self._raw(place, self._inside)
        if source.startswith("<!--", place):
            return self._comment(place)
        if source.startswith(("<!", "<?"), place):
            return self._declaration(place)
        if _TAG_BEGIN.match(source, place):
            return self._tag(place)
        if self._mjml and source.startswith("<", place):
            raise Broken(place, "write &lt; for a < that begins no element")
        found = _TAG_BEGIN.search(source, place + 1) if not self._mjml else None
        end = source.find("<", place + 1) if self._mjml else found.start() if found else -1
        return Piece("text", place, len(source) if end < 0 else end, self._inside)

    def finish(self) -> None:
        """Close what may be left open.

        Raises:
            Broken: something else is open.
        """
        for element in reversed(self._open):
            self._may_end(element)

    def _raw(self, place: int, element: Element) -> Piece:
        found = re.compile(rf"</{element.name}\s*>", re.IGNORECASE).search(self._source, place)
        if found is None:
            raise Broken(element.offset, "<{name}> is never closed", name=element.name)
        if found.start() == place:
            return self._tag(place)
        return Piece("raw", place, found.start(), element)

    def _comment(self, place: int) -> Piece:
        end = self._source.find("-->", place + 4)
        if end < 0:
            raise Broken(place, "the comment that begins here has no end -->")
        if self._mjml and "--" in self._source[place + 4 : end]:
            raise Broken(place, "MJML allows no -- inside a comment")
        return Piece("comment", place, end + 3, self._inside)

    def _declaration(self, place: int) -> Piece:
        end = self._source.find(">", place)
        if end < 0 or self._mjml or self._source[place : place + 9].lower() != "<!doctype":
            what = self._source[place : place + 12].split("\n", 1)[0]
            raise Broken(place, "{what} is not allowed in an email", what=what)
        return Piece("doctype", place, end + 1, self._inside)

    def _tag(self, place: int) -> Piece:
        found = _TAG.match(self._source, place)
        if found is None:
            raise Broken(place, "the tag that begins here has no end, or a quotation mark of it is not closed")
        name, written = found["name"].lower(), found["attributes"]
        if found["close"]:
            element = self._close(name, place)
            return Piece("close", place, found.end(), self._inside, element)
        return self._begin(name, written, place, found.end())

    def _begin(self, name: str, written: str, place: int, end: int) -> Piece:
        while self._open and self._open[-1].name in CLOSES.get(name, ()):
            self._open.pop()
        self._count += 1
        element = Element(name, self._count, place, attributes_in(written))
        inside = self._inside
        # A slash closes nothing in HTML; in MJML it does.
        holds = name not in VOID and not (self._mjml and written.rstrip().endswith("/"))
        if holds:
            self._open.append(element)
        if len(self._open) > DEEPEST or self._count > MOST_ELEMENTS:
            sentence = "an email has at most {elements} elements, and {deepest} inside each other"
            raise Broken(place, sentence, elements=MOST_ELEMENTS, deepest=DEEPEST)
        return Piece("open", place, end, inside, element, holds, written)

    def _close(self, name: str, place: int) -> Element:
        if not any(element.name == name for element in self._open):
            raise Broken(place, "</{name}> closes nothing", name=name)
        while self._open[-1].name != name:
            self._may_end(self._open.pop())
        return self._open.pop()

    def _may_end(self, element: Element) -> None:
        if self._mjml or element.name not in OPTIONAL:
            raise Broken(
                element.offset, "<{name}> is never closed, or something around it is closed first", name=element.name
            )
