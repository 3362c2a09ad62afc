"""``tidings members``: bring members in, look at one, tag and place one, say who is who, let one go."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from config.wiring import open_application
from console.commands.members_erasure import erase, erasures, export, take_in_again
from console.commands.members_identity import conflicts_app, duplicates, merge, merges, take_back
from console.commands.members_tag import tag_member
from console.commands.stores import place_member
from console.facts_shown import show_facts
from console.importing import file_progress, tell_problems
from console.output import language, print_json, print_table, run_command, say
from database.engine import read_clock
from language.problems import refuse
from members.import_maps import read_member_map
from members.importing import MembersImported, import_members
from members.people import find_member
from members.profile import Profile, read_profile

app = typer.Typer(help="Members: import, show, tag, place, merge, export, erase.", no_args_is_help=True)
app.add_typer(conflicts_app, name="conflicts")
for name, command in (
    ("duplicates", duplicates), ("merge", merge), ("unmerge", take_back), ("merges", merges), ("erase", erase),
    ("erasures", erasures), ("export", export), ("readmit", take_in_again),
):  # fmt: skip
    app.command(name)(command)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@app.command("import")
@run_command
def import_command(
    file: Annotated[Path, typer.Argument(help="A CSV file in UTF-8 or GB 18030")],
    map_file: Annotated[Path | None, typer.Option("--map", help="Which column is which of our fields")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, keep nothing")] = False,
    errors: Annotated[Path | None, typer.Option(help="Write what could not be used to this CSV file")] = None,
    as_json: AsJson = False,
) -> None:
    """Import members from a CSV file; the same file twice changes nothing."""
    mapping = read_member_map(map_file) if map_file else None
    with open_application() as application, file_progress(file.name) as progress:
        with application.database.transaction() as connection:
            now = read_clock(connection)
        done = import_members(
            application.database,
            file,
            mapping=mapping,
            now=now,
            secret=application.secret,
            zone=ZoneInfo(application.settings.time_zone),
            dry_run=dry_run,
            errors=errors,
            language=language(),
            progress=progress,
        )
    if as_json:
        print_json({**asdict(done), "problems": [problem.told(language()) for problem in done.problems]})
    else:
        _tell(done, dry_run=dry_run)


def _tell(done: MembersImported, *, dry_run: bool) -> None:
    if done.already:
        say("This file is in already; nothing was changed.")
        return
    if dry_run:
        say("A dry run: nothing was kept.")
    say(
        "{new} new, {changed} changed, {unchanged} as before; {refused} rows refused, {unusable} addresses unusable.",
        new=done.new,
        changed=done.changed,
        unchanged=done.unchanged,
        refused=done.refused,
        unusable=done.unusable_addresses,
    )
    if done.consents:
        say("{consents} consents recorded.", consents=done.consents)
    if done.unused_columns:
        say("Columns not used: {columns}. A map file can name them.", columns=", ".join(done.unused_columns))
    tell_problems(done.problems)


@app.command()
@run_command
def show(
    member: Annotated[str, typer.Argument(metavar="ID", help="The member's key in the CRM, or our id")],
    as_json: AsJson = False,
) -> None:
    """Show everything kept about one member."""
    with open_application() as application, application.database.transaction() as connection:
        found = find_member(connection, member)
        if found is None:
            raise refuse("there is no member {key}", key=member)
        profile = read_profile(connection, found.id)
    if as_json:
        print_json(asdict(profile))
    else:
        _show(profile)


def _show(profile: Profile) -> None:
    print_table("Member", ("field", "value"), [row for row in profile.member.items() if row[1] not in (None, {})])
    show_facts(profile.orders, profile.channels)
    for title, rows in (
        ("Addresses", profile.addresses),
        ("Consents", profile.consents),
        ("Facts", profile.facts),
        ("Last events", profile.events),
    ):
        if rows:
            print_table(title, list(rows[0]), [list(row.values()) for row in rows])


# A minus before a tag takes it away, and is no option.
app.command("tag", context_settings={"ignore_unknown_options": True})(tag_member)
app.command("place")(place_member)
