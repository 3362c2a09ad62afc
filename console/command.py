"""``tidings``: every family of commands, put together.

A command's help is an English sentence; it is shown in Chinese where the user's
language is Chinese.
"""

import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import typer
from typer.main import get_command

from config.settings import preferred_language
from console.commands import (
    bounces,
    campaigns,
    database,
    demo,
    doctor,
    events,
    journeys,
    keys,
    lift,
    members,
    report,
    running,
    simulator,
    size,
    templates,
    why,
)
from console.output import run_command
from language.chinese import CHINESE

#: Commands that stand alone, and families of commands under a name.
ALONE = (running.app, doctor.app, simulator.app, lift.app, size.app, why.app, demo.app)
FAMILIES = {
    "db": database.app,
    "keys": keys.app,
    "members": members.app,
    "events": events.app,
    "journeys": journeys.app,
    "campaigns": campaigns.app,
    "report": report.app,
    "templates": templates.app,
    "bounces": bounces.app,
}

app = typer.Typer(
    name="tidings",
    help="Journeys, targeted sends and honest reports for members.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # Its tracebacks show local variables, and those hold members' data.
    rich_markup_mode=None,
)
for alone in ALONE:
    app.add_typer(alone)
for name, family in FAMILIES.items():
    app.add_typer(family, name=name)


def every_command(command: Any, path: str = "tidings") -> Iterator[tuple[str, Any]]:
    """Yield a command and every one below it, each with the words that call it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, f"{path} {name}")


def whole_command() -> Any:
    """Return the command line with its help in the user's language."""
    command = get_command(app)
    if preferred_language() == "zh":
        for _, each in every_command(command):
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


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _end)
    try:
        run_command(whole_command().main)(prog_name="tidings")
    except typer.Exit as ended:
        sys.exit(ended.exit_code)


if __name__ == "__main__":
    main()
