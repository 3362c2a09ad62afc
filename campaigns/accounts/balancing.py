"""Move a channel's messages away from an account in trouble little by little, and back again.

A breaker answers an account that is down; this answers one that is only worse than the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from campaigns.accounts.standing import Standing

#: Of the last minute's hand-overs the share in trouble from which an account counts as sick, and how many are needed to tell.
SICK, ENOUGH = 0.1, 20
#: Percent of its weight that an account loses or regains at once, and the seconds between two such steps.
STEP, SECONDS_DOWN, SECONDS_UP = 10, 10, 30

_LAST_MINUTE = text("""
SELECT provider AS name, count(*) AS calls,
    count(*) FILTER (WHERE outcome IN ('not_sent', 'unknown')
        OR coalesce(ended_at, clock_timestamp()) - marked_at > interval '10 seconds') AS troubles
FROM attempts WHERE marked_at > clock_timestamp() - interval '1 minute' AND provider = ANY(:names) GROUP BY provider
""")
_MOVE = text("""
UPDATE accounts SET share = least(greatest(share + :step, 0), 100), shared_at = clock_timestamp()
WHERE name = :name AND coalesce(shared_at < clock_timestamp() - make_interval(secs => :seconds), true)
    AND share BETWEEN :lowest AND :highest
RETURNING share
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """An account that is trusted with another share of its weight than before."""

    name: str
    share: int  #: percent


def balance(connection: Connection, standing: Mapping[str, Standing]) -> list[Moved]:
    """Look at the last minute of one channel's accounts and move their shares by a step where that is called for.

    A sick account loses a step as long as another one is sound; where all are sick nothing moves, for then the
    trouble is not an account's.  An account that is sound, or has nothing to do, regains a step.
    """
    names = sorted(standing)
    if len(names) < 2:
        return []
    seen = {row.name: row for row in connection.execute(_LAST_MINUTE, {"names": names})}
    sick = {name for name, row in seen.items() if row.calls >= ENOUGH and row.troubles >= SICK * row.calls}
    sound = {name for name in names if name not in sick and not standing[name].trips}
    steps = [(name, -STEP if name in sick else STEP) for name in names if (name in sick and sound) or name in sound]
    return [moved for name, step in steps if (moved := _moved(connection, name, step)) is not None]


def _moved(connection: Connection, name: str, step: int) -> Moved | None:
    down = step < 0
    told = {
        "name": name, "step": step, "seconds": SECONDS_DOWN if down else SECONDS_UP,
        "lowest": STEP if down else 0, "highest": 100 if down else 100 - STEP,
    }  # fmt: skip
    share = connection.execute(_MOVE, told).scalar()
    return None if share is None else Moved(name=name, share=share)

