"""``tidings doctor``: what is running, what is wrong, and how to mend it."""

from typing import Annotated

import typer
from sqlalchemy import Connection

from campaigns.invariants import broken
from config.foundation import open_engines
from config.settings import read_settings
from console.checks import Finding, examine
from console.output import FAILED, in_words, print_json, print_table, run_command, say
from database.engine import Database, set_clock

app = typer.Typer()


@app.command()
@run_command
def doctor(
    invariants: Annotated[bool, typer.Option("--invariants", help="Check what must always hold in the ledger of sends")] = False,
    real_clock: Annotated[bool, typer.Option("--real-clock", help="Give the road the real clock back first")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Say what is running, what is misconfigured, and how to mend it."""
    settings = read_settings()
    with open_engines(settings) as engines:
        database = Database(engines.database_url)
        try:
            if real_clock:
                with database.transaction() as connection:
                    set_clock(connection, None)
            if invariants:
                with database.transaction() as connection:
                    healthy = _tell_invariants(connection, as_json=as_json)
            else:
                healthy = _tell(examine(settings, engines.database_url, engines.redis_url), as_json=as_json)
        finally:
            database.close()
    if not healthy:
        raise typer.Exit(FAILED)


def _tell(findings: list[Finding], *, as_json: bool) -> bool:
    healthy = all(finding.level != "error" for finding in findings)
    told = [
        {
            "name": finding.name,
            "level": finding.level,
            "found": in_words(finding.sentence, **finding.values),
            "mend": in_words(finding.mend, **finding.values) if finding.mend else None,
        }
        for finding in findings
    ]
    if as_json:
        print_json({"healthy": healthy, "findings": told})
        return healthy
    marks = {"ok": "✓", "warning": "!", "error": "✗"}
    rows = [(marks[str(each["level"])], in_words(str(each["name"])), each["found"], each["mend"] or "") for each in told]
    print_table("Doctor", ("", "part", "found", "mend"), rows)
    return healthy


def _tell_invariants(connection: Connection, *, as_json: bool) -> bool:
    found = broken(connection)
    if as_json:
        print_json({"healthy": not found, "broken": [{"name": each.name, "count": each.count, "sample": list(each.sample)} for each in found]})
    elif found:
        print_table("Broken invariants", ("name", "count", "for example"), [(each.name, each.count, ", ".join(map(str, each.sample))) for each in found])
    else:
        say("Every invariant holds.")
    return not found
