"""Let points expire: those that expire first are spent first, and the ledger says what of each lot was left.

For the lots of a member in the order in which they expire, let E be what they earned up to here and B what was
spent before this lot expires.  Then the greatest E - B so far is what must have expired by then: spending
takes from the front, and what it leaves is gone.  Whatever arrives late (an order, a refund, points spent at a till
that was offline) only changes E or B; the difference to what was written is written then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, RowMapping, text

from database.engine import Database
from members.definitions import load_definitions
from members.durations import duration_text
from members.everybody import hold, in_batches, look_again
from members.happenings import Happening, tell_happenings
from members.points.rules import PointsProgramme

#: How long after its day points that expired are still told; later they are only written down.
TOLD_FOR = timedelta(days=31)
#: Looked at again, for points may have been written by a transaction that was under way at the last turn.
OVERLAP = timedelta(hours=1)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

#: What must have expired of each lot that expires up to ``:horizon``.
_WANTED = """
SELECT member_id, lot_id, at AS expires_at, gone - coalesce(lag(gone) OVER (PARTITION BY member_id ORDER BY at, lot_id), 0) AS wanted
FROM (
    SELECT member_id, lot_id, at, max(greatest(earned - spent, 0)) OVER (PARTITION BY member_id ORDER BY at, lot_id) AS gone
    FROM (
        SELECT member_id, lot_id, at, sum(earned) OVER running AS earned, sum(spent) OVER running AS spent
        FROM (
            SELECT lot.member_id, lot.id AS lot_id, lot.expires_at AS at, lot.amount + coalesce(changed.amount, 0) AS earned,
                   0 AS spent
            FROM points AS lot LEFT JOIN LATERAL (
                SELECT sum(put.amount) AS amount FROM points AS put WHERE put.lot_id = lot.id AND put.kind = 'adjust'
            ) AS changed ON true
            WHERE lot.member_id = ANY(:ids) AND lot.expires_at <= :horizon
            UNION ALL
            SELECT member_id, NULL, occurred_at, 0, -amount FROM points
            WHERE member_id = ANY(:ids) AND amount < 0 AND (kind = 'burn' OR kind = 'adjust' AND lot_id IS NULL)
        ) AS lines
        WINDOW running AS (PARTITION BY member_id ORDER BY at, lot_id NULLS LAST)
    ) AS sums WHERE lot_id IS NOT NULL
) AS lots
"""
_SETTLE = "".join((
    "WITH wanted AS (",
    _WANTED,
    """)
INSERT INTO points (member_id, kind, amount, rule, source, key, occurred_at, lot_id)
SELECT wanted.member_id, 'expire', coalesce(posted.amount, 0) - wanted, '', 'points',
       'expire:' || wanted.lot_id || ':' || (posted.times + 1), wanted.expires_at, wanted.lot_id
FROM wanted CROSS JOIN LATERAL (
    SELECT -sum(gone.amount) AS amount, count(*) AS times FROM points AS gone
    WHERE gone.lot_id = wanted.lot_id AND gone.kind = 'expire'
) AS posted
WHERE wanted <> coalesce(posted.amount, 0) ORDER BY wanted.lot_id
ON CONFLICT (source, key) DO NOTHING
RETURNING member_id, amount, occurred_at
""",
))  # fmt: skip
_BALANCES = "SELECT member_id, sum(amount) AS balance FROM points WHERE member_id = ANY(:ids) GROUP BY member_id"
_DUE = """
SELECT DISTINCT member_id FROM points
WHERE expires_at <= :now AND (CAST(:since AS timestamptz) IS NULL OR expires_at > :since) ORDER BY member_id
"""
_STANDING = "SELECT id FROM members WHERE id = ANY(:ids) AND erased_at IS NULL AND merged_into IS NULL"
# Of several warnings that are due after an outage only the latest is still true.
_TO_WARN = """
SELECT DISTINCT ON (member_id, expires_at) member_id, expires_at, before
FROM unnest(CAST(:befores AS interval[])) AS warned (before) JOIN points
    ON expires_at > :since + before AND expires_at <= :now + before AND expires_at > :now
JOIN members ON members.id = member_id AND erased_at IS NULL AND merged_into IS NULL
ORDER BY member_id, expires_at, before
"""
_SOON = "".join((
    "SELECT member_id, expires_at, sum(wanted) AS amount FROM (",
    _WANTED,
    ") AS wanted WHERE expires_at > :now GROUP BY member_id, expires_at HAVING sum(wanted) > 0",
))  # fmt: skip
_NEXT = "".join((
    "SELECT DISTINCT ON (member_id) member_id, expires_at, amount FROM (", _SOON, ") AS soon ORDER BY member_id, expires_at",
))  # fmt: skip


def next_expiring(connection: Connection, member_ids: Sequence[int], *, now: datetime) -> dict[int, tuple[int, datetime]]:
    """Return how many points each of these members loses next, and at which moment, if none are spent before."""
    rows = connection.execute(text(_NEXT), {"ids": list(member_ids), "now": now, "horizon": NEVER})
    return {row.member_id: (int(row.amount), row.expires_at) for row in rows}


def settle(connection: Connection, member_ids: Sequence[int], *, now: datetime) -> int:
    """Write what has expired of the points of these members, who are held; return how many rows are new."""
    ids = list(member_ids)
    rows = connection.execute(text(_SETTLE), {"ids": ids, "horizon": now}).all()
    look_again(connection, [row.member_id for row in rows])
    gone: dict[tuple[int, datetime], int] = {}
    for row in rows:
        if row.amount < 0:
            gone[row.member_id, row.occurred_at] = gone.get((row.member_id, row.occurred_at), 0) - row.amount
    if gone:
        standing = set(connection.execute(text(_STANDING), {"ids": sorted({member for member, _ in gone})}).scalars())
        told = {occasion: amount for occasion, amount in gone.items() if occasion[0] in standing}
        tell_happenings(connection, _expired(told, _balances(connection, sorted(standing)), now), now=now)
    return len(rows)


def _balances(connection: Connection, member_ids: Sequence[int]) -> dict[int, int]:
    return {row.member_id: int(row.balance) for row in connection.execute(text(_BALANCES), {"ids": list(member_ids)})}


def _expired(
    gone: dict[tuple[int, datetime], int], balances: dict[int, int], now: datetime
) -> Iterator[Happening]:
    """Yield what expired, a day and member each, and whose last points these were."""
    latest: dict[int, datetime] = {}
    for (member_id, moment), amount in sorted(gone.items()):
        if moment >= now - TOLD_FOR:
            latest[member_id] = moment
            yield _happening("points.expired", member_id, moment, amount, {"balance": balances[member_id]})
    for member_id, moment in latest.items():
        if balances[member_id] == 0:
            yield _happening("points.cleared", member_id, moment, None, {})


def _happening(
    kind: str, member_id: int, moment: datetime, value: int | None, more: dict[str, object], label: str = ""
) -> Happening:
    key = f"{kind}:{member_id}:{moment:%Y%m%dT%H%M%S}{label}"
    return Happening(
        member_id=member_id, kind=kind, key=key, occurred_at=moment, value=value, properties={"points": value, **more}
    )


def expire_points(database: Database, *, since: datetime | None, now: datetime) -> None:
    """Let everything expire whose day has come since then, and warn of what is about to: a chore.

    Each batch has a transaction of its own, for at a year's end everybody's turn comes at once.
    """
    with database.transaction() as connection:
        terms = {"since": None if since is None else since - OVERLAP, "now": now}
        due = connection.execute(text(_DUE), terms).scalars().all()
        programmes = load_definitions(connection, PointsProgramme).values()
    for ids in in_batches(due):
        with database.transaction() as connection:
            hold(connection, ids)
            settle(connection, ids, now=now)
    for programme in programmes:
        _warn(database, programme, now - timedelta(days=1) if since is None else since - OVERLAP, now)


def _warn(database: Database, programme: PointsProgramme, since: datetime, now: datetime) -> None:
    terms = {"befores": list(programme.expire_soon), "since": since, "now": now}
    with database.transaction() as connection:
        found = connection.execute(text(_TO_WARN), terms).mappings().all()
    horizon = now + max(programme.expire_soon, default=timedelta())
    for rows in in_batches(found):
        with database.transaction() as connection:
            _warn_these(connection, rows, horizon, now)


def _warn_these(connection: Connection, rows: Sequence[RowMapping], horizon: datetime, now: datetime) -> None:
    ids = sorted({row["member_id"] for row in rows})
    hold(connection, ids)
    asked = {"ids": ids, "now": now, "horizon": horizon}
    left = {(row.member_id, row.expires_at): int(row.amount) for row in connection.execute(text(_SOON), asked)}
    balances = _balances(connection, ids)
    soon = (
        _soon(row["member_id"], row["expires_at"], row["before"], left[place], balances[row["member_id"]], now)
        for row in rows
        if (place := (row["member_id"], row["expires_at"])) in left
    )
    tell_happenings(connection, soon, now=now)


def _soon(
    member_id: int, moment: datetime, before: timedelta, amount: int, balance: int, now: datetime
) -> Happening:
    """Make the event that says how many points will be gone, and when."""
    label = duration_text(before)
    said = {"expires_at": moment.isoformat(), "before": label, "days": before.days, "balance": balance}
    told = _happening("points.expire_soon", member_id, moment, amount, said, f":{label}")
    return replace(told, occurred_at=now)
