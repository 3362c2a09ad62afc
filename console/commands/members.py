"""``tidings members``: bring members in from files, take that back, and look at one."""

from dataclasses import asdict
from typing import Annotated

import typer

from config.wiring import open_application
from console.commands.members_importing import import_command, imports_app, maps_app
from console.output import print_json, print_table, run_command
from language.problems import refuse
from members.people import find_member
from members.profile import Profile, read_profile

app = typer.Typer(help="Members: import, imports, maps, show.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


app.command("import")(import_command)
app.add_typer(imports_app, name="imports")
app.add_typer(maps_app, name="maps")


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
    for title, rows in (
        ("Addresses", profile.addresses),
        ("Consents", profile.consents),
        ("Facts", profile.facts),
        ("Last events", profile.events),
    ):
        if rows:
            print_table(title, list(rows[0]), [list(row.values()) for row in rows])
