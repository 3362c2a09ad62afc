"""``/v1/identify``, ``/v1/track`` and ``/v1/batch``: members and events told by other systems."""

from collections.abc import Sequence

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from console.public_side import JsonAnswer, PublicSide, Refused, key_of, read_body
from console.segment_messages import MOST, Sorted, sort_messages, split_batch
from database.engine import read_clock
from members.erasure.refusing import ERASED, erased_keys
from members.events import record
from members.people import save_people

__all__ = ["batch", "identify", "key_of", "track"]

RETRY_AFTER = {"Retry-After": "30"}


async def identify(side: PublicSide, request: Request) -> Response:
    """One person told: a member is made or changed."""
    return await _take_one(side, request, "identify")


async def track(side: PublicSide, request: Request) -> Response:
    """One event told, once per messageId."""
    return await _take_one(side, request, "track")


async def batch(side: PublicSide, request: Request) -> Response:
    """Up to 1,000 people and events; a bad one is refused by its index and the rest is kept."""
    body = await read_body(request)
    try:
        bodies = split_batch(body)
    except msgspec.DecodeError as error:
        raise Refused(400, f'expected {{"batch": [...]}}: {error}') from None
    if len(bodies) > MOST:
        raise Refused(413, f"at most {MOST} messages are taken at once")
    found, answer = await run_in_threadpool(_store, side, bodies, None)
    return JsonAnswer(answer, 400 if bodies and len(found.refused) == len(bodies) else 200)


async def _take_one(side: PublicSide, request: Request, kind: str) -> Response:
    body = await read_body(request)
    found, answer = await run_in_threadpool(_store, side, [body], kind)
    if found.refused:
        raise Refused(400, found.refused[0])
    return JsonAnswer(answer)


def _store(side: PublicSide, bodies: Sequence[bytes | msgspec.Raw], kind: str | None) -> tuple[Sorted, dict[str, object]]:
    """Store what can be stored in one transaction, ring, and say what became of each."""
    application = side.application
    with application.database.transaction() as connection:
        now = read_clock(connection)
        if side.backlog.is_behind(connection):
            raise Refused(503, "the workers are behind; nothing was stored, please tell it again later", RETRY_AFTER)
        found = sort_messages(bodies, application.settings.ingest, kind=kind, now=now)
        found.refuse(erased_keys(connection, found.keys, secret=application.secret), ERASED)
        saved = save_people(connection, found.people, now=now, secret=application.secret)
        recorded = record(connection, found.events, now=now, checked=True)
    if recorded.stored:
        side.ring("events")
    again = 0
    for position in recorded.mismatched:
        if found.places[position] in found.undated:
            again += 1  # Told again without a moment of its own, it cannot but differ by the moment.
        else:
            found.refused[found.places[position]] = "this messageId was told before and said something else"
    return found, {
        "success": not found.refused,
        "members": saved.new + saved.changed + saved.unchanged,
        "stored": recorded.stored,
        "duplicates": recorded.duplicates + again,
        "refused": [{"index": index, "reason": reason} for index, reason in sorted(found.refused.items())],
    }
