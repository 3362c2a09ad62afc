"""``tidings members``: bring members in and take that back, look at one, tag and place one, say who is who, let one go."""

from dataclasses import asdict

import typer

from config.foundation import open_foundation
from console.commands.members_erasure import erase, erasures, export, take_in_again
from console.commands.members_identity import conflicts_app, duplicates, merge, merges, take_back
from console.commands.members_importing import import_command, imports_app, maps_app
from console.commands.members_life import show_life
from console.commands.members_tag import tag_member
from console.commands.stores import place_member
from console.facts_shown import rows_shown, show_facts, shown
from console.options import AsJson, MemberId
from console.output import print_json, print_table, run_command
from members.people import the_member
from members.profile import Profile, read_profile

app = typer.Typer(help="Members: import, imports, maps, show, tag, place, merge, export, erase.", no_args_is_help=True)
app.add_typer(conflicts_app, name="conflicts")
for name, command in (
    ("duplicates", duplicates), ("merge", merge), ("unmerge", take_back), ("merges", merges), ("erase", erase),
    ("erasures", erasures), ("export", export), ("readmit", take_in_again), ("life", show_life),
):  # fmt: skip
    app.command(name)(command)



app.command("import")(import_command)
app.add_typer(imports_app, name="imports")
app.add_typer(maps_app, name="maps")


@app.command()
@run_command
def show(
    member: MemberId,
    as_json: AsJson = False,
) -> None:
    """Show everything kept about one member."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        profile = read_profile(connection, found.id)
    if as_json:
        print_json(asdict(profile))
    else:
        _show(profile)


def _show(profile: Profile) -> None:
    print_table("Member", ("field", "value"), [(name, shown(value, name)) for name, value in profile.member.items() if value not in (None, {})])
    show_facts(profile.orders, profile.channels)
    for title, rows in (
        ("Addresses", profile.addresses),
        ("Consents", profile.consents),
        ("Facts", profile.facts),
        ("Last events", profile.events),
    ):
        if rows:
            print_table(title, list(rows[0]), rows_shown(rows))


# A minus before a tag takes it away, and is no option.
app.command("tag", context_settings={"ignore_unknown_options": True})(tag_member)
app.command("place")(place_member)
