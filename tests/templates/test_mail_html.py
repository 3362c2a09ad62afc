"""MJML and HTML become mails once, with every expression in its place, and nothing hostile gets to the programs."""

import re
import time
from html import unescape
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import nodes

from templates.known_facts import SAMPLE_FACTS
from templates.library import BUILT_IN, load_library, template_folders
from templates.mail_html import MadeHtml, make_html
from templates.plain_text import text_from
from templates.rendering import compile_content
from templates.sandbox import sandbox
from templates.template import read_folder

BODY = "<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"
COLUMN = "<mj-section><mj-column>{0}</mj-column></mj-section>"


def mjml(column: str, head: str = "") -> str:
    return BODY.format(head=head, body=COLUMN.format(column))


def made(source: str, *, as_mjml: bool = False) -> MadeHtml:
    return make_html(source, "zh", mjml=as_mjml)


def finished(source: str, *, as_mjml: bool = False) -> str:
    done = made(source, as_mjml=as_mjml)
    assert done.problems == []
    return done.protected.restore(done.html)


def told(source: str, *, as_mjml: bool = False) -> list[str]:
    return [problem.told() for problem in made(source, as_mjml=as_mjml).problems]


def expressions(source: str) -> list[str]:
    """Return what Jinja is to do in a source, without the words between."""
    tree = sandbox("zh", html=True).parse(source)
    found = tree.find_all((nodes.Name, nodes.Getattr, nodes.Filter, nodes.If, nodes.For, nodes.Const))
    return [type(node).__name__ + str(getattr(node, "name", getattr(node, "attr", ""))) for node in found]


#: Signs that eat the white space beside an expression; it is gone once a source is read, and so are they.
SIGN = re.compile(r"(?<=^\{[{%])[-+]|[-+](?=[%}]\}$)")
EXPRESSION = re.compile(r"""\{\{(?:"[^"]*"|'[^']*'|[^"'}])*\}\}|\{%.*?%\}""")
SURVIVORS = [
    "<mj-text>{{ name|default(\"<b> & 'quoted' }}\") }}</mj-text>",
    '<mj-button href="{{ links.shop }}">{{ name }}</mj-button>',
    '<mj-image src="images/a.png" alt="{{ name }}" href="{{ links.shop }}" />',
    '{% if purchases < 3 and tier == "gold" %}<mj-text>a</mj-text>{% elif tier %}<mj-text>b</mj-text>{% else %}<mj-text>c</mj-text>{% endif %}',
    "<mj-text>{% for item in attributes.favourites %}<p>{{ item }}</p>{% endfor %}</mj-text>",
    "<mj-table>{% for item in attributes.favourites %}<tr><td>{{ item }}</td></tr>{% endfor %}</mj-table>",
    "<mj-text>{%- if tier -%} x {%- endif -%}</mj-text>",
    '<mj-text><p style="color:{% if tier %}gold{% else %}black{% endif %}">a</p></mj-text>',
    '<mj-social><mj-social-element src="images/a.png" href="{{ links.shop }}">{{ name }}</mj-social-element></mj-social>',
    "<mj-raw>{% if tier %}<tr><td>{{ tier }}</td></tr>{% endif %}</mj-raw>",
]


@pytest.mark.parametrize("column", SURVIVORS)
def test_expressions_come_through_mjml_and_styles_untouched(column: str) -> None:
    source = mjml(column, "<mj-style>p { color: red } td { margin: 0 }</mj-style>")

    html = finished(source, as_mjml=True)

    for expression in EXPRESSION.findall(column):
        assert SIGN.sub("", expression) in html
    assert set(expressions(html)) == set(expressions(source))


def test_white_space_is_eaten_once_and_on_the_side_that_says_so() -> None:
    html = finished("<p>a\n{%- if tier -%}\nb {% endif -%}\n c {{- name }} d {{--5}}</p>")

    assert "<p>a{% if tier %}b {% endif %}c{{ name }} d{{ -5}}</p>" in html


def test_a_condition_around_sections_stands_around_the_same_sections() -> None:
    html = finished(
        BODY.format(head="", body="{% if tier %}" + COLUMN.format("<mj-text>in</mj-text>") + "{% endif %}"),
        as_mjml=True,
    )

    inside = html.partition("{% if tier %}")[2].partition("{% endif %}")[0]
    assert ">in</div>" in inside and inside.count("<div") == inside.count("</div>")


def test_rows_in_a_loop_stay_rows_although_a_parser_adds_a_body() -> None:
    html = finished("<table>\n{% for item in attributes.l %}<tr><td>{{ item }}</td></tr>{% endfor %}</table>")

    assert "<tbody>{% for item in attributes.l %}<tr><td>{{ item }}</td></tr>{% endfor %}</tbody>" in html


@pytest.mark.parametrize(
    "source, line, words",
    [
        ("<p>\n<a {{ name }}>x</a></p>", 2, "stands inside a tag"),
        ("<{{ name }}>x</p>", 1, "stands inside a tag"),
        ('<p>a</p>\n<p {% if tier %}class="x"{% endif %}>b</p>', 2, "stands inside a tag"),
        ('\n{% if tier %}<div class="a">{% else %}<div class="b">{% endif %}x</div>', 2, "is never closed"),
        ("<div>{% if tier %}</div>\n<div>{% endif %}</div>", 2, "must stand with its beginning and its end"),
        ("<table><tr>\n{% if tier %}{{ tier }}<td>a</td>{% endif %}</tr></table>", 2, "must stand with its beginning"),
        ("{% if tier %}<style>\n{% endif %}a { color: red }</style><a>x</a>", 2, "must stand"),
        ("<p>a\n<b>b</p>", 2, "<b> is never closed"),
        ("a</p>", 1, "</p> closes nothing"),
        ('<p>\n<a href="x>y</a>', 2, "a quotation mark of it is not closed"),
        ("\n<!-- x", 2, "has no end -->"),
        ("<p>x</p><![if !mso]>y<![endif]>", 1, "<![if !mso]> is not allowed"),
        ("\n<svg></svg>", 2, "<svg> is not allowed"),
        ('<link rel="stylesheet" href="https://a.cn/a.css">', 1, "<link> would fetch"),
        ("<style>\n@import url(https://a.cn/a.css);</style>", 2, "would fetch"),
        ('<style media="print">p { color: red }</style>', 1, "write @media inside <style>"),
        ("<mj-text>x</mj-text>", 1, "<mj-text> is not allowed"),
    ],
)
def test_what_could_not_be_carried_through_html_is_refused_with_its_line(source: str, line: int, words: str) -> None:
    problems = made(source).problems

    assert any(words in problem.told() and problem.line == line for problem in problems), problems


@pytest.mark.parametrize(
    "source, line, words",
    [
        ("<p>x</p>", 1, "MJML begins with <mjml>; found p"),
        (mjml('\n<mj-include path="/etc/passwd" />'), 2, "<mj-include> would fetch"),
        (mjml("", '<mj-font name="A" href="https://a.cn/a.css" />'), 1, "<mj-font> would fetch"),
        (mjml("\n<mj-txt>x</mj-txt>"), 2, "MJML has no element <mj-txt>; expected mj-text"),
        (mjml("\n<mj-text>a < b</mj-text>"), 2, "write &lt;"),
        (mjml("\n<mj-text align=left>a</mj-text>"), 2, "put the value of an attribute between quotation marks"),
        (mjml("<mj-text>a\n<b>b</mj-text>"), 2, "<b> is never closed"),
        (mjml('<mj-image src="x" width="{{ points }}px" />'), 1, "{{ points }} would be lost here"),
        (BODY.format(head="{% if tier %}<mj-title>x</mj-title>{% endif %}", body=""), 1, "would be lost here"),
        (mjml('<mj-social><mj-social-element name="x">a</mj-social-element></mj-social>'), 1, "a picture of your own"),
        (mjml("<mj-text><!-- a -- b --></mj-text>"), 1, "MJML allows no -- inside a comment"),
        (mjml("<mj-accordion>text</mj-accordion>"), 1, "this is not MJML"),
    ],
)
def test_what_could_not_be_carried_through_mjml_is_refused_with_its_line(source: str, line: int, words: str) -> None:
    problems = made(source, as_mjml=True).problems

    assert any(words in problem.told() and problem.line == line for problem in problems), problems


def test_styles_are_in_their_elements_and_those_that_cannot_be_stay_in_the_head() -> None:
    html = finished(
        "<html><head><style>p { color: red } a:hover { color: blue } @media (max-width: 480px) { p { color: green !important } }"
        "</style></head><body><p>x</p></body></html>"
    )

    assert '<p style="color: red;">' in html
    assert "a:hover" in html and "@media (max-width: 480px)" in html and "p { color: red" not in html


def test_nothing_is_fetched_by_itself_whatever_font_is_named() -> None:
    html = finished(mjml('<mj-text font-family="Open Sans, Roboto">x</mj-text>'), as_mjml=True)

    assert "<link" not in html and "@import" not in html and "googleapis" not in html


def test_a_title_with_quotation_marks_breaks_no_attribute() -> None:
    html = finished(mjml("<mj-text>x</mj-text>", '<mj-title>A "good" {{ name }}</mj-title>'), as_mjml=True)

    assert re.search(r'aria-label="A &quot;good&quot; \{\{ name \}\}"', html)


def test_what_only_looks_like_an_expression_once_it_is_read_stays_words() -> None:
    source = "<p>&#123;{ name }} {% raw %}{{ tier }}{% endraw %} &#123;&#37; if %} {{ purchases }}</p>"

    rendered = sandbox("zh", html=True).from_string(finished(source)).render(purchases=3)

    assert "<p>{{ name }} {{ tier }} {% if %} 3</p>" in rendered


EXPRESSIONS = st.sampled_from(
    [
        "{{ name }}",
        "{{ name|default(\"<a 'b' & }}\") }}",
        "{{ 'x' if purchases < 3 else \">\" }}",
        "{{- tier -}}",
        "{# a <b> #}",
    ]
)
STRETCHES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{}<>&%#"), max_size=12)
INSIDE = st.lists(st.one_of(STRETCHES, EXPRESSIONS), max_size=4).map("".join)
QUOTABLE = st.sampled_from(["{{ name }}", "{{ tier|upper }}"])


def chosen(blocks: tuple[str, str]) -> str:
    return "{% if tier == '<b>' %}" + blocks[0] + "{% else %}" + blocks[1] + "{% endif %}"


BLOCKS = st.recursive(
    st.one_of(INSIDE.map(lambda said: f"<p>{said}</p>"), QUOTABLE.map(lambda said: f'<p title="{said}">x</p>')),
    lambda blocks: st.one_of(
        st.tuples(blocks, blocks).map(chosen),
        blocks.map(lambda said: "{% for each in attributes.l %}" + said + "{% endfor %}"),
        blocks.map(lambda said: f"<div>{said}</div>"),
    ),
    max_leaves=8,
)


@given(block=BLOCKS, as_mjml=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_arrangement_of_expressions_says_the_same_before_and_after(block: str, as_mjml: bool) -> None:
    facts = {"name": "王 <小> 明", "tier": "gold", "purchases": 2, "attributes": {"l": ["a", "b"]}}
    place = sandbox("zh", html=True)
    source = mjml(f"<mj-text>{block}</mj-text>") if as_mjml else block

    made_of = place.from_string(finished(source, as_mjml=as_mjml)).render(facts)

    said = re.findall(r"<p[^>]*>.*?</p>", place.from_string(block).render(facts), re.DOTALL)
    kept = re.findall(r"<p[^>]*>.*?</p>", made_of, re.DOTALL)
    assert [plain(words) for words in kept] == [plain(words) for words in said]


def plain(words: str) -> str:
    """Return a paragraph as a browser reads it."""
    return " ".join(unescape(words).split())


HOSTILE = {
    "deep html": "<div>" * 40_000,
    "deep closed html": "<div>" * 20_000 + "</div>" * 20_000,
    "deep mjml": "<mjml><mj-body>" + "<mj-wrapper>" * 10_000,
    "many elements": "<i></i>" * 30_000,
    "many styles": f"<style>{'i{b:c}' * 8000}</style>{'<i></i>' * 4000}",
    "open tags": '<a "' * 60_000,
    "open comments": "<!--" * 60_000,
    "open styles": "<style>" * 30_000,
    "attributes": f"<a {' '.join(f'a{number}' for number in range(30_000))}></a>",
    "formatting": "<p>" + "".join(f"<b id={number}>" for number in range(90)) + "</p><p>" * 9000,
    "selectors": f"<style>{':not(' * 30_000}a{')' * 30_000}{{b:c}}</style><a>x</a>",
    "brackets": f"<style>a{{b:{'(' * 200_000}</style><a>x</a>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_source_takes_long_or_ends_the_process(name: str) -> None:
    begun = time.monotonic()

    for as_mjml in (False, True):
        make_html(HOSTILE[name], "zh", mjml=as_mjml)

    assert time.monotonic() - begun < 20


def test_ten_megabytes_are_not_even_read(tmp_path: Path) -> None:
    place = tmp_path / "large"
    place.mkdir()
    (place / "template.yaml").write_text("title: {zh: 大, en: Large}\npurpose: service\n", encoding="utf-8")
    (place / "email.zh.mjml").write_text("<mjml>" * 1_700_000, encoding="utf-8")

    assert [problem.sentence for problem in read_folder(place).problems] == ["the text is longer than {kilobytes} KB"]


@pytest.mark.parametrize("folder", template_folders(BUILT_IN), ids=lambda folder: folder.name)
def test_every_built_in_mail_keeps_its_expressions_and_is_made_the_same_each_time(folder: Path) -> None:
    read = read_folder(folder)
    first, second = load_library().content(folder.name), load_library().content(folder.name)

    assert first == second and first["made_from"]
    for language, words in (read.content or {})["parts"]["email"].items():
        html = first["parts"]["email"][language]["html"]
        assert set(expressions(html)) >= set(expressions(words["html"]))
        assert "qj" not in html and "<link" not in html
        done = make_html(words["html"], language, mjml=language in read.mjml)
        assert "unsubscribe" in done.protected.restore(text_from(done.protected, done.html))


def test_the_birthday_mail_is_made_from_mjml_for_phones_dark_screens_and_outlook() -> None:
    content = load_library().content("birthday")
    compiled = compile_content(content)

    assert set(content["made_from"]) == {"email.zh.mjml", "email.en.mjml"}
    for language in ("zh", "en"):
        html = compiled.render("email", language, SAMPLE_FACTS, links=compiled.sample_links()).parts["html"]
        assert "<mj-" not in html and "prefers-color-scheme: dark" in html and "max-width: 480px" in html
        assert "<!--[if mso" in html and html.count('role="presentation"') > 5
        assert html.count("example.com/c/") == 2 and len(html) < 20_000
