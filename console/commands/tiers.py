"""``tidings tiers``: a programme of tiers applied, looked at beforehand, and what it has come to."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, func, select

from config.foundation import open_foundation
from console.defining import read_one
from console.facts_shown import shown
from console.options import MemberId
from console.output import in_words, print_json, print_table, run_command, say
from console.progress import progress_bar
from database.engine import read_clock
from database.loyalty_tables import member_tiers
from language.problems import refuse
from members.people import the_member
from members.tiers.applying import Moves, drop_programme, place_everybody, preview, save_programme
from members.tiers.moving import applied_programmes
from members.tiers.programme import TierProgramme

app = typer.Typer(help="Tiers: apply, preview, list, show, drop.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
File = Annotated[Path, typer.Argument(help="The file that defines the programme.")]


@app.command("apply")
@run_command
def apply_file(file: File, as_json: AsJson = False) -> None:
    """Apply a programme and place every member: up at once, down only when a period has ended."""
    programme = read_one(file, TierProgramme)
    with open_foundation() as ground, progress_bar() as progress:
        with ground.database.transaction() as connection:
            now = read_clock(connection)
        save_programme(ground.database, programme, now=now)
        task = progress.add_task(file.name, total=None)
        told = place_everybody(ground.database, now=now, progress=lambda done: progress.advance(task, done))
        with ground.database.transaction() as connection:
            rows = _standing(connection, programme)
    if as_json:
        print_json({"programme": programme.tiers, "told": told, "levels": rows})
        return
    say("{name} is applied; {told} moves were told.", name=programme.tiers, told=told)
    _print_standing(rows)


@app.command("preview")
@run_command
def preview_file(file: File, as_json: AsJson = False) -> None:
    """Say who would move from which tier to which if this file were applied now; nothing is kept."""
    programme = read_one(file, TierProgramme)
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = preview(connection, programme, now=read_clock(connection))
    rows = _way_rows(found)
    if as_json:
        print_json({"looked_at": found.looked_at, "unnamed": found.unnamed, "moves": rows})
        return
    table = [[*list(row.values())[:4], ", ".join(found.samples[way])] for row, way in zip(rows, _ways(found), strict=True)]
    print_table("Who would move", ("from", "to", "why", "members", "for example"), table)
    say("{looked_at} members were looked at; nothing was changed.", looked_at=found.looked_at)
    if found.unnamed:
        say("{count} have a tier this file does not name and would be left alone.", count=found.unnamed)


def _way_rows(found: Moves) -> list[dict[str, object]]:
    return [
        {"from": way[0], "to": way[1], "why": in_words(way[2]), "members": count, "samples": found.samples[way]}
        for way, count in ((way, found.counts[way]) for way in _ways(found))
    ]


def _ways(found: Moves) -> list[tuple[str | None, str, str]]:
    """List the ways of moving, the most frequent first."""
    return sorted(found.counts, key=lambda way: -found.counts[way])


@app.command("list")
@run_command
def list_tiers(as_json: AsJson = False) -> None:
    """List the tiers of the programme, what each asks for and how many stand in it."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        rows = [
            {"programme": programme.tiers, **row}
            for programme, _ in applied_programmes(connection)
            for row in _standing(connection, programme)
        ]
    if as_json:
        print_json(rows)
    elif rows:
        _print_standing(rows)
    else:
        say("No programme of tiers is applied. Run: tidings tiers apply FILE")


@app.command("show")
@run_command
def show_member(
    member: MemberId,
    as_json: AsJson = False,
) -> None:
    """Show a member's tier: since when, until when, and what was measured."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        row = connection.execute(select(member_tiers).where(member_tiers.c.member_id == found.id)).mappings().first()
        programmes = applied_programmes(connection)
    if row is None or not programmes:
        raise refuse("{key} stands in no tier of a programme", key=member)
    standing = {name: row[name] for name in ("tier", "since", "until", "measured")}
    told = {"member": found.key, "programme": programmes[0][0].tiers, **standing, "next": _next(programmes[0][0], row["tier"])}
    if as_json:
        print_json(told)
    else:
        print_table("Tier", ("field", "value"), [(in_words(name), shown(value, name)) for name, value in told.items()])


@app.command("drop")
@run_command
def drop(name: Annotated[str, typer.Argument(help="The programme.")]) -> None:
    """Forget a programme; the tier kept with each member stays as it is."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        count = drop_programme(connection, name)
    say("{name} is dropped; {count} members stood in it.", name=name, count=count)


def _standing(connection: Connection, programme: TierProgramme) -> list[dict[str, object]]:
    counted = select(member_tiers.c.tier, func.count().label("many")).group_by(member_tiers.c.tier)
    members = {row.tier: row.many for row in connection.execute(counted)}
    return [
        {"tier": level.name, "from": level.threshold, "measure": programme.measure, "members": members.get(level.name, 0)}
        for level in programme.levels
    ]


def _print_standing(rows: list[dict[str, object]]) -> None:
    table = [[in_words(str(value)) if name == "measure" else value for name, value in row.items()] for row in rows]
    print_table("Tiers", tuple(rows[0]), table)


def _next(programme: TierProgramme, tier: str) -> str | None:
    """Say which tier is above, and from what on; None: it is the highest."""
    above = programme.levels[programme.ranks().get(tier, -1) + 1 :]
    return f"{above[0].name} ({above[0].threshold})" if above else None
