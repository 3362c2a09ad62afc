"""The words of the command line's help, in the user's language."""

import re
from collections.abc import Sequence

import typer
from rich.text import Text

from console.output import REFUSED, aside, in_words

#: What stands behind an option's help: [default: 5; required].
_NOTES = re.compile(r"\[([^\[\]]*)\]$")


class _Formatter(typer.Context.formatter_class):  # type: ignore[misc, valid-type]
    """Writes a command's help with its headings in the user's language."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        for words in ("[OPTIONS]", "COMMAND [ARGS]..."):
            args = args.replace(words, in_words(words))
        super().write_usage(prog, args, prefix or in_words("Usage: "))

    def write_heading(self, heading: str) -> None:
        super().write_heading(in_words(heading))

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        told = [(first, _NOTES.sub(lambda notes: f"[{_noted(notes[1])}]", in_words(second))) for first, second in rows]
        super().write_dl(told, col_max, col_spacing)


def _noted(notes: str) -> str:
    parts = (part.partition("default: ") for part in notes.split("; "))
    return "; ".join(in_words("default: {value}", value=value) if mark else in_words(word) for word, mark, value in parts)


class Context(typer.Context):
    """A command being called; its help speaks the user's language."""

    formatter_class = _Formatter


def is_without_words(error: typer.TyperException) -> bool:
    """Say whether nothing is wrong but that a command of several was called by none of their words."""
    return type(error).__name__ == "NoArgsIsHelpError"


def show_help(error: typer.TyperException) -> int:
    """Show the help of what was called without words; return the exit status."""
    aside().print(Text(error.format_message()))
    return REFUSED
