"""Tell the occasions members have: what days bring as a chore, first and second orders as a step of reckoning."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, func, select, text

from database.tables import members
from members.definitions import load_definitions
from members.derived_events import tell
from members.happenings import Happening, tell_happenings
from members.lifecycle import February29
from members.local_days import days_due
from members.net_orders import net_orders
from members.occasions.calendar import Day, occasions_on
from members.occasions.choice import Occasions

#: How long after its time an occasion that nobody was there to tell is still told, with the moment it had.
#: Journeys have their own, shorter patience with what is told late.
MADE_UP_FOR = timedelta(days=31)

_FIRST_TWO = "".join((
    """
SELECT member_id, place, occurred_at, paid, key, days, event_id FROM (
    SELECT member_id, occurred_at, paid, key, event_id, row_number() OVER earlier AS place,
           extract(day FROM occurred_at - lag(occurred_at) OVER earlier) AS days
    FROM (""",
    net_orders("member_id = ANY(:ids)"),
    """) AS orders WHERE counts WINDOW earlier AS (PARTITION BY member_id ORDER BY occurred_at, event_id)
) AS placed
WHERE place = ANY(:places) AND occurred_at >= :oldest AND NOT EXISTS (
    SELECT FROM events AS told WHERE told.source = 'tidings' AND told.member_id = placed.member_id
    AND told.kind = CASE placed.place WHEN 1 THEN 'order.first' ELSE 'order.second' END
) ORDER BY member_id, place
""",
))  # fmt: skip


def tell_days(connection: Connection, *, since: datetime | None, now: datetime, february_29: February29) -> None:
    """Tell what the members' local days brought since then: a chore."""
    oldest = max(since or now - timedelta(days=1), now - MADE_UP_FOR)
    for chosen in load_definitions(connection, Occasions).values():
        for day in local_days(connection, chosen, oldest, now):
            for _, whose in occasions_on(connection, chosen, day, february_29=february_29):
                tell(connection, whose, now=now)


def local_days(connection: Connection, chosen: Occasions, since: datetime, until: datetime) -> list[Day]:
    """List the local days that are told between two moments, in every zone that members live in, earliest first."""
    zones = connection.execute(select(members.c.time_zone).distinct()).scalars()
    found = [(day, moment, zone) for zone in zones for day, moment in days_due(chosen.at, zone, since, until)]
    return sorted(found, key=lambda day: (day[1], day[2]))


def tell_first_orders(connection: Connection, member_ids: Sequence[int], now: datetime) -> None:
    """Tell a member's first and second order, by the days of the orders, once in a life: a step of reckoning."""
    for chosen in load_definitions(connection, Occasions).values():
        places = [place for place, wanted in ((1, chosen.first_order), (2, chosen.second_order)) if wanted]
        if places:
            oldest = now - MADE_UP_FOR
            asked = {"ids": list(member_ids), "oldest": oldest, "places": places}
            rows = connection.execute(text(_FIRST_TWO), asked).all()
            tell_happenings(connection, (_order(*row) for row in rows), now=now)


def _order(
    member_id: int, place: int, occurred_at: datetime, paid: Decimal, key: str, days: Decimal | None, event_id: int
) -> Happening:
    kind = "order.first" if place == 1 else "order.second"
    said: dict[str, object] = {"order": key}
    if place == 2:
        said["days"] = int(days or 0)  # since the first
    return Happening(
        member_id=member_id, kind=kind, key=f"{kind}:{member_id}:{event_id}", occurred_at=occurred_at, value=paid,
        properties=said,
    )  # fmt: skip


def preview_days(
    connection: Connection, chosen: Occasions, *, now: datetime, days: int, february_29: February29
) -> list[tuple[str, str, int]]:
    """Count who would be told what in the coming days, as things are now: (day, kind, members)."""
    counts: dict[tuple[str, str], int] = {}
    for day in local_days(connection, chosen, now, now + timedelta(days=days)):
        for kind, whose in occasions_on(connection, chosen, day, february_29=february_29):
            many = connection.execute(select(func.count()).select_from(whose.subquery())).scalar_one()
            place = (day[0].isoformat(), kind)
            counts[place] = counts.get(place, 0) + many
    return [(*place, many) for place, many in sorted(counts.items()) if many]
