"""P-6: a journey of five steps, from enrolment to queued sends, and how its time grows with the members."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from campaigns.campaign import CampaignDefinition
from campaigns.publishing import apply_campaigns
from database.engine import Database
from journeys.advance import advance
from journeys.loader import load_journey
from journeys.publishing import apply_journeys
from journeys.triggers import enrol_scheduled
from templates.library import load_library
from tests.bench.figures import Figure, Target, rounded, scaled
from tests.bench.installation import RULES, databases
from tests.bench.population import make_population, settle_down

MEMBERS = 100_000
LARGER = 10  #: times the size, to see how the time grows
STEPS = 5
DEFINITION = Path(__file__).with_name("five_steps.yaml")
BEGIN = datetime(2026, 3, 2, 2, 0, 1, tzinfo=UTC)  #: a second past 10:00 in Shanghai
WAIT = timedelta(days=2)
CHANNELS = ("sms", "email")


@dataclass(frozen=True, kw_only=True)
class Walked:
    """How long everybody's walk took."""

    members: int
    enrolling: float  #: seconds
    advancing: float  #: seconds
    copying: float  #: seconds for the reference

    @property
    def seconds(self) -> float:
        """Return the seconds from enrolment to queued sends."""
        return self.enrolling + self.advancing


def measure(folder: Path, scale: float) -> list[Figure]:
    """Let everybody walk the journey, and then ten times as many."""
    count = scaled(MEMBERS, scale)
    with databases(folder) as make:
        small = _walk(make("small"), count)
        large = _walk(make("large"), count * LARGER)
    steps = count * STEPS
    growth = large.seconds / small.seconds / LARGER
    return [
        Figure(
            name="P-6",
            what="journey of five steps, from enrolment to queued sends",
            value=steps / small.seconds,
            unit="members·steps/s",
            first=Target(at_least=8000),
            reference=steps / small.copying,
            reference_is="one INSERT … SELECT of as many rows into a table with their primary key",
            sizes={"members": count, "steps each": STEPS, "seconds of enrolling": rounded(small.enrolling)},
            seconds=small.seconds,
        ),
        Figure(
            name="P-6 growth",
            what="time for ten times the members, as a multiple of ten times the time",
            value=growth,
            unit="times linear",
            first=Target(at_most=1.3),
            sizes={"members": count * LARGER, "seconds of enrolling": rounded(large.enrolling)},
            seconds=large.seconds,
        ),
    ]


def _walk(database: Database, count: int) -> Walked:
    make_population(database, count, channels=CHANNELS)
    with database.transaction() as connection:
        campaigns = [
            CampaignDefinition.model_validate({"campaign": name, "template": "we-miss-you", "channels": CHANNELS})
            for name in ("first", "second", "third")
        ]
        apply_campaigns(connection, campaigns, load_library(), now=BEGIN - timedelta(hours=1))
        apply_journeys(connection, [load_journey(DEFINITION)], now=BEGIN - timedelta(hours=1))
    enrolling = _seconds(lambda: _enrol(database))
    advancing = _seconds(lambda: _advance(database))
    _check(database, count)
    settle_down(database)
    return Walked(members=count, enrolling=enrolling, advancing=advancing, copying=_copy(database))


def _seconds(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _enrol(database: Database) -> None:
    with database.transaction() as connection:
        enrol_scheduled(connection, now=BEGIN)


def _advance(database: Database) -> None:
    """Move everybody on, batch by batch as a worker would, before and after the wait."""
    for now in (BEGIN, BEGIN + WAIT + timedelta(minutes=1)):
        steps = 1
        while steps:
            with database.transaction() as connection:
                steps = advance(connection, now=now, rules=RULES).steps


def _check(database: Database, count: int) -> None:
    with database.transaction() as connection:
        steps = connection.execute(text("SELECT count(*) FROM step_runs")).scalar_one()
        found = connection.execute(text("SELECT state, count(*) FROM sends GROUP BY state"))
        sends: dict[str, int] = dict(found.tuples().all())
    if steps != count * STEPS or sum(sends.values()) != 2 * count or set(sends) - {"waiting", "withheld"}:
        raise RuntimeError(f"{count} members took {steps} steps and have sends {sends}")


def _copy(database: Database) -> float:
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE plain_step_runs (LIKE step_runs)"))
        connection.execute(text("ALTER TABLE plain_step_runs ADD PRIMARY KEY (enrolment_id, visit)"))

    def copy() -> None:
        with database.transaction() as connection:
            connection.execute(text("INSERT INTO plain_step_runs SELECT * FROM step_runs"))

    return _seconds(copy)
