"""``tidings together``: what is bought together, and what next."""

from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated

import typer
from sqlalchemy import select

from config.foundation import open_foundation
from console.defining import AsJson, File, apply_definition
from console.output import print_json, print_table, run_command, say
from database.engine import read_clock
from database.loyalty_tables import bought_together
from language.problems import refuse
from members.insight.nights import required_definition
from members.insight.together import Together, count_pairs

app = typer.Typer(help="Bought together and next: apply, run, show.", no_args_is_help=True)


@app.command("apply")
@run_command
def apply_file(file: File, as_json: AsJson = False) -> None:
    """Keep what an order is made of and which pairs are worth keeping."""
    apply_definition(file, Together, "together run", as_json=as_json)


@app.command()
@run_command
def run(as_json: AsJson = False) -> None:
    """Count all pairs now, as every night."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        definition = required_definition(connection, Together)
        done = count_pairs(connection, definition, now=read_clock(connection), zone=ground.zone)
    if as_json:
        print_json(asdict(done))
        return
    say(
        "{orders} orders with {items} different items, {followed} of them with a next one: {together} rules for together, "
        "{next} for next; the next category of {touched} members may be another now.",
        **asdict(done),
    )


@app.command()
@run_command
def show(
    item: Annotated[str | None, typer.Argument(help="A category or item; left out: the strongest of all")] = None,
    following: Annotated[bool, typer.Option("--next", help="What is bought in the next order, instead of together")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many rows")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what goes with an item, the best first; without one, the pairs with the highest lift."""
    relation = "next" if following else "together"
    rules = bought_together
    wanted = select(rules.c.item, rules.c.other, rules.c.orders, rules.c.support, rules.c.confidence, rules.c.lift)
    wanted = wanted.where(rules.c.relation == relation).limit(limit)
    with open_foundation() as ground, ground.database.transaction() as connection:
        if item is None:
            found = connection.execute(wanted.order_by(rules.c.lift.desc(), rules.c.item, rules.c.other)).all()
        else:
            best = wanted.order_by(rules.c.confidence.desc(), rules.c.lift.desc(), rules.c.other)
            found = connection.execute(best.where(rules.c.item == item)).all()
            if not found:
                known = connection.execute(select(rules.c.item).where(rules.c.relation == relation).distinct()).scalars().all()
                if near := get_close_matches(item, known):
                    raise refuse("nothing is known of {item}; near it: {near}", item=item, near=", ".join(near))
                raise refuse("nothing is known of {item}: it came in no pair often enough", item=item)
    if as_json:
        print_json([dict(row._mapping) for row in found])
        return
    if not found:
        say("No pair is kept: nothing was counted yet, or no pair came often enough (fewest, support).")
        return
    rows = [(row.item, row.other, row.orders, f"{100 * row.support:.3g}%", f"{row.confidence:.1%}", f"{row.lift:.2f}") for row in found]
    title = "Bought in the next order" if following else "Bought together"
    print_table(title, ("item", "other", "orders", "support", "confidence", "lift"), rows)
