"""``tidings facts``: what is known of members by what they did, and making it again from scratch."""

from dataclasses import asdict

import typer

from config.foundation import open_foundation
from console.facts_shown import rows_shown, show_facts, tell_more_follows
from console.importing import file_progress
from console.options import AsJson, MemberId
from console.output import in_words, print_json, print_table, run_command, say
from database.engine import read_clock
from members.facts import read_facts
from members.facts.rebuilding import rebuild_facts
from members.facts.reckoned import read_channel_facts, read_order_facts
from members.people import the_member
from members.reckoning import is_touched

app = typer.Typer(help="Facts: show, rebuild.", no_args_is_help=True)



@app.command()
@run_command
def show(
    member: MemberId,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a member by what they did: totals, orders, answers on each channel."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        totals = read_facts(connection, found.id)
        orders = read_order_facts(connection, found.id)
        channels = read_channel_facts(connection, found.id)
        touched = is_touched(connection, found.id)
    if as_json:
        print_json({"member": found.key, "totals": totals, "orders": orders, "channels": channels})
        return
    show_facts(orders, channels)
    if totals:
        print_table("Totals", list(totals[0]), rows_shown(totals))
    if not (totals or orders or channels):
        say("Nothing is known of what {key} did.", key=found.key)
    tell_more_follows(touched)


@app.command()
@run_command
def rebuild(as_json: AsJson = False) -> None:
    """Make every fact again from events and messages: the same as before, unless something was wrong."""
    with open_foundation() as ground, file_progress(in_words("Member")) as progress:
        with ground.database.transaction() as connection:
            now = read_clock(connection)
        done = rebuild_facts(ground.database, now=now, progress=progress)
    if as_json:
        print_json(asdict(done))
        return
    say(
        "{totals} totals and the facts of {members} members made again; of {changed} members something was otherwise.",
        totals=done.totals,
        members=done.members,
        changed=done.changed,
    )
