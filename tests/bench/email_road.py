"""P-1: email end to end, from the launch to the last mail accepted."""

from pathlib import Path

from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import accounts, an_installation
from tests.bench.plain_sending import rate_without_ledger
from tests.bench.population import make_population
from tests.bench.road import carry, publish, sample_messages

SENDS = 50_000
WORKERS = 2


def measure(folder: Path, scale: float) -> list[Figure]:
    """Launch a campaign of mails to everybody; then hand the same mails over without any ledger."""
    count = scaled(SENDS, scale)
    with an_installation(folder, workers=WORKERS) as running:
        make_population(running.database, count, channels=["email"])
        with running.database.transaction() as connection:
            campaign = publish(connection, "email")
        sample = sample_messages(running, campaign)
        running.start_road(workers=WORKERS)
        carried = carry(running, campaign, count=count)
        running.stop_parts()
        account = accounts(running.simulator)["email"]
        plain = rate_without_ledger(folder, account, sample, count=count, processes=WORKERS)
    return [
        Figure(
            name="P-1",
            what="email, campaign launch to all accepted by an SMTP server",
            value=count / carried.seconds,
            unit="sends/s",
            first=Target(at_least=2500, ratio_at_least=0.3),
            reference=plain,
            reference_is=f"the same mails from {WORKERS} processes of the same provider class, no ledger",
            sizes={"worker processes": WORKERS, **carried.details},
            seconds=carried.seconds,
        )
    ]
