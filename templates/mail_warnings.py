"""What a template's author may want to change although nothing is wrong with it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from language.problems import Problem
from templates.finishing import Finished
from templates.known_facts import SAMPLE_FACTS
from templates.mail_html import MadeHtml
from templates.markup import read_markup
from templates.rendering import RenderRefused, compile_content
from templates.template import SHEET, Folder

#: Bytes of HTML from which on Gmail shows only the beginning, and with it perhaps no way to unsubscribe.
#: Source: https://shkspr.mobi/blog/2019/05/102kb-ought-to-be-enough-for-any-email/ (measured, as "102KB"; Google
#: states no figure), read in November 2026.  Taken as 102,000, the smaller reading.
CLIPPED: Final = 102_000


def warnings_of(read: Folder, finished: Finished, folder: Path) -> Iterator[Problem]:
    """List what is worth a look in the mails of finished content; none of it keeps them from being sent."""
    content = finished.content
    mails = content["parts"].get("email", {})
    for spoken in mails:
        file = str(folder / read.file_of("email", spoken, "html"))
        if spoken in finished.texts_made:
            yield Problem(sentence="there is no text part; one was made from the HTML", file=file)
        yield from _size(content, spoken, file)
        yield from _pieces(finished.made[spoken], file)
    if mails:
        yield from _open_links(content["links"], read, folder)


def _size(content: Mapping[str, Any], spoken: str, file: str) -> Iterator[Problem]:
    compiled = compile_content(content)
    try:
        html = compiled.render("email", spoken, SAMPLE_FACTS, links=compiled.sample_links()).parts["html"]
    except RenderRefused:
        return
    size = len(html.encode())
    if size > CLIPPED:
        sentence = "the HTML comes to {size} kB; Gmail cuts off what is beyond {most} kB"
        yield Problem(sentence=sentence, values={"size": -(-size // 1000), "most": CLIPPED // 1000}, file=file)


def _pieces(made: MadeHtml, file: str) -> Iterator[Problem]:
    for piece in read_markup(made.html):
        if piece.kind != "open" or piece.element is None:
            continue
        said = piece.element.attributes
        if piece.element.name == "img" and "alt" not in said:
            sentence = "the picture {address} has no alt; who sees no pictures reads nothing there"
            yield _at(made, said.get("src", ""), sentence, file)
        if said.get("href", "").lower().startswith("http://"):
            yield _at(made, said["href"], "the link {address} is not https", file)


def _at(made: MadeHtml, address: str, sentence: str, file: str) -> Problem:
    values = {"address": made.protected.restore(address)[:80]}
    return Problem(sentence=sentence, values=values, file=file, line=made.protected.line_with(address))


def _open_links(links: Mapping[str, str], read: Folder, folder: Path) -> Iterator[Problem]:
    for name, address in links.items():
        if address.lower().startswith("http://"):
            line = read.documents[SHEET].line_of(("links", name))
            values = {"address": address[:80]}
            file = str(folder / SHEET)
            yield Problem(
                sentence="the link {address} is not https", values=values, file=file, line=line, field=f"links.{name}"
            )
