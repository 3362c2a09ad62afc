"""What commands that define something share: keeping what a file says, and telling what became of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from config.foundation import open_foundation
from console.output import in_words, print_json, print_table, remark, say
from database.engine import read_clock
from language.problems import refuse
from members.definitions import Defined, DefinitionsApplied, read_definitions
from members.insight.nights import Fit, save_only

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
File = Annotated[Path, typer.Argument(help="The file that defines it.")]
Member = Annotated[str, typer.Argument(help="The member's key in the CRM, or our id")]


def apply_definition(file: Path, model: type[Defined], then: str, *, as_json: bool) -> None:
    """Check a definition file and keep it in place of the one there was; ``then`` is the command that acts on it."""
    wanted = read_definitions(file, model)
    with open_foundation() as ground, ground.database.transaction() as connection:
        done = save_only(connection, wanted, now=read_clock(connection))
    if as_json:
        print_json({"new": list(done.new), "changed": list(done.changed), "unchanged": list(done.unchanged)})
        return
    what = "new" if done.new else "changed" if done.changed else "unchanged"
    say("{name}: {what}. It acts from the next night on; at once with: tidings {then}", name=wanted[0].name, what=in_words(what), then=then)


def read_one(file: Path, model: type[Defined]) -> Defined:
    """Read the one definition of a file, or of a folder that holds no other.

    Raises:
        InputRefused: there are several, or something is wrong with it.
    """
    found = read_definitions(file, model)
    if len(found) > 1:
        raise refuse("one definition was expected; this folder has {count}", file=str(file), count=len(found))
    return found[0]


def tell_applied(title: str, heading: str, done: DefinitionsApplied, *, as_json: bool) -> None:
    """Say what became of each definition: a table under ``title``, or JSON; ``heading`` is what one of them is called."""
    if as_json:
        print_json(asdict(done))
        return
    rows = [(name, in_words(what)) for what in ("new", "changed", "unchanged") for name in getattr(done, what)]
    print_table(title, (heading, "what happened"), rows)


def tell_trouble(fit: Fit | None) -> None:
    """Say on standard error why nothing new could be learnt, where that is so."""
    trouble = fit.parameters.get("problem") if fit else None
    if trouble:
        said = in_words(trouble["sentence"], **trouble["values"])
        remark("Nothing new was learnt on {at}: {why}", at=trouble["at"][:16], why=said)
