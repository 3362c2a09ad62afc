"""Every mistake in a template folder is told with its file, its line and what was expected."""

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from language.problems import InputRefused
from templates.known_facts import SAMPLE_FACTS
from templates.library import BUILT_IN, check_template, digest, load_library, template_folders
from templates.rendering import compile_content

GOOD: dict[str, str] = {
    "template.yaml": (
        "title: {zh: 样, en: Sample}\npurpose: marketing\nfacts:\n  name: 会员\nlinks:\n  shop: https://www.example.com/\n"
    ),
    "sms.zh.txt": "{{ name }}，您好。拒收请回复R\n",
    "email.zh.subject.txt": "您好，{{ name }}\n",
    "email.zh.html": '<p>{{ name }}</p>\n<a href="{{ links.shop }}">去</a>\n<a href="{{ links.unsubscribe }}">退订</a>\n',
    "email.zh.txt": "{{ name }}\n{{ links.unsubscribe }}\n",
    "wechat.zh.yaml": 'thing1: "{{ name }}"\nurl: "{{ links.shop }}"\n',
}


def told(folder: Path, **changed: str | None) -> list[str]:
    """Write the good template with some files changed (None: left out) and return what is wrong."""
    place = folder / "sample"
    place.mkdir()
    for name, text in {**GOOD, **{key.replace("__", "."): value for key, value in changed.items()}}.items():
        if text is not None:
            (place / name).write_text(text, encoding="utf-8")
    problems = check_template(place).problems
    return [problem.told().removeprefix(f"{place}/") for problem in problems]


def test_a_good_template_has_no_problems(tmp_path: Path) -> None:
    assert told(tmp_path) == []


@pytest.mark.parametrize(
    "file, text, expected",
    [
        ("sms__zh__txt", "好\n{{ nmae }} 拒收请回复R", "sms.zh.txt:2: unknown fact nmae; did you mean name?"),
        ("sms__zh__txt", "{{ links.shpo }} 退订回T", "sms.zh.txt:1: unknown link shpo; did you mean shop?"),
        ("sms__zh__txt", "{{ name|uper }} 退订回T", "sms.zh.txt:1: unknown filter uper; did you mean upper?"),
        ("sms__zh__txt", "好\n\n{{ name 退订回T", "sms.zh.txt:3: this is not a well-formed template:"),
        ("sms__zh__txt", "好\n{% if name %}退订回T", "sms.zh.txt:2: this is not a well-formed template:"),
        ("sms__zh__txt", "{{ name }}，您好。", "sms.zh.txt:1: an advertising text must say how to stop it"),
        (
            "sms__zh__txt",
            "好" * 140 + "拒收请回复R",
            "sms.zh.txt: the text comes to about 3 parts and sms.most_parts is 2",
        ),
        ("sms__zh__txt", "{{ tier + 1 }} 退订回T", "sms.zh.txt: filled in for a sample member these words are refused"),
        ("sms__zh__txt", "{{ loyalty.points }} {{ loyalty.ponts }} 退订回T", "these words are refused: missing_fact:loyalty.ponts"),
        ("sms__zh__txt", "{{ trigger.points }} 退订回T", "these words are refused: missing_fact:trigger.points"),
        ("email__zh__subject__txt", None, "email.zh.subject.txt: this file is missing: an email has a subject"),
        ("email__zh__html", None, "email.zh.html: this file is missing: an email has a subject"),
        ("email__zh__subject__txt", "长" * 71, "email.zh.subject.txt: the subject comes to 71 characters"),
        ("email__zh__txt", "{{ name }}", "email.zh.txt:1: an advertising email must hold {{ links.unsubscribe }}"),
        (
            "email__zh__html",
            '\n<a href="{{ attributes.page }}">x</a>{{ links.unsubscribe }}',
            "email.zh.html:2: an address in an email is {{ links.NAME }} or begins with https://; found {{ attributes.page }}",
        ),
        (
            "email__zh__html",
            '<a href="{{ links.shop }}?score=9">9</a>{{ links.unsubscribe }}',
            "email.zh.html:1: an address in an email is {{ links.NAME }} or begins with https://; found {{ links.shop }}?score=9",
        ),
        (
            "email__zh__html",
            '{{ links.unsubscribe }}\n\n<a href="javascript:alert(1)">x</a>',
            "email.zh.html:3: an address in an email is",
        ),
        (
            "email__zh__html",
            "<p id={{ name }}>{{ links.unsubscribe }}</p>",
            "email.zh.html:1: put the value of an attribute",
        ),
        ("email__zh__html", "{{ links.unsubscribe }}<script>1</script>", "email.zh.html:1: <script is not allowed"),
        ("email__zh__html", '{{ links.unsubscribe }}<p onclick="x()">', "email.zh.html:1: onclick= is not allowed"),
        (
            "email__zh__html",
            "{{ links.unsubscribe }}\x07",
            "email.zh.html:1: the text holds the control character U+0007",
        ),
        ("wechat__zh__yaml", 'thing1: "{{ name }}"\nthink2: x\n', "wechat.zh.yaml:2:think2: WeChat has no such field"),
        (
            "wechat__zh__yaml",
            'thing1: "{{ name }}"\nthing2: "{{ nme }}"\n',
            "wechat.zh.yaml:2:thing2: unknown fact nme",
        ),
        (
            "wechat__zh__yaml",
            'phrase1: "hello"\n',
            "wechat.zh.yaml: filled in for a sample member these words are refused: field_unfit:phrase1",
        ),
        ("wechat__zh__yaml", 'url: "{{ links.shop }}"\n', "wechat.zh.yaml: expected at least one field"),
        ("wechat__zh__yaml", 'text1: "x"\n', "wechat.zh.yaml:1:text1: WeChat has no such field"),
        ("wechat__zh__yaml", "thing1: [\n", "wechat.zh.yaml:2: this is not YAML"),
        ("sms__fr__txt", "Bonjour", "sms.fr.txt: no channel takes this file"),
        ("email__zh__pdf", "x", "email.zh.pdf: no channel takes this file"),
        ("sms__zh__html", "x", "sms.zh.html: no channel takes this file"),
        ("template__yaml", None, "template.yaml: the file cannot be read"),
        (
            "template__yaml",
            "title: {zh: 样, en: S}\npurpose: marketing\nfacts: {name: 会员}\nlinks:\n  about: https://a.cn\n  shop: ftp://x.cn\n",
            "template.yaml:6:links.shop: a link begins with https:// or http://, or is survey:NAME; found ftp://x.cn",
        ),
        (
            "template__yaml",
            "title: {zh: 样, en: S}\npurpose: advertising\nfacts: {name: 会员}\nlinks: {shop: https://x.cn}\n",
            "template.yaml:2:purpose: one of 'marketing', 'service' was expected",
        ),
        (
            "template__yaml",
            "title: {zh: 样}\npurpose: service\nfacts: {name: 会员}\nlinks: {shop: https://x.cn}\n",
            "template.yaml:1:title: the title is missing in en",
        ),
        (
            "template__yaml",
            "title: {zh: 样, en: S}\npurpose: service\npurpos: x\nlinks: {shop: https://x.cn}\n",
            "template.yaml:3:purpos: purpos is not known here; did you mean purpose?",
        ),
        (
            "template__yaml",
            "title: {zh: 样, en: S}\npurpose: service\ndefault_language: en\nlinks: {shop: https://x.cn}\n",
            "sms has no words in the template's default language en",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, file: str, text: str | None, expected: str) -> None:
    problems = told(tmp_path, **{file: text})

    assert any(expected in problem for problem in problems), problems


def test_a_mail_that_is_written_in_mjml_is_told_of_by_its_own_file(tmp_path: Path) -> None:
    source = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>{0} {1}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    mjml = source.format("{{ tier + 1 }}", '<a href="{{ links.unsubscribe }}">退订</a>')

    problems = told(tmp_path, email__zh__html=None, email__zh__mjml=mjml)

    assert [problem.partition(": ")[0] for problem in problems] == ["email.zh.mjml"], problems


def test_what_is_wrong_with_a_finished_mail_is_told_once(tmp_path: Path) -> None:
    html = f"<p>{'word ' * 15_000}</p>{{{{ links.unsubscribe }}}}"

    assert told(tmp_path, email__zh__html=html, email__zh__txt=None) == ["email.zh.txt: the text is longer than 64 KB"]


def test_a_link_may_lead_to_a_survey_that_has_a_name(tmp_path: Path) -> None:
    sheet = GOOD["template.yaml"]
    asks, nameless = (re.sub(r"shop: .*", f'shop: "{link}"', sheet) for link in ("survey:after-purchase", "survey:a b"))
    for folder in ("asks", "nameless"):
        (tmp_path / folder).mkdir()

    assert told(tmp_path / "asks", template__yaml=asks) == []
    assert [problem for problem in told(tmp_path / "nameless", template__yaml=nameless) if "or is survey:NAME" in problem]


def test_a_default_is_for_a_part_that_there_is(tmp_path: Path) -> None:
    parts = "loyalty.ponts: 0\n  orders.zzzzz: 0\n  loyalty.points: 0\n  trigger.whatever: 0\n  attributes.city: x\n  name:"
    found = told(tmp_path, template__yaml=GOOD["template.yaml"].replace("name:", parts))

    assert found[0].startswith("template.yaml:4") and "fact loyalty.ponts; did you mean loyalty.points?" in found[0]
    assert found[1].startswith("template.yaml:5") and "fact orders.zzzzz; known are orders.average" in found[1]
    assert len(found) == 2


def test_a_missing_signature_is_no_mistake_because_the_provider_adds_it(tmp_path: Path) -> None:
    assert told(tmp_path, sms__zh__txt="您好，退订回T") == []


def test_a_service_message_needs_no_offer_to_stop(tmp_path: Path) -> None:
    sheet = GOOD["template.yaml"].replace("marketing", "service")

    assert told(tmp_path, template__yaml=sheet, sms__zh__txt="您的订单已发货", email__zh__txt="已发货") == []


def test_words_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    told(tmp_path)
    (tmp_path / "sample" / "sms.zh.txt").write_bytes("您好，退订".encode("gbk"))

    assert any("UTF-8" in problem.told() for problem in check_template(tmp_path / "sample").problems)


def test_a_broken_template_stops_only_whoever_wants_it(tmp_path: Path) -> None:
    told(tmp_path, sms__zh__txt="{{ nmae }}")
    good = tmp_path / "other"
    good.mkdir()
    for name, text in GOOD.items():
        (good / name).write_text(text, encoding="utf-8")
    library = load_library(tmp_path)

    assert library.content("other")["name"] == "other"
    with pytest.raises(InputRefused, match="nmae"):
        library.content("sample")


def test_an_unknown_template_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputRefused, match="welcome"):
        load_library().content("welcom")


def test_the_digest_is_of_the_content_and_not_of_the_order_of_its_keys() -> None:
    content = load_library().content("welcome")

    assert digest(content) == digest(dict(reversed(content.items())))
    assert digest(content) != digest({**content, "purpose": "service"})


@pytest.mark.parametrize("folder", template_folders(BUILT_IN), ids=lambda folder: folder.name)
def test_every_built_in_template_is_sound_and_speaks_both_languages_on_all_channels(folder: Path) -> None:
    assert check_template(folder).problems == []

    compiled = compile_content(load_library().content(folder.name))
    assert set(compiled.words) == {(c, s) for c in ("sms", "email", "wechat") for s in ("zh", "en")}


@pytest.mark.parametrize("folder", template_folders(BUILT_IN), ids=lambda folder: folder.name)
def test_every_built_in_template_can_be_said_to_a_member_of_whom_nothing_is_known(folder: Path) -> None:
    compiled = compile_content(load_library().content(folder.name))
    facts = {"attributes": {}, "today": date(2026, 3, 5), "purchases": 0, "spend": 0}

    for channel, language in compiled.words:
        assert compiled.render(channel, language, facts, links=compiled.sample_links()).parts


class _Nesting(HTMLParser):
    """Notes end tags that close nothing, tags left open, and paragraphs inside paragraphs."""

    WITHOUT_END = frozenset({"meta", "br", "img", "hr", "!doctype"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "p" and "p" in self.open:
            self.wrong.append("p in p")
        if tag not in self.WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("folder", template_folders(BUILT_IN), ids=lambda folder: folder.name)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_built_in_email_is_well_nested_html_that_needs_no_image(folder: Path, language: str) -> None:
    compiled = compile_content(load_library().content(folder.name))
    facts = {**SAMPLE_FACTS, "attributes": {"favourites": ["a", "b"]}}
    html = compiled.render("email", language, facts, links=compiled.sample_links()).parts["html"]

    nesting = _Nesting()
    nesting.feed(html)

    assert nesting.wrong == [] and nesting.open == []
    assert "<img" not in html and "color-scheme" in html
