"""Everything people are told can be told in Chinese, with the same facts in it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from console.command import assemble, every_command
from language.chinese import CHINESE
from tests.house.tree import modules, name_of, parsed

#: Functions whose first text is a sentence for people, and names of arguments and constants that hold one.
SPEAKERS = {"say", "remark", "fail", "refuse", "problem", "in_words", "mistake", "print_table", "Problem", "Objection", "_fine", "_wrong"}
FIELDS = re.compile(r"\{(\w+)")


def is_sentence(text: str) -> bool:
    return bool(re.search(r"[A-Za-z]{2}", FIELDS.sub("", text)))


def sentences(path: Path) -> Iterator[str]:
    """Yield every English sentence a module tells people."""
    constants = {
        target.id: node.value.value
        for node in parsed(path).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(parsed(path)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in SPEAKERS):
            continue
        called = ast.unparse(node.func).rpartition(".")[2]
        said = [keyword.value for keyword in node.keywords if keyword.arg == "sentence"]
        said += node.args[1:3] if called in ("_fine", "_wrong") else node.args[:1]
        for each in said:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value
            elif isinstance(each, ast.Name) and each.id in constants:
                yield constants[each.id]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_every_sentence_has_its_chinese(path: Path) -> None:
    assert [sentence for sentence in sentences(path) if is_sentence(sentence) and sentence not in CHINESE] == []


def test_the_chinese_names_no_fact_the_english_lacks() -> None:
    # A fact may be left out where Chinese needs none, such as an English plural.
    wrong = {english for english, chinese in CHINESE.items() if not set(FIELDS.findall(chinese)) <= set(FIELDS.findall(english))}

    assert wrong == set()


def test_no_english_is_said_in_two_ways_in_chinese() -> None:
    # Of two ways the one that is gathered last would be said in the other's place, too.
    said: dict[str, set[str]] = {}
    for path in modules():
        if path.name.startswith("chinese_"):
            for node in ast.walk(parsed(path)):
                for english, chinese in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
                    if isinstance(english, ast.Constant) and isinstance(chinese, ast.Constant):
                        said.setdefault(str(english.value), set()).add(str(chinese.value))

    assert len(said) > 1000
    assert {english: ways for english, ways in said.items() if len(ways) > 1} == {}


def test_every_command_has_its_help_in_chinese() -> None:
    silent = [
        (path, part)
        for path, command in every_command(get_command(assemble()))
        for helped in (command, *command.params)
        for part in (getattr(helped, "help", None) or "").strip().split("\n\n")
        if part and " ".join(part.split()) not in CHINESE
    ]

    assert silent == []


def test_every_command_and_option_has_a_help() -> None:
    assert [path for path, command in every_command(get_command(assemble())) if not command.help] == []
