"""A source's file is refused with line and field for everything that is wrong with it."""

from pathlib import Path

import pytest

from language.problems import InputRefused
from members.definitions import read_definitions
from members.pulling.source import Source

EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples" / "sources"
GOOD = """\
source: pos
table: sales
cursor: [updated_at, id]
map: {member: card, kind: order.paid, occurred_at: sold_at, key: id}
"""


def test_the_examples_are_sources_and_come_back_as_they_were_kept() -> None:
    for source in read_definitions(EXAMPLES, Source):
        kept = source.model_dump(mode="json", by_alias=True, exclude_none=True)
        assert Source.model_validate(kept) == source


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (GOOD.replace("cursor: [updated_at, id]", "cursor: []"), ":3:cursor"),
        (GOOD.replace("cursor: [updated_at, id]\n", ""), "cursor is missing"),
        (GOOD.replace(", key: id", ""), ":4:map.key: key is missing"),
        (GOOD.replace("key: id", "key: id, valeu: total"), "did you mean value?"),
        (GOOD.replace("table: sales\n", ""), "either a table or a query"),
        (GOOD + "query: SELECT 1\n", "either a table or a query"),
        (GOOD.replace("table: sales", "table: sales; DROP"), ":2:table"),
        (GOOD.replace("table: sales", "query: DELETE FROM sales"), "begins with SELECT or WITH"),
        (GOOD.replace("table: sales", "query: SELECT 1; SELECT 2"), "begins with SELECT or WITH"),
        (GOOD + "every: 5s\n", ":5:every: at least 1m was expected; found 5s"),
        (GOOD + "every: often\n", ":5:every"),
        (GOOD + "overlap: -1\n", ":5:overlap: expected a length of time"),
        (GOOD + "time_zone: Beijing\n", "Beijing is no time zone"),
        (GOOD + "database: mysql://u:p@h/d\n", "cannot name a setting"),
        (GOOD + "url: mysql://u:p@h/d\n", ":5:url: url is not known here"),
        (GOOD.replace("kind: order.paid", "kind: {columm: type}"), "kind"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_field(tmp_path: Path, wrong: str, said: str) -> None:
    file = tmp_path / "pos.yaml"
    file.write_text(wrong, encoding="utf-8")

    with pytest.raises(InputRefused) as refused:
        read_definitions(file, Source)

    assert said in str(refused.value)
    assert str(refused.value).startswith(str(file))
