"""The command line as a whole."""

import subprocess
import sys

from typer.main import get_command

from console.command import WORDS, assemble, every_command
from tests.house.tree import ROOT

SLOW_TO_READ = ("matplotlib", "scipy", "uvicorn")


def paths(first: str | None) -> set[str]:
    return {path for path, _ in every_command(get_command(assemble(first)))}


def test_a_word_brings_exactly_what_the_whole_has_below_it() -> None:
    whole = paths(None)

    for word in WORDS:
        below = {path for path in whole if path.split()[1:2] == [word]}
        assert below <= paths(word)
        assert below, word


def test_every_first_word_is_known() -> None:
    assert {path.split()[1] for path in paths(None) if " " in path} == set(WORDS)


def test_a_word_that_draws_nothing_reads_nothing_slow() -> None:
    program = f"import sys; from console.command import assemble; assemble('doctor'); print([n for n in {SLOW_TO_READ} if n in sys.modules])"

    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_a_word_that_is_not_there_is_refused_with_all_the_words_at_hand() -> None:
    said = subprocess.run([sys.executable, "-m", "console.command", "jorneys"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert said.returncode == 2
    assert "jorneys" in said.stderr
