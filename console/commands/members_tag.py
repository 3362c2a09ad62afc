"""``tidings members tag``: give a member tags and take others away."""

from typing import Annotated

import typer
from sqlalchemy import select

from config.foundation import open_foundation
from console.options import AsJson, MemberId
from console.output import print_json, run_command, say
from database.engine import read_clock
from database.tables import members
from language.problems import InputRefused, Problem
from members.attributes import TAGS, tag_members
from members.people import the_member


@run_command
def tag_member(
    member: MemberId,
    tags: Annotated[list[str], typer.Argument(metavar="+TAG|-TAG …", help="+vip gives the tag vip, -new takes the tag new away")],
    as_json: AsJson = False,
) -> None:
    """Give a member tags, and take others away: tidings members tag A-1 +vip -new."""
    sentence = "a tag is written +vip to give it or -vip to take it away; found {found}"
    problems = [
        Problem(sentence=sentence, values={"found": repr(tag)[:120]}) for tag in tags if tag[:1] not in ("+", "-") or not tag[1:]
    ]
    if problems:
        raise InputRefused(problems)
    add, remove = ([tag[1:] for tag in tags if tag[0] == sign] for sign in "+-")
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        changed = tag_members(connection, [found.id], add=add, remove=remove, now=read_clock(connection))
        attributes = connection.execute(select(members.c.attributes).where(members.c.id == found.id)).scalar_one()
    has = attributes.get(TAGS, [])
    if as_json:
        print_json({"member": found.key, "tags": has, "changed": bool(changed)})
        return
    say("{key} has the tags: {tags}", key=found.key, tags=", ".join(has) or "—")
