"""``tidings``: every family of commands, put together.

A command's help is an English sentence; it is shown in Chinese where the user's
language is Chinese.
"""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import FrameType
from typing import Any

import typer
from typer.main import get_command

from config.settings import preferred_language
from console.output import FAILED, run_command
from console.usage import Context, tell_misuse
from language.chinese import CHINESE

#: The module of ``console.commands`` in which each first word is found.
WORDS: Mapping[str, str] = {
    **dict.fromkeys(("up", "worker", "scheduler", "api"), "running"),
    "db": "database",
    **{
        word: word
        for word in (
            "consent", "doctor", "simulator", "lift", "size", "why", "demo",
            "keys", "members", "events", "journeys", "campaigns", "report", "templates", "bounces", "sms", "providers",
            "facts", "sources", "attributes",
            "tiers", "points", "occasions",
            "segments", "stores", "coupons", "surveys",
            "rfm", "predictions", "together", "clusters",
        )
    },
}  # fmt: skip

#: Words under which a family of commands stands; the modules of the others hold commands themselves.
FAMILIES = (
    "db", "keys", "members", "consent", "events", "journeys", "campaigns", "report", "templates", "bounces", "sms", "providers",
    "facts", "sources", "attributes", "tiers", "points", "occasions", "segments", "stores", "coupons", "surveys",
    "rfm", "predictions", "together", "clusters",
)  # fmt: skip


def assemble(first: str | None = None) -> typer.Typer:
    """Put the command line together: all of it, or only what begins with the word ``first``.

    Modules are read when they are wanted, for some bring charts and statistics with them
    that take seconds to read; a word that nobody knows wants them all, for the help to say.
    """
    app = typer.Typer(
        name="tidings",
        help="Journeys, targeted sends and honest reports for members.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # Its tracebacks show local variables, and those hold members' data.
        rich_markup_mode=None,
    )
    app.callback()(_every_command_has_a_word)
    wanted = [WORDS[first]] if first is not None and first in WORDS else WORDS.values()
    for module in dict.fromkeys(wanted):
        found = import_module(f"console.commands.{module}").app
        word = next((word for word in FAMILIES if WORDS[word] == module), None)
        app.add_typer(found, name=word) if word else app.add_typer(found)
    return app


def _every_command_has_a_word() -> None:
    """Keep a command line of one command from being that command itself."""


def every_command(command: Any, path: str = "tidings") -> Iterator[tuple[str, Any]]:
    """Yield a command and every one below it, each with the words that call it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, f"{path} {name}")


def command_line(first: str | None = None) -> Any:
    """Return the command line, or what begins with the word ``first``, with its help in the user's language."""
    command = get_command(assemble(first))
    for _, each in every_command(command):
        each.context_class = Context
        if preferred_language() == "zh":
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
        ended = run_command(command_line(next(iter(words), None)).main)(args=list(words), prog_name="tidings", standalone_mode=False)
    except typer.Exit as ending:
        return ending.exit_code
    except typer.Abort:
        return FAILED
    except typer.TyperException as wrong:
        return tell_misuse(wrong)
    return ended if isinstance(ended, int) else 0


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _end)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
