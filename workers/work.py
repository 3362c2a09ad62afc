"""What is there to do?  Asked by the poll, and by whoever waits for the road to fall quiet."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, DateTime, Select, and_, bindparam, exists, func, literal, select, union_all

from campaigns.sends import SendState, found_in, has_fallen, is_due, is_unconfirmed
from database.member_tables import segment_rechecks, touched_members
from database.tables import campaigns, enrolments, receipts, sends, unprocessed_events
from journeys.enrolments import IS_ACTIVE
from workers.bells import DELIVERY, Work

_NOW = bindparam("work_now", type_=DateTime(timezone=True))


@cache
def _looks() -> Select[*tuple[bool, ...]]:
    """One cheap look at a partial index for each kind of work, in one statement."""
    doubtful = and_(
        found_in(SendState.CLAIMED, SendState.SUBMITTING, SendState.IN_DOUBT),
        sends.c.lease_until < func.clock_timestamp(),
    )
    looks = {
        Work.EVENTS: select(literal(1)).select_from(unprocessed_events),
        Work.JOURNEYS: select(literal(1)).where(IS_ACTIVE, enrolments.c.due_at <= _NOW),
        Work.LAUNCHES: select(literal(1)).where(
            campaigns.c.state == literal("active", literal_execute=True), campaigns.c.next_run_at <= _NOW
        ),
        Work.RECEIPTS: select(literal(1)).where(
            receipts.c.applied_at.is_(None), receipts.c.try_at <= func.clock_timestamp()
        ),
        Work.DOUBT: select(literal(1)).where(doubtful),
        Work.RECKONING: union_all(
            select(literal(1)).select_from(touched_members).limit(1),
            select(literal(1)).where(segment_rechecks.c.due_at <= _NOW).limit(1),
        ),
        Work.FALLBACK: union_all(
            select(literal(1)).where(has_fallen()).limit(1), select(literal(1)).where(is_unconfirmed(_NOW)).limit(1)
        ),
        **{kind: select(literal(1)).where(is_due(literal(kind.value), _NOW)) for kind in DELIVERY},
    }
    return select(*(exists(look.limit(1)).label(kind) for kind, look in looks.items()))


def find_work(connection: Connection, *, now: datetime) -> list[Work]:
    """Return the kinds of work that are due at ``now``."""
    found = connection.execute(_looks(), {"work_now": now}).one()
    return [Work(kind) for kind, due in found._mapping.items() if due]


def ages(connection: Connection, *, now: datetime) -> Mapping[str, float | None]:
    """Return how many seconds the oldest piece of each kind of work has been due; None: there is none."""
    oldest = {
        "sends": select(func.min(sends.c.not_before)).where(found_in(SendState.WAITING), sends.c.not_before <= now),
        "enrolments": select(func.min(enrolments.c.due_at)).where(IS_ACTIVE, enrolments.c.due_at <= now),
        "receipts": select(func.min(receipts.c.received_at)).where(receipts.c.applied_at.is_(None)),
    }
    return {
        kind: None if (since := connection.execute(look).scalar_one()) is None else (now - since).total_seconds()
        for kind, look in oldest.items()
    }
