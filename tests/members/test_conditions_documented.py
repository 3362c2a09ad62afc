"""Every question and operator stands on the page of conditions, and every example there can be asked."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from database.engine import Database
from members import comparisons
from members.condition_model import Condition
from members.conditions import parse_condition
from members.questions.nearness import NearQuestion
from members.questions.reckoned import CouponQuestion, SampleQuestion, SurveyQuestion
from members.segments import count_matching
from members.segments.definition import Segment, read_segments

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "conditions.md", ROOT / "docs" / "zh" / "conditions.md"]
NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)


def examples(page: Path) -> list[Any]:
    written = page.read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", written, re.DOTALL)]


def names_in(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def questions() -> set[str]:
    found = names_in(Condition)
    for name, field in Condition.model_fields.items():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel) and part is not Condition and name != "points":
                found |= names_in(part)
    return found | names_in(NearQuestion) | names_in(CouponQuestion) | names_in(SampleQuestion) | names_in(SurveyQuestion)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_question_and_every_operator_is_on_the_page(page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    operators = {
        field.alias or name
        for model in (comparisons.TextComparison, comparisons.NumberComparison, comparisons.MomentComparison, comparisons.AnyComparison)
        for name, field in model.model_fields.items()
    }
    missing = {name for name in questions() | operators if not re.search(rf"`{name}`|\b{name}:", written)}
    assert missing == set()
    asked = " ".join(str(example) for example in examples(page))
    assert [name for name in names_in(Condition) if f"'{name}'" not in asked] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_example_is_parsed_and_can_be_asked(database: Database, page: Path) -> None:
    named = {"quiet-gold": parse_condition({"not": {"tags": {"has": "nobody"}}}), "staff": parse_condition({"listed": "staff"})}
    with database.transaction() as connection:
        for example in examples(page):
            count_matching(connection, parse_condition(example), NOW, segments=named)
        for row in re.findall(r"^\|.*\| `(.*)` \|$", page.read_text(encoding="utf-8"), re.MULTILINE):
            count_matching(connection, parse_condition(yaml.safe_load(row)), NOW)
    assert len(examples(page)) > 30


def test_the_examples_to_copy_are_right() -> None:
    found = read_segments(ROOT / "config" / "examples" / "segments", known={})
    assert {one.name for one in found.segments} >= {"quiet-gold", "staff", "quiet-gold-tenth", "near-flagship"}
    for page in (ROOT / "docs" / "segments.md", ROOT / "docs" / "zh" / "segments.md"):
        assert Segment.model_validate(examples(page)[0]).name == "quiet-gold"


def test_the_json_schema_names_what_the_language_knows() -> None:
    properties = Condition.model_json_schema(by_alias=True)["$defs"]["Condition"]["properties"]
    assert set(properties) == names_in(Condition)
