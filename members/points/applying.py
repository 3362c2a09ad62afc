"""Apply a programme of points, so that nothing earns twice and no past is rewritten."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from database.engine import Database
from language.problems import InputRefused, Problem, refuse
from members.definitions import DefinitionsApplied, drop_definition, load_definitions, save_definitions
from members.everybody import for_everybody, look_again
from members.points.earning import earn
from members.points.expiring import settle
from members.points.rules import PointsProgramme, what_may_not_change


def save_programme(connection: Connection, programme: PointsProgramme, *, now: datetime) -> DefinitionsApplied:
    """Keep the programme; what was earned stays as it was earned.

    Raises:
        InputRefused: another programme is applied, an earn rule says something else than it did, or the past would be counted anew.
    """
    known = load_definitions(connection, PointsProgramme)
    others = sorted(set(known) - {programme.name})
    if others:
        raise refuse("there is a programme of points already, {name}; drop it first: tidings points drop {name}", name=others[0])
    before = known.get(programme.name)
    if before is not None and (wrong := what_may_not_change(before, programme)):
        raise InputRefused([_cannot_change(place, name) for place, name in wrong])
    if before is not None and programme.since < before.since:
        sentence = "the programme began on {since}; from an earlier day on the whole past between would earn"
        raise InputRefused([Problem(sentence=sentence, values={"since": before.since.isoformat()}, field="since")])
    if before is not None and programme.time_zone != before.time_zone:
        sentence = "the programme counts days of {zone}; other days would move what was earned and when it expires"
        raise InputRefused([Problem(sentence=sentence, values={"zone": before.time_zone}, field="time_zone")])
    return save_definitions(connection, [programme], now=now)


def _cannot_change(place: int, name: str) -> Problem:
    return Problem(
        sentence="rule {name} is new or says something else than before, so the past would earn by it; end the old one "
        "with until: and give the new one a name and a since: of its own",
        values={"name": name},
        field=f"earn[{place}]",
    )


def award_everybody(database: Database, *, now: datetime, progress: Callable[[int], None] = lambda _: None) -> int:
    """Let every member have what they earned so far; return how many rows of the ledger are new."""

    def award(connection: Connection, ids: list[int]) -> int:
        written = sum(earn(connection, each, ids) for each in load_definitions(connection, PointsProgramme).values())
        written += settle(connection, ids, now=now)
        if written:
            look_again(connection, ids)
        return written

    return for_everybody(database, award, progress)


def drop_programme(connection: Connection, name: str) -> None:
    """Let nothing earn any more; the ledger stays, and what is in it expires as it would.

    Raises:
        InputRefused: there is no such programme.
    """
    if not drop_definition(connection, PointsProgramme, name):
        raise refuse("there is no programme of points called {name}", name=name)
