"""``tidings``: every family of commands, put together.

A command's help is an English sentence; it is shown in Chinese where the user's
language is Chinese.
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from config.spoken import preferred_language
from console.families import WORDS
from console.output import FAILED, run_command
from console.usage import Context, is_without_words, show_help
from language.chinese import CHINESE


class FirstWords(TyperGroup):
    """The command line as its first words alone; what a word brings is read when the word is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command as ever, and put the real one in the place of its sentence."""
        word, command, rest = super().resolve_command(ctx, args)
        if word in WORDS:
            command = in_users_language(get_command(assemble(word)).commands[word])  # type: ignore[attr-defined]
        return word, command, rest


def assemble(first: str | None = None) -> typer.Typer:
    """Put the commands together: all of them, or only those that are found with the word ``first``.

    Modules are read when they are wanted, for some bring charts and statistics with them
    that take seconds to read.
    """
    app = _empty()
    wanted = WORDS if first is None or first not in WORDS else (first,)
    for module, word in {WORDS[word].module or word: word for word in wanted}.items():
        found = import_module(f"console.commands.{module}").app
        app.add_typer(found, name=None if WORDS[word].is_command else word)
    return app


def first_words() -> typer.Typer:
    """Put together what ``tidings --help`` tells: each first word with its sentence."""
    app = _empty(FirstWords)
    for word, known in WORDS.items():
        app.command(word, help=known.sentence)(_is_read_when_called)
    return app


def _empty(kind: type[TyperGroup] = TyperGroup) -> typer.Typer:
    app = typer.Typer(
        name="tidings",
        cls=kind,
        help="Journeys, targeted sends and honest reports for members.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # Its tracebacks show local variables, and those hold members' data.
        rich_markup_mode=None,
    )
    app.callback()(_every_command_has_a_word)
    return app


def _is_read_when_called() -> None:
    """Stand for a command whose module was not read yet."""


def _every_command_has_a_word() -> None:
    """Keep a command line of one command from being that command itself."""


def every_command(command: Any, path: str = "tidings") -> Iterator[tuple[str, Any]]:
    """Yield a command and every one below it, each with the words that call it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, f"{path} {name}")


def command_line() -> Any:
    """Return the command line, with its help in the user's language."""
    return in_users_language(get_command(first_words()))


def in_users_language(command: Any) -> Any:
    """Return the command, with the help of it and of all below it in the user's language."""
    in_chinese_too = preferred_language() == "zh"
    for _, each in every_command(command):
        each.context_class = Context
        if in_chinese_too:
            for helped in (each, *each.params):
                if getattr(helped, "help", None):
                    helped.help = in_chinese(helped.help)
    return command


def in_chinese(sentence: str) -> str:
    """Return a help text in Chinese, paragraph by paragraph, where there is one."""
    return "\n\n".join(CHINESE.get(" ".join(part.split()), part) for part in sentence.strip().split("\n\n"))


def _end(number: int, _frame: FrameType | None) -> None:
    # Raised rather than obeyed, so that embedded engines are left in order.
    raise SystemExit(128 + number)


def run(words: Sequence[str]) -> int:
    """Run the command that these words call; return the exit status."""
    try:
        ended = run_command(command_line().main)(args=list(words), prog_name="tidings", standalone_mode=False)
    except typer.Exit as ending:
        return ending.exit_code
    except typer.Abort:
        return FAILED
    except typer.TyperException as wrong:
        if is_without_words(wrong):
            return show_help(wrong)
        return int(import_module("console.misuse").tell_misuse(wrong))  # It is read when it is needed.
    return ended if isinstance(ended, int) else 0


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _end)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
