"""P-7: the birthdays of one day among a hundred thousand and a million members, enrolled and planned."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from campaigns.campaign import load_definitions
from campaigns.publishing import apply_campaigns
from database.engine import Database
from journeys.advance import advance
from journeys.loader import load_journey
from journeys.publishing import apply_journeys
from journeys.triggers import enrol_scheduled
from templates.library import load_library
from tests.bench.figures import Figure, Target, scaled
from tests.bench.installation import ROOT, RULES, databases
from tests.bench.population import make_population

SIZES = (100_000, 1_000_000)
DAY = datetime(2026, 8, 1, tzinfo=UTC)
MORNING = datetime(2026, 8, 3, 1, 30, 1, tzinfo=UTC)  #: a second past 9:30 in Shanghai, when the journey looks
LIBRARY_JOURNEY = ROOT / "journeys" / "definitions" / "birthday.yaml"
LIBRARY_CAMPAIGNS = ROOT / "campaigns" / "definitions"
ANSWER = "SELECT id FROM members WHERE birth_calendar = 'solar' AND birth_month = 8 AND birth_day = 3"


def measure(folder: Path, scale: float) -> list[Figure]:
    """See to one morning's birthdays with the library's own journey, at both sizes."""
    with databases(folder) as make:
        return [_measure(make(f"of_{size}"), scaled(size, scale, at_least=365 * 2), size) for size in SIZES]


def _measure(database: Database, count: int, size: int) -> Figure:
    make_population(database, count, channels=["sms"])
    with database.transaction() as connection:
        before = MORNING - timedelta(hours=1)
        apply_campaigns(connection, load_definitions(LIBRARY_CAMPAIGNS), load_library(), now=before)
        apply_journeys(connection, [load_journey(LIBRARY_JOURNEY)], now=before)
    began = time.monotonic()
    with database.transaction() as connection:
        enrol_scheduled(connection, now=MORNING, february_29=RULES.february_29)
    enrolled = time.monotonic()
    with database.transaction() as connection:
        advance(connection, now=MORNING, rules=RULES)
    seconds = time.monotonic() - began
    reading, celebrated = _read_the_answer(database)
    with database.transaction() as connection:
        planned = connection.execute(text("SELECT count(*) FROM sends")).scalar_one()
    if planned != celebrated:
        raise RuntimeError(f"{planned} sends are planned for {celebrated} birthdays")
    return Figure(
        name=f"P-7 {size}",
        what=f"birthdays of one day among {size:,} members, enrolled and planned",
        value=seconds,
        unit="s",
        first=Target(at_most=3),
        reference=reading,
        reference_is="reading the ids of those members from the index",
        sizes={"members": count, "birthdays": celebrated, "seconds of enrolling": round(enrolled - began, 3)},
        seconds=seconds,
    )


def _read_the_answer(database: Database) -> tuple[float, int]:
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        began = time.monotonic()
        found = connection.execute(text(ANSWER)).all()
        return time.monotonic() - began, len(found)
