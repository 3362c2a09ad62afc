"""``tidings members duplicates``, ``merge``, ``unmerge``, ``merges`` and ``conflicts``: who is who."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, text

from config.foundation import open_foundation
from console.output import print_json, print_table, run_command, say
from database.engine import read_clock
from database.repeating import in_transaction
from journeys.merging import Merged, merge_certain, merge_members, unmerge
from language.problems import refuse
from members.identity.conflicts import find_conflict, keep_apart, note_conflicts, open_conflicts
from members.identity.duplicates import Pair, find_duplicates
from members.identity.identifiers import adopt_attributes
from members.people import the_member

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
By = Annotated[str, typer.Option("--by", help="Who decided, for the record")]
BY = "command line"

conflicts_app = typer.Typer(help="Pairs that may be one person or two: list, decide.", no_args_is_help=True)

_NAMED = "SELECT id, key, name FROM members WHERE id = ANY(:ids)"

_MERGES = """
SELECT m.id, k.key AS kept, g.key AS gone, m.matched_by, m.decided_by, m.merged_at, m.undone_at
FROM merges m JOIN members k ON k.id = m.kept_id JOIN members g ON g.id = m.gone_id ORDER BY m.id DESC LIMIT :most
"""


@run_command
def duplicates(as_json: AsJson = False) -> None:
    """Show which rows look like one person, and why; nothing is merged."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        now = read_clock(connection)
        adopt_attributes(connection, now=now)
        found = find_duplicates(connection)
        note_conflicts(connection, found, now=now)
        rows = _shown(connection, found)
    if as_json:
        print_json(rows)
        return
    unsure = sum(row["problem"] is not None for row in rows)
    print_table("Rows that look like one person", list(ROW), [[row[name] for name in ROW] for row in rows[:MOST_SHOWN]])
    say("{certain} pairs are certain, {unsure} wait for somebody to decide.", certain=len(rows) - unsure, unsure=unsure)


ROW = ("kept", "kept_name", "gone", "gone_name", "matched_by", "problem")
MOST_SHOWN = 50


def _shown(connection: Connection, found: list[Pair]) -> list[dict[str, Any]]:
    ids = [each for pair in found for each in (pair.kept_id, pair.gone_id)]
    known = {row.id: row for row in connection.execute(text(_NAMED), {"ids": ids})}
    return [
        {
            "kept": known[pair.kept_id].key, "kept_name": known[pair.kept_id].name, "gone": known[pair.gone_id].key,
            "gone_name": known[pair.gone_id].name, "matched_by": pair.matched_by, "problem": pair.problem,
        }
        for pair in found
    ]  # fmt: skip


@run_command
def merge(
    first: Annotated[str, typer.Argument(metavar="[A]", help="A member's key, or our id")] = "",
    second: Annotated[str, typer.Argument(metavar="[B]", help="The member who is the same person")] = "",
    keep: Annotated[str, typer.Option("--keep", help="Which of the two stays; else the one who joined first")] = "",
    certain: Annotated[bool, typer.Option("--certain", help="Merge every pair that is certain")] = False,
    by: By = BY,
    as_json: AsJson = False,
) -> None:
    """Merge two rows that are one person, or all that are certain; tidings members unmerge takes it back."""
    if certain == bool(first or second) or (not certain and not second):
        raise refuse("name two members to merge, or --certain")
    done = _merge_all(by) if certain else _merge_two(first, second, keep, by)
    if as_json:
        print_json(asdict(done))
        return
    say("{merged} merges, {ended} messages stopped that would have come twice.", merged=len(done.merges), ended=done.ended)
    if len(done.merges) == 1:
        say("To take it back within 30 days: tidings members unmerge {id}", id=done.merges[0])
    if done.conflicts:
        say("{conflicts} pairs wait for somebody to decide: tidings members conflicts list", conflicts=done.conflicts)


def _merge_all(by: str) -> Merged:
    """Merge round by round, each in a transaction of its own, until nothing more is certain."""
    merges: list[int] = []
    ended = 0
    with open_foundation() as ground:
        while True:
            done = in_transaction(ground.database, lambda at: merge_certain(at, by=by, now=read_clock(at)))
            if not done.merges:
                return Merged(merges=tuple(merges), ended=ended, conflicts=done.conflicts)
            merges += done.merges
            ended += done.ended


def _merge_two(first: str, second: str, keep: str, by: str) -> Merged:
    with open_foundation() as ground, ground.database.transaction() as connection:
        one, other = (the_member(connection, each) for each in (first, second))
        if one.id == other.id:
            raise refuse("{first} and {second} are one row already", first=first, second=second)
        if keep and the_member(connection, keep).id not in (one.id, other.id):
            raise refuse("--keep names one of the two; expected {first} or {second}", first=first, second=second)
        stays = the_member(connection, keep).id if keep else _joined_first(connection, one.id, other.id)
        pair = Pair(kept_id=stays, gone_id=other.id if stays == one.id else one.id, matched_by="person")
        return merge_members(connection, [pair], by=by, now=read_clock(connection))


def _joined_first(connection: Connection, *ids: int) -> int:
    first = text("SELECT id FROM members WHERE id = ANY(:ids) ORDER BY joined_at NULLS LAST, id LIMIT 1")
    return int(connection.execute(first, {"ids": list(ids)}).scalar_one())


@run_command
def take_back(merge_id: Annotated[int, typer.Argument(metavar="ID", help="As shown by tidings members merges")]) -> None:
    """Take a merge back; what came since stays with the row that stayed."""
    with open_foundation() as ground:
        in_transaction(ground.database, lambda at: unmerge(at, merge_id, now=read_clock(at)))
    say("Merge {id} is taken back; the two are two members again.", id=merge_id)


@run_command
def merges(as_json: AsJson = False) -> None:
    """List merges, the latest first: what was merged, by what, by whom, and whether it was taken back."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        rows = [dict(row) for row in connection.execute(text(_MERGES), {"most": 1000}).mappings()]
    if as_json:
        print_json(rows)
        return
    columns = ("id", "kept", "gone", "matched_by", "decided_by", "merged_at", "undone_at")
    print_table("Merges", columns, [list(row.values()) for row in rows])


@conflicts_app.command("list")
@run_command
def list_conflicts(as_json: AsJson = False) -> None:
    """List pairs that share an address and may be two people."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = open_conflicts(connection)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (each.id, each.first_key, each.first_name, each.second_key, each.second_name, each.matched_by, each.problem)
        for each in found
    ]
    columns = ("id", "one row", "name", "the other row", "name", "matched_by", "problem")
    print_table("Pairs that wait for somebody to decide", columns, rows)


@conflicts_app.command()
@run_command
def decide(
    conflict_id: Annotated[int, typer.Argument(metavar="ID", help="As shown by tidings members conflicts list")],
    decision: Annotated[str, typer.Argument(metavar="merge|apart", help="merge: one person; apart: two, for good")],
    by: By = BY,
) -> None:
    """Say whether two rows are one person."""
    if decision not in ("merge", "apart"):
        raise refuse("{decision} is no decision; expected merge or apart", decision=decision)
    with open_foundation() as ground, ground.database.transaction() as connection:
        now = read_clock(connection)
        if decision == "apart":
            keep_apart(connection, conflict_id, now=now)
        else:
            merge_members(connection, [find_conflict(connection, conflict_id).pair], by=by, now=now)
    say("Decided.")
