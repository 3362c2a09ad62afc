"""``tidings segments``: check, apply and list segments, count and look at whom they pick, and say why."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from config.foundation import open_foundation
from console.options import MemberId
from console.output import language, print_json, print_table, run_command, say, screen
from console.segment_reasons import in_words_of, reason_tree
from database.engine import read_clock
from journeys.naming import problems_in_force
from language.problems import InputRefused, Problem
from members.condition_model import Condition
from members.people import the_member
from members.segments.applying import apply_segments
from members.segments.definition import read_segments, segment_schema
from members.segments.entering import sizes
from members.segments.explaining import plan_of, sql_of
from members.segments.picking import count_matching, count_parts, only_reading, some_members
from members.segments.reasons import reasons_of
from members.segments.storing import load_kept, load_segments, named_segment

app = typer.Typer(help="Segments: check, apply, list, count, sample, reasons, explain, schema.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Name = Annotated[str, typer.Argument(help="The segment.")]


@dataclass(frozen=True, kw_only=True)
class _Asking:
    """One segment, ready to be asked about in a transaction that can change nothing."""

    connection: Connection
    now: datetime
    segments: dict[str, Condition]
    condition: Condition


@contextmanager
def _asking(name: str) -> Iterator[_Asking]:
    with (
        open_foundation() as ground,
        ground.database.transaction() as connection,
        only_reading(connection, ground.settings.segment_timeout),
    ):
        segments = load_segments(connection)
        condition = named_segment(name, segments)
        yield _Asking(connection=connection, now=read_clock(connection), segments=segments, condition=condition)


@app.command("check")
@run_command
def check_segments(
    files: Annotated[list[Path], typer.Argument(help="Segment files, or folders of them.")], as_json: AsJson = False
) -> None:
    """Name everything wrong with segment files: file, line, field and what was expected."""
    problems: list[Problem] = []
    for path in files:
        try:
            read_segments(path)
        except InputRefused as refused:
            problems.extend(refused.problems)
    if as_json:
        print_json({"files": len(files), "problems": [problem.told(language()) for problem in problems]})
        if problems:
            raise typer.Exit(2)
        return
    if problems:
        raise InputRefused(problems)
    say("{count} files checked, nothing wrong.", count=len(files))


@app.command("apply")
@run_command
def apply_files(
    path: Annotated[Path, typer.Argument(help="A segment file, or a folder of them.", exists=True)],
    tell: Annotated[
        bool, typer.Option("--tell", help="Tell of whoever enters or leaves because of this change.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put every segment of a folder in force, or none: one broken file stops them all."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        files, before = read_segments(path, known=load_segments(connection)), problems_in_force(connection)
        done = apply_segments(connection, files, now=read_clock(connection), told=tell)
        if broken := [problem for problem in problems_in_force(connection) if problem not in before]:
            raise InputRefused(broken)
    if as_json:
        print_json({**asdict(done), "problems": [problem.told(language()) for problem in done.problems]})
        return
    rows = [
        (name, in_words_of(what), done.inside.get(name), done.unknown.get(name))
        for what in ("new", "changed", "unchanged")
        for name in getattr(done, what)
    ]
    print_table("Segments", ("segment", "what happened", "members inside", "keys nobody has"), rows)
    for problem in done.problems:
        say("{problem}", problem=problem.told(language()))


@app.command("list")
@run_command
def list_segments(as_json: AsJson = False) -> None:
    """List every segment, and how many are in those that are kept."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found, inside = load_kept(connection), sizes(connection)
    if as_json:
        print_json(
            [
                {**asdict(one), "condition": one.condition.model_dump(mode="json"), "inside": inside.get(name)}
                for name, one in found.items()
            ]
        )
        return
    rows = [
        (
            name,
            one.title.get(language()) or "",
            in_words_of(one.kind),
            one.keep or None,
            inside.get(name),
        )
        for name, one in found.items()
    ]
    print_table("Segments", ("segment", "title", "made of", "keep", "members inside"), rows)


@app.command("count")
@run_command
def count_segment(
    name: Name,
    only_total: Annotated[
        bool, typer.Option("--only-total", help="Count without asking what each part leaves out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count whom a segment picks, and say what each of its parts leaves out."""
    with _asking(name) as asking:
        if only_total:
            total = count_matching(asking.connection, asking.condition, asking.now, segments=asking.segments)
            print_json({"matching": total}) if as_json else say("{count} members.", count=total)
            return
        found = count_parts(asking.connection, asking.condition, asking.now, segments=asking.segments)
    if as_json:
        parts = [{**asdict(part), "part": part.part.model_dump(mode="json")} for part in found.parts]
        print_json({"everybody": found.everybody, "matching": found.matching, "parts": parts})
        return
    say("{count} of {everybody} members.", count=found.matching, everybody=found.everybody)
    rows = [(in_words_of(part.part), part.holds, part.leaves_out, part.alone_leaves_out) for part in found.parts]
    print_table("What each part leaves out", ("part", "holds for", "leaves out", "alone leaves out"), rows)


@app.command("sample")
@run_command
def sample_segment(
    name: Name,
    limit: Annotated[int, typer.Option(help="How many members.", min=1, max=1000)] = 10,
    left_out: Annotated[bool, typer.Option("--left-out", help="Of those whom the segment leaves out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show some members of a segment, the same ones every time."""
    with _asking(name) as asking:
        found = some_members(
            asking.connection, asking.condition, asking.now, segments=asking.segments, limit=limit, left_out=left_out
        )
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        print_table("Some members", ("member", "name", "tier"), [(one.key, one.name, one.tier) for one in found])


@app.command("reasons")
@run_command
def reasons(
    name: Name,
    member: MemberId,
    as_json: AsJson = False,
) -> None:
    """Say which parts of a segment hold for one member, with the member's own values."""
    with _asking(name) as asking:
        found = the_member(asking.connection, member)
        reason = reasons_of(asking.connection, asking.condition, found.id, asking.now, segments=asking.segments)
    if as_json:
        print_json({"member": found.key, "segment": name, **reason.as_json()})
    else:
        screen().print(reason_tree(reason, name, found.key))


@app.command("explain")
@run_command
def explain(
    name: Name,
    plan: Annotated[bool, typer.Option("--plan", help="Show how PostgreSQL would go about it, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the one SQL statement that a segment becomes."""
    with _asking(name) as asking:
        statement = sql_of(asking.condition, asking.now, segments=asking.segments)
        steps = plan_of(asking.connection, statement) if plan else []
    if as_json:
        print_json({"sql": statement, "plan": steps})
        return
    screen().print(statement, markup=False)
    for step in steps:
        screen().print(step, markup=False)


@app.command("schema")
@run_command
def schema() -> None:
    """Print the JSON Schema of a segment file, for editors and programs."""
    print_json(segment_schema())
