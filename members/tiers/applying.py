"""Apply a programme of tiers to everybody, or see beforehand who would move."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from database.engine import Database
from database.loyalty_tables import member_tiers
from database.tables import members
from language.problems import refuse
from members.definitions import DefinitionsApplied, drop_definition, load_definitions, save_definitions
from members.everybody import everybody, for_everybody
from members.tiers.deciding import Move, decide
from members.tiers.moving import applied_programmes, move
from members.tiers.programme import TierProgramme

SAMPLES = 5  #: members shown of each kind of move

# In the order in which reckoning writes them.
_FORGET_HOW = """
UPDATE member_tiers SET needed = NULL
WHERE member_id IN (SELECT member_id FROM member_tiers WHERE needed IS NOT NULL ORDER BY member_id FOR UPDATE)
"""


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Who would move from which tier to which: counts, and some of them by key."""

    looked_at: int
    unnamed: int  #: have a tier that the programme does not name, and are left alone
    counts: dict[tuple[str | None, str, str], int] = field(default_factory=dict)  #: by (from, to, why)
    samples: dict[tuple[str | None, str, str], list[str]] = field(default_factory=dict)


def check_programme(connection: Connection, programme: TierProgramme) -> None:
    """Refuse what cannot be applied over what is there.

    Raises:
        InputRefused: another programme is applied, or the new file leaves out a tier somebody stands in.
    """
    others = sorted(set(load_definitions(connection, TierProgramme)) - {programme.name})
    if others:
        raise refuse(
            "there is a programme of tiers already, {name}; drop it first: tidings tiers drop {name}", name=others[0]
        )
    standing = connection.execute(
        select(member_tiers.c.tier, func.count()).group_by(member_tiers.c.tier).order_by(member_tiers.c.tier)
    )
    for tier, count in standing:
        if tier not in programme.ranks():
            raise refuse(
                "{count} members stand in {tier}, which is no longer in the file; name it under `also` of the tier "
                "they shall have",
                field="levels",
                count=count,
                tier=tier,
            )


def save_programme(database: Database, programme: TierProgramme, *, now: datetime) -> DefinitionsApplied:
    """Keep the programme; whoever stands in a tier keeps it until its period ends, whatever it asks for now."""
    with database.transaction() as connection:
        check_programme(connection, programme)
        before = load_definitions(connection, TierProgramme).get(programme.name)
        if before is not None and _counts_differently(before, programme):
            connection.execute(text(_FORGET_HOW))
        return save_definitions(connection, [programme], now=now)


def _counts_differently(before: TierProgramme, after: TierProgramme) -> bool:
    return (before.measure, before.counted, before.period) != (after.measure, after.counted, after.period)


def place_everybody(database: Database, *, now: datetime, progress: Callable[[int], None] = lambda _: None) -> int:
    """Look at every member in batches, each in a transaction of its own; return how many moves were told."""

    def place(connection: Connection, ids: list[int]) -> int:
        return sum(
            move(connection, programme, ids, applied_at=applied_at, now=now)
            for programme, applied_at in applied_programmes(connection)
        )

    return for_everybody(database, place, progress)


def preview(connection: Connection, programme: TierProgramme, *, now: datetime) -> Moves:
    """Say who would move if this programme were applied now; nothing is written."""
    check_programme(connection, programme)
    counts: Counter[tuple[str | None, str, str]] = Counter()
    found: dict[tuple[str | None, str, str], list[int]] = {}
    looked_at = 0
    for ids in everybody(connection):
        looked_at += len(ids)
        for one in decide(connection, programme, ids, applied_at=now, now=now):
            if one.reason != "measured" and one.rank != one.rank_before:
                way = _way(programme, one)
                counts[way] += 1
                found.setdefault(way, []).extend([one.member_id] * (counts[way] <= SAMPLES))
    keys = _keys(connection, [each for ids in found.values() for each in ids])
    samples = {way: [keys[each] for each in ids] for way, ids in found.items()}
    return Moves(looked_at=looked_at, unnamed=_unnamed(connection, programme), counts=dict(counts), samples=samples)


def _way(programme: TierProgramme, one: Move) -> tuple[str | None, str, str]:
    before = None if one.rank_before is None else programme.levels[one.rank_before].name
    return before, programme.levels[one.rank].name, one.reason


def _keys(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    found = connection.execute(select(members.c.id, members.c.key).where(members.c.id.in_(ids)))
    return {row.id: row.key for row in found}


def _unnamed(connection: Connection, programme: TierProgramme) -> int:
    named = members.c.tier.not_in(list(programme.ranks()))
    alive = members.c.erased_at.is_(None) & members.c.merged_into.is_(None)
    return connection.execute(select(func.count()).select_from(members).where(named, alive)).scalar_one()


def drop_programme(connection: Connection, name: str) -> int:
    """Forget a programme; return how many stood in it.  The tier shown with each member stays as it is.

    Raises:
        InputRefused: there is no such programme.
    """
    if not drop_definition(connection, TierProgramme, name):
        raise refuse("there is no programme of tiers called {name}", name=name)
    return connection.execute(member_tiers.delete()).rowcount
