"""What is there to do?  Asked by the poll, and by whoever waits for the road to fall quiet."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, exists, func, literal, select

from campaigns.sends import has_work
from database.tables import campaigns, enrolments, receipts, sends, unprocessed_events
from workers.bells import DELIVERY, Work

_DUE_DOUBT = select(literal(1)).where(
    sends.c.state.in_(["claimed", "submitting", "in_doubt"]), sends.c.lease_until < func.clock_timestamp()
)
_RECEIPTS = select(literal(1)).where(receipts.c.applied_at.is_(None), receipts.c.try_at <= func.clock_timestamp())


def find_work(connection: Connection, *, now: datetime) -> list[Work]:
    """Return the kinds of work that are due at ``now``, from cheap looks at partial indexes."""
    enrolled = select(literal(1)).where(enrolments.c.state == "active", enrolments.c.due_at <= now)
    launches = select(literal(1)).where(campaigns.c.state == "active", campaigns.c.next_run_at <= now)
    looks = {
        Work.EVENTS: select(literal(1)).select_from(unprocessed_events),
        Work.JOURNEYS: enrolled,
        Work.LAUNCHES: launches,
        Work.RECEIPTS: _RECEIPTS,
        Work.DOUBT: _DUE_DOUBT,
    }
    found = connection.execute(select(*(exists(look.limit(1)).label(kind) for kind, look in looks.items()))).one()
    due = [kind for kind in looks if found._mapping[kind]]
    return due + [kind for kind in DELIVERY if has_work(connection, kind.value, now=now)]


def ages(connection: Connection, *, now: datetime) -> Mapping[str, float | None]:
    """Return how many seconds the oldest piece of each kind of work has been due; None: there is none."""
    oldest = {
        "sends": select(func.min(sends.c.not_before)).where(sends.c.state == "waiting", sends.c.not_before <= now),
        "enrolments": select(func.min(enrolments.c.due_at)).where(
            enrolments.c.state == "active", enrolments.c.due_at <= now
        ),
        "receipts": select(func.min(receipts.c.received_at)).where(receipts.c.applied_at.is_(None)),
    }
    return {
        kind: None if (since := connection.execute(look).scalar_one()) is None else (now - since).total_seconds()
        for kind, look in oldest.items()
    }
