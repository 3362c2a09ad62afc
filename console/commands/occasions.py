"""``tidings occasions``: which occasions of members' lives are told as events, and who has one soon."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, func, select

from config.foundation import open_foundation
from console.defining import read_one
from console.output import print_json, print_table, run_command, say
from database.engine import read_clock
from database.tables import events
from language.problems import refuse
from members.definitions import drop_definition, load_definitions, save_definitions
from members.derived_events import SOURCE
from members.occasions.choice import Occasions
from members.occasions.telling import preview_days

app = typer.Typer(help="Occasions: apply, list, preview, drop.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

#: What may be told: the kind of event, and the field of the file that says so.
KINDS = {
    "birthday.soon": "birthday_soon",
    "birthday.today": "birthday_today",
    "membership.anniversary": "anniversary",
    "order.first": "first_order",
    "order.second": "second_order",
    "member.quiet": "quiet",
}
LATELY = timedelta(days=30)


@app.command("apply")
@run_command
def apply_file(
    file: Annotated[Path, typer.Argument(help="The file that says which occasions are told.")], as_json: AsJson = False
) -> None:
    """Choose which occasions are told as events from now on; none are before this."""
    chosen = read_one(file, Occasions)
    with open_foundation() as ground, ground.database.transaction() as connection:
        others = sorted(set(load_definitions(connection, Occasions)) - {chosen.name})
        if others:
            raise refuse("occasions are chosen already by {name}; drop it first: tidings occasions drop {name}", name=others[0])
        done = save_definitions(connection, [chosen], now=read_clock(connection))
        rows = _told_lately(connection, chosen)
    if as_json:
        print_json({"occasions": chosen.name, "changed": bool(done.new or done.changed), "kinds": rows})
        return
    say("{name} is applied; occasions are told from now on.", name=chosen.name)
    _print(rows)


@app.command("list")
@run_command
def list_occasions(as_json: AsJson = False) -> None:
    """List which occasions are told, and how many were in the last 30 days."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = load_definitions(connection, Occasions)
        rows = [row for chosen in found.values() for row in _told_lately(connection, chosen)]
    if as_json:
        print_json(rows)
    elif rows:
        _print(rows)
    else:
        say("No occasions are chosen. Run: tidings occasions apply FILE")


@app.command("preview")
@run_command
def preview(
    file: Annotated[Path | None, typer.Argument(help="A file not applied yet; left out: what is applied")] = None,
    days: Annotated[int, typer.Option(min=1, max=60, help="How many days ahead")] = 7,
    as_json: AsJson = False,
) -> None:
    """Count whose occasions the coming days bring, as things are now; nothing is told."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        chosen = [read_one(file, Occasions)] if file else list(load_definitions(connection, Occasions).values())
        now, leap_day = read_clock(connection), ground.rules.february_29
        rows = [row for each in chosen for row in preview_days(connection, each, now=now, days=days, february_29=leap_day)]
    if as_json:
        print_json([{"day": day, "kind": kind, "members": many} for day, kind, many in rows])
    elif rows:
        print_table("Occasions ahead", ("day", "event", "members"), rows)
    else:
        say("Nobody has an occasion in these days.")


@app.command("drop")
@run_command
def drop(name: Annotated[str, typer.Argument(help="The name in the file.")]) -> None:
    """Tell no more occasions; journeys that begin with them let nobody in any more."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        if not drop_definition(connection, Occasions, name):
            raise refuse("there is no choice of occasions called {name}", name=name)
    say("{name} is dropped; no occasions are told any more.", name=name)


def _told_lately(connection: Connection, chosen: Occasions) -> list[dict[str, object]]:
    since = read_clock(connection) - LATELY
    counted = (
        select(events.c.kind, func.count().label("many"))
        .where(events.c.kind.in_(KINDS), events.c.occurred_at >= since, events.c.source == SOURCE)
        .group_by(events.c.kind)
    )
    told = {row.kind: row.many for row in connection.execute(counted)}
    given = chosen.model_dump(mode="json")
    return [{"event": kind, "when": _when(given[name]), "told": told.get(kind, 0)} for kind, name in KINDS.items()]


def _when(value: object) -> object:
    """Return a choice as the table shows it: the days, or whether it is told."""
    return [f"{days}d" for days in value] if isinstance(value, list) else bool(value)


def _print(rows: list[dict[str, object]]) -> None:
    print_table("Occasions", ("event", "when", "told in 30 days"), [list(row.values()) for row in rows])
