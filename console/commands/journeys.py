"""``tidings journeys``: check, publish, watch, hold, end and replay journeys."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.tree import Tree
from sqlalchemy import select

from campaigns.campaign import load_definitions
from config.foundation import open_foundation
from console.commands.journeys_replay import replay_journey
from console.output import in_words, language, print_json, print_table, run_command, say, screen
from database.engine import read_clock
from database.tables import campaigns
from journeys.journey import Step
from journeys.loader import load_journey, load_journeys
from journeys.publishing import apply_journeys, list_journeys, pause_journey, resume_journey, stop_journey
from journeys.showing import Standings, in_one_line, standings, way_words, words_of
from language.problems import InputRefused, Problem

app = typer.Typer(help="Journeys: check, apply, list, show, pause, resume, stop, replay.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[str, typer.Argument(help="The journey.")]


@app.command("check")
@run_command
def check_journeys(
    files: Annotated[list[Path], typer.Argument(help="Journey files.")],
    campaign_folder: Annotated[
        Path | None, typer.Option("--campaigns", help="Folder of the campaign files that send steps may name.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Name everything wrong with journey files: file, line, step and what was expected."""
    known = {one.campaign for one in load_definitions(campaign_folder)} if campaign_folder else None
    problems: list[Problem] = []
    for path in files:
        try:
            load_journey(path, campaigns=known)
        except InputRefused as refused:
            problems.extend(refused.problems)
    if as_json:
        print_json({"files": len(files), "problems": [_told(problem) for problem in problems]})
        if problems:
            raise typer.Exit(2)
        return
    if problems:
        raise InputRefused(problems)
    say("{count} journeys checked, nothing wrong.", count=len(files))


def _told(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "step": problem.field, "problem": problem.told(language())}


@app.command("apply")
@run_command
def apply_folder(
    folder: Annotated[Path, typer.Argument(help="Folder of journey files.", exists=True, file_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Publish every journey of a folder, or none: one broken file stops them all."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        known = set(connection.execute(select(campaigns.c.name)).scalars())
        done = apply_journeys(connection, load_journeys(folder, campaigns=known), now=read_clock(connection))
    if as_json:
        print_json({"new": list(done.new), "changed": list(done.changed), "unchanged": list(done.unchanged)})
        return
    rows = [(name, in_words(what)) for what in ("new", "changed", "unchanged") for name in getattr(done, what)]
    print_table("Journeys", ("journey", "what happened"), rows)


@app.command("list")
@run_command
def list_all(as_json: AsJson = False) -> None:
    """List every version with its state and how many are inside."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = list_journeys(connection)
    if as_json:
        print_json([{name: getattr(one, name) for name in JOURNEY_COLUMNS} for one in found])
        return
    rows = [
        (one.name, one.version, one.state, one.published_at, one.entered, one.inside)
        for one in found
    ]
    print_table("Journeys", ("journey", "version", "state", "published", "entered", "inside"), rows)


JOURNEY_COLUMNS = ("name", "version", "state", "published_at", "entered", "inside")


@app.command("show")
@run_command
def show_journey(name: Name, as_json: AsJson = False) -> None:
    """Draw a journey as a tree, with how many stand on each step and how many passed it."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = standings(connection, name)
    if as_json:
        print_json(found.as_json())
        return
    screen().print(_tree(found))


def _tree(found: Standings) -> Tree:
    journey = found.journey
    title = journey.title.zh if language() == "zh" else journey.title.en
    head = in_words("version {version}, {state}", version=found.version, state=found.state)
    tree = Tree(f"[bold]{escape(journey.journey)}[/]  {escape(title)}  ({head})")
    trigger = journey.trigger.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    kind, terms = next(iter(trigger.items()))
    tree.add(f"[cyan]{kind}[/] {escape(in_one_line(terms))}  {in_words('{count} entered', count=found.entered)}")
    _grow(tree, journey.steps, "", found)
    ends = ", ".join(f"{reason} {count}" for reason, count in found.ended.items())
    tree.add(in_words("ended: {reasons}", reasons=ends or "0"))
    return tree


def _grow(tree: Tree, steps: tuple[Step, ...], prefix: str, found: Standings) -> None:
    for position, step in enumerate(steps):
        path = f"{prefix}{position}"
        counts = in_words(
            "{passed} passed, {here} here", passed=found.passed.get(path, 0), here=found.here.get(path, 0)
        )
        branch = tree.add(f"{path}  [cyan]{step.kind}[/] {escape(words_of(step))}  [dim]{counts}[/]")
        for way, inner in enumerate(step.ways):
            arm = branch.add(escape(way_words(step, way)))
            _grow(arm, inner, f"{path}.{way}.", found)


@app.command("pause")
@run_command
def pause(name: Name) -> None:
    """Let nobody in and hold everybody inside; what happens meanwhile lets nobody in afterwards."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        pause_journey(connection, name)
    say("{name} is paused: nobody enters, timers are held.", name=name)


@app.command("resume")
@run_command
def resume(name: Name) -> None:
    """Let a paused journey go on; steps that fell due in the pause are taken now."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        resume_journey(connection, name)
    say("{name} goes on.", name=name)


@app.command("stop")
@run_command
def stop(name: Name) -> None:
    """End a journey for everybody inside and cancel their messages that have not left."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        count = stop_journey(connection, name, now=read_clock(connection))
    say("{name} is stopped; {count} members were inside.", name=name, count=count)


app.command("replay")(replay_journey)
