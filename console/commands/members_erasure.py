"""``tidings members erase``, ``export``, ``erasures`` and ``readmit``: what a member may ask of us."""

import json
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from config.wiring import Application, open_application
from console.output import print_json, print_table, run_command, say, write_file
from database.engine import read_clock
from journeys.parting import being_handed_over, erase_members
from language.problems import InputRefused, Problem, refuse
from members.erasure.erasing import Erasure, clear, not_erased, read_log, whole_persons
from members.erasure.exporting import export_member
from members.erasure.refusing import readmit
from members.people import the_member

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
Yes = Annotated[bool, typer.Option("--yes", help="Really do it; nothing brings it back")]
LOG_FILE = "erasures.jsonl"  #: beside the secret: a copy of the log that no old dump takes with it
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
    with open_application() as application:
        kept = application.settings.home / LOG_FILE
        if again:
            ids = _those_brought_back(application, read_log_file(log_file or kept))
        else:
            with application.database.transaction() as connection:
                ids = whole_persons(connection, [the_member(connection, member).id])
        erased = _erase(application, ids, reason, kept)
    if as_json:
        print_json([asdict(each) for each in erased])
    else:
        say("{count} rows of members erased.", count=len(erased))


def _those_brought_back(application: Application, entries: list[Erasure]) -> list[int]:
    with application.database.transaction() as connection:
        return not_erased(connection, [*entries, *read_log(connection)], secret=application.secret)


def _erase(application: Application, ids: list[int], reason: str, kept: Path) -> list[Erasure]:
    done: list[Erasure] = []
    for start in range(0, len(ids), AT_ONCE):
        with application.database.transaction() as connection:
            erased = erase_members(
                connection, ids[start : start + AT_ONCE], reason=reason, secret=application.secret, now=read_clock(connection)
            )
            with kept.open("a", encoding="utf-8") as file:  # Before the commit: a log with one too many does no harm.
                file.writelines(json.dumps(asdict(each), default=datetime.isoformat) + "\n" for each in erased)
        done += erased
    _clear_what_was_on_its_way(application, ids)
    return done


def _clear_what_was_on_its_way(application: Application, ids: list[int]) -> None:
    """Wait for messages that a provider was hearing of, and clear what their answers brought."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while True:
        with application.database.transaction() as connection:
            under_way = being_handed_over(connection, ids)
            if not under_way or time.monotonic() > deadline:
                clear(connection, ids)
                break
        time.sleep(0.5)
    if under_way:
        say("{count} messages were being handed over; what is reported of them is cleared every hour.", count=under_way)


def read_log_file(file: Path) -> list[Erasure]:
    """Read a log of erasures.

    Raises:
        InputRefused: the file cannot be read, or a line of it is none of the log's.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise refuse("the file cannot be read: {why}", file=str(file), why=error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:
        raise refuse("the file must be text in UTF-8", file=str(file)) from None
    found, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
            bytes.fromhex(told["fingerprint"])
            found.append(Erasure(**{**told, "member_id": int(told["member_id"]), "erased_at": datetime.fromisoformat(told["erased_at"])}))
        except (ValueError, TypeError, KeyError):
            problems.append(Problem(sentence="this is no entry of a log of erasures", file=str(file), line=number))
    if problems:
        raise InputRefused(problems)
    return found


@run_command
def erasures(
    output: Annotated[Path | None, typer.Option("--output", help="Write the log to this file, to be kept elsewhere")] = None,
    as_json: AsJson = False,
) -> None:
    """List who was erased, by number and keyed hash; for tidings members erase --again after an old copy was restored."""
    with open_application() as application, application.database.transaction() as connection:
        found = read_log(connection)
    if output:
        write_file(output, "".join(json.dumps(asdict(each), default=datetime.isoformat) + "\n" for each in found))
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
    with open_application() as application, application.database.transaction() as connection:
        found = the_member(connection, member)
        tables = export_member(connection, found.id)
        with (application.settings.home / EXPORTS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"member_id": found.id, "exported_at": read_clock(connection).isoformat()}) + "\n")
        told = {"member": found.key, "exported_at": read_clock(connection), "tables": tables}
    if output is None:
        print_json(told)
        return
    write_file(output, json.dumps(told, ensure_ascii=False, indent=2, default=str) + "\n")
    rows = sum(map(len, tables.values()))
    say("{rows} rows of {tables} tables written to {file}.", rows=rows, tables=len(tables), file=str(output))


@run_command
def take_in_again(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key the member had in the CRM")],
) -> None:
    """Let somebody who was erased come in again, as somebody new; no consent comes back."""
    with open_application() as application, application.database.transaction() as connection:
        lifted = readmit(connection, key, secret=application.secret, now=read_clock(connection))
    if not lifted:
        raise refuse("nobody of the key {key} was erased", key=key)
    say("Somebody of the key {key} may come in again.", key=key)
