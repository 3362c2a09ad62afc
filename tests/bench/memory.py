"""P-11: the memory of all processes together, while nothing happens and while mails are sent."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import Installation, an_installation
from tests.bench.population import make_population
from tests.bench.processes import family, proportional_megabytes, words_of
from tests.bench.road import carry, publish

SENDS = 20_000
WORKERS = 2
IDLE = 5.0  #: seconds of nothing before the first look
EVERY = 0.5  #: seconds between two looks while mails are sent

Megabytes = Mapping[str, float]


def measure(folder: Path, scale: float) -> list[Figure]:
    """Look at everything that ``tidings up`` runs, the engines included; the simulator is the world outside."""
    count = scaled(SENDS, scale)
    with an_installation(folder, workers=WORKERS) as running:
        make_population(running.database, count, channels=["email"])
        with running.database.transaction() as connection:
            campaign = publish(connection, "email")
        running.start_up(workers=WORKERS)
        time.sleep(IDLE)
        idle = _look(running)
        looks: list[Megabytes] = []
        over = threading.Event()
        watching = threading.Thread(target=_watch, args=(running, over, looks))
        watching.start()
        try:
            carried = carry(running, campaign, count=count)
        finally:
            over.set()
            watching.join()
    sending = max(looks, key=lambda look: sum(look.values()))
    return [
        _figure("P-11 idle", "memory of all processes together, idle", idle, 600, {}, IDLE),
        _figure("P-11 sending", "memory of all processes together, the most while mails are sent", sending, 1000,
                {**carried.details, "looks": len(looks)}, carried.seconds),
    ]  # fmt: skip


def _figure(name: str, what: str, look: Megabytes, limit: float, sizes: Mapping[str, object], seconds: float) -> Figure:
    each = {process: round(megabytes, 1) for process, megabytes in look.items()}
    return Figure(
        name=name,
        what=what,
        value=sum(look.values()),
        unit="MB",
        first=Target(at_most=limit),
        sizes={**sizes, "worker processes": WORKERS, "MB of each process": each},
        seconds=seconds,
    )


def _watch(running: Installation, over: threading.Event, looks: list[Megabytes]) -> None:
    while True:
        looks.append(_look(running))
        if over.wait(EVERY):
            return


def _look(running: Installation) -> Megabytes:
    """Return each process's megabytes, pages that several share divided among them."""
    engines = {"postgres": running.engines.postgres.pid(), "redis": running.engines.redis.pid()}
    heads = {"up": running.parts["up"].pid} | {name: pid for name, pid in engines.items() if pid is not None}
    return {
        f"{_title(name, process)} ({process})": proportional_megabytes(process)
        for name, head in heads.items()
        for process in family(head)
    }


def _title(name: str, process: int) -> str:
    """Say in a word or two what a process is."""
    words = words_of(process)
    if name == "up":
        return words.rpartition("console.commands.running")[2].split()[0] if "running" in words else words[:40]
    return words[:60] if words.startswith("postgres:") else name
