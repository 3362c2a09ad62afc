"""``tidings events``: bring what happened to members in from a file."""

from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from config.foundation import open_foundation
from console.importing import end_import, file_progress, tell_problems
from console.output import language, print_json, run_command, say
from database.engine import read_clock
from members.events_importing import EventsImported, JsonLines, import_events
from members.import_maps import EventMap, read_event_map

app = typer.Typer(help="Events: import.", no_args_is_help=True)


@app.callback()
def family() -> None:
    """Events: import."""


@app.command("import")
@run_command
def import_command(
    file: Annotated[Path, typer.Argument(help="A table, JSON lines where the name ends in .jsonl, or Parquet where it ends in .parquet")],
    map_file: Annotated[Path | None, typer.Option("--map", help="Which column is which of our fields")] = None,
    source: Annotated[str, typer.Option(help="Who tells these events; keys are unique within a source")] = "import",
    errors: Annotated[Path | None, typer.Option(help="Write what could not be used to this CSV file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Import events from a file; the same file twice changes nothing."""
    mapping = read_event_map(map_file) if map_file else None
    opened = _opened(file, mapping) if file.suffix == ".parquet" else None
    with open_foundation() as ground, file_progress(file.name) as progress:
        with ground.database.transaction() as connection:
            now = read_clock(connection)
        done = import_events(
            ground.database,
            file,
            mapping=mapping,
            source=source,
            now=now,
            secret=ground.secret,
            zone=ZoneInfo(ground.settings.time_zone),
            errors=errors,
            language=language(),
            progress=progress,
            opened=opened,
        )
    if as_json:
        print_json({**asdict(done), "problems": [problem.told(language()) for problem in done.problems]})
    else:
        _tell(done)
    end_import(used=done.stored + done.duplicates, refused=done.refused)


def _opened(file: Path, mapping: EventMap | None) -> JsonLines:
    """Open a Parquet file; what reads it is loaded now, for no other command needs it."""
    told = (mapping or EventMap()).columns()
    opened: JsonLines = import_module("members.parquet_files").open_parquet(file, [str(column) for column in told.values()])
    return opened


def _tell(done: EventsImported) -> None:
    if done.already:
        say("This file is in already; nothing was changed.")
        return
    say(
        "{stored} events stored, {duplicates} told before, {refused} rows refused.",
        stored=done.stored,
        duplicates=done.duplicates,
        refused=done.refused,
    )
    tell_problems(done.problems)
