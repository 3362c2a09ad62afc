"""What a campaign says must fit the words it sends."""

import shutil
from pathlib import Path

import pytest

from campaigns.campaign import CampaignDefinition
from campaigns.publishing import template_problems
from templates.library import BUILT_IN, load_library


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
