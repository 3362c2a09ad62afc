"""Making the HTML of a mail: MJML is compiled, styles are put into the elements they are for.

This happens once, when a template is read.  What comes out is a template still, with every
expression of Jinja in its place, and is what a template's version keeps.  Neither program
reaches the network or a file: what would make one do so is refused before.

Source: https://documentation.mjml.io/ (the elements of MJML), read in November 2026.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import css_inline
import mrml

from language.problems import Problem
from templates.expressions import Protected, as_comments, lost, misplaced, protect
from templates.markup import ATTRIBUTE, Broken, Element, Piece, read_markup
from templates.sandbox import sandbox

LARGEST_MJML: Final = 128 * 1024  #: characters
#: Elements by the square of colons in their styles, which is what a stylesheet can cost at worst; some seconds.
MOST_STYLING: Final = 300_000_000

ELEMENTS: Final = frozenset(
    {
        *("mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-preview"),
        *("mj-style", "mj-title", "mj-raw", "mj-accordion", "mj-accordion-element", "mj-accordion-title"),
        *("mj-accordion-text", "mj-button", "mj-column", "mj-divider", "mj-group", "mj-hero", "mj-image"),
        *("mj-navbar", "mj-navbar-link", "mj-section", "mj-social", "mj-social-element", "mj-spacer", "mj-table"),
        *("mj-text", "mj-wrapper"),
    }
)
#: What is refused, and why.
FETCHES: Final = {
    "link": "<{name}> would fetch something from elsewhere; write the styles themselves",
    "mj-include": "<{name}> would fetch something from elsewhere; write the styles themselves",
    "mj-font": "<{name}> would fetch something from elsewhere; write the styles themselves",
    "mj-carousel": "<{name}> works in hardly any mail program; use pictures below each other",
    "mj-html-attributes": "<{name}> is not known here; write the attributes on the element itself",
}
#: What is read by rules of its own and shown by hardly any mail program.
FOREIGN: Final = frozenset(
    ["svg", "math", "template", "noscript", "noframes", "noembed", "plaintext", "xmp", "frameset", "select", "textarea"]
)
FETCHING_STYLE: Final = re.compile(r"@import\b", re.IGNORECASE)
_TITLE: Final = re.compile(r"(<mj-title\s*>)(.*?)(</mj-title\s*>)", re.IGNORECASE | re.DOTALL)

_RESETS: Final = '<style type="text/css">\n#outlook'
_KEPT: Final = 'data-css-inline="ignore"'
_INLINER: Final = css_inline.CSSInliner(
    # Rules that cannot stand in an element, such as those for dark screens and small ones, stay where they are.
    keep_style_tags=True,
    remove_inlined_selectors=True,
    load_remote_stylesheets=False,
)


@dataclass(kw_only=True)
class MadeHtml:
    """What became of one source."""

    protected: Protected
    html: str = ""  #: expressions are still words; empty: there are problems
    problems: list[Problem] = field(default_factory=list)


def make_html(source: str, language: str, *, mjml: bool) -> MadeHtml:
    """Compile a source that has been inspected already; what is wrong with it is listed with its lines."""
    made = MadeHtml(protected=protect(source, sandbox(language, html=True)))
    protected = made.protected
    try:
        pieces, made.problems = _read(protected, mjml=mjml)
    except Broken as broken:
        made.problems.append(_told(broken, protected.line_of(broken.offset)))
    if made.problems:
        return made
    html = as_comments(protected, pieces)
    if mjml:
        try:
            # No fonts: the program knows addresses of some and would put them in by itself.
            html = mrml.to_html(_quoted_title(html), None, mrml.RenderOptions(fonts={})).content
        except OSError as error:
            made.problems.append(Problem(sentence="this is not MJML: {words}", values={"words": str(error)}, line=1))
            return made
    try:
        made.html = _inlined(html)
        made.problems += lost(protected, made.html)
    except Broken as broken:
        made.problems.append(_told(broken, None))
    except css_inline.InlineError as error:
        made.problems.append(Problem(sentence="the styles cannot be read: {words}", values={"words": str(error)}))
    return made


def _told(broken: Broken, line: int | None) -> Problem:
    return Problem(sentence=broken.sentence, values=broken.values, line=line)


def _quoted_title(mjml: str) -> str:
    """Write quotation marks of the title as entities: the program also makes an attribute of it, and forgets to."""
    return _TITLE.sub(lambda found: found[1] + found[2].replace('"', "&#34;") + found[3], mjml)


def _inlined(html: str) -> str:
    """Put styles into elements.

    Raises:
        Broken: the HTML is not well-formed, or its styles are too many.
    """
    pieces = list(read_markup(html))
    elements = sum(piece.kind == "open" for piece in pieces)
    colons = sum(html.count(":", piece.start, piece.end) for piece in pieces if piece.kind == "raw")
    if elements * colons**2 > MOST_STYLING:
        raise Broken(0, "the styles are too many for so many elements; say less")
    for place in reversed(list(_bodies(html, pieces))):
        html = f"{html[:place]}<tbody>{html[place:]}"
    if not any(piece.element is not None and piece.element.name in ("html", "head", "body") for piece in pieces):
        # Comments before the first element would come to stand outside the body that a parser makes up.
        html = f"<!DOCTYPE html><html><head></head><body>{html}</body></html>"
    # MJML's own resets stay in the head, as MJML means them; in every cell they would double the mail.
    html = html.replace(_RESETS, f'<style {_KEPT} type="text/css">\n#outlook', 1)
    return _INLINER.inline(html).replace(f" {_KEPT}", "", 1)


def _bodies(html: str, pieces: Iterable[Piece]) -> Iterator[int]:
    """Yield where a comment comes first in a table.

    A parser lets the table's body begin before the first row, and so behind a statement that
    stands around the row: it would begin outside the body and end inside.
    """
    before: Piece | None = None
    for piece in pieces:
        begun = before.element if before is not None and before.kind == "open" else None
        if piece.kind == "comment" and begun is not None and begun.name == "table" and piece.inside is begun:
            yield piece.start
        if piece.kind != "text" or piece.text(html).strip():
            before = piece


def _read(protected: Protected, *, mjml: bool) -> tuple[list[Piece], list[Problem]]:
    """Read a source, and list what may not stand in it.

    Raises:
        Broken: it cannot be read.
    """
    text = protected.text
    if mjml and len(text) > LARGEST_MJML:
        raise Broken(0, "the text is longer than {kilobytes} KB", kilobytes=LARGEST_MJML // 1024)
    pieces: list[Piece] = []
    try:
        pieces.extend(read_markup(text, mjml=mjml))
    except Broken:
        # A word inside a tag is often what broke it, and says more.
        told = misplaced(protected, pieces)
        if told:
            return pieces, told
        raise
    problems = misplaced(protected, pieces)
    problems += [_told(broken, protected.line_of(broken.offset)) for broken in _wrong_pieces(text, pieces, mjml=mjml)]
    first = next((piece.element.name for piece in pieces if piece.element is not None), "")
    if mjml and first != "mjml":
        problems.append(Problem(sentence="MJML begins with <mjml>; found {found}", values={"found": first}, line=1))
    return pieces, problems


def _wrong_pieces(text: str, pieces: list[Piece], *, mjml: bool) -> Iterator[Broken]:
    for piece in pieces:
        if piece.kind == "raw" and piece.inside is not None and piece.inside.name in ("style", "mj-style"):
            found = FETCHING_STYLE.search(text, piece.start, piece.end)
            if found:
                yield Broken(found.start(), FETCHES["link"], name=found[0])
        if piece.kind == "open" and piece.element is not None:
            yield from _wrong_element(piece, piece.element, mjml=mjml)


def _wrong_element(piece: Piece, element: Element, *, mjml: bool) -> Iterator[Broken]:
    name, attributes = element.name, element.attributes
    if name in FETCHES:
        yield Broken(piece.start, FETCHES[name], name=name)
    elif name in FOREIGN or (name.startswith("mj") and not mjml):
        yield Broken(piece.start, "{what} is not allowed in an email", what=f"<{name}>")
    elif name.startswith("mj") and name not in ELEMENTS:
        near = difflib.get_close_matches(name, ELEMENTS, n=1)
        known = near[0] if near else ", ".join(sorted(ELEMENTS))
        yield Broken(piece.start, "MJML has no element <{name}>; expected {known}", name=name, known=known)
    if name == "style" and "media" in attributes:
        yield Broken(piece.start, "write @media inside <style>, not as its attribute")
    around = piece.inside.name if piece.inside is not None else ""
    if name == "mj-social-element" and "src" not in attributes and around != "mj-attributes":
        yield Broken(piece.start, "<{name}> needs a picture of your own: src", name=name)
    if mjml and any(each["bare"] is not None for each in ATTRIBUTE.finditer(piece.attributes)):
        yield Broken(piece.start, "put the value of an attribute between quotation marks")
