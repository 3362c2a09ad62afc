"""The command line as a whole."""

import os
import subprocess
import sys

import pytest
from typer.main import get_command

from console.command import assemble, every_command
from console.families import WORDS
from tests.house.tree import ROOT

#: What takes long to read, and belongs to the few commands that draw, reckon, read workbooks or serve.
SLOW_TO_READ = (
    "scipy.stats", "scipy.optimize", "sklearn", "matplotlib", "pyarrow", "openpyxl", "numpy",
    "uvicorn", "dramatiq", "alembic", "requests",
)  # fmt: skip
SLOW_FOR_HELP = (*SLOW_TO_READ, "sqlalchemy", "psycopg", "pydantic", "jinja2", "structlog", "redis")


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


def read_by(words: list[str], among: tuple[str, ...]) -> str:
    """Run the command line in a process of its own, and say what it had read of these modules when it ended."""
    program = f"""
import sys
from console import command
sys.argv[1:] = {words}
try:
    command.main()
finally:
    sys.stderr.write(f"{{[name for name in {among} if name in sys.modules]}}")
"""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False).stderr


def test_the_sentence_of_each_first_word_is_what_the_command_says_of_itself() -> None:
    commands = get_command(assemble()).commands

    assert {word: command.help.split("\n\n")[0] for word, command in commands.items()} == {
        word: known.sentence for word, known in WORDS.items()
    }


@pytest.mark.parametrize("language, said", [("en", "Segments: check, apply"), ("zh", "人群：")])
def test_the_help_tells_each_first_word_in_the_users_language(language: str, said: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "console.command", "--help"],
        cwd=ROOT, env={**os.environ, "TIDINGS_LANGUAGE": language}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert said in told
    assert [word for word in WORDS if f"  {word} " not in told] == []


@pytest.mark.parametrize("words", [["--help"], []])
def test_the_help_of_all_reads_no_family(words: list[str]) -> None:
    assert read_by(words, SLOW_FOR_HELP).endswith("[]")


@pytest.mark.parametrize("word", ["segments", "members", "campaigns", "journeys", "doctor"])
def test_a_word_that_draws_and_reckons_nothing_reads_nothing_slow(word: str) -> None:
    assert read_by([word, "--help"], SLOW_TO_READ) == "[]"


def test_four_counts_are_compared_without_reading_all_statistics_or_a_database() -> None:
    said = read_by(["lift", "1000", "90", "1000", "60"], ("scipy.stats", "sqlalchemy", "psycopg", "matplotlib"))

    assert said == "[]"


def test_what_stands_under_a_word_is_read_when_it_is_completed() -> None:
    completing = {"_TIDINGS_COMPLETE": "complete_bash", "COMP_WORDS": "tidings segments re", "COMP_CWORD": "2"}

    said = subprocess.run(
        [sys.executable, "-m", "console.command"], cwd=ROOT, env={**os.environ, **completing}, capture_output=True, text=True, check=False
    )

    assert said.stdout.split() == ["reasons"]


def test_a_word_that_is_not_there_is_refused_with_all_the_words_at_hand() -> None:
    said = subprocess.run([sys.executable, "-m", "console.command", "jorneys"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert said.returncode == 2
    assert "jorneys" in said.stderr
