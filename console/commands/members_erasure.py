"""``tidings members erase``, ``export``, ``erasures`` and ``readmit``: what a member may ask of us."""

import json
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from config.foundation import Foundation, open_foundation
from console.erasure_log import LOG_FILE, append_lines, lines_of, note_readmission, read_log_file
from console.output import print_json, print_table, remark, run_command, say, write_file
from database.engine import read_clock
from database.repeating import in_transaction
from journeys.parting import being_handed_over, erase_members
from language.problems import refuse
from members.erasure.erasing import clear, whole_persons
from members.erasure.exporting import export_member
from members.erasure.log import Erasure, not_erased, put_back, read_log
from members.erasure.refusing import key_fingerprint, readmit
from members.people import the_member

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
Yes = Annotated[bool, typer.Option("--yes", help="Really do it; nothing brings it back")]
EXPORTS_FILE = "exports.jsonl"  #: whose data was handed out, and when
AT_ONCE = 500  #: members of one transaction
SETTLED_WITHIN = 60.0  #: seconds that messages being handed over are waited for


@run_command
def erase(
    member: Annotated[str, typer.Argument(metavar="[MEMBER]", help="The member's key in the CRM, or our id")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record; nothing about the member")] = "",
    again: Annotated[bool, typer.Option("--again", help="Erase those of the log whom a restored copy brought back")] = False,
    log_file: Annotated[Path | None, typer.Option("--log", help="The log of erasures; else the one beside the secret")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase everything kept about a member, everywhere; what reports count stays, and names nobody."""
    if again == bool(member):
        raise refuse("name a member to erase, or --again")
    if not yes:
        raise refuse("Nothing was done: this loses data. Say --yes to do it.")
    with open_foundation() as ground:
        kept = ground.settings.home / LOG_FILE
        if again:
            erased = _erase_those_brought_back(ground, read_log_file(log_file or kept), reason, kept)
        else:
            with ground.database.transaction() as connection:
                ids = whole_persons(connection, [the_member(connection, member).id])
            erased = _erase(ground, ids, reason, kept)
    if as_json:
        print_json([asdict(each) for each in erased])
    else:
        say("{count} rows of members erased.", count=len(erased))


def _erase_those_brought_back(ground: Foundation, entries: list[Erasure], reason: str, kept: Path) -> list[Erasure]:
    with ground.database.transaction() as connection:
        ids = not_erased(connection, [*entries, *read_log(connection)], secret=ground.secret)
        everyone = whole_persons(connection, ids)
    erased = _erase(ground, everyone, reason, kept)
    with ground.database.transaction() as connection:
        known_again = put_back(connection, entries)
    remark("{count} erasures put back that this database did not know of.", count=known_again)
    return erased


def _erase(ground: Foundation, ids: list[int], reason: str, kept: Path) -> list[Erasure]:
    done: list[Erasure] = []
    for start in range(0, len(ids), AT_ONCE):
        some = partial(_erase_some, ground=ground, ids=ids[start : start + AT_ONCE], reason=reason, kept=kept)
        done += in_transaction(ground.database, some)
    if ids:
        _clear_what_was_on_its_way(ground, ids)
    return done


def _erase_some(connection: Connection, *, ground: Foundation, ids: list[int], reason: str, kept: Path) -> list[Erasure]:
    erased = erase_members(connection, ids, reason=reason, secret=ground.secret, now=read_clock(connection))
    append_lines(kept, lines_of(erased))  # Before the commit: a log with one too many does no harm.
    return erased


def _clear_what_was_on_its_way(ground: Foundation, ids: list[int]) -> None:
    """Wait for messages that a provider was hearing of, and clear what their answers brought."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while True:
        with ground.database.transaction() as connection:
            under_way = being_handed_over(connection, ids)
            if not under_way or time.monotonic() > deadline:
                clear(connection, ids)
                break
        time.sleep(0.5)
    if under_way:
        say("{count} messages were being handed over; what is reported of them is cleared every hour.", count=under_way)


@run_command
def erasures(
    output: Annotated[Path | None, typer.Option("--output", help="Write the log to this file, to be kept elsewhere")] = None,
    as_json: AsJson = False,
) -> None:
    """List who was erased, by number and keyed hash; for tidings members erase --again after an old copy was restored."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = read_log(connection)
    if output:
        write_file(output, "".join(line + "\n" for line in lines_of(found)))
        say("{count} entries written to {file}.", count=len(found), file=str(output))
    elif as_json:
        print_json([asdict(each) for each in found])
    else:
        print_table("Erasures", ("id", "erased at", "reason"), [(each.member_id, each.erased_at, each.reason) for each in found])


@run_command
def export(
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="The member's key in the CRM, or our id")],
    output: Annotated[Path | None, typer.Option("--output", help="Write to this file instead of the screen")] = None,
) -> None:
    """Hand out everything kept about a member, as JSON, table by table."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        tables = export_member(connection, found.id)
        told = {"member": found.key, "exported_at": read_clock(connection), "tables": tables}
        if output is not None:
            write_file(output, json.dumps(told, ensure_ascii=False, indent=2, default=str) + "\n", for_us_alone=True)
        with (ground.settings.home / EXPORTS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"member_id": found.id, "exported_at": read_clock(connection).isoformat()}) + "\n")
    if output is None:
        print_json(told)
        return
    rows = sum(map(len, tables.values()))
    say("{rows} rows of {tables} tables written to {file}.", rows=rows, tables=len(tables), file=str(output))


@run_command
def take_in_again(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key the member had in the CRM")],
) -> None:
    """Let somebody who was erased come in again, as somebody new; no consent comes back."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        now = read_clock(connection)
        lifted = readmit(connection, key, secret=ground.secret, now=now)
        if lifted:
            note_readmission(ground.settings.home / LOG_FILE, key_fingerprint(ground.secret, key), now=now)
    if not lifted:
        raise refuse("nobody of the key {key} was erased", key=key)
    say("Somebody of the key {key} may come in again.", key=key)
