"""Commands that keep the one definition of a kind, and what all families of such commands share."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from config.wiring import open_application
from console.output import in_words, print_json, remark, say
from database.engine import read_clock
from language.problems import refuse
from members.definitions import Defined, read_definitions
from members.insight.nights import Fit, save_only
from members.people import find_member

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
File = Annotated[Path, typer.Argument(help="The file that defines it.")]
Member = Annotated[str, typer.Argument(help="The member's key in the CRM, or our id")]


def apply_definition(file: Path, model: type[Defined], then: str, *, as_json: bool) -> None:
    """Check a definition file and keep it in place of the one there was; ``then`` is the command that acts on it."""
    wanted = read_definitions(file, model)
    with open_application() as application, application.database.transaction() as connection:
        done = save_only(connection, wanted, now=read_clock(connection))
    if as_json:
        print_json({"new": list(done.new), "changed": list(done.changed), "unchanged": list(done.unchanged)})
        return
    what = "new" if done.new else "changed" if done.changed else "unchanged"
    say("{name}: {what}. It acts from the next night on; at once with: tidings {then}", name=wanted[0].name, what=in_words(what), then=then)


def wanted_member(connection: Connection, member: str) -> int:
    """Return the id of the member a command was asked about.

    Raises:
        InputRefused: there is none.
    """
    found = find_member(connection, member)
    if found is None:
        raise refuse("there is no member {key}", key=member)
    return found.id


def tell_trouble(fit: Fit | None) -> None:
    """Say on standard error why nothing new could be learnt, where that is so."""
    trouble = fit.parameters.get("problem") if fit else None
    if trouble:
        said = in_words(trouble["sentence"], **trouble["values"])
        remark("Nothing new was learnt on {at}: {why}", at=trouble["at"][:16], why=said)
