"""``/health`` and ``/metrics``: for load balancers and for Prometheus."""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select, text
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from console.public_side import JsonAnswer, PublicSide
from database.tables import accounts, enrolments, receipts, sends, unprocessed_events

#: What is open now: name, what it counts, and how.  Each is answered from a partial index; accounts are a handful of rows.
GAUGES = (
    ("tidings_unprocessed_events", "Events no trigger has looked at", select(func.count()).select_from(unprocessed_events)),
    ("tidings_unapplied_receipts", "Delivery reports not applied", select(func.count()).where(receipts.c.applied_at.is_(None))),
    (
        "tidings_sends_waiting",
        "Sends waiting for their hour or a worker",
        select(func.count()).where(sends.c.state == "waiting"),
    ),
    (
        "tidings_sends_open",
        "Sends claimed, being submitted or in doubt",
        select(func.count()).where(sends.c.state.in_(("claimed", "submitting", "in_doubt"))),
    ),
    (
        "tidings_enrolments_due",
        "Enrolments whose next step is due",
        select(func.count()).where(enrolments.c.state == "active", enrolments.c.due_at <= func.clock_timestamp()),
    ),
    (
        "tidings_accounts_left_alone",
        "Accounts in trouble that are handed nothing, or one trial message at a time",
        select(func.count()).where(accounts.c.trips > 0),
    ),
)


async def health(side: PublicSide, _request: Request) -> Response:
    """Say that this process and its database are up."""
    await run_in_threadpool(side.within_transaction, lambda connection: connection.execute(text("SELECT 1")))
    return JsonAnswer({"status": "ok"})


async def metrics(side: PublicSide, _request: Request) -> Response:
    """What is open now, in Prometheus' text form."""
    lines = await run_in_threadpool(side.within_transaction, lambda connection: list(_lines(connection)))
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _lines(connection: Connection) -> Iterator[str]:
    for name, meaning, counting in GAUGES:
        yield f"# HELP {name} {meaning}."
        yield f"# TYPE {name} gauge"
        yield f"{name} {connection.execute(counting).scalar_one()}"
