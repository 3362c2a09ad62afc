"""Filling in the words for one member.

A member's data is only ever a value: it is never read as a template.  Content is inspected
and compiled once per process and kept; a rendering is then a few function calls.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

from jinja2 import Template, TemplateError, UndefinedError, nodes

from language.lengths import LONGEST_MAINLAND_TEXT, Market, sms_parts
from language.problems import InputRefused, Problem
from templates import wechat_fields
from templates.given_facts import given_facts
from templates.images import NO_IMAGES, carried
from templates.inspection import Inspection, Vocabulary, guard, inspect_source, note_facts
from templates.known_facts import KNOWN_FACTS, SAMPLE_FACTS, brand_facts
from templates.links import UNSUBSCRIBE
from templates.sandbox import (
    LARGEST_HTML,
    LARGEST_OUTPUT,
    LARGEST_SOURCE,
    NOTES,
    UNPRINTABLE,
    Unfit,
    clean,
    sandbox,
)
from templates.template import LANGUAGES, canonical, source_file

SAMPLE_LINK: Final = "https://example.com/c/" + "x" * 32


class RenderRefused(Exception):
    """The words cannot be said to this member.

    ``reason`` is for counting and free of personal data: ``missing_fact:NAME``,
    ``no_words:CHANNEL``, ``field_unfit:FIELD``, ``words_too_long``, ``words_empty:PART``, or
    what the sandbox names.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """The words filled in for one member on one channel."""

    parts: dict[str, str]  #: as ``Message.parts`` wants them
    variables: dict[str, str]  #: sms only: each fact that was printed, as it was printed
    language: str  #: the language spoken, which may be the template's and not the member's
    #: email only: as ``Message.images`` wants them; one mapping for every member
    images: Mapping[str, bytes] = field(default_factory=dict)
    billed_parts: int = 1  #: sms: parts with the 【brand】 signature counted where the mainland asks for one


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """One compiled part."""

    part: str
    template: Template
    has_loops: bool


@dataclass(frozen=True, kw_only=True)
class CompiledTemplate:
    """A template ready to be filled in, any number of times, from any thread."""

    name: str
    purpose: str
    default_language: str
    channels: tuple[str, ...]
    languages: tuple[str, ...]
    link_names: tuple[str, ...]  #: in the order that click tokens count them
    links: Mapping[str, str]  #: where each tracked link leads
    facts: frozenset[str]  #: facts the words use, in any part
    defaults: Mapping[str, Mapping[str, object]]  #: by language: what to say for lack of a fact
    market: Market
    words: Mapping[tuple[str, str], tuple[_Words, ...]]  #: by channel and language
    images: Mapping[str, Mapping[str, bytes]]  #: by language, then Content-ID: what its mail carries along

    def render(self, channel: str, language: str, facts: Mapping[str, object], *, links: Mapping[str, str]) -> Rendered:
        """Fill in every part of one channel.

        Raises:
            RenderRefused: with a countable reason; nothing of the member's data is in it.
        """
        spoken = self._spoken(channel, language)
        try:
            known = given_facts(self.facts, spoken, facts, defaults=self.defaults[spoken])
            notes: dict[str, str] = {}
            known["links"] = dict(links)
            known[NOTES] = notes
            parts = {words.part: _fill(words, known) for words in self.words[channel, spoken]}
        except UndefinedError as missing:
            raise RenderRefused(missing.message or "missing_fact") from None
        except Unfit as unfit:
            raise RenderRefused(str(unfit.message)) from None
        except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError):
            # The error's own words may hold a member's data.
            raise RenderRefused("words_do_not_work") from None
        if channel == "sms":
            return self._text_message(spoken, parts["text"], notes, facts)
        finished = _one_line_subject(parts) if channel == "email" else _wechat(parts)
        _refuse_empty(finished)
        images = self.images.get(spoken, NO_IMAGES) if channel == "email" else NO_IMAGES
        return Rendered(parts=finished, variables={}, language=spoken, images=images)

    def estimated_parts(self, channel: str, language: str) -> int:
        """Return the parts that will be billed for a believable member."""
        return self.render(channel, language, SAMPLE_FACTS, links=self.sample_links()).billed_parts

    def sample_links(self) -> dict[str, str]:
        """Return addresses of the usual length."""
        return dict.fromkeys((*self.link_names, UNSUBSCRIBE), SAMPLE_LINK)

    def link_at(self, index: int) -> str | None:
        """Say where the link of this place leads, or None when the template has no such link."""
        return self.links[self.link_names[index]] if 0 <= index < len(self.link_names) else None

    def _spoken(self, channel: str, language: str) -> str:
        asked = language[:2].lower()
        for spoken in (asked, self.default_language, *LANGUAGES):
            if (channel, spoken) in self.words:
                return spoken
        raise RenderRefused(f"no_words:{channel}")

    def _text_message(
        self, language: str, text: str, notes: Mapping[str, str], facts: Mapping[str, object]
    ) -> Rendered:
        parts = {"text": clean(text).strip()}
        _refuse_empty(parts)
        signature = ""
        if self.market == "cn" and not parts["text"].startswith("【"):
            brand = brand_facts(facts.get("brand"), language)["brand"] or self.defaults[language].get("brand", "")
            signature = f"【{brand}】"
        length = sms_parts(signature + parts["text"], market=self.market)
        if self.market == "cn" and length.units > LONGEST_MAINLAND_TEXT:
            raise RenderRefused("words_too_long")
        variables = {name: clean(said) for name, said in notes.items()}
        return Rendered(parts=parts, variables=variables, language=language, billed_parts=length.parts)


def compile_content(content: Mapping[str, object]) -> CompiledTemplate:
    """Inspect and compile a template's content; the same content is compiled once.

    Raises:
        InputRefused: it says something templates may not say.
    """
    return _compiled(canonical(content))


@lru_cache(maxsize=256)
def _compiled(text: str) -> CompiledTemplate:
    return compile_anew(cast(dict[str, Any], json.loads(text)))


def inspect_content(content: Mapping[str, Any]) -> dict[tuple[str, str, str], Inspection]:
    """Read every source of a content, by channel, language and part."""
    vocabulary = Vocabulary(facts=KNOWN_FACTS | content["facts"].keys(), links={*content["links"], UNSUBSCRIBE})
    return {
        (channel, language, part): inspect_source(
            source,
            sandbox(language, html=part == "html"),
            vocabulary,
            largest=LARGEST_HTML if part == "html" else LARGEST_SOURCE,
        )
        for channel, languages in content["parts"].items()
        for language, parts in languages.items()
        for part, source in parts.items()
    }


def compile_anew(content: Mapping[str, Any]) -> CompiledTemplate:
    """Do what ``compile_content`` does, for one who keeps what comes of it.

    Raises:
        InputRefused: it says something templates may not say.
    """
    inspected = inspect_content(content)
    words: dict[tuple[str, str], list[_Words]] = {}
    problems: list[Problem] = []
    for (channel, language, part), inspection in inspected.items():
        file = f"{content['name']}/{source_file(channel, language, part)}"
        problems += [replace(problem, file=file) for problem in inspection.problems]
        if not inspection.problems and inspection.tree is not None:
            template = _template(inspection.tree, language, channel, part, file)
            made = _Words(part=part, template=template, has_loops=inspection.has_loops)
            words.setdefault((channel, language), []).append(made)
    if problems:
        raise InputRefused(problems)
    return CompiledTemplate(
        name=content["name"],
        purpose=content["purpose"],
        default_language=content["default_language"],
        channels=tuple(content["parts"]),
        languages=tuple(sorted({language for _channel, language in words}, key=LANGUAGES.index)),
        link_names=tuple(sorted(content["links"])),
        links=MappingProxyType(dict(content["links"])),
        facts=frozenset[str]().union(*(inspection.facts for inspection in inspected.values())),
        defaults={language: defaults_in(content["facts"], language) for language in LANGUAGES},
        market=content["sms"]["market"],
        words={key: tuple(value) for key, value in words.items()},
        images=carried(content),
    )


def _template(tree: nodes.Template, language: str, channel: str, part: str, file: str) -> Template:
    """Compile an inspected tree; text messages also note the facts they print."""
    environment = sandbox(language, html=part == "html")
    guard(tree)
    if channel == "sms":
        note_facts(tree)
    try:
        # The name shows up in error messages only; it is never looked up.
        code = environment.compile(tree, file, file)
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError):
        sentence = "the template is nested too deeply, or a number is too long"
        raise InputRefused([Problem(sentence=sentence, file=file)]) from None
    return Template.from_code(environment, code, {})


def _fill(words: _Words, known: dict[str, object]) -> str:
    pieces = words.template.root_render_func(words.template.new_context(known, shared=True))
    if not words.has_loops:
        text = "".join(pieces)
    else:
        # Counted on the way: what a loop prints can outgrow the memory before it is joined.
        kept, length = [], 0
        for piece in pieces:
            length += len(piece)
            if length > LARGEST_OUTPUT:
                raise Unfit("words_too_long")
            kept.append(piece)
        text = "".join(kept)
    if len(text) > LARGEST_OUTPUT // 4 and len(text.encode()) > LARGEST_OUTPUT:
        raise Unfit("words_too_long")
    return text


def _one_line_subject(parts: dict[str, str]) -> dict[str, str]:
    return {**parts, "subject": _one_line(parts["subject"])}


def _one_line(text: str) -> str:
    # Control characters become spaces here: a line break in a subject would begin a new header.
    spaced = text if text.isprintable() else UNPRINTABLE.sub(" ", text)
    return " ".join(spaced.split())


def _wechat(parts: Mapping[str, str]) -> dict[str, str]:
    fitted = {}
    for name, text in parts.items():
        fitted[name] = text.strip() if name == wechat_fields.TEXT_FIELD else wechat_fields.fit(name, _one_line(text))
        if not wechat_fields.fits(name, fitted[name]):
            raise RenderRefused(f"field_unfit:{name}")
    return fitted


def _refuse_empty(parts: Mapping[str, str]) -> None:
    for part, text in parts.items():
        if not text.strip():
            raise RenderRefused(f"words_empty:{part}")


def defaults_in(facts: Mapping[str, object], language: str) -> Mapping[str, object]:
    """Return each declared default as it is said in one language, or in the other where it has none."""
    said: dict[str, object] = {}
    for name, default in facts.items():
        if isinstance(default, Mapping):
            said[name] = default.get(language, next(iter(default.values()), None))
        else:
            said[name] = default
    return said
