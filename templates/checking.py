"""What is wrong with a template before anybody gets it, and what its author may want to know."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from language.documents import Document
from language.problems import InputRefused, Problem
from templates import wechat_fields
from templates.finishing import finish
from templates.inspection import UNKNOWN, UNKNOWN_NEAR, Inspection
from templates.known_facts import SAMPLE_FACTS
from templates.links import SURVEY, UNSUBSCRIBE
from templates.mail_warnings import warnings_of
from templates.places import Place
from templates.rendering import CompiledTemplate, RenderRefused, compile_content, inspect_content
from templates.sandbox import WHOLES
from templates.template import SHEET, Folder, source_file
from templates.text_messages import word_problems

EMAIL_PARTS: Final = ("subject", "html")  #: without which there is no email; its text can be made from html
LONGEST_SUBJECT: Final = 70  #: characters; phones cut off the rest

NO_WAY_OUT: Final = "an advertising email must hold {{{{ links.unsubscribe }}}} in html and text"
SCRIPT: Final = re.compile(
    r"<\s*(script|iframe|object|embed|form|base|meta\s+http-equiv)\b|\son[a-z]+\s*=", re.IGNORECASE
)
UNQUOTED: Final = re.compile(r"=\s*\{\{")
ADDRESS: Final = re.compile(
    r"\b(?P<name>href|src|background|background-url)\s*=\s*(?P<quote>[\"'])(?P<to>.*?)(?P=quote)", re.IGNORECASE
)
SURVEY_LINK: Final = re.compile(rf"{SURVEY}[\w-]{{1,100}}")
LINK: Final = re.compile(r"\{\{\s*links\.[a-z0-9_]+\s*\}\}")
#: In a mail's HTML a link to a survey may choose the score beforehand.
SCORED_LINK: Final = re.compile(r"\{\{\s*links\.(?P<name>[a-z0-9_]+)\s*\}\}\?score=\d{1,2}")
LITERAL_ADDRESS: Final = re.compile(r"(https?://[^\s{}]+|mailto:[^\s{}]+|tel:[^\s{}]+|#[^{}]*)")
OWN_PICTURE: Final = re.compile(r"(?:(?:\./)?images/|cid:)[A-Za-z0-9._-]+")
SCHEME: Final = re.compile(r"\b(?:javascript|data|vbscript|file):", re.IGNORECASE)


@dataclass(kw_only=True)
class Checked:
    """A template that was looked at: it may be sent where it has no problems."""

    problems: list[Problem]
    warnings: list[Problem] = field(default_factory=list)
    content: dict[str, Any] | None = None  #: finished; None: there are problems


def check_folder(read: Folder, folder: Path) -> Checked:
    """Finish a template that was read from ``folder``, and list every problem on the way."""
    problems = list(read.problems)
    if read.content is None:
        return Checked(problems=problems)
    problems += _sheet_problems(read, folder)
    inspected = inspect_content(read.content)
    for (channel, language, part), inspection in inspected.items():
        placed = Place(read, folder, channel, language, part)
        problems += [placed.put(problem) for problem in inspection.problems]
        problems += [placed.put(problem) for problem in _part_problems(read.content, placed, inspection)]
    problems += _missing_parts(read, folder)
    if problems:
        return Checked(problems=problems)
    finished = finish(read, folder)
    problems = finished.problems or [*_finished_problems(read, finished.content, folder)]
    if problems:
        return Checked(problems=problems)
    warnings = list(warnings_of(read, finished, folder))
    return Checked(problems=problems, warnings=warnings, content=finished.content)


def _sheet_problems(read: Folder, folder: Path) -> Iterator[Problem]:
    content, document = read.content or {}, read.documents[SHEET]
    sheet = str(folder / SHEET)
    for name, address in content["links"].items():
        parts = urlsplit(address)
        if name == UNSUBSCRIBE:
            sentence = "the link unsubscribe is always there; do not declare it"
        elif SURVEY_LINK.fullmatch(address):
            continue
        elif parts.scheme not in ("http", "https") or not parts.hostname:
            sentence = "a link begins with https:// or http://, or is survey:NAME; found {address}"
        else:
            continue
        line = document.line_of(("links", name))
        values = {"address": address}
        yield Problem(sentence=sentence, values=values, file=sheet, line=line, field=f"links.{name}")
    yield from _unknown_parts(content["facts"], document, sheet)
    if not content["parts"]:
        yield Problem(sentence="the template has words for no channel", file=sheet)
    for language in ("zh", "en"):
        if language not in content["title"]:
            line = document.line_of(("title",))
            sentence = "the title is missing in {language}"
            yield Problem(sentence=sentence, values={"language": language}, file=sheet, line=line, field="title")


def _unknown_parts(defaults: Mapping[str, object], document: Document, sheet: str) -> Iterator[Problem]:
    """Find defaults for parts that no fact has; what events tell as parts of ``trigger`` nobody can know."""
    for name in defaults:
        whole, _, part = name.partition(".")
        parts = SAMPLE_FACTS.get(whole)
        if not part or whole not in WHOLES or not isinstance(parts, Mapping) or part in parts:
            continue
        known = sorted(f"{whole}.{each}" for each in parts)
        near = difflib.get_close_matches(name, known, n=1)
        values = {"name": name, "near": near[0] if near else "", "known": ", ".join(known)}
        sentence = (UNKNOWN_NEAR if near else UNKNOWN)["fact"]
        line = document.line_of(("facts", name))
        yield Problem(sentence=sentence, values=values, file=sheet, line=line, field=f"facts.{name}")


def _missing_parts(read: Folder, folder: Path) -> Iterator[Problem]:
    content = read.content or {}
    for channel, languages in content["parts"].items():
        default = content["default_language"]
        if default not in languages:
            sentence = "{channel} has no words in the template's default language {language}"
            yield Problem(sentence=sentence, values={"channel": channel, "language": default}, file=str(folder))
        for language, parts in languages.items():
            for part in EMAIL_PARTS if channel == "email" else ():
                if part not in parts:
                    file = str(folder / source_file(channel, language, part))
                    yield Problem(sentence="this file is missing: an email has a subject, and html or mjml", file=file)
            if channel == "wechat" and not parts.keys() - {wechat_fields.ADDRESS_FIELD}:
                file = str(folder / source_file(channel, language, "fields"))
                sentence = "expected at least one field of the approved template, such as thing1, or text"
                yield Problem(sentence=sentence, file=file)


def _part_problems(content: Mapping[str, Any], place: Place, inspection: Inspection) -> Iterator[Problem]:
    marketing = content["purpose"] == "marketing"
    if place.channel == "sms" and inspection.tree is not None:
        yield from word_problems(inspection.tree, content, place.language, marketing=marketing)
    if place.channel == "email" and marketing and place.part != "subject" and UNSUBSCRIBE not in inspection.links:
        yield Problem(sentence=NO_WAY_OUT, line=1)
    is_field = place.channel == "wechat" and place.part not in wechat_fields.UNTYPED
    if is_field and wechat_fields.kind_of(place.part) is None:
        known = ", ".join(f"{kind}1" for kind in wechat_fields.KINDS)
        sentence = "WeChat has no such field; fields are {known} (with their number), url, and text"
        yield Problem(sentence=sentence, values={"known": known}, line=1)
    if place.part == "html":
        yield from _html_problems(place.source, content["links"])


def _html_problems(source: str, links: Mapping[str, str]) -> Iterator[Problem]:
    for found in SCRIPT.finditer(source):
        sentence = "{what} is not allowed in an email"
        yield _at(source, found, sentence, what=found[0].strip())
    for found in UNQUOTED.finditer(source):
        yield _at(source, found, "put the value of an attribute between quotation marks")
    for found in ADDRESS.finditer(source):
        address = found["to"].strip()
        # As it is written: a picture is found, and sent along, where its address fills the quotation marks.
        if found["name"].lower() != "href" and OWN_PICTURE.fullmatch(found["to"]):
            continue
        scored = SCORED_LINK.fullmatch(address)
        if scored is not None and SURVEY_LINK.fullmatch(links.get(scored["name"], "")):
            continue
        if not LINK.fullmatch(address) and not LITERAL_ADDRESS.fullmatch(address):
            sentence = "an address in an email is {{{{ links.NAME }}}} or begins with https://; found {address}"
            yield _at(source, found, sentence, address=address[:80])
    for found in SCHEME.finditer(source):
        sentence = "{what} is not allowed in an email"
        yield _at(source, found, sentence, what=found[0])


def _at(source: str, found: re.Match[str], sentence: str, **values: object) -> Problem:
    return Problem(sentence=sentence, values=values, line=source.count("\n", 0, found.start()) + 1)


def _finished_problems(read: Folder, content: Mapping[str, Any], folder: Path) -> Iterator[Problem]:
    """Look at finished content once more, and fill in its words for a believable member."""
    inspected = inspect_content(content)
    for (channel, language, part), inspection in inspected.items():
        file = str(folder / read.file_of(channel, language, part))
        stops = content["purpose"] != "marketing" or part == "subject" or UNSUBSCRIBE in inspection.links
        yield from (replace(problem, file=file, line=None) for problem in inspection.problems)
        if channel == "email" and inspection.tree is not None and not stops:
            yield Problem(sentence=NO_WAY_OUT, file=file)
    if any(inspection.problems for inspection in inspected.values()):
        return
    try:
        compiled = compile_content(content)
    except InputRefused as refused:
        yield from refused.problems
        return
    for channel, language in compiled.words:
        first = next(iter(content["parts"][channel][language]))
        file = str(folder / read.file_of(channel, language, first))
        try:
            rendered = compiled.render(channel, language, SAMPLE_FACTS, links=compiled.sample_links())
        except RenderRefused as refused_words:
            sentence = "filled in for a sample member these words are refused: {reason}"
            yield Problem(sentence=sentence, values={"reason": refused_words.reason}, file=file)
            continue
        yield from _length_problems(compiled, content, folder, channel, language)
        subject = rendered.parts.get("subject", "")
        if len(subject) > LONGEST_SUBJECT:
            sentence = "the subject comes to {length} characters; phones show {longest}"
            values = {"length": len(subject), "longest": LONGEST_SUBJECT}
            file = str(folder / source_file(channel, language, "subject"))
            yield Problem(sentence=sentence, values=values, file=file)


def _length_problems(
    compiled: CompiledTemplate, content: Mapping[str, Any], folder: Path, channel: str, language: str
) -> Iterator[Problem]:
    most, parts = content["sms"]["most_parts"], compiled.estimated_parts(channel, language)
    if channel == "sms" and parts > most:
        sentence = "the text comes to about {parts} parts and sms.most_parts is {most}; say less, or allow more"
        file = str(folder / source_file(channel, language, "text"))
        yield Problem(sentence=sentence, values={"parts": parts, "most": most}, file=file)
