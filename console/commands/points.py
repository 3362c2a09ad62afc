"""``tidings points``: a programme applied, balances at any date, points spent and put right, the ledger's sums."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from config.foundation import Foundation, open_foundation
from console.defining import read_one
from console.options import MemberId
from console.output import fail, in_words, print_json, print_table, run_command, say
from console.progress import progress_bar
from database.engine import read_clock
from language.problems import refuse
from members.dates import read_moment
from members.people import FoundMember, the_member
from members.points import ledger
from members.points.applying import award_everybody, drop_programme, save_programme
from members.points.rules import PointsProgramme

app = typer.Typer(help="Points: apply, balance, history, burn, adjust, totals, drop.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
At = Annotated[str | None, typer.Option("--at", help="A day, at its end, or a moment; left out: now")]
Key = Annotated[str, typer.Option("--key", help="Your own id for this entry; the same key again changes nothing")]

#: How the sums of the ledger are called.
NAMES = {
    "earned": "points earned",
    "spent": "points spent",
    "expired": "points expired",
    "adjusted": "points put right",
    "balance": "points left",
    "members": "members with points",
}


@app.command("apply")
@run_command
def apply_file(
    file: Annotated[Path, typer.Argument(help="The file that defines the programme.")], as_json: AsJson = False
) -> None:
    """Apply a programme of points and let everybody have what they earned since it began."""
    programme = read_one(file, PointsProgramme)
    with open_foundation() as ground, progress_bar() as progress:
        with ground.database.transaction() as connection:
            now = read_clock(connection)
            save_programme(connection, programme, now=now)
        task = progress.add_task(file.name, total=None)
        written = award_everybody(ground.database, now=now, progress=lambda done: progress.advance(task, done))
    if as_json:
        print_json({"programme": programme.points, "written": written})
    else:
        say("{name} is applied; {count} entries were written.", name=programme.points, count=written)


@app.command("balance")
@run_command
def show_balance(member: MemberId, at: At = None, as_json: AsJson = False) -> None:
    """Say how many points a member has, or had at the end of a day."""
    with _member(member) as (ground, connection, found):
        moment = _moment(at, ground) or read_clock(connection)
        points = ledger.balance(connection, found.id, at=moment)
    if as_json:
        print_json({"member": found.key, "at": moment, "points": points})
    else:
        say("{member} has {points} points.", member=found.key, points=points)


@app.command("history")
@run_command
def show_history(
    member: MemberId,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Entries at most, the latest first")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show a member's latest entries, each with the balance after it."""
    with _member(member) as (_, connection, found):
        rows = ledger.history(connection, found.id, limit=limit)
    if as_json:
        print_json([dict(row) for row in rows])
        return
    shown = [
        (row["occurred_at"], in_words(row["kind"]), row["amount"], row["balance"], row["rule"], row["key"])
        for row in rows
    ]
    print_table("Points", ("when", "kind", "amount", "balance", "rule", "key"), shown)


@app.command("burn")
@run_command
def burn(
    member: MemberId,
    amount: Annotated[int, typer.Argument(metavar="N", help="How many points")],
    key: Key,
    as_json: AsJson = False,
) -> None:
    """Spend a member's points; never more than there are, whoever else is spending them."""
    with _member(member) as (_, connection, found):
        done = ledger.burn(connection, found.id, amount, key=key, now=read_clock(connection))
    _tell(found, done, as_json)


@app.command("adjust", context_settings={"ignore_unknown_options": True})
@run_command
def adjust(
    member: MemberId,
    amount: Annotated[int, typer.Argument(metavar="N", help="How many points to give, or below zero to take")],
    key: Key,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the history")] = "",
    as_json: AsJson = False,
) -> None:
    """Put a balance right: give points, or take them with a number below zero."""
    with _member(member) as (_, connection, found):
        done = ledger.adjust(connection, found.id, amount, key=key, reason=reason, now=read_clock(connection))
    _tell(found, done, as_json)


@app.command("totals")
@run_command
def show_totals(at: At = None, as_json: AsJson = False) -> None:
    """Sum up the ledger: earned, spent, expired, adjusted, and what is left; and say whether it closes."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        now = read_clock(connection)
        moment = _moment(at, ground) or now
        sums = ledger.totals(connection, at=moment)
        faults = ledger.ledger_faults(connection, now=now)
    if as_json:
        print_json({"at": moment, **asdict(sums), "faults": faults})
    else:
        print_table("Points in all", ("what", "points"), [(in_words(NAMES[name]), value) for name, value in asdict(sums).items()])
    if faults:
        fail("Entries that cannot be: {ids}", ids=faults[:20])
    if not as_json:
        say("The sums close: no entry takes more than there was.")


@app.command("drop")
@run_command
def drop(name: Annotated[str, typer.Argument(help="The programme.")]) -> None:
    """Let a programme earn no more; the ledger stays and expires as it would."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        drop_programme(connection, name)
    say("{name} is dropped; the ledger stays as it is.", name=name)


@contextmanager
def _member(key: str) -> Iterator[tuple[Foundation, Connection, FoundMember]]:
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, key)
        yield ground, connection, found


def _moment(given: str | None, ground: Foundation) -> datetime | None:
    """Read a moment; a day means its end, in the installation's zone."""
    if given is None:
        return None
    moment = read_moment(given, ground.zone)
    if moment is None:
        raise refuse(
            "a moment such as 2026-08-01 or 2026-08-01T10:00+08:00 was expected; found {found}", found=repr(given)[:80]
        )
    return moment if ":" in given else moment + timedelta(days=1) - timedelta(microseconds=1)


def _tell(member: FoundMember, done: ledger.Written, as_json: bool) -> None:
    if as_json:
        print_json({"member": member.key, "points": done.balance, "is_new": done.is_new})
    elif done.is_new:
        say("Written; {member} has {points} points.", member=member.key, points=done.balance)
    else:
        say("This was written before under the same key; {member} has {points} points.", member=member.key, points=done.balance)
