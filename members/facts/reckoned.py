"""Facts of orders and channels: worked out for touched members, and what time alone changes of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, DateTime, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from database.member_tables import channel_facts, order_facts
from members.facts.channels_sql import channels_statement
from members.facts.orders_sql import orders_statement

#: How long after a message is handed over it is surely known whether it was taken.
ANSWERED_AFTER = timedelta(minutes=5)

_THESE = "member_id = ANY(:ids)"
_IDS, _NOW = bindparam("ids", type_=ARRAY(BigInteger)), bindparam("now", type_=DateTime(timezone=True))
_ORDERS = text(orders_statement(_THESE)).bindparams(_IDS, _NOW)
_CHANNELS = text(channels_statement(_THESE)).bindparams(_IDS)

# The mark is taken away until the member is reckoned: else everybody who waits would be touched every minute.
_TOUCH_CHANGING = text("""
WITH due AS (
    SELECT member_id FROM order_facts WHERE changes_at <= :now ORDER BY member_id FOR UPDATE SKIP LOCKED
), unmarked AS (
    UPDATE order_facts SET changes_at = NULL FROM due WHERE order_facts.member_id = due.member_id RETURNING due.member_id
)
INSERT INTO touched_members (member_id) SELECT member_id FROM unmarked ORDER BY member_id
""").bindparams(_NOW)

# An answer may be long in coming, so each hand-over is looked at once, and a little later.
_TOUCH_RECEIVERS = text("""
INSERT INTO touched_members (member_id)
SELECT DISTINCT sends.member_id FROM attempts JOIN sends ON sends.id = attempts.send_id
WHERE attempts.marked_at <= :until AND (CAST(:since AS timestamptz) IS NULL OR attempts.marked_at > :since)
""")

def reckon_orders(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """Work out anew what these members bought, who are held."""
    connection.execute(_ORDERS, {"ids": list(member_ids), "now": now})


def reckon_channels(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """Work out anew how these members answer on each channel, who are held."""
    connection.execute(_CHANNELS, {"ids": list(member_ids)})


def touch_changing(connection: Connection, *, now: datetime) -> int:
    """Touch the members of whom an order has left a window; return how many."""
    return connection.execute(_TOUCH_CHANGING, {"now": now}).rowcount


def touch_receivers(connection: Connection, *, since: datetime | None, now: datetime) -> int:
    """Touch the members who were handed messages since then, as far as it is known what became of those.

    None: ever.
    """
    began = None if since is None else since - ANSWERED_AFTER
    return connection.execute(_TOUCH_RECEIVERS, {"since": began, "until": now - ANSWERED_AFTER}).rowcount


def read_order_facts(connection: Connection, member_id: int) -> dict[str, Any]:
    """Return the row of one member without its id; empty: the member never bought anything."""
    row = connection.execute(select(order_facts).where(order_facts.c.member_id == member_id)).mappings().one_or_none()
    return {name: value for name, value in row.items() if name != "member_id"} if row else {}


def read_channel_facts(connection: Connection, member_id: int) -> list[dict[str, Any]]:
    """Return the rows of one member without the id, by channel."""
    columns = [column for column in channel_facts.c if column.name != "member_id"]
    rows = select(*columns).where(channel_facts.c.member_id == member_id).order_by(channel_facts.c.channel)
    return [dict(row) for row in connection.execute(rows).mappings()]
