"""P-4: events over HTTP in batches of a hundred, durable, told once, totals kept."""

import base64
import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import text

from console.api_keys import create_key
from tests.bench.copying import seconds_to_copy
from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import an_installation
from tests.bench.population import make_population, settle_down

EVENTS = 50_000
BATCH = 100
CLIENTS = 2
EVENTS_PER_MEMBER = 5


def measure(folder: Path, scale: float) -> list[Figure]:
    """Tell the HTTP side orders of known members from two clients at once."""
    count = scaled(EVENTS, scale, at_least=2 * BATCH) // BATCH * BATCH
    with an_installation(folder) as running:
        make_population(running.database, max(1, count // EVENTS_PER_MEMBER), channels=[])
        with running.database.transaction() as connection:
            key = create_key(connection, "bench").key
        running.start_api()
        seconds = tell(running.api_url, key, batches_of_orders(count))
        running.stop_parts()
        with running.database.transaction() as connection:
            stored = connection.execute(text("SELECT count(*) FROM events")).scalar_one()
        if stored != count:
            raise RuntimeError(f"{stored} of {count} events were stored")
        settle_down(running.database)
        copying = seconds_to_copy(running.database, ["events"])
    return [
        Figure(
            name="P-4",
            what="events over HTTP in batches of 100, stored once, totals kept",
            value=count / seconds,
            unit="events/s",
            first=Target(at_least=8000),
            reference=count / copying,
            reference_is="COPY of the same rows into a table with the same columns and primary key",
            sizes={"events": count, "members": count // EVENTS_PER_MEMBER, "clients": CLIENTS},
            seconds=seconds,
        )
    ]


def batches_of_orders(count: int) -> list[bytes]:
    """Return request bodies with so many orders, one after another for every member."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    orders = [
        {
            "type": "track", "userId": f"m{1 + number % max(1, count // EVENTS_PER_MEMBER)}",
            "messageId": f"order-{number:08d}", "event": "Order Completed",
            "timestamp": (begin + timedelta(seconds=number)).isoformat(),
            "properties": {"revenue": 20 + number % 400, "order_id": f"o{number}", "category": "tea"},
        }
        for number in range(count)
    ]  # fmt: skip
    return [json.dumps({"batch": orders[start : start + BATCH]}).encode() for start in range(0, count, BATCH)]


def tell(url: str, key: str, bodies: Sequence[bytes]) -> float:
    """Post the bodies from as many clients as there are, each on one connection; return the seconds it took."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        began = time.monotonic()
        done = [clients.submit(_tell, url, key, bodies[client::CLIENTS]) for client in range(CLIENTS)]
        for each in done:
            each.result()
        return time.monotonic() - began


def _tell(url: str, key: str, bodies: Sequence[bytes]) -> None:
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    shown = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Authorization": f"Basic {shown}", "Content-Type": "application/json"}
    try:
        for body in bodies:
            line.request("POST", "/v1/batch", body, headers)
            answer = line.getresponse()
            said = answer.read()
            if answer.status != 200 or json.loads(said)["stored"] != BATCH:
                raise RuntimeError(f"the HTTP side answered {answer.status}: {said[:500]!r}")
    finally:
        line.close()
