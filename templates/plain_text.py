"""The text part of a mail, made from its HTML.

It is made once, from the template and not from a member's mail, so it is a template as
well: every expression that is in the words is in the text, within the same conditions and
loops.  Lines are never broken inside a paragraph; mail programs do that to their own width.
"""

import html as entities
import re
from dataclasses import dataclass
from typing import Final

from templates.expressions import Protected
from templates.markup import Element, Piece, read_markup

PARAGRAPHS: Final = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "blockquote", "pre", "table", "hr", "figure"]
)
LINES: Final = frozenset(
    {
        *("div", "section", "article", "header", "footer", "main", "address", "center", "body", "figcaption"),
        *("li", "dt", "dd", "tr", "td", "th", "caption"),
    }
)
UNSAID: Final = frozenset({"head", "style", "title", "script"})
_HIDDEN: Final = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all)", re.IGNORECASE)
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")
#: Fillers that make the preview of a mail longer and print nothing.
_FILLERS: Final = re.compile("[\u00ad\u034f\u200b\u200c\u2007\u2060\ufeff]")
_WIDE: Final = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]")


def text_from(protected: Protected, html: str) -> str:
    """Return the words of finished HTML, in which expressions are still words of ``protected``.

    Raises:
        Broken: the HTML cannot be read.
    """
    writer = _Writer(protected, html)
    for piece in read_markup(html):
        writer.read(piece)
    return "".join(writer.said).strip()


@dataclass(slots=True)
class _Row:
    """How far a row of a table has been said."""

    cells: int = 0
    layout: bool = False  #: the table only arranges what is in it


@dataclass(slots=True)
class _List:
    """How far a list has been said."""

    numbered: bool
    inside: int  #: conditions and loops around it
    items: int = 0


class _Writer:
    """The text so far, and what has to come before the next word."""

    def __init__(self, protected: Protected, html: str) -> None:
        self.said: list[str] = []
        self._protected, self._html = protected, html
        self._words = protected.words
        self._breaks = 0  #: line ends before the next word
        self._space = ""  #: the white space before the next word, as it is written
        self._fresh = True  #: whether a line begins here already
        self._unsaid: Element | None = None  #: the hidden element that is being read
        self._rows: list[_Row] = []  #: one for each table that is open
        self._lists: list[_List] = []  #: those that are open
        self._around: list[bool] = []  #: for each condition and loop that is open, whether it begins a line
        self._links: list[tuple[str, int]] = []  #: address, and where its words begin

    def read(self, piece: Piece) -> None:
        if self._unsaid is not None:
            if piece.kind == "close" and piece.element is self._unsaid:
                self._unsaid = None
            return
        if piece.kind == "open" and piece.element is not None:
            self._open(piece.element, holds=piece.holds)
        elif piece.kind == "close" and piece.element is not None:
            self._close(piece.element)
        elif piece.kind == "comment":
            found = self._words.fullmatch(self._html, piece.start + 4, piece.end - 3)
            if found:
                self._statement(found)
        elif piece.kind == "text":
            self._text(entities.unescape(piece.text(self._html)), kept=_is_in(piece.inside, "pre"))

    def _open(self, element: Element, *, holds: bool) -> None:
        style = element.attributes.get("style", "")
        if holds and (element.name in UNSAID or "hidden" in element.attributes or _HIDDEN.search(style)):
            self._unsaid = element
            return
        if element.name == "table":
            self._rows.append(_Row(layout=element.attributes.get("role", "") in ("presentation", "none")))
        elif element.name in ("ul", "ol"):
            self._lists.append(_List(numbered=element.name == "ol", inside=len(self._around)))
        if element.name in ("td", "th") and self._rows and not self._rows[-1].layout:
            self._cell(self._rows[-1])
        else:
            self._block(element.name)
        match element.name:
            case "br":
                self._breaks = self._breaks + 1 if self.said else 0
            case "hr":
                self._say("----")
                self._breaks = 2
            case "img":
                self._text(entities.unescape(element.attributes.get("alt", "")))
            case "li":
                self._item()
            case "tr" if self._rows:
                self._rows[-1].cells = 0
            case "a":
                self._links.append((entities.unescape(element.attributes.get("href", "")).strip(), len(self.said)))

    def _close(self, element: Element) -> None:
        if element.name == "a" and self._links:
            self._address(*self._links.pop())
        elif element.name == "table" and self._rows:
            self._rows.pop()
        elif element.name in ("ul", "ol") and self._lists:
            self._lists.pop()
        if element.name not in ("td", "th") or not self._rows or self._rows[-1].layout:
            self._block(element.name)

    def _block(self, name: str) -> None:
        """Have a line, or a paragraph, end here."""
        if name in PARAGRAPHS and not (name in ("ul", "ol") and len(self._lists) > 1):
            self._breaks = max(self._breaks, 2)
        elif name in LINES or name in ("ul", "ol"):
            self._breaks = max(self._breaks, 1)

    def _cell(self, row: _Row) -> None:
        row.cells += 1
        if row.cells > 1:
            self._space = ""
            self._say(" | ")
            self._fresh = True

    def _item(self) -> None:
        current = self._lists[-1] if self._lists else _List(numbered=False, inside=0)
        current.items += 1
        # Inside a loop or a condition nobody knows the number yet.
        numbered = current.numbered and current.inside == len(self._around)
        self._say("  " * max(0, len(self._lists) - 1) + (f"{current.items}. " if numbered else "- "))
        self._fresh = True

    def _address(self, address: str, begun: int) -> None:
        """Say where a link leads, unless its words say so already."""
        words = "".join(self.said[begun:]).strip()
        shown = address.removeprefix("mailto:").removeprefix("tel:")
        if not shown or shown.startswith("#") or words in (shown, address):
            return
        self._say(f" ({shown})" if words else shown)

    def _text(self, text: str, *, kept: bool = False) -> None:
        for part in re.split(rf"({self._words.pattern.replace('(', '(?:')})", _FILLERS.sub("", text)):
            if self._words.fullmatch(part):
                self._word(part)
            elif kept:
                self._say(part.replace("\r\n", "\n"))
            else:
                self._stretch(part)

    def _word(self, word: str) -> None:
        found = self._words.fullmatch(word)
        if found and self._protected.expressions[int(found[1])].kind != "printed":
            self._statement(found)
        else:
            self._say(word)

    def _stretch(self, text: str) -> None:
        """Say a stretch of text with its white space made one space, or none between two Chinese lines."""
        for part in re.split(rf"({_SPACES.pattern})", text):
            if not part:
                continue
            if _SPACES.fullmatch(part):
                self._space = self._space or part
            else:
                self._say(part.replace("\u00a0", " "))

    def _statement(self, found: re.Match[str]) -> None:
        """Write a condition or a loop: line ends that are due belong before its beginning, and inside its end."""
        kind = self._protected.expressions[int(found[1])].kind
        breaks = self._due()
        if breaks:
            self.said.append(breaks)
            self._fresh = True
        elif self._space and not self._fresh:
            self.said.append(" ")
        self._space = ""
        self.said.append(found[0])
        if kind == "begin":
            self._around.append(self._fresh)
        elif kind == "end":
            # Where nothing of it is said, the line is as it was before.
            self._fresh = self._around.pop() and self._fresh

    def _due(self) -> str:
        breaks, self._breaks = self._breaks, 0
        return "" if self._fresh or not self.said else "\n" * breaks

    def _say(self, words: str) -> None:
        if not words:
            return
        breaks = self._due()
        if breaks:
            self.said.append(breaks)
        elif self._space and not self._fresh and not self._between_wide(words):
            self.said.append(" ")
        self._space, self._fresh = "", False
        self.said.append(words)

    def _between_wide(self, words: str) -> bool:
        """Say whether a line end here stands between two Chinese characters, where it is no space."""
        before = self.said[-1][-1:] if self.said else ""
        return "\n" in self._space and bool(_WIDE.match(before)) and bool(_WIDE.match(words))


def _is_in(element: Element | None, name: str) -> bool:
    return element is not None and element.name == name
