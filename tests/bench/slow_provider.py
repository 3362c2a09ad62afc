"""P-3: text messages through a provider that takes 50 ms to answer, with one worker process."""

from pathlib import Path

from channels.registry import open_provider
from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import accounts, an_installation
from tests.bench.population import make_population
from tests.bench.road import carry, publish

SENDS = 10_000
LATENCY = 0.05


def measure(folder: Path, scale: float) -> list[Figure]:
    """Launch a campaign of text messages at a slow provider."""
    count = scaled(SENDS, scale)
    with an_installation(folder, workers=1, latency=LATENCY) as running:
        make_population(running.database, count, channels=["sms"])
        with running.database.transaction() as connection:
            campaign = publish(connection, "sms")
        running.start_road(workers=1)
        carried = carry(running, campaign, count=count)
        account = accounts(running.simulator)["sms"]
        provider = open_provider(str(account.pop("provider")), account)
        at_once = provider.window
        provider.close()
    return [
        Figure(
            name="P-3",
            what="SMS over HTTP, the provider answering in 50 ms, one worker process",
            value=count / carried.seconds,
            unit="sends/s",
            first=Target(at_least=500),
            reference=at_once / LATENCY,
            reference_is=f"reckoned: {at_once} calls, as many as may be open at once, and never a pause between them",
            sizes={"worker processes": 1, **carried.details},
            seconds=carried.seconds,
        )
    ]
