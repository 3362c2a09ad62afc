"""``tidings rfm``: members scored by how lately, how often and for how much they bought."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import select

from config.foundation import open_foundation
from console.defining import AsJson, File, apply_definition
from console.facts_shown import shown
from console.output import language, print_json, print_table, run_command, say
from database.engine import read_clock
from database.loyalty_tables import rfm_scores
from language.problems import refuse
from members.insight.nights import required_definition
from members.insight.rfm import Rfm
from members.insight.rfm_scoring import CellCount, count_cells, score_members
from members.people import the_member

app = typer.Typer(help="RFM: apply, run, show, cells.", no_args_is_help=True)


@app.command("apply")
@run_command
def apply_file(file: File, as_json: AsJson = False) -> None:
    """Keep how members are scored; every night from then on."""
    apply_definition(file, Rfm, "rfm run", as_json=as_json)


@app.command()
@run_command
def run(as_json: AsJson = False) -> None:
    """Score everybody now, as every night, and tell who moved."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        definition = required_definition(connection, Rfm)
        done = score_members(connection, definition, now=read_clock(connection), zone=ground.zone)
    if as_json:
        print_json(asdict(done))
        return
    say(
        "{members} members scored; {changed} have other scores than before, {gone} bought nothing within the window any more, "
        "{moved} moves were told.",
        members=done.members, changed=done.changed, gone=done.gone, moved=done.moved,
    )  # fmt: skip
    _print_cells(definition, done.cells)


@app.command()
@run_command
def cells(as_json: AsJson = False) -> None:
    """Show what would stand in each cell if everybody were scored now; nothing is kept."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        definition = required_definition(connection, Rfm)
        found = count_cells(connection, definition, now=read_clock(connection), zone=ground.zone)
    if as_json:
        print_json([{**asdict(one), "title": definition.title(one.cell, language())} for one in found])
        return
    _print_cells(definition, found)


def _print_cells(definition: Rfm, found: Sequence[CellCount]) -> None:
    members, money = sum(one.members for one in found) or 1, sum(one.money for one in found) or 1
    rows = [
        (
            one.cell, definition.title(one.cell, language()), one.members, f"{one.members / members:.1%}", one.orders,
            shown(one.money, "money"), f"{one.money / money:.1%}", round(one.days),
        )
        for one in found
    ]  # fmt: skip
    columns = ("cell", "called", "members", "share of members", "orders", "money", "share of money", "days since the last order")
    print_table("RFM cells", columns, rows)


@app.command()
@run_command
def show(
    member: Annotated[str, typer.Argument(help="The member's key in the CRM, or our id")], as_json: AsJson = False
) -> None:
    """Show a member's scores and cell."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        definition = required_definition(connection, Rfm)
        found = connection.execute(select(rfm_scores).where(rfm_scores.c.member_id == the_member(connection, member).id)).one_or_none()
    if found is None:
        raise refuse("{member} has no scores: no order within {window} days when last scored", member=member, window=definition.window.days)
    scores = {name: getattr(found, name) for name in ("recency", "frequency", "monetary", "cell", "scored_at")}
    if as_json:
        print_json({"member": member, **scores, "title": definition.title(found.cell, language())})
        return
    say(
        "{member}: recency {recency}, frequency {frequency}, monetary {monetary}: {title} ({cell}), since {at:%Y-%m-%d}.",
        member=member, recency=found.recency, frequency=found.frequency, monetary=found.monetary,
        title=definition.title(found.cell, language()), cell=found.cell, at=found.scored_at,
    )  # fmt: skip
