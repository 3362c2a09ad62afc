"""What is wrong with a definition is told in the reader's language, with line, field and what was expected."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from language.chinese import CHINESE
from language.documents import EXPECTED, read_document, validate
from language.problems import InputRefused


class Plan(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    measure: Literal["spent", "orders"] = "spent"
    count: int = Field(default=1, gt=0, le=9)
    share: float = 0.5
    name: str = "x"
    keep: bool = False
    days: list[int] = []
    rule: dict[str, int] = {}


@pytest.mark.parametrize(
    "line, expected",
    [
        ("measure: spend", "plan.yaml:2:measure: one of 'spent', 'orders' was expected; found 'spend'"),
        ("count: many", "plan.yaml:2:count: a whole number was expected; found 'many'"),
        ("count: 0", "plan.yaml:2:count: more than 0 was expected; found 0"),
        ("count: 10", "plan.yaml:2:count: at most 9 was expected; found 10"),
        ("share: half", "plan.yaml:2:share: a number was expected; found 'half'"),
        ("name: 5", "plan.yaml:2:name: text was expected, in quotes where it looks like a number; found 5"),
        ("keep: maybe", "plan.yaml:2:keep: true or false was expected; found 'maybe'"),
        ("days: 3", "plan.yaml:2:days: a list was expected; found 3"),
        ("rule: 3", "plan.yaml:2:rule: names with values were expected; found 3"),
    ],
)
def test_a_value_of_another_form_is_told_with_what_was_expected(tmp_path: Path, line: str, expected: str) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(f"# a plan\n{line}\n", encoding="utf-8")

    with pytest.raises(InputRefused) as refused:
        validate(Plan, read_document(file))

    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in refused.value.problems] == [expected]


@pytest.mark.parametrize("sentence", sorted(set(EXPECTED.values())))
def test_what_was_expected_can_be_said_in_chinese(sentence: str) -> None:
    assert sentence in CHINESE
