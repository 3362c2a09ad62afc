"""An advertisement says how to stop it, so that everybody reads it and the answer is heeded; 【】 is for one signature."""

import shutil
from pathlib import Path

import pytest

from templates.library import BUILT_IN, check_template, template_folders

UNHEEDED = "members are told to answer {word}, and such an answer stops nothing; write R, T, TD, N or STOP"
MISSING = "an advertising text must say how to stop it: 拒收请回复R, 退订 or STOP"
HIDDEN = "the way to stop stands where not everybody gets it; take it out of the condition"
MISPLACED = "in a mainland text message 【】 holds the signature: once, and at the very start"


def told(folder: Path, words: str, *, purpose: str = "marketing", market: str = "cn", more: str = "") -> list[str]:
    """Write a template with this text message and return the sentences of its problems."""
    made = folder / "sample"
    made.mkdir()
    sheet = f"title: {{zh: 样, en: S}}\npurpose: {purpose}\nfacts: {{name: 会员{more}}}\nlinks: {{shop: 'https://x.cn'}}\nsms: {{market: {market}, most_parts: 5}}\n"
    (made / "template.yaml").write_text(sheet, encoding="utf-8")
    (made / "sms.zh.txt").write_text(words, encoding="utf-8")
    return [problem.sentence for problem in check_template(made).problems]


@pytest.mark.parametrize(
    "offer",
    ["拒收请回复R", "退订回T", "回T退订", "回TD退订", "回N退订", "退订请回复TD", "回复TD退订", "拒收回复Ｒ", "退订：回T", "回复“T”即可退订", "回0000退订", "退订T",
     "T退订", "回复退订", "拒收请回复 R", "Reply R to opt out.", "Reply STOP to unsubscribe", "Txt STOP 2 end", "STOP to end", "To opt out, reply STOP",
     "Opt-out: reply T", "Reply STOP", "Text STOP to stop", "退订：{{ links.unsubscribe }}", "{% if tier %}拒收请回复R{% else %}退订回T{% endif %}"],
)  # fmt: skip
def test_every_usual_wording_is_an_offer(tmp_path: Path, offer: str) -> None:
    assert told(tmp_path, "{{ name }}，新品到店。" + offer) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("{{ name }}，新品到店。", MISSING),
        ("您的退订单已处理", MISSING),
        ("Never STOP dreaming", MISSING),
        ("新品到店 可退T恤", MISSING),
        ("新品到店{# 拒收请回复R #}", MISSING),
        ("新品到店 拒收请回复Z", UNHEEDED),
        ("新品到店 回8退订", UNHEEDED),
        ("New! Reply OUT to unsubscribe.", UNHEEDED),
        ("新品到店{% if tier %} 拒收请回复R{% endif %}", HIDDEN),
        ("新品到店{% if tier %} 拒收请回复R{% else %} 到店有礼{% endif %}", HIDDEN),
        ("新品到店{% for each in attributes.list %}退订回T{% endfor %}", HIDDEN),
    ],
)
def test_what_is_no_offer_to_everybody_is_told(tmp_path: Path, words: str, expected: str) -> None:
    assert told(tmp_path, words) == [expected]


def test_an_offer_may_be_a_declared_fact(tmp_path: Path) -> None:
    assert told(tmp_path, "新品到店 {{ stop }}", more=", stop: 拒收请回复R") == []


@pytest.mark.parametrize(
    "words", ["新品【限时】到店", "新品到店【示例】", "【示例】【限时】新品", "【】新品", "【示例新品", "{{ name }}【示例】", "{% if tier %}【a】{% endif %}好【b】"]
)
def test_square_brackets_are_for_one_signature_at_the_start(tmp_path: Path, words: str) -> None:
    assert told(tmp_path, words, purpose="service") == [MISPLACED]


@pytest.mark.parametrize("words", ["您的订单已发货", "【示例商城】您的订单已发货", "【{{ brand }}】您的订单已发货"])
def test_one_signature_or_none_may_stand_in_a_template(tmp_path: Path, words: str) -> None:
    assert told(tmp_path, words, purpose="service") == []


def test_abroad_square_brackets_are_brackets(tmp_path: Path) -> None:
    assert told(tmp_path, "Your parcel【box】is here", purpose="service", market="intl") == []


@pytest.mark.parametrize("folder", template_folders(BUILT_IN), ids=lambda folder: folder.name)
def test_the_built_in_words_keep_the_rules(folder: Path, tmp_path: Path) -> None:
    assert check_template(folder).problems == []

    # And the rule bites in each of them: without its offer it is refused.
    copied = tmp_path / folder.name
    shutil.copytree(folder, copied)
    for language, offer in (("zh", "拒收请回复R"), ("en", "Reply R to opt out.")):
        file = copied / f"sms.{language}.txt"
        file.write_text(file.read_text("utf-8").replace(offer, ""), encoding="utf-8")
    assert [problem.sentence for problem in check_template(copied).problems] == [MISSING, MISSING]
