"""What a campaign says must fit the words it sends."""

import shutil
from pathlib import Path

import pytest

from campaigns.campaign import CampaignDefinition
from campaigns.publishing import template_problems
from language.chinese import CHINESE
from language.problems import InputRefused
from templates.library import BUILT_IN, load_library
from templates.text_messages import SignedBy


def a_campaign(**told: object) -> CampaignDefinition:
    return CampaignDefinition.model_validate({"campaign": "notice", "template": "notice", "channels": ["sms"], **told})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A library with one template for service messages."""
    made = tmp_path / "templates" / "notice"
    shutil.copytree(BUILT_IN / "new-season", made)
    page = made / "template.yaml"
    page.write_text(page.read_text(encoding="utf-8").replace("purpose: marketing", "purpose: service"), encoding="utf-8")
    for words in made.glob("wechat.*"):
        words.unlink()
    return made.parent


def test_marketing_may_not_use_words_that_name_no_way_out(folder: Path) -> None:
    library = load_library(folder)

    assert [problem.field for problem in template_problems([a_campaign()], library)] == ["purpose"]
    assert template_problems([a_campaign(purpose="service")], library) == []


def test_every_lack_is_told_at_once(folder: Path) -> None:
    found = template_problems([a_campaign(template="notise"), a_campaign(channels=["sms", "wechat"])], load_library(folder))

    assert [problem.field for problem in found] == ["template", "purpose", "channels"]


def a_library(folder: Path, words: str, *, market: str = "cn") -> Path:
    """A library whose one template is new-season with this Chinese text message."""
    made = folder / "texts" / "notice"
    shutil.copytree(BUILT_IN / "new-season", made)
    (made / "sms.zh.txt").write_text(words, encoding="utf-8")
    if market != "cn":
        with (made / "template.yaml").open("a", encoding="utf-8") as page:
            page.write(f"sms: {{market: {market}, most_parts: 5}}\n")
    return made.parent


@pytest.mark.parametrize("signed_by", [SignedBy.PROVIDER, SignedBy.ANYONE])
def test_no_built_in_template_is_refused_where_the_provider_signs(signed_by: SignedBy) -> None:
    library = load_library()
    every = [a_campaign(campaign=name, template=name) for name in library.names()]

    assert len(every) >= 7
    assert template_problems(every, library, signed_by=signed_by) == []


@pytest.mark.parametrize(
    ("words", "signed_by", "refused"),
    [
        ("新品到店 拒收请回复R", SignedBy.PROVIDER, ["en"]),
        ("【{{ brand }}】新品到店 拒收请回复R", SignedBy.PROVIDER, ["en", "zh"]),
        ("【{{ brand }}】新品到店 拒收请回复R", SignedBy.WORDS, []),
        ("新品到店 拒收请回复R", SignedBy.WORDS, ["zh"]),
    ],
)
def test_a_text_goes_out_with_one_signature(tmp_path: Path, words: str, signed_by: SignedBy, refused: list[str]) -> None:
    folder = a_library(tmp_path, words)
    (folder / "notice" / "sms.en.txt").write_text("【{{ brand }}】New! Reply R to opt out.", encoding="utf-8")

    found = template_problems([a_campaign()], load_library(folder), signed_by=signed_by)

    assert [problem.values["languages"] for problem in found] == ([", ".join(refused)] if refused else [])
    assert all(problem.told("zh") != problem.told("en") and problem.sentence in CHINESE for problem in found)


def test_nobody_asks_for_a_signature_abroad_or_in_campaigns_without_text_messages(tmp_path: Path) -> None:
    assert template_problems([a_campaign()], load_library(a_library(tmp_path, "New! Reply STOP", market="intl")), signed_by=SignedBy.WORDS) == []
    assert template_problems([a_campaign(template="welcome", channels=["email"])], load_library(), signed_by=SignedBy.WORDS) == []


@pytest.mark.parametrize("words", ["新品到店", "新品到店 拒收请回复Z", "新品【限时】到店 拒收请回复R"])
def test_a_campaign_is_not_applied_whose_text_message_breaks_the_rules(tmp_path: Path, words: str) -> None:
    with pytest.raises(InputRefused):
        template_problems([a_campaign()], load_library(a_library(tmp_path, words)))
