"""How accounts stand, kept in PostgreSQL so that all workers see one breaker, one pace and one day's quota.

Breaker and pace go by the database's real clock, as leases do; the quota's day is the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

#: Seconds that an account in trouble is left alone, at least and at most; then one message tries it.
OPEN_FOR, LONGEST_OPEN = 5.0, 60.0
#: Seconds in which one worker's trial message keeps others from trying, too.
TRIAL_LASTS = 15.0
#: Seconds that a worker waits for its place in an account's pace; a longer queue is left to stand.
PATIENCE = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How one account stands at this moment."""

    name: str
    share: int  #: percent of its weight that it is trusted with
    trips: int  #: times its breaker opened in a row; 0: it is closed
    is_open: bool  #: nothing may be handed over now
    queue: float  #: seconds until its pace has room
    used: int  #: messages of this day


_READ = text("""
SELECT name, share, trips, coalesce(open_until > clock_timestamp(), false) AS is_open,
    greatest(coalesce(extract(epoch FROM paced_to - clock_timestamp()), 0), 0)::float AS queue,
    CASE WHEN quota_day = :day THEN used ELSE 0 END AS used
FROM accounts WHERE name = ANY(:names)
""")
_ENTER = text("INSERT INTO accounts (name) SELECT unnest(CAST(:names AS text[])) ON CONFLICT DO NOTHING")
_OPEN = text("""
UPDATE accounts SET trips = least(trips + 1, 1000), open_until = clock_timestamp() + make_interval(secs => :seconds)
WHERE name = :name
""")
_CLOSE = text("UPDATE accounts SET trips = 0, open_until = NULL WHERE name = :name AND trips > 0")
_TRY = text("""
UPDATE accounts SET open_until = clock_timestamp() + make_interval(secs => :seconds)
WHERE name = :name AND trips > 0 AND open_until <= clock_timestamp() RETURNING name
""")
_RESERVE = text("""
WITH standing AS (
    SELECT name, greatest(paced_to, clock_timestamp()) AS starts, CASE WHEN quota_day = :day THEN used ELSE 0 END AS used
    FROM accounts WHERE name = :name FOR UPDATE
), granted AS (
    SELECT name, starts, used,
        CASE WHEN starts > clock_timestamp() + make_interval(secs => :patience) THEN 0
             ELSE least(:wanted, CAST(:per_day AS integer) - used) END AS count
    FROM standing
)
UPDATE accounts SET
    paced_to = CASE WHEN CAST(:per_second AS float) IS NULL THEN paced_to
                    ELSE granted.starts + make_interval(secs => granted.count / CAST(:per_second AS float)) END,
    used = granted.used + granted.count,
    quota_day = :day
FROM granted WHERE accounts.name = granted.name AND granted.count > 0
RETURNING granted.count AS places, greatest(extract(epoch FROM granted.starts - clock_timestamp()), 0)::float AS seconds
""")
_GIVE_BACK = text("UPDATE accounts SET used = greatest(used - :count, 0) WHERE name = :name AND quota_day = :day")


def read_standing(connection: Connection, names: Sequence[str], *, day: date) -> dict[str, Standing]:
    """Return how these accounts stand; one that was never seen before is entered as sound."""
    told = {"names": list(names), "day": day}
    found = connection.execute(_READ, told).mappings().all()
    if len(found) < len(set(names)):
        connection.execute(_ENTER, {"names": list(names)})
        found = connection.execute(_READ, told).mappings().all()
    return {row["name"]: Standing(**row) for row in found}


def open_breaker(connection: Connection, name: str, *, seconds: float) -> None:
    """Leave an account alone for a while."""
    lasting = min(max(seconds, OPEN_FOR), LONGEST_OPEN)
    connection.execute(_OPEN, {"name": name, "seconds": lasting})


def close_breaker(connection: Connection, name: str) -> None:
    """Trust an account again."""
    connection.execute(_CLOSE, {"name": name})


def begin_trial(connection: Connection, name: str) -> bool:
    """Let this worker alone hand one message to an account whose breaker has been open long enough; False: another does."""
    return connection.execute(_TRY, {"name": name, "seconds": TRIAL_LASTS}).first() is not None


def reserve(
    connection: Connection, name: str, *, wanted: int, per_second: float | None, per_day: int | None, day: date
) -> tuple[int, float]:
    """Take places in an account's pace and day; return how many, and the seconds to wait before their call.

    No places where the day's are used up or the queue is longer than PATIENCE.
    """
    told = {
        "name": name, "wanted": wanted, "per_second": per_second, "per_day": per_day, "day": day, "patience": PATIENCE,
    }  # fmt: skip
    row = connection.execute(_RESERVE, told).first()
    return (0, 0.0) if row is None else (int(row.places), float(row.seconds))


def give_back(connection: Connection, name: str, *, count: int, day: date) -> None:
    """Return places of the day for messages that were not handed over after all."""
    connection.execute(_GIVE_BACK, {"name": name, "count": count, "day": day})
