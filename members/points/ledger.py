"""Spend points, put balances right, and look at the ledger: whose points, when, and whether its sums close."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, RowMapping, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from database.loyalty_tables import points
from database.tables import members
from language.problems import refuse
from members.definitions import load_definitions
from members.everybody import look_again
from members.happenings import Happening, tell_happenings
from members.points.amounts import LARGEST, expires_at
from members.points.expiring import settle
from members.points.rules import PointsProgramme

#: Everybody's balance at a moment, in one query: a balance is a sum of amounts.
BALANCES = "SELECT member_id, sum(amount) AS balance FROM points WHERE occurred_at <= :at GROUP BY member_id"



@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of one entry."""

    balance: int
    is_new: bool  #: false: the same was written before under this key


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The ledger's sums up to a moment; ``balance`` is their sum."""

    earned: int
    spent: int  #: below zero
    expired: int  #: below zero
    adjusted: int
    balance: int
    members: int  #: with points


def burn(
    connection: Connection, member_id: int, amount: int, *, key: str, now: datetime, source: str = "burn"
) -> Written:
    """Spend points of a member, whoever else is spending them; told as ``points.burned``.

    Telling the same again under one key changes nothing.

    Raises:
        InputRefused: there are not so many, or the key is taken by something else.
    """
    if amount < 1:
        raise refuse("a number of points above zero was expected; found {amount}", amount=amount)
    return _write(connection, member_id, -amount, "burn", key=key, now=now, source=source, rule="")


def adjust(
    connection: Connection, member_id: int, amount: int, *, key: str, now: datetime, reason: str = "", source: str = "adjust"
) -> Written:
    """Give points, or with an amount below zero take them; given ones expire as if they were earned now.

    Raises:
        InputRefused: more would be taken than there is, or the key is taken by something else.
    """
    if amount == 0:
        raise refuse("a number of points above or below zero was expected; found {amount}", amount=amount)
    return _write(connection, member_id, amount, "adjust", key=key, now=now, source=source, rule=reason)


def _write(
    connection: Connection,
    member_id: int,
    amount: int,
    kind: Literal["burn", "adjust"],
    *,
    key: str,
    now: datetime,
    source: str,
    rule: str,
) -> Written:
    if abs(amount) > LARGEST:
        raise refuse("{amount} points are more than one entry may hold", amount=abs(amount))
    connection.execute(select(members.c.id).where(members.c.id == member_id).with_for_update(key_share=True))
    settle(connection, [member_id], now=now)
    present = balance(connection, member_id)
    known = connection.execute(select(points).where(points.c.source == source, points.c.key == key)).mappings().first()
    if known is not None:
        if (known["member_id"], known["kind"], known["amount"]) != (member_id, kind, amount):
            raise refuse("the key {key} is taken by another entry of {source}", key=key, source=source)
        return Written(balance=present, is_new=False)
    if present + amount < 0 and amount < 0:
        raise refuse("{wanted} points were asked for and {present} are there", wanted=-amount, present=max(present, 0))
    entry = {"member_id": member_id, "kind": kind, "amount": amount, "rule": rule, "source": source, "key": key}
    lasts = next((each for each in load_definitions(connection, PointsProgramme).values()), None) if amount > 0 else None
    ends = expires_at(lasts.expire, now, lasts.time_zone) if lasts else None
    told = upsert(points).values(**entry, occurred_at=now, expires_at=ends).on_conflict_do_nothing().returning(points.c.id)
    if connection.execute(told).scalar_one_or_none() is None:  # By somebody who wrote for another member meanwhile.
        raise refuse("the key {key} is taken by another entry of {source}", key=key, source=source)
    look_again(connection, [member_id])
    if kind == "burn":
        burned = Happening(
            member_id=member_id, kind="points.burned", key=f"points.burned:{source}:{key}", occurred_at=now, value=-amount,
            properties={"points": -amount, "balance": present + amount},
        )  # fmt: skip
        tell_happenings(connection, [burned], now=now)
    return Written(balance=present + amount, is_new=True)


def balance(connection: Connection, member_id: int, *, at: datetime | None = None) -> int:
    """Return a member's points at a moment, by the day things happened on; None: all that is written."""
    found = select(func.coalesce(func.sum(points.c.amount), 0)).where(points.c.member_id == member_id)
    return int(connection.execute(found if at is None else found.where(points.c.occurred_at <= at)).scalar_one())


def history(connection: Connection, member_id: int, *, limit: int = 100) -> Sequence[RowMapping]:
    """Return a member's latest entries, the latest first, each with the balance after it."""
    after = func.sum(points.c.amount).over(order_by=[points.c.occurred_at, points.c.id])
    columns = (points.c.occurred_at, points.c.kind, points.c.amount, points.c.rule, points.c.expires_at, points.c.key)
    found = select(*columns, after.label("balance")).where(points.c.member_id == member_id, points.c.amount != 0)
    return connection.execute(found.order_by(points.c.occurred_at.desc(), points.c.id.desc()).limit(limit)).mappings().all()


def totals(connection: Connection, *, at: datetime) -> Totals:
    """Sum up the ledger to a moment."""
    found = connection.execute(text(_TOTALS), {"at": at}).mappings().one()
    return Totals(**{name: int(value) for name, value in found.items()})


_TOTALS = """
SELECT coalesce(sum(earned), 0) AS earned, coalesce(sum(spent), 0) AS spent, coalesce(sum(expired), 0) AS expired,
       coalesce(sum(adjusted), 0) AS adjusted, coalesce(sum(balance), 0) AS balance, count(*) FILTER (WHERE balance <> 0) AS members
FROM (
    SELECT sum(amount) FILTER (WHERE kind = 'earn') AS earned, sum(amount) FILTER (WHERE kind = 'burn') AS spent,
           sum(amount) FILTER (WHERE kind = 'expire') AS expired, sum(amount) FILTER (WHERE kind = 'adjust') AS adjusted,
           sum(amount) AS balance
    FROM points WHERE occurred_at <= :at GROUP BY member_id
) AS balances
"""

_FAULTS = (
    """SELECT lot.id FROM points AS lot JOIN points AS change ON change.lot_id = lot.id
       WHERE lot.amount > 0 GROUP BY lot.id HAVING lot.amount + sum(change.amount) < 0 OR sum(change.amount) > 0""",
    """SELECT gone.id FROM points AS gone LEFT JOIN points AS lot ON lot.id = gone.lot_id
       WHERE gone.kind = 'expire' AND (lot.expires_at IS NULL OR lot.expires_at <> gone.occurred_at
                                       OR lot.expires_at > :now OR lot.member_id <> gone.member_id)""",
    "SELECT id FROM points WHERE kind = 'earn' AND amount < 0 OR kind = 'burn' AND amount >= 0 OR kind <> 'earn' AND amount = 0",
)


def ledger_faults(connection: Connection, *, now: datetime) -> list[int]:
    """Return the ids of rows that cannot be: lots that lost more than they had, wrong signs, expiry before its day."""
    found = [connection.execute(text(statement), {"now": now} if ":now" in statement else {}) for statement in _FAULTS]
    return sorted({row for rows in found for row in rows.scalars()})
