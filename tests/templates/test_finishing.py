"""A mail's text is made where it is missing, its pictures travel along, and its version keeps all of it."""

import base64
import struct
import zlib
from pathlib import Path

import pytest

from templates.checking import Checked
from templates.known_facts import SAMPLE_FACTS
from templates.library import check_template, digest, load_library
from templates.rendering import compile_content

STOP = '<a href="{{ links.unsubscribe }}">退订</a>'
SHEET = "title: {zh: 样, en: Sample}\npurpose: marketing\nlinks:\n  shop: https://www.example.com/\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


#: A picture of one red point.
PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
    + chunk(b"IEND", b"")
)


def folder(place: Path, html: str, *, images: dict[str, bytes] | None = None, sheet: str = SHEET, **files: str) -> Path:
    made = place / "sample"
    (made / "images").mkdir(parents=True, exist_ok=True)
    words = {"template.yaml": sheet, "email.zh.subject.txt": "您好", "email.zh.html": html}
    for name, text in {**words, **{name.replace("__", "."): text for name, text in files.items()}}.items():
        (made / name).write_text(text, encoding="utf-8")
    for name, content in (images or {}).items():
        (made / "images" / name).write_bytes(content)
    return made


def told(checked: Checked) -> list[str]:
    return [problem.told() for problem in checked.problems]


def warned(checked: Checked) -> list[str]:
    assert checked.problems == []
    return [f"{Path(warning.file or '').name}:{warning.line}: {warning.sentence}" for warning in checked.warnings]


def test_a_mail_without_text_gets_one_that_can_be_stopped_by(tmp_path: Path) -> None:
    checked = check_template(folder(tmp_path, f"<p>{{{{ name|default('您') }}}}</p>{STOP}"))

    assert (checked.content or {})["parts"]["email"]["zh"][
        "text"
    ] == "{{ name|default('您') }}\n\n退订 ({{ links.unsubscribe }})"
    assert warned(checked) == ["email.zh.html:None: there is no text part; one was made from the HTML"]


def test_a_text_that_was_written_is_kept(tmp_path: Path) -> None:
    checked = check_template(folder(tmp_path, STOP, email__zh__txt="您好 {{ links.unsubscribe }}"))

    assert (checked.content or {})["parts"]["email"]["zh"]["text"] == "您好 {{ links.unsubscribe }}"
    assert warned(checked) == []


def test_a_way_out_that_nobody_sees_is_none(tmp_path: Path) -> None:
    checked = check_template(folder(tmp_path, f'<p>x</p><div style="display:none">{STOP}</div>'))

    assert any(
        "email.zh.txt: an advertising email must hold {{ links.unsubscribe }}" in problem for problem in told(checked)
    )


@pytest.mark.parametrize("spoken", ["images/logo.png", "./images/logo.png", "cid:logo.png"])
def test_a_picture_travels_under_a_name_that_holds_its_digest(tmp_path: Path, spoken: str) -> None:
    html = f'<img src="{spoken}" alt="标志"><p style="background: url({spoken})">x</p>{STOP}'
    place = folder(
        tmp_path, html, images={"logo.png": PNG, "unused.gif": b"GIF89a"}, email__zh__txt="x {{ links.unsubscribe }}"
    )

    content = load_library(tmp_path).content("sample")
    words = compile_content(content).render("email", "zh", SAMPLE_FACTS, links=compile_content(content).sample_links())

    [(name, image)] = words.images.items()
    assert name.startswith("logo-") and name.endswith(".png@tidings") and image == PNG
    assert words.parts["html"].count(f"cid:{name}") == 2
    assert base64.b64decode(content["images"][name]) == PNG
    again = compile_content(content).render("email", "zh", SAMPLE_FACTS, links=compile_content(content).sample_links())
    assert again.images is words.images, "pictures are shared by all messages of a version"
    before = digest(content)
    (place / "images" / "logo.png").write_bytes(PNG + b"\0")
    assert digest(load_library(tmp_path).content("sample")) != before


def test_a_picture_can_stand_in_mjml(tmp_path: Path) -> None:
    source = (
        '<mjml><mj-body><mj-section background-url="images/back.png"><mj-column><mj-image src="images/logo.png" alt="x" />'
        f"<mj-text>{STOP}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    place = folder(tmp_path, "", images={"logo.png": PNG, "back.png": PNG}, email__zh__mjml=source)
    (place / "email.zh.html").unlink()

    content = load_library(tmp_path).content("sample")

    assert len(content["images"]) == 2
    assert content["parts"]["email"]["zh"]["html"].count("cid:back-") >= 2
    assert list(content["made_from"]) == ["email.zh.mjml"]


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("logo.svg", b"<svg/>", "an SVG is shown by hardly any mail program"),
        ("logo.png", b"GIF89a", "the file's content is no png"),
        ("logo.jpg", PNG, "the file's content is no jpg"),
        ("logo.png", PNG + b"x" * 200_000, "the picture is larger than 200 kB"),
        ("a b.png", PNG, "expected a png, jpg or gif with a name of"),
        ("logo.exe", b"MZ", "expected a png, jpg or gif"),
    ],
)
def test_a_picture_that_cannot_travel_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    problems = told(check_template(folder(tmp_path, STOP, images={name: content})))

    assert any(f"images/{name}: {words}" in problem for problem in problems), problems


def test_a_picture_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    problems = told(
        check_template(folder(tmp_path, f'{STOP}\n<img src="images/lgoo.png" alt="">', images={"logo.png": PNG}))
    )

    assert [problem.partition("email.")[2] for problem in problems] == [
        "zh.html:2: there is no picture lgoo.png in the folder images; it has logo.png"
    ]


@pytest.mark.parametrize(
    "spoken",
    ['style="background: url(cid:x@tidings)"', "style=\"background: url('cid:logo-0123456789ab.png@tidings')\""],
)
def test_a_content_id_that_somebody_made_up_is_no_picture(tmp_path: Path, spoken: str) -> None:
    problems = told(check_template(folder(tmp_path, f"<p {spoken}>x</p>{STOP}", images={"logo.png": PNG})))

    name = spoken.partition("cid:")[2].partition("@")[0]
    assert any(f"there is no picture {name}@tidings in the folder images" in problem for problem in problems), problems


def test_a_picture_with_spaces_around_its_address_is_refused_because_nothing_would_be_sent_along(
    tmp_path: Path,
) -> None:
    problems = told(
        check_template(folder(tmp_path, f'<img src=" images/logo.png " alt="">{STOP}', images={"logo.png": PNG}))
    )

    assert any("an address in an email is" in problem for problem in problems), problems


def test_a_picture_is_spoken_of_to_its_author_as_it_is_written(tmp_path: Path) -> None:
    html = f'{STOP}\n<img src="images/my-logo.png">\n<img src="cid:my-logo.png">'

    checked = check_template(
        folder(tmp_path, html, images={"my-logo.png": PNG}, email__zh__txt="x {{ links.unsubscribe }}")
    )

    assert [(warning.line, warning.values["address"]) for warning in checked.warnings] == [
        (2, "images/my-logo.png"),
        (3, "cid:my-logo.png"),
    ]
    assert (checked.content or {})["parts"]["email"]["zh"]["html"].count("@tidings") == 2


def test_pictures_may_not_be_too_large_together(tmp_path: Path) -> None:
    images = {f"{letter}.png": PNG + letter.encode() * 190_000 for letter in "abc"}
    html = "".join(f'<img src="images/{name}" alt="">' for name in images)

    problems = told(check_template(folder(tmp_path, html + STOP, images=images)))

    assert any("the pictures are together larger than 500 kB" in problem for problem in problems)


def test_html_and_mjml_for_the_same_mail_are_one_too_many(tmp_path: Path) -> None:
    problems = told(check_template(folder(tmp_path, STOP, email__zh__mjml="<mjml></mjml>")))

    assert any("there is email.zh.html already" in problem for problem in problems)


def test_what_is_worth_a_look_is_told_and_keeps_nothing_from_being_sent(tmp_path: Path) -> None:
    html = f'<p>{"好" * 35_000}</p>\n<img src="https://a.cn/a.png">\n<a href="http://a.cn">x</a>{STOP}'
    sheet = SHEET.replace("https://www", "http://www")

    checked = check_template(folder(tmp_path, html, sheet=sheet, email__zh__txt="x {{ links.unsubscribe }}"))

    assert warned(checked) == [
        "email.zh.html:None: the HTML comes to {size} kB; Gmail cuts off what is beyond {most} kB",
        "email.zh.html:2: the picture {address} has no alt; who sees no pictures reads nothing there",
        "email.zh.html:3: the link {address} is not https",
        "template.yaml:4: the link {address} is not https",
    ]
    assert checked.content is not None


def test_a_version_depends_on_its_sources_even_where_their_outcome_is_the_same(tmp_path: Path) -> None:
    once = digest(load_library(folder(tmp_path / "a", STOP).parent).content("sample"))
    other = digest(load_library(folder(tmp_path / "b", STOP + "{# a note #}").parent).content("sample"))

    assert once != other


def test_the_example_of_the_documentation_becomes_the_text_that_stands_there(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "templates.md").read_text("utf-8")
    source = page.partition("```xml\n")[2].partition("```")[0]
    expected = page.partition("由它生成的纯文本:\n\n```\n")[2].partition("\n```")[0]
    place = folder(tmp_path, "", images={"logo.png": PNG}, email__zh__mjml=source)
    (place / "email.zh.html").unlink()
    (place / "template.yaml").write_text(SHEET + "facts: {name: 您, brand_address: 上海}\n", encoding="utf-8")

    checked = check_template(place)

    assert told(checked) == []
    assert (checked.content or {})["parts"]["email"]["zh"]["text"] == expected
