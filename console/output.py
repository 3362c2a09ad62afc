"""How commands speak: tables and sentences for people, JSON for programs, refusals for both."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NoReturn, ParamSpec, TextIO, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.spoken import preferred_language
from database.server_user import EngineFailed
from language.chinese import CHINESE
from language.problems import InputRefused, Problem, in_language, refuse

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")

FAILED = 1  #: exit code: the command was understood and did not succeed
REFUSED = 2  #: exit code: the input could not be used
INTERRUPTED = 130  #: exit code: stopped from the keyboard
WIDTH_IN_A_PIPE = 200  #: characters


def language() -> str:
    """Return ``zh`` or ``en``: ``TIDINGS_LANGUAGE``, else the locale's language, else English."""
    return preferred_language()


def in_words(sentence: str, /, **values: object) -> str:
    """Return the sentence in the user's language with its ``{values}`` filled in."""
    if not values:
        return CHINESE.get(sentence, sentence) if language() == "zh" else sentence
    return in_language(language(), sentence, values)


def screen() -> Console:
    """Return standard output for people: coloured on a terminal, plain in a pipe."""
    return _console(sys.stdout)


def aside() -> Console:
    """Return standard error for people, where progress and remarks cannot spoil piped output."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    # A pipe has no width of its own, and 80 characters would break addresses and names in two.
    return Console(file=stream, highlight=False, soft_wrap=True, width=None if stream.isatty() else WIDTH_IN_A_PIPE)


def say(sentence: str, /, **values: object) -> None:
    """Print one sentence to standard output, in the user's language."""
    screen().print(Text(in_words(sentence, **values)))


def remark(sentence: str, /, **values: object) -> None:
    """Print one sentence to standard error, for what is not the command's result."""
    aside().print(Text(in_words(sentence, **values)))


def tell_warnings(warnings: Iterable[Problem]) -> None:
    """Say on standard error what is worth a look although nothing is wrong with it."""
    for warning in warnings:
        remark("Worth a look: {what}", what=warning.told(language()))


def fail(sentence: str, /, *, exit_code: int = FAILED, **values: object) -> NoReturn:
    """Print what is wrong to standard error and end the command.

    Raises:
        typer.Exit: always, with ``exit_code``.
    """
    aside().print(Text(in_words(sentence, **values), style="red"))
    raise typer.Exit(exit_code)


def write_file(file: Path, words: str, *, encoding: str = "utf-8", for_us_alone: bool = False) -> None:
    """Write words to a file that a person named, just as they are; ``for_us_alone``: nobody else of this machine reads them.

    Raises:
        InputRefused: it cannot be written.
    """
    try:
        place = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if for_us_alone else 0o666)
        with os.fdopen(place, "w", encoding=encoding, newline="") as written:
            if for_us_alone:
                os.fchmod(place, 0o600)  # It may have been there before.
            written.write(words)
    except OSError as error:
        raise refuse("the file cannot be written: {why}", file=str(file), why=error.strerror or type(error).__name__) from None


def print_json(data: object) -> None:
    """Print ``data`` as JSON: money as a number, moments and days as ISO 8601, lengths of time in seconds."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def readable(value: object) -> str:
    """Return a value as people read it: moments to the minute in UTC, yes and no as marks, nothing as a dash."""
    if value is None or value == {} or value == []:
        return "—"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_inside(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_inside, value))
    return str(value)


def _inside(value: object) -> str:
    """Return a part of a list or mapping, in brackets where it is one itself."""
    left, right = ("{", "}") if isinstance(value, Mapping) else ("[", "]") if isinstance(value, list | tuple) else ("", "")
    return f"{left}{readable(value)}{right}" if value else readable(value)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; title and column heads are sentences, numbers align right, cells read as ``readable`` has them."""
    held = [list(row) for row in rows]
    table = Table(title=in_words(title), title_justify="left", header_style="bold")
    for position, head in enumerate(columns):
        numeric = bool(held) and all(_is_number(row[position]) for row in held)
        table.add_column(in_words(head), justify="right" if numeric else "left", overflow="fold")
    for row in held:
        table.add_row(*(Text(readable(cell)) for cell in row))
    screen().print(table)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | Decimal | None) and not isinstance(cell, bool)


def run_command(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Make ``function`` end as a command should: refusals told in the user's language, never a traceback.

    Exit codes: 2 where the input was refused, 1 where the database cannot be reached, 130 on Ctrl-C.
    """

    @functools.wraps(function)
    def running(*arguments: Parameters.args, **options: Parameters.kwargs) -> Returned:
        try:
            return function(*arguments, **options)
        except InputRefused as refused:
            aside().print(Text(refused.told(language()), style="red"))
            raise typer.Exit(REFUSED) from None
        except _database_errors() as error:
            fail("The database cannot be used: {reason}. Run: tidings doctor", reason=_reason(error))
        except EngineFailed as failed:
            fail("The embedded engines failed: {reason}", reason=failed)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    return running


def _database_errors() -> tuple[type[Exception], ...]:
    """Return the errors of a database that cannot be used; none where no database was ever spoken of.

    What a module never read could raise, nobody has raised; and reading it takes a command longer than all else.
    """
    known = sys.modules.get("sqlalchemy.exc")
    return (known.OperationalError, known.ProgrammingError) if known else ()


def _reason(error: Exception) -> str:
    # SQLAlchemy's own text may quote rows; the driver's first line names the trouble only.
    told: object = getattr(error, "orig", error)
    line = str(told).strip().partition("\n")[0] if type(error).__name__ == "OperationalError" else ""
    return line or type(told).__name__
