"""Earn points by events, each once, and take back what orders earned that were given back."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from database.loyalty_tables import points
from database.tables import events, members
from members.comparison_sql import json_clause
from members.definitions import load_definitions
from members.happenings import as_json
from members.net_orders import net_orders
from members.points.amounts import Earning, expires_at, points_for
from members.points.expiring import settle
from members.points.rules import EarnRule, PointsProgramme

#: Who writes what follows from events into the ledger.
SOURCE = "points"

_KEEP = """
INSERT INTO points (member_id, kind, amount, rule, source, key, occurred_at, expires_at, event_id)
SELECT member_id, kind, amount, rule, :source, key, occurred_at, expires_at, event_id
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (
    member_id bigint, kind text, amount bigint, rule text, key text, occurred_at timestamptz, expires_at timestamptz,
    event_id bigint
) ORDER BY key
ON CONFLICT (source, key) DO NOTHING RETURNING amount
"""

# What an order earned shrinks with it: in proportion to what is left of its amount, whatever the rules say by now,
# and so is rounded down whatever they say.  What is no order earns nothing.  Orders are looked up member by member: a
# plan made once serves any number of them.  Only those given back are matched with the ledger, of which somebody with
# thousands of orders has thousands of rows.
_TAKE_BACK = """
WITH given_back AS MATERIALIZED (
    SELECT orders.* FROM unnest(CAST(:ids AS bigint[])) AS asked (id) CROSS JOIN LATERAL ({net_orders}) AS orders
    WHERE refunded > 0 OR NOT counts
), wanted AS (
    SELECT lot.id, lot.member_id, lot.rule, lot.amount + coalesce(changed.amount, 0) AS present, changed.times + 1 AS place,
           greatest(refunded_at, lot.occurred_at) AS occurred_at,
           CASE WHEN counts THEN floor(lot.amount * net / paid) ELSE 0 END AS wanted
    FROM given_back JOIN points AS lot ON lot.member_id = given_back.member_id AND lot.event_id = given_back.event_id
        AND lot.kind = 'earn' AND lot.amount > 0
    CROSS JOIN LATERAL (
        SELECT sum(amount) AS amount, count(*) AS times FROM points WHERE lot_id = lot.id AND kind = 'adjust'
    ) AS changed
)
INSERT INTO points (member_id, kind, amount, rule, source, key, occurred_at, lot_id)
SELECT member_id, 'adjust', wanted - present, rule, :source, 'refund:' || id || ':' || place, occurred_at, id
FROM wanted WHERE wanted <> present ORDER BY id
ON CONFLICT (source, key) DO NOTHING
"""


def award_points(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """Let these members, who are held, have the points of what happened to them: a step of reckoning."""
    for programme in load_definitions(connection, PointsProgramme).values():
        earn(connection, programme, member_ids)
        settle(connection, member_ids, now=now)


def earn(connection: Connection, programme: PointsProgramme, member_ids: Sequence[int]) -> int:
    """Write into the ledger what these members, who are held, earned and spent; return how many rows are new."""
    written = 0
    for rule in programme.earn:
        found = connection.execute(_not_yet_earned(programme, rule, member_ids)).mappings()
        written += _keep(connection, _earned(programme, rule, found))
    if programme.spent_by is not None:
        spent = connection.execute(_not_yet_spent(programme, programme.spent_by, member_ids)).mappings()
        written += _keep(connection, map(_spent, spent))
    statement = text(_TAKE_BACK.format(net_orders=net_orders("member_id = asked.id")))
    return written + connection.execute(statement, {"ids": list(member_ids), "source": SOURCE}).rowcount


def _keep(connection: Connection, rows: Iterator[Mapping[str, object]]) -> int:
    """Write rows into the ledger; return how many of those that are new are points."""
    written = as_json(rows)
    if written == "[]":
        return 0
    return sum(amount != 0 for amount in connection.execute(text(_KEEP), {"rows": written, "source": SOURCE}).scalars())


def _happened(programme: PointsProgramme, kind: str, since: date, until: date | None, ids: Sequence[int]) -> Select[Any]:
    """Select the members' events of this kind from one local day to before another."""
    columns = (events.c.id, events.c.member_id, events.c.occurred_at, events.c.value)
    member = (members.c.tier, members.c.birth_calendar, members.c.birth_month)
    zone = ZoneInfo(programme.time_zone)
    found = select(*columns, *member).join(members, members.c.id == events.c.member_id)
    found = found.where(
        events.c.member_id == func.any(literal(list(ids))),
        events.c.kind == kind,
        events.c.occurred_at >= datetime.combine(since, time(), zone),
    )
    return found if until is None else found.where(events.c.occurred_at < datetime.combine(until, time(), zone))


def _is_new(mine: Select[Any]) -> ColumnElement[bool]:
    """Have the ledger looked up for each event by itself: joined, a young ledger is read whole for each."""
    return ~mine.correlate(events).offset(0).exists()


def _written_as(name: str) -> Select[Any]:
    """Select what was written for an event under this name, by its key: others of its member may be many."""
    return select(points.c.id).where(points.c.source == SOURCE, points.c.key == func.concat(f"{name}:", events.c.id))


def _not_yet_earned(programme: PointsProgramme, rule: EarnRule, ids: Sequence[int]) -> Select[Any]:
    since = max(programme.since, rule.since or programme.since)
    found = _happened(programme, rule.event, since, rule.until, ids)
    # Told at the moment of asking: comparisons with ages are of no use to what was earned for good.
    asked_at = datetime.combine(since, time(), ZoneInfo(programme.time_zone))
    for name, answer in (rule.where or {}).items():
        found = found.where(json_clause(events.c.properties, name, answer, asked_at))
    if rule.once:
        mine = select(points.c.id).where(
            points.c.member_id == events.c.member_id, points.c.kind == "earn", points.c.rule == rule.rule
        )
        once = found.where(_is_new(mine)).ext(distinct_on(events.c.member_id))
        return once.order_by(events.c.member_id, events.c.occurred_at, events.c.id)
    return found.where(_is_new(_written_as(rule.rule)))


def _earned(
    programme: PointsProgramme, rule: EarnRule, found: Sequence[Mapping[Any, Any]] | Any
) -> Iterator[Mapping[str, object]]:
    """Judge each event once, for good: what earns nothing is written down too, lest later rules pay for it."""
    for row in found:
        earning = Earning(
            occurred_at=row["occurred_at"],
            value=row["value"],
            tier=row["tier"],
            birth_calendar=row["birth_calendar"],
            birth_month=row["birth_month"],
        )
        amount = points_for(programme, rule, earning)
        yield {
            "member_id": row["member_id"],
            "kind": "earn",
            "amount": amount,
            "rule": rule.rule,
            "key": f"{rule.rule}:member:{row['member_id']}" if rule.once else f"{rule.rule}:{row['id']}",
            "occurred_at": row["occurred_at"],
            "expires_at": expires_at(programme.expire, row["occurred_at"], programme.time_zone) if amount else None,
            "event_id": row["id"],
        }


def _not_yet_spent(programme: PointsProgramme, kind: str, ids: Sequence[int]) -> Select[Any]:
    found = _happened(programme, kind, programme.since, None, ids)
    return found.where(events.c.value >= 1, _is_new(_written_as("spent")))


def _spent(row: Mapping[Any, Any]) -> Mapping[str, object]:
    return {
        "member_id": row["member_id"],
        "kind": "burn",
        "amount": -int(row["value"]),
        "rule": "",
        "key": f"spent:{row['id']}",
        "occurred_at": row["occurred_at"],
        "expires_at": None,
        "event_id": row["id"],
    }
