"""Definition files that are wrong, for the tests of this folder."""

from pathlib import Path

import pytest

from language.problems import InputRefused
from members.definitions import Definition, read_definitions


def first_line_refused(folder: Path, words: str, model: type[Definition], said: str) -> int | None:
    """Return the line of the first thing wrong with a file of these words, which must be told with ``said``."""
    file = folder / "definition.yaml"
    file.write_text(words, encoding="utf-8")
    with pytest.raises(InputRefused, match=said) as refused:
        read_definitions(file, model)
    return refused.value.problems[0].line
