"""``tidings members import``, ``imports`` and ``maps``: members from files, and the way back."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from config.foundation import open_foundation
from console.defining import tell_applied
from console.importing import end_import, file_progress, tell_problems
from console.members_imported import tell_import
from console.output import in_words, language, print_json, print_table, remark, run_command, say
from database.engine import read_clock
from language.problems import refuse
from members.attributes import attributes_reader, load_dictionary
from members.definitions import load_definitions, read_definitions, save_definitions
from members.import_undoing import list_imports, undo_import
from members.importing import MembersImported, import_members
from members.saved_maps import SavedMap, check_name, choose_map, save_map
from members.text_files import look_through

imports_app = typer.Typer(help="What was imported, and the way back: list, undo.", no_args_is_help=True)
maps_app = typer.Typer(help="Maps kept by name: apply, list, show.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@run_command
def import_command(
    file: Annotated[Path, typer.Argument(help="A table: text in UTF-8, GB 18030 or UTF-16, or an .xlsx workbook")],
    map_name: Annotated[
        str | None, typer.Option("--map", help="Which column is which of our fields: a map file, or a saved map's name")
    ] = None,
    save_as: Annotated[str | None, typer.Option("--save-map", help="Keep the map used under this name")] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook; the first if left out")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, keep nothing")] = False,
    errors: Annotated[Path | None, typer.Option(help="Write what could not be used to this CSV file")] = None,
    as_json: AsJson = False,
) -> None:
    """Import members from a file; the same file twice changes nothing."""
    if save_as is not None:
        check_name(save_as)
    with open_foundation() as ground, file_progress(file.name) as progress:
        found, zone = look_through(file, sheet=sheet), ZoneInfo(ground.settings.time_zone)
        with ground.database.transaction() as connection:
            now = read_clock(connection)
            chosen = choose_map(connection, found, map_name)
            dictionary = load_dictionary(connection)
        if chosen.by_header and not as_json:
            remark("The header was seen before: the map {name} is used.", name=chosen.name)
        done = import_members(
            ground.database,
            found,
            mapping=chosen.mapping,
            now=now,
            secret=ground.secret,
            zone=zone,
            dry_run=dry_run,
            errors=errors,
            language=language(),
            progress=progress,
            read_attributes=attributes_reader(dictionary, zone),
        )
        if save_as is not None and not dry_run:
            with ground.database.transaction() as connection:
                save_map(connection, save_as, done.mapping, done.header, now=now)
    if as_json:
        print_json({**_as_json(done), "map": chosen.name})
    else:
        tell_import(done, dry_run=dry_run)
        tell_problems(done.problems)
    end_import(used=done.new + done.changed + done.unchanged, refused=done.refused)


def _as_json(done: MembersImported) -> dict[str, Any]:
    told = asdict(done)
    told["problems"] = [problem.told(language()) for problem in done.problems]
    return {name: value for name, value in told.items() if name not in ("mapping", "header")}


@imports_app.command("list")
@run_command
def list_command(as_json: AsJson = False) -> None:
    """List the files that were imported, the latest first."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        rows = list_imports(connection)
    if as_json:
        print_json(rows)
        return
    shown = [{**row, "state": in_words(_state(row)), "begun": row["started_at"]} for row in rows]
    columns = ("id", "kind", "file_name", "begun", "state", "accepted", "refused", "new", "changed")
    print_table("Imports", columns, [[row[column] for column in columns] for row in shown])


def _state(row: dict[str, Any]) -> str:
    if row["undone_at"]:
        return "undone"
    return "finished" if row["finished_at"] else "not finished"


@imports_app.command("undo")
@run_command
def undo_command(
    number: Annotated[int, typer.Argument(metavar="ID", help="The import's number, as the list shows it")],
    as_json: AsJson = False,
) -> None:
    """Take an import of members back, where nothing has happened since; at most 30 days after it."""
    with open_foundation() as ground:
        with ground.database.transaction() as connection:
            now = read_clock(connection)
        undone = undo_import(ground.database, number, now=now)
    if as_json:
        print_json(asdict(undone))
        return
    say("{removed} members removed, {restored} as before again.", removed=undone.removed, restored=undone.restored)
    if undone.kept:
        say("{kept} members stay: something has happened to them since, or they said yes or no.", kept=undone.kept)
    if undone.left:
        say("{left} fields stay: somebody has changed them since.", left=undone.left)
    if undone.consents:
        say("{consents} consents answered with what stood before.", consents=undone.consents)


@maps_app.command("apply")
@run_command
def apply_maps(
    path: Annotated[Path, typer.Argument(help="A map file with a name, or a folder of them (*.yaml)")],
    as_json: AsJson = False,
) -> None:
    """Keep maps that are written in files."""
    wanted = read_definitions(path, SavedMap)
    with open_foundation() as ground, ground.database.transaction() as connection:
        applied = save_definitions(connection, wanted, now=read_clock(connection))
    tell_applied("Maps", "map", applied, as_json=as_json)


@maps_app.command("list")
@run_command
def list_maps(as_json: AsJson = False) -> None:
    """List the maps that are kept."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        maps = load_definitions(connection, SavedMap)
    if as_json:
        print_json([one.model_dump(mode="json", exclude_none=True) for one in maps.values()])
        return
    rows = [(name, ", ".join(one.map.columns()), ", ".join(one.header)) for name, one in maps.items()]
    print_table("Maps", ("map", "fields", "header"), rows)


@maps_app.command("show")
@run_command
def show_map(
    name: Annotated[str, typer.Argument(help="The map's name")],
    as_json: AsJson = False,
) -> None:
    """Show which column is which field in one map."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        maps = load_definitions(connection, SavedMap)
    if name not in maps:
        raise refuse("there is no map {name}; known are {known}", name=name, known=", ".join(maps) or "—")
    found = maps[name]
    if as_json:
        print_json(found.model_dump(mode="json", exclude_none=True))
        return
    print_table(name, ("field", "column"), list(found.map.columns().items()))
