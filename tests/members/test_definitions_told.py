"""Every wrong value in a definition file is told by its line, in Chinese too."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from language.chinese import CHINESE
from language.documents import EXPECTED
from language.problems import InputRefused
from members.attributes import Attribute
from members.coupons.definition import Coupon
from members.definitions import Definition, read_definitions
from members.insight.clusters import Clusters
from members.insight.predicting import Predictions
from members.insight.rfm import Rfm
from members.insight.together import Together
from members.occasions.choice import Occasions
from members.points.rules import PointsProgramme
from members.pulling.source import Source
from members.saved_maps import SavedMap
from members.segments.definition import read_segments
from members.surveys.definition import Survey
from members.tiers.programme import TierProgramme

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
KINDS: dict[str, type[Definition] | None] = {
    "attributes": Attribute, "tiers": TierProgramme, "points": PointsProgramme, "occasions": Occasions, "coupons": Coupon,
    "surveys": Survey, "rfm": Rfm, "predictions": Predictions, "together": Together, "clusters": Clusters, "sources": Source,
    "import_map": SavedMap, "segments": None,
}  # fmt: skip
WRONG: tuple[object, ...] = (None, -1, "a b", "x" * 400, [], {"colour": "red"}, "2026-02-31")
ENGLISH = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}")


def places(node: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where each value of a document stands, those in others after them."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in inside:
        yield (*at, name)
        yield from places(value, (*at, name))


def put(document: Any, at: tuple[Any, ...], value: object) -> Any:
    changed = copy.deepcopy(document)
    here = changed
    for part in at[:-1]:
        here = here[part]
    here[at[-1]] = value
    return changed


def refusal(file: Path, model: type[Definition] | None) -> InputRefused | None:
    try:
        read_segments(file) if model is None else read_definitions(file, model)
    except InputRefused as refused:
        return refused
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_value_anywhere_is_told_by_file_and_line_in_chinese(kind: str, tmp_path: Path) -> None:
    file, wrong, refused = tmp_path / "wrong.yaml", [], 0
    for example in sorted((EXAMPLES / kind).glob("*.yaml")):
        document = yaml.safe_load(example.read_text(encoding="utf-8"))
        for number, at in enumerate(places(document)):
            for value in (WRONG[number % len(WRONG)], WRONG[(number + 3) % len(WRONG)]):  # All would take seconds.
                file.write_text(yaml.safe_dump(put(document, at, value), allow_unicode=True), encoding="utf-8")
                found = refusal(file, KINDS[kind])
                refused += found is not None
                for problem in found.problems if found else ():
                    said = problem.told("zh")
                    if problem.file is None or "detail" in problem.values or ENGLISH.search(re.sub(r"'[^']*'?|x{80,}", "…", said)):
                        wrong.append((at, value, said))

    assert wrong == []
    assert refused > 5


def test_whatever_may_be_expected_has_its_chinese() -> None:
    assert [sentence for sentence in EXPECTED.values() if sentence not in CHINESE] == []


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        ("survey: a\nscale: [1, 2\nother: }\n", 3, "第 6 列附近不是正确的 YAML"), ("survey: a\n\tother: b\n", 2, "第 1 列附近不是正确的 YAML"),
        ("survey: a: b\n", 1, "第 10 列附近不是正确的 YAML"), ("survey: *nowhere\n", 1, "别名须先定义"),
        ("a: 1\nsurvey: !!python/object:os.system x\n", 2, "不支持标签"), ("a: 1\nb: \x00c\n", 2, "含有文本中不应出现的字符"),
        ("a: 2026-02-31\n", None, "看似日期"), ("[" * 1100, None, "嵌套过深"), ("- 1\n", 1, "应为“名称: 值”的形式"), ("", None, "应为“名称: 值”的形式"),
    ],
)  # fmt: skip
def test_what_is_not_yaml_is_told_by_its_line_in_chinese(tmp_path: Path, written: str, line: int | None, said: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(written, encoding="utf-8")

    found = refusal(file, Survey)

    assert found is not None
    assert (found.problems[0].file, found.problems[0].line) == (str(file), line)
    assert said in found.told("zh")
