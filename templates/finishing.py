"""From a template as it is written to the content that its version keeps.

For a mail that means: HTML out of MJML, styles in their elements, pictures named by their
Content-ID, and a text part where its author wrote none.  Nothing of this is done again
when a mail is sent.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from language.problems import Problem
from templates.images import FOLDER, LARGEST_TOGETHER, spoken_of, with_content_ids
from templates.mail_html import MadeHtml, make_html
from templates.plain_text import text_from
from templates.sandbox import LARGEST_HTML
from templates.template import Folder

#: Sources of parts that were made from something else, by their file: what a version can be traced back to.
MADE_FROM: Final = "made_from"


@dataclass(kw_only=True)
class Finished:
    """A template's content, finished, and what is wrong with the way there."""

    content: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    made: dict[str, MadeHtml] = field(default_factory=dict)  #: the HTML of each language's mail, on its way
    texts_made: list[str] = field(default_factory=list)  #: languages whose mails had no text of their own


def finish(read: Folder, folder: Path) -> Finished:
    """Finish a template that was read from ``folder`` and inspected without a problem."""
    written = read.content or {}
    parts = {
        channel: {spoken: dict(words) for spoken, words in said.items()} for channel, said in written["parts"].items()
    }
    done = Finished(content={**written, "parts": parts})
    images: dict[str, str] = {}
    made_from: dict[str, str] = {}
    for spoken, words in parts.get("email", {}).items():
        if "html" not in words:
            continue
        name = read.file_of("email", spoken, "html")
        made_from[name] = hashlib.sha256(words["html"].encode()).hexdigest()
        made = done.made[spoken] = make_html(words["html"], spoken, mjml=spoken in read.mjml)
        if not made.problems:
            made.problems += _strangers(made, read)
        if not made.problems:
            html, used = with_content_ids(made.html, read.images)
            images.update(used)
            _put(made, html, words, spoken, done)
        done.problems += [replace(problem, file=str(folder / name)) for problem in made.problems]
    if sum(len(image) * 3 // 4 for image in images.values()) > LARGEST_TOGETHER:
        values = {"kilobytes": LARGEST_TOGETHER // 1000}
        sentence = "the pictures are together larger than {kilobytes} kB"
        done.problems.append(Problem(sentence=sentence, values=values, file=str(folder / FOLDER)))
    done.content |= {MADE_FROM: made_from} if made_from else {}
    done.content |= {"images": images} if images else {}
    return done


def _put(made: MadeHtml, html: str, words: dict[str, str], spoken: str, done: Finished) -> None:
    """Put finished HTML in the place of its source, and make the text where there is none."""
    words["html"] = made.protected.restore(html)
    if len(words["html"].encode()) > LARGEST_HTML:
        values = {"kilobytes": LARGEST_HTML // 1024}
        made.problems.append(Problem(sentence="the finished HTML is longer than {kilobytes} KB", values=values))
    if "text" not in words:
        words["text"] = made.protected.restore(text_from(made.protected, made.html))
        done.texts_made.append(spoken)


def _strangers(made: MadeHtml, read: Folder) -> Iterator[Problem]:
    """List the pictures that the HTML speaks of and that are not there."""
    known = ", ".join(read.images) or "-"
    for found in spoken_of(made.html):
        if found["name"] in read.images:
            continue
        line = made.protected.line_with(found["name"])
        sentence = "there is no picture {name} in the folder images; it has {known}"
        yield Problem(sentence=sentence, values={"name": found["name"], "known": known}, line=line)
