"""``tidings keys``: who may tell us events, and where providers may call us."""

from typing import Annotated

import typer

from config.callback_addresses import callback_address
from config.wiring import open_application
from console.api_keys import create_key, list_keys, revoke_key
from console.output import print_json, print_table, run_command, say
from database.engine import read_clock

app = typer.Typer(help="API keys and callback addresses: create, list, revoke, callbacks.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@app.command()
@run_command
def create(name: Annotated[str, typer.Argument(help="Who will use it")], as_json: AsJson = False) -> None:
    """Make an API key and show it this once."""
    with open_application() as application, application.database.transaction() as connection:
        made = create_key(connection, name)
    if as_json:
        print_json({"id": made.id, "name": name, "key": made.key})
    else:
        say("{key}", key=made.key)
        say("Keep it now: it is stored only as a digest and cannot be shown again.")


@app.command("list")
@run_command
def list_command(as_json: AsJson = False) -> None:
    """List every API key without its secret half."""
    with open_application() as application, application.database.transaction() as connection:
        rows = list_keys(connection)
    if as_json:
        print_json([dict(row) for row in rows])
    else:
        print_table("API keys", ("id", "name", "made", "revoked"), [list(row.values()) for row in rows])


@app.command()
@run_command
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="As shown by tidings keys list")]) -> None:
    """Let an API key open nothing from now on."""
    with open_application() as application, application.database.transaction() as connection:
        revoke_key(connection, key_id, now=read_clock(connection))
    say("Key {id} is revoked; it is dead within a second.", id=key_id)


@app.command()
@run_command
def callbacks(as_json: AsJson = False) -> None:
    """Show the secret address to give to each provider for its delivery reports."""
    with open_application() as application:
        found = {
            account.name: callback_address(application.secret, account.name, public_url=application.public_url)
            for account in application.every_account
        }
    if as_json:
        print_json(found)
    else:
        print_table("Callback addresses", ("account", "address"), list(found.items()))
