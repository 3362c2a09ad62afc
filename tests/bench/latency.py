"""P-9: how long after an event was told over HTTP the provider is called."""

import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from sqlalchemy import text

from channels.simulator.record import read_record
from console.api_keys import create_key
from database.engine import read_clock
from journeys.loader import load_journey
from journeys.publishing import apply_journeys
from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import Installation, an_installation
from tests.bench.population import make_population
from tests.bench.road import publish

EVENTS = 200
PER_SECOND = 10
WARMING = 30  #: told first and not counted, so that what each process opens and compiles once is there
WORKERS = 2
PATIENCE = 60.0  #: seconds to wait for the last call
#: When each event was stored and what it caused was begun, by member's number.
STAGES = """
SELECT right(addresses.address, 8) AS member, events.received_at AS stored,
       sends.decided_at AS planned, attempts.marked_at AS marked
FROM sends JOIN addresses ON addresses.id = sends.address_id JOIN attempts ON attempts.send_id = sends.id
JOIN enrolments ON enrolments.id = sends.enrolment_id JOIN events ON events.id = enrolments.trigger_event_id
WHERE events.kind = 'cart.left'
"""
MILLISECOND = timedelta(milliseconds=1)
DEFINITION = Path(__file__).with_name("at_once.yaml")


def measure(folder: Path, scale: float) -> list[Figure]:
    """Tell one event after another with everything running as ``tidings up`` runs it."""
    count = scaled(EVENTS, scale)
    with an_installation(folder, workers=WORKERS) as running:
        make_population(running.database, WARMING + count, channels=["sms"])
        with running.database.transaction() as connection:
            publish(connection, "sms")
            apply_journeys(connection, [load_journey(DEFINITION)], now=read_clock(connection))
            key = create_key(connection, "bench").key
        running.start_up(workers=WORKERS)
        _tell(running, key, range(1, WARMING + 1))
        _wait_for_calls(running, WARMING)
        began = time.monotonic()
        told = _tell(running, key, range(WARMING + 1, WARMING + count + 1))
        called = _wait_for_calls(running, WARMING + count)
        seconds = time.monotonic() - began
        stages = _stages(running, told)
    delays = sorted((called[member] - moment) / MILLISECOND for member, moment in told.items())
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    sizes = {
        "events": count, "events a second": PER_SECOND, "worker processes": WORKERS, "slowest in ms": round(delays[-1]),
        "ms after it was told, in the middle": stages | {"called": round(cuts[49])},
    }  # fmt: skip
    return [
        Figure(
            name=f"P-9 {name}",
            what=f"event told over HTTP to provider called, {words}",
            value=value,
            unit="ms",
            first=Target(at_most=limit),
            sizes=sizes,
            seconds=seconds,
        )
        for name, words, value, limit in (
            ("p50", "the middle of all", cuts[49], 250),
            ("p99", "the slowest of a hundred", cuts[98], 1500),
        )
    ]


def _tell(running: Installation, key: str, numbers: Sequence[int]) -> Mapping[str, datetime]:
    """Tell one event of each of these members, evenly; return by member's number when each was told."""
    told: dict[str, datetime] = {}
    with requests.Session() as session:
        session.auth = (key, "")
        began = time.monotonic()
        for place, number in enumerate(numbers):
            time.sleep(max(0.0, began + place / PER_SECOND - time.monotonic()))
            event = {"type": "track", "userId": f"m{number}", "messageId": f"cart-{number}", "event": "cart.left"}
            # The simulator writes down the wall clock's time, so that is the clock here, too.
            told[f"{number:08d}"] = datetime.now(UTC)
            session.post(f"{running.api_url}/v1/track", json=event, timeout=30).raise_for_status()
    return told


def _wait_for_calls(running: Installation, count: int) -> Mapping[str, datetime]:
    """Return by member's number when the simulator was called, once it was for all."""
    deadline = time.monotonic() + PATIENCE
    while len(called := {message.address[-8:]: message.at for message in read_record(running.simulator.record_path)}) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the provider was called for {len(called)} of {count} events")
        time.sleep(0.2)
    return called


def _stages(running: Installation, told: Mapping[str, datetime]) -> dict[str, int]:
    """Return for each stage of the road how many milliseconds after the event was told it began, in the middle."""
    with running.database.transaction() as connection:
        rows = [row for row in connection.execute(text(STAGES)).mappings() if row["member"] in told]
    return {
        stage: round(statistics.median((row[stage] - told[row["member"]]) / MILLISECOND for row in rows))
        for stage in ("stored", "planned", "marked")
    }
