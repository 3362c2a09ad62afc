"""No template reaches Python, hogs the machine or smuggles words past the escaping."""

import resource
import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from language.problems import InputRefused
from templates.rendering import CompiledTemplate, RenderRefused, compile_content, inspect_content
from templates.sandbox import sandbox
from tests.templates.hostile import REFUSED_AT_CHECK, STOPPED_WHEN_RUN


def content(source: str, *, part: str = "text") -> dict[str, Any]:
    """Return a template whose email (subject, html and text harmless but for one) says ``source``."""
    parts = {"subject": "Hello", "html": "<p>Hello</p>", "text": "Hello", part: source}
    return {
        "name": "sample",
        "title": {"zh": "样", "en": "Sample"},
        "purpose": "service",
        "default_language": "zh",
        "facts": {},
        "links": {"shop": "https://www.example.com/"},
        "sms": {"market": "cn", "most_parts": 2},
        "parts": {"email": {"zh": parts}, "sms": {"zh": {"text": source if part == "text" else "您好"}}},
    }


FACTS: Mapping[str, object] = {
    "name": "Anna",
    "spend": Decimal("12.5"),
    "joined_on": date(2026, 1, 2),
    "attributes": {
        "l": list(range(100)),
        "many": list(range(101)),
        "long": "a" * 4_000,
        "huge": "a" * 8_001,
        "thing": object(),
        "infinite": float("inf"),
    },
}


def render(compiled: CompiledTemplate, facts: Mapping[str, object] = FACTS, channel: str = "email") -> dict[str, str]:
    return compiled.render(channel, "zh", facts, links=compiled.sample_links()).parts


@pytest.mark.parametrize("source", REFUSED_AT_CHECK, ids=range(len(REFUSED_AT_CHECK)))
@pytest.mark.parametrize("part", ["text", "html"])
def test_a_hostile_template_is_refused_with_its_line_before_it_is_compiled(source: str, part: str) -> None:
    inspected = inspect_content(content(source, part=part))["email", "zh", part]

    assert inspected.problems
    assert all(problem.told("zh") and problem.told("en") for problem in inspected.problems)
    with pytest.raises(InputRefused):
        compile_content(content(source, part=part))


def test_a_text_is_held_to_less_than_the_html_of_a_mail() -> None:
    long = "a" * 70_000

    found = inspect_content(content(long))
    of_html = inspect_content(content(long, part="html"))

    assert {key for key, inspection in found.items() if inspection.problems} == {
        ("email", "zh", "text"),
        ("sms", "zh", "text"),
    }
    assert [inspection.problems for inspection in of_html.values()] == [[], [], [], []]
    with pytest.raises(InputRefused, match="longer than 64 KB"):
        compile_content(content(long))
    assert compile_content(content(long, part="html"))


@pytest.mark.parametrize("source", STOPPED_WHEN_RUN, ids=range(len(STOPPED_WHEN_RUN)))
@pytest.mark.parametrize("part", ["text", "html"])
def test_a_template_that_does_too_much_ends_as_a_named_refusal(source: str, part: str) -> None:
    try:
        compiled = compile_content(content(source, part=part))
    except InputRefused:
        return

    with pytest.raises(RenderRefused) as refused:
        render(compiled)

    assert "Anna" not in refused.value.reason
    assert "aaaa" not in refused.value.reason


def test_all_hostile_templates_together_need_little_time_and_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.process_time()

    for source in (*REFUSED_AT_CHECK, *STOPPED_WHEN_RUN):
        try:
            render(compile_content(content(source)))
        except (InputRefused, RenderRefused):
            continue

    assert time.process_time() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before.ru_maxrss < 64 * 1024


def test_the_longest_loops_that_pass_the_check_end_within_a_second() -> None:
    source = "{% for a in attributes.l %}{% for b in attributes.l %}{{ 1 if (a == b) }}{% endfor %}{% endfor %}"
    compiled = compile_content(content(source))
    started = time.process_time()

    render(compiled)

    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "name", ["{{7*7}}", "{% raw %}", "${7*7}", "{# no #}", "{{ ''.__class__ }}", "{% include 'x' %}", "%(name)s", "{0}"]
)
def test_a_members_own_data_is_never_read_as_a_template(name: str) -> None:
    compiled = compile_content(content("{{ name }}|{{ name|upper }}"))

    assert render(compiled, {"name": name})["text"] == f"{name}|{name.upper()}"


def test_html_is_escaped_whatever_filters_and_joins_the_words_pass_through() -> None:
    evil = '<script>alert("1")</script>\'&'
    source = (
        "{{ name }}{{ name|upper|lower }}{{ name ~ '!' }}{{ name|default('x') }}{{ name|replace('a', 'b') }}"
        "{{ attributes.l|join(name) }}{{ name|truncate(9) }}{{ name if name else 'x' }}{{ name|trim|title }}"
    )
    compiled = compile_content(content(source, part="html"))

    html = render(compiled, {"name": evil, "attributes": {"l": [evil, evil]}})["html"]

    assert "<" not in html and '"' not in html and "'" not in html
    assert "&lt;script&gt;" in html


def test_a_line_break_in_a_members_data_cannot_begin_a_new_header() -> None:
    compiled = compile_content(content("Hello {{ name }}", part="subject"))

    subject = render(compiled, {"name": "Anna\r\nBcc: everybody@example.com\x00\u2028X: y\x85z"})["subject"]

    assert subject == "Hello Anna Bcc: everybody@example.comX: yz"


def test_control_characters_half_characters_and_direction_overrides_are_dropped_and_emoji_stay() -> None:
    compiled = compile_content(content("{{ name }}"))

    text = render(compiled, {"name": "A\x00\x1b[31m\ud83d\u202eB👩\u200d👧"}, "sms")["text"]

    assert text == "A[31mB👩\u200d👧"
    assert text.encode()


def test_the_sandbox_has_no_globals_and_no_filters_but_the_listed() -> None:
    place = sandbox("zh", html=True)

    assert place.globals == {}
    assert not place.extensions
    assert {"safe", "attr", "map", "format", "tojson", "xmlattr", "center"}.isdisjoint(place.filters)


def test_a_refusal_leaves_no_member_data_in_the_chain_of_errors() -> None:
    compiled = compile_content(content("{{ name|date }}"))

    with pytest.raises(RenderRefused) as refused:
        render(compiled, {"name": "Secret Person"})

    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
