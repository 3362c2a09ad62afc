"""What was wrong with what was typed, in the user's language."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

import typer
from pydantic import ValidationError
from rich.text import Text

from console.output import REFUSED, aside, in_words, language
from language.documents import EXPECTED, expectation
from language.problems import Problem

#: What is wrong, for what the library tells in words only; groups are the sentence's values.
_SAID: tuple[tuple[str, str], ...] = (
    (r"Option '(?P<name>\S+)' requires an? .*", "the option {name} needs a value"),
    (r"Option '(?P<name>\S+)' does not take a value\.", "the option {name} takes no value"),
    (r"Got unexpected extra argument(?:s|\(s\))? \((?P<found>.*)\)", "nothing more was expected; found {found}"),
    (r".*?(?P<found>'.*') is not one of (?P<expected>.*)\.", "one of {expected} was expected; found {found}"),
    (r".*?(?P<found>'.*') does not match the formats? .*", "a day such as 2026-08-31 was expected; found {found}"),
    (r"\w+ (?P<found>'.*') does not exist\.", "there is no file or folder {found}"),
    (r"\w+ (?P<found>'.*') is a file\.", "a folder was expected; {found} is a file"),
    (r"\w+ (?P<found>'.*') is a directory\.", "a file was expected; {found} is a folder"),
    (r"\w+ (?P<found>'.*') is not readable\.", "{found} cannot be read"),
)


def tell_misuse(error: typer.TyperException) -> int:
    """Say what was wrong with what was typed and how to get help; return the exit status."""
    context = getattr(error, "ctx", None)
    if context is not None:
        aside().print(Text(context.get_usage()))
        aside().print(Text(in_words("For help: {command} --help", command=context.command_path)))
    aside().print(Text(problem_of(error, context).told(language()), style="red"))
    return REFUSED


def problem_of(error: typer.TyperException, context: Any) -> Problem:
    """Return what is wrong with a command line, as a problem that can be told in each language."""
    parameter = getattr(error, "param", None)
    if type(error).__name__ == "NoSuchOption":
        return _unknown("option", getattr(error, "option_name", ""), getattr(error, "possibilities", None) or ())
    if type(error).__name__ == "MissingParameter" and parameter is not None:
        return Problem(sentence=f"the {parameter.param_type_name} {{name}} is missing", values={"name": _name(parameter)})
    if found := re.match(r"No such command '(.*?)'\.", error.message):
        commands = list(context.command.commands)
        return _unknown("command", found[1], difflib.get_close_matches(found[1], commands), commands)
    sentence, values = _expected(error)
    return Problem(sentence=sentence, values=values, field=_name(parameter) if parameter is not None else None)


def _unknown(what: str, name: str, near: Sequence[str], known: Sequence[str] = ()) -> Problem:
    sentences = {
        "option": ("there is no option {name}; did you mean {near}?", "there is no option {name}"),
        "command": ("there is no command {name}; did you mean {near}?", "there is no command {name}; there are {known}"),
    }
    values = {"name": name, "near": ", ".join(near[:1]), "known": ", ".join(known)}
    return Problem(sentence=sentences[what][0 if near else 1], values=values)


def _name(parameter: Any) -> str:
    """Return what people type for an option, or see in the usage for an argument."""
    return str(max(parameter.opts, key=len) if parameter.param_type_name == "option" else parameter.metavar or parameter.name)


def _expected(error: typer.TyperException) -> tuple[str, dict[str, object]]:
    """Return the sentence and its values for a value that is none, or for what is told in words only."""
    failed = error.__cause__.errors(include_url=False)[0] if isinstance(error.__cause__, ValidationError) else None
    if failed is not None and failed["type"] in EXPECTED:
        return expectation(failed)
    for pattern, sentence in _SAID:
        if found := re.fullmatch(pattern, error.message, re.DOTALL):
            return sentence, dict(found.groupdict())
    return "the command line was not understood: {why}", {"why": error.message}
