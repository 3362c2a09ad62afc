"""``tidings members life``: everything that follows from one member's life, on one page."""

from dataclasses import fields
from typing import Any

from config.foundation import open_foundation
from console.facts_shown import show_facts, shown, tell_more_follows
from console.options import AsJson, MemberId
from console.output import in_words, print_json, print_table, run_command, say
from database.engine import read_clock
from members.life import Life, read_life
from members.people import the_member
from members.reckoning import is_touched


@run_command
def show_life(
    member: MemberId,
    as_json: AsJson = False,
) -> None:
    """Show everything worked out about a member: tier, points, coupons, orders, scores, segments, answers."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        life = read_life(connection, found.id, now=read_clock(connection))
        touched = is_touched(connection, found.id)
    if as_json:
        told = {field.name: getattr(life, field.name) for field in fields(life)}
        print_json({"member": found.key, **told, "coupons": [one._asdict() for one in life.coupons]})
        return
    say("{name} ({key})", name=found.name or "—", key=found.key)
    _show(life)
    tell_more_follows(touched)


def _show(life: Life) -> None:
    standing = {"points": int(life.points)} if life.points is not None else {}
    for name, row in (("tier", life.tier), ("rfm", life.rfm), ("prediction", life.prediction), ("cluster", life.cluster)):
        standing |= {f"{name} {field}" if field != name else name: value for field, value in (row or {}).items()}
    rows = [(in_words(name), shown(value, name)) for name, value in standing.items() if value is not None]
    if rows:
        print_table("Standing", ("field", "value"), rows)
    show_facts(life.orders, life.channels)
    for title, table in (
        ("Coupons", [one._asdict() for one in life.coupons]),
        ("Segments", life.segments),
        ("Answers", life.answers),
    ):
        _print(title, table)
    if not (rows or life.orders or life.channels or life.coupons or life.segments or life.answers):
        say("Nothing has been worked out about this member so far.")


def _print(title: str, table: list[dict[str, Any]]) -> None:
    if table:
        kept = [name for name in table[0] if any(row[name] not in (None, "") for row in table)]
        print_table(title, kept, [[shown(row[name], name) for name in kept] for row in table])
