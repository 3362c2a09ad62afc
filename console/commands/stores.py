"""``tidings stores``: where the shops are, for conditions that ask who is near one."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from config.foundation import open_foundation
from console.options import MemberId
from console.output import print_json, print_table, run_command, say
from database.engine import read_clock
from members.people import the_member
from members.places import Seen, list_stores, read_stores, save_stores, set_places

app = typer.Typer(help="Stores: import, list.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("import")
@run_command
def import_stores(
    file: Annotated[
        Path,
        typer.Argument(help="A CSV file with the columns key, name, latitude, longitude and, if you like, closed_on."),
    ],
    as_json: AsJson = False,
) -> None:
    """Bring in stores with their coordinates; one that is known already is changed."""
    found = read_stores(file)
    with open_foundation() as ground, ground.database.transaction() as connection:
        save_stores(connection, found, now=read_clock(connection))
    if as_json:
        print_json({"stores": len(found)})
    else:
        say("{count} stores are kept.", count=len(found))


@app.command("list")
@run_command
def show_stores(as_json: AsJson = False) -> None:
    """List every store with its coordinates."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = list_stores(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.key, one.name, one.latitude, one.longitude, one.closed_on) for one in found]
    print_table("Stores", ("store", "name", "latitude", "longitude", "closed on"), rows)


@run_command
def place_member(
    member: MemberId,
    latitude: Annotated[float, typer.Argument(help="Degrees north of the equator, from -90 to 90.")],
    longitude: Annotated[float, typer.Argument(help="Degrees east of Greenwich, from -180 to 180.")],
    last_seen: Annotated[
        bool, typer.Option("--last-seen", help="Where the member was seen, not where they live.")
    ] = False,
) -> None:
    """Keep where a member lives, or was last seen."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        seen = Seen(
            member_id=found.id, latitude=latitude, longitude=longitude, kind="last_seen" if last_seen else "home"
        )
        set_places(connection, [seen], now=read_clock(connection))
    say("The place of {member} is kept.", member=member)
