"""Attributes that no dictionary defines are pointed out by file and line, and are no mistake."""

from pathlib import Path

import pytest

from templates.attributes_said import undefined_attributes
from templates.library import load_library

DEFINED = {"skin_type", "city", "tags"}


def template(folder: Path, words: str, facts: str = "") -> Path:
    made = folder / "sample"
    made.mkdir()
    (made / "template.yaml").write_text(f"title: {{zh: 样, en: Sample}}\npurpose: service\n{facts}", encoding="utf-8")
    (made / "sms.zh.txt").write_text(words, encoding="utf-8")
    return made


def told(folder: Path, defined: set[str] = DEFINED) -> list[tuple[str, int | None, str]]:
    return [
        (Path(each.file or "").name, each.line, str(each.values["near"] or each.values["name"]))
        for each in undefined_attributes(folder, defined)
    ]


def test_a_misspelt_attribute_is_told_once_a_file_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    words = "您好\n{% if attributes.skin_tpye %}{{ attributes.skin_tpye }}{% endif %}\n{{ attributes['citty']|default('—') }} {{ attributes.city }}"

    assert told(template(tmp_path, words)) == [("sms.zh.txt", 2, "skin_type"), ("sms.zh.txt", 3, "city")]


def test_an_attribute_like_no_other_is_told_without_a_guess(tmp_path: Path) -> None:
    (found,) = undefined_attributes(template(tmp_path, "{{ attributes.zodiac }}"), DEFINED)

    assert found.values["near"] == ""
    assert "look at its spelling" in found.told()


def test_nothing_is_told_where_nobody_defined_an_attribute(tmp_path: Path) -> None:
    assert told(template(tmp_path, "{{ attributes.zodiac }}"), set()) == []


@pytest.mark.parametrize(("name", "expected"), [("skin_tpye", [("template.yaml", 4, "skin_type")]), ("coupon", []), ("city", [])])
def test_a_declared_fact_is_told_only_where_it_looks_like_an_attribute(
    tmp_path: Path, name: str, expected: list[tuple[str, int, str]]
) -> None:
    facts = f"facts:\n  {name}: {{zh: 一, en: one}}\n"

    assert told(template(tmp_path, f"您好 {{{{ {name} }}}}", facts)) == expected


def test_the_library_tells_them_among_its_warnings_and_still_gives_the_words(tmp_path: Path) -> None:
    template(tmp_path, "您好 {{ attributes.zodiac|default('—') }}")
    library = load_library(tmp_path)

    assert library.warnings("sample") == ()
    assert len(library.warnings("sample", attributes=DEFINED)) == 1
    assert library.channels("sample") == {"sms"}


def test_a_template_that_cannot_be_read_tells_its_own_problems_and_no_more(tmp_path: Path) -> None:
    folder = template(tmp_path, "{{ attributes.zodiac")
    (folder / "template.yaml").write_text("purpose: [", encoding="utf-8")

    assert told(folder) == []
