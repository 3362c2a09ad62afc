"""Move members between tiers, and tell it: up at once, down after a period and its grace."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, text

from database.member_tables import definitions
from members.happenings import Happening, as_json, tell_happenings
from members.local_days import last_instant, local_day
from members.tiers.deciding import Move, decide
from members.tiers.programme import TierProgramme

#: More periods than anybody misses; a guard, not a rule.
MOST_PASSES = 60

_KEEP = """
INSERT INTO member_tiers (member_id, tier, since, until, measured, needed, former)
SELECT member_id, tier, since, until, measured, needed, former FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (
    member_id bigint, tier text, since timestamptz, until timestamptz, measured numeric, needed numeric, former text
) ORDER BY member_id
ON CONFLICT (member_id) DO UPDATE SET (tier, since, until, measured, needed, former) =
    (excluded.tier, excluded.since, excluded.until, excluded.measured, excluded.needed, excluded.former)
"""
_SHOW = """
WITH shown AS (
    UPDATE members SET tier = told.tier, updated_at = :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (member_id bigint, tier text)
    WHERE members.id = told.member_id AND members.tier IS DISTINCT FROM told.tier RETURNING members.id
) INSERT INTO touched_members (member_id) SELECT id FROM shown
"""
# A file may go on calling a tier by another name of it; conditions ask for the one that the programme uses.
_RENAME = """
UPDATE members SET tier = called.level FROM jsonb_each_text(CAST(:called AS jsonb)) AS called (name, level)
WHERE members.id = ANY(:ids) AND members.tier = called.name AND called.name <> called.level
"""
# Whoever has a tier that the programme does not name is none of its business.
_LEAVE = """
DELETE FROM member_tiers USING members WHERE members.id = member_id AND member_id = ANY(:ids)
AND (members.tier IS NOT NULL AND NOT members.tier = ANY(:names) OR members.merged_into IS NOT NULL)
"""


def review_tiers(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """See whether these members, who are held, stand where they should: a step of reckoning."""
    for programme, applied_at in applied_programmes(connection):
        move(connection, programme, member_ids, applied_at=applied_at, now=now)


def applied_programmes(connection: Connection) -> list[tuple[TierProgramme, datetime]]:
    """Return the programme that is applied, with when it was; none where there is none."""
    rows = connection.execute(
        select(definitions.c.definition, definitions.c.updated_at).where(definitions.c.kind == TierProgramme.kind)
    )
    return [(TierProgramme.model_validate(row.definition), row.updated_at) for row in rows]


def move(
    connection: Connection, programme: TierProgramme, member_ids: Sequence[int], *, applied_at: datetime, now: datetime
) -> int:
    """Move these members, who are held, as often as periods went by; return how many moves were told."""
    told, left = 0, list(member_ids)
    called = {name: programme.levels[rank].name for name, rank in programme.ranks().items()}
    connection.execute(text(_LEAVE), {"ids": left, "names": list(called)})
    connection.execute(text(_RENAME), {"ids": left, "called": json.dumps(called)})
    for _ in range(MOST_PASSES):
        moves = decide(connection, programme, left, applied_at=applied_at, now=now)
        if moves:
            told += _write(connection, programme, moves, now)
        left = [each.member_id for each in moves if each.reason != "measured"]
        if not left:
            break
    return told


def _write(connection: Connection, programme: TierProgramme, moves: Sequence[Move], now: datetime) -> int:
    rows = as_json({**vars(each), "tier": programme.levels[each.rank].name} for each in moves)
    connection.execute(text(_KEEP), {"rows": rows})
    connection.execute(text(_SHOW), {"rows": rows, "now": now})
    news = (_news(programme, each) for each in moves if each.is_news)
    return tell_happenings(connection, news, now=now)


def _last_day(until: datetime | None, zone: str) -> str | None:
    last = last_instant(until)
    return None if last is None else local_day(last, zone).isoformat()


def _news(programme: TierProgramme, one: Move) -> Happening:
    """Make the event of a move; a tier reached, lost and reached again are three occasions."""
    rises = one.rank_before is None or one.rank > one.rank_before
    tier = programme.levels[one.rank].name
    return Happening(
        member_id=one.member_id,
        kind="tier.up" if rises else "tier.down",
        key=f"tier:{programme.tiers}:{one.member_id}:{tier}:{one.since:%Y%m%dT%H%M%S.%f}",
        occurred_at=one.since,
        properties={
            "programme": programme.tiers,
            "from": None if one.rank_before is None else programme.levels[one.rank_before].name,
            "to": tier,
            "reason": one.reason,
            "measured": float(one.measured),
            "until": _last_day(one.until, programme.time_zone),
        },
    )
