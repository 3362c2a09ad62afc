"""Definitions are read from files with every mistake told by line, and kept by kind and name."""

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from database.engine import Database
from language.problems import InputRefused
from members.definitions import Definition, drop_definition, load_definitions, read_definitions, save_definitions

NOW = datetime(2026, 8, 1, tzinfo=UTC)


class Ladder(Definition):
    """Something to define."""

    kind: ClassVar[str] = "ladder"

    ladder: str
    steps: int = Field(ge=1)


def test_a_folder_is_read_whole_and_every_mistake_in_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("ladder: long\nsteps: 9\n")
    (tmp_path / "b.yaml").write_text("ladder: short\nsteps: none\n")
    (tmp_path / "c.yaml").write_text("ladder: a b\nsteps: 1\n")
    (tmp_path / "d.yaml").write_text("ladder: long\nsteps: 2\nstep: 3\n")

    with pytest.raises(InputRefused) as refused:
        read_definitions(tmp_path, Ladder)

    told = [(Path(problem.file or "").name, problem.line, problem.field) for problem in refused.value.problems]
    assert told == [("b.yaml", 2, "steps"), ("c.yaml", 1, None), ("d.yaml", 3, "step")]
    assert "did you mean steps" in str(refused.value)


def test_a_name_defined_twice_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no definition files"):
        read_definitions(tmp_path, Ladder)
    for file in ("a.yaml", "b.yaml"):
        (tmp_path / file).write_text("ladder: long\nsteps: 9\n")

    with pytest.raises(InputRefused, match=r"b\.yaml:1:ladder: long is defined twice"):
        read_definitions(tmp_path, Ladder)


def test_what_is_kept_says_what_changed_and_leaves_others_alone(database: Database) -> None:
    with database.transaction() as connection:
        first = save_definitions(connection, [Ladder(ladder="a", steps=1), Ladder(ladder="b", steps=2)], now=NOW)
        again = save_definitions(connection, [Ladder(ladder="a", steps=1), Ladder(ladder="b", steps=3)], now=NOW)

        assert (first.new, first.changed, first.unchanged) == (("a", "b"), (), ())
        assert (again.new, again.changed, again.unchanged) == ((), ("b",), ("a",))
        assert drop_definition(connection, Ladder, "a")
        assert not drop_definition(connection, Ladder, "a")
        assert load_definitions(connection, Ladder) == {"b": Ladder(ladder="b", steps=3)}
