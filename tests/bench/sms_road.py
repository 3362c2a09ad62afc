"""P-2: text messages over HTTP end to end, the provider answering at once."""

from pathlib import Path

from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import accounts, an_installation
from tests.bench.plain_sending import rate_without_ledger
from tests.bench.population import make_population
from tests.bench.road import carry, publish, sample_messages

SENDS = 10_000
WORKERS = 2


def measure(folder: Path, scale: float) -> list[Figure]:
    """Launch a campaign of text messages; then make the same calls without any ledger."""
    count = scaled(SENDS, scale)
    with an_installation(folder, workers=WORKERS) as running:
        make_population(running.database, count, channels=["sms"])
        with running.database.transaction() as connection:
            campaign = publish(connection, "sms")
        sample = sample_messages(running, campaign)
        running.start_road(workers=WORKERS)
        carried = carry(running, campaign, count=count)
        running.stop_parts()
        account = accounts(running.simulator)["sms"]
        plain = rate_without_ledger(folder, {**account, "batch": 1}, sample, count=count, processes=WORKERS)
        together = rate_without_ledger(folder, account, sample, count=count, processes=WORKERS)
    return [
        Figure(
            name="P-2",
            what="SMS over HTTP, campaign launch to all accepted, answered at once",
            value=count / carried.seconds,
            unit="sends/s",
            first=Target(ratio_at_least=0.4),
            reference=plain,
            reference_is=f"a call per message from {WORKERS} processes of the same provider class, no ledger",
            sizes={"worker processes": WORKERS, **carried.details},
            seconds=carried.seconds,
        ),
        Figure(
            name="P-2 batches",
            what="the same, beside a reference that puts messages together as the road does",
            value=count / carried.seconds,
            unit="sends/s",
            first=Target(),
            reference=together,
            reference_is=f"the same batches from {WORKERS} processes of the same provider class, no ledger",
            sizes={"worker processes": WORKERS, **carried.details},
            seconds=carried.seconds,
        ),
    ]
