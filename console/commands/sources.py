"""``tidings sources``: pull events from other people's SQL databases."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, select

from config.foundation import open_foundation
from console.defining import tell_applied
from console.facts_shown import shown
from console.output import fail, language, print_json, print_table, run_command, say
from database.engine import read_clock
from database.member_tables import pulls
from language.problems import Problem, refuse
from members.definitions import drop_definition, load_definitions, read_definitions, save_definitions
from members.events import NewEvent
from members.pulling.failing import SourceFailed
from members.pulling.pulling import Pulled, pull
from members.pulling.reading import open_source
from members.pulling.rows import event_of
from members.pulling.source import Source

app = typer.Typer(help="Events from SQL databases: apply, list, test, pull, errors, drop.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The source")]

TRIED = 5  #: rows that a test shows
UNTIL_DONE = 1e9  #: seconds


@app.command()
@run_command
def apply(
    path: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="A definition file, or a folder of them")],
    as_json: AsJson = False,
) -> None:
    """Define the sources of a file or folder, or none: one mistake stops them all."""
    wanted = read_definitions(path, Source)
    with open_foundation() as ground, ground.database.transaction() as connection:
        done = save_definitions(connection, wanted, now=read_clock(connection))
        missing = sorted({one.setting for one in wanted if ground.source_address(one.setting) is None})
    tell_applied("Sources", "source", done, as_json=as_json)
    for name in missing if not as_json else ():
        say("The setting sources.{name} is missing: put the database's address there before the first pull.", name=name)


@app.command("list")
@run_command
def list_all(as_json: AsJson = False) -> None:
    """List every source: when it was last read to its end, how much came, and what is wrong."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        sources = load_definitions(connection, Source)
        rows = {row["name"]: dict(row) for row in connection.execute(select(pulls)).mappings()}
    told = [_standing(one, rows.get(name, {})) for name, one in sources.items()]
    if as_json:
        print_json(told)
        return
    columns = ("source", "every", "pulled_at", "next_at", "stored", "refused", "problem")
    print_table("Sources", columns, [[row[column] for column in columns] for row in told])


def _standing(source: Source, row: Mapping[str, Any]) -> dict[str, Any]:
    problem = row.get("problem")
    return {
        "source": source.name,
        "every": source.model_dump(mode="json")["every"],
        "pulled_at": row.get("pulled_at"),
        "next_at": row.get("next_at"),
        "stored": row.get("rows", 0),
        "refused": row.get("refused", 0),
        "problem": Problem(**problem).told(language()) if problem else None,
    }


@app.command()
@run_command
def test(name: Name, as_json: AsJson = False) -> None:
    """Read the first rows of a source and show which events they would be; nothing is kept."""
    with open_foundation() as ground:
        with ground.database.transaction() as connection:
            source = _source(connection, name)
        try:
            with open_source(source, ground.source_address(source.setting)) as reader:
                rows = reader.page(None, TRIED)
        except SourceFailed as failed:
            fail("{source}: {problem}", source=name, problem=failed.problem.told(language()))
        made = [event_of(source, row, source.zone(ground.zone)) for row in rows]
    if as_json:
        print_json([asdict(each) if isinstance(each, NewEvent) else {"problem": each.told(language())} for each in made])
        return
    print_table("Events", ("kind", "member", "key", "occurred_at", "value", "properties", "problem"), map(_shown, made))


def _shown(made: NewEvent | Problem) -> tuple[object, ...]:
    if isinstance(made, Problem):
        return (None,) * 6 + (made.told(language()),)
    return made.kind, made.member_key, made.key, made.occurred_at, shown(made.value), made.properties, None


@app.command("pull")
@run_command
def pull_now(name: Name, as_json: AsJson = False) -> None:
    """Read what is new at a source now, to its end."""
    with open_foundation() as ground:
        with ground.database.transaction() as connection:
            source, now = _source(connection, name), read_clock(connection)
        address = ground.source_address(source.setting)
        done = pull(
            ground.database, source, address, now=now, zone=ground.zone, secret=ground.secret, seconds=UNTIL_DONE
        )
    if as_json:
        print_json({**asdict(done), "problem": done.problem.told(language()) if done.problem else None})
    else:
        _tell(done)
    if done.problem:
        fail("{source}: {problem}", source=name, problem=done.problem.told(language()))


def _tell(done: Pulled) -> None:
    say(
        "{stored} events stored, {duplicates} told before, {refused} rows refused.",
        stored=done.stored,
        duplicates=done.known,
        refused=done.refused,
    )
    if not done.finished and not done.problem:
        say("Somebody else is pulling this source; the rest is theirs.")


@app.command()
@run_command
def errors(name: Name, as_json: AsJson = False) -> None:
    """List the last rows of a source of which no event could be made, and why."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        _source(connection, name)
        listed = connection.execute(select(pulls.c.refusals).where(pulls.c.name == name)).scalar_one_or_none() or []
    rows = [(each["key"], each["field"], Problem(sentence=each["sentence"], values=each["values"]).told(language())) for each in listed]
    if as_json:
        print_json([{"key": key, "field": field, "problem": problem} for key, field, problem in rows])
        return
    print_table("Rows refused", ("key", "field", "problem"), rows)


@app.command()
@run_command
def drop(name: Name) -> None:
    """Pull from a source no more; its events stay, and defined again it goes on where it stopped."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        _source(connection, name)
        drop_definition(connection, Source, name)
    say("Source {name} is pulled from no more.", name=name)


def _source(connection: Connection, name: str) -> Source:
    sources = load_definitions(connection, Source)
    if name not in sources:
        raise refuse("there is no source {name}; there are {known}", name=name, known=", ".join(sources) or "—")
    return sources[name]
