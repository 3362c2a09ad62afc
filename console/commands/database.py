"""``tidings db``: bring the tables up to date, take them back, say where they stand."""

from typing import Annotated

import typer

from config.foundation import open_engines
from config.settings import read_settings
from console.output import print_json, run_command, say
from database.engine import Database
from database.migrations.revisions import current_revision, newest_revision
from database.migrations.running import downgrade, upgrade

app = typer.Typer(help="The database's tables: upgrade, downgrade, status.", no_args_is_help=True)


@app.command("upgrade")
@run_command
def upgrade_command() -> None:
    """Bring the tables up to date; nothing happens where they are."""
    with open_engines(read_settings()) as engines:
        upgrade(engines.database_url)
    say("The tables are at revision {revision}.", revision=newest_revision())


@app.command("downgrade")
@run_command
def downgrade_command(
    revision: Annotated[str, typer.Argument(help="The revision to go back to; base drops every table")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it: what the newer tables hold is lost")] = False,
) -> None:
    """Take the tables back to an earlier revision; data is lost."""
    if not yes:
        say("Nothing was done: this loses data. Say --yes to do it.")
        raise typer.Exit(1)
    with open_engines(read_settings()) as engines:
        downgrade(engines.database_url, revision=revision)
    say("The tables are at revision {revision}.", revision=revision)


@app.command()
@run_command
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False) -> None:
    """Say at which revision the tables are and which one this version needs."""
    with open_engines(read_settings()) as engines:
        database = Database(engines.database_url)
        with database.transaction() as connection:
            found = current_revision(connection)
        database.close()
    newest = newest_revision()
    if as_json:
        print_json({"revision": found, "newest": newest, "up_to_date": found == newest})
    elif found == newest:
        say("The tables are up to date, at revision {revision}.", revision=found)
    else:
        say("The tables are at revision {revision} and this version needs {newest}. Run: tidings db upgrade", revision=found or "-", newest=newest)
    if found != newest:
        raise typer.Exit(1)
