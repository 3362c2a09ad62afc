"""Journeys, campaigns and members for the tests of this folder."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text

from campaigns.campaign import CampaignDefinition
from campaigns.publishing import apply_campaigns
from campaigns.rules import PlanningRules
from database.engine import Database
from database.holding import hold_members
from database.tables import enrolments, members, sends, step_runs
from journeys.journey import Journey
from journeys.loader import load_journey
from journeys.publishing import apply_journeys
from members.events import NewEvent, record
from templates.library import load_library

LIBRARY = load_library()
#: No quiet hours: what is planned may go at once, whatever the time of the test.
RULES = PlanningRules(quiet_hours=None)
BEGIN = datetime(2026, 3, 2, 2, tzinfo=UTC)  # 10:00 in Shanghai, a Monday


def campaign(name: str, *, channels: Sequence[str] = ("sms",), **more: object) -> CampaignDefinition:
    return CampaignDefinition.model_validate(
        {"campaign": name, "template": "we-miss-you", "channels": channels, "caps": [], "expires_after": "3d", **more}
    )


def read(folder: Path, words: str) -> Journey:
    path = folder / "journey.yaml"
    path.write_text(words, encoding="utf-8")
    return load_journey(path)


def publish(connection: Connection, folder: Path, words: str, *, now: datetime = BEGIN) -> Journey:
    """Publish a journey written as YAML, with a plain campaign for every name its send steps use."""
    journey = read(folder, words)
    names = {name for name in ("first", "second", "third", "fourth") if f"campaign: {name}" in words}
    apply_campaigns(connection, [campaign(name) for name in sorted(names)], LIBRARY, now=now)
    apply_journeys(connection, [journey], now=now)
    return journey


def add_members(connection: Connection, count: int, **columns: object) -> list[int]:
    """Add members with an SMS address and consent; return their ids."""
    first = connection.execute(select(func.count()).select_from(members)).scalar_one()
    rows = [{"key": f"m{first + number}", "joined_at": BEGIN, **columns} for number in range(count)]
    ids = list(connection.execute(insert(members).returning(members.c.id), rows).scalars())
    reach(connection)
    return ids


def reach(connection: Connection) -> None:
    """Give every member who has none an SMS address and a marketing consent for it."""
    connection.execute(
        text(
            "INSERT INTO addresses (member_id, channel, address, fingerprint) SELECT id, 'sms', '+86139' || "
            "lpad(id::text, 8, '0'), sha256(convert_to(id::text, 'UTF8')) FROM members ON CONFLICT DO NOTHING"
        )
    )
    connection.execute(
        text(
            "INSERT INTO consents (member_id, channel, purpose, granted, source, occurred_at) "
            "SELECT id, 'sms', 'marketing', true, 'test', '2020-01-01' FROM members "
            "WHERE id NOT IN (SELECT member_id FROM consents)"
        )
    )


def happen(
    connection: Connection,
    keys: Sequence[str],
    kind: str,
    at: datetime,
    *,
    value: int | None = None,
    **properties: object,
) -> None:
    """Let an event happen to each of these members."""
    batch = [
        NewEvent(
            source="test",
            key=f"{kind}:{member_key}:{at.timestamp()}",
            member_key=member_key,
            kind=kind,
            occurred_at=at,
            value=None if value is None else Decimal(value),
            properties=properties,
        )
        for member_key in keys
    ]
    record(connection, batch, now=at)


def keys(connection: Connection) -> list[str]:
    return list(connection.execute(select(members.c.key).order_by(members.c.id)).scalars())


def states(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(enrolments.c.state, func.count()).group_by(enrolments.c.state))
    return dict(rows.all())


def planned(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(sends.c.state, func.count()).group_by(sends.c.state))
    return dict(rows.all())


def path_of(connection: Connection, member_id: int) -> list[str]:
    """Return "step result" of every step a member has taken, in order."""
    rows = connection.execute(
        select(step_runs.c.step, step_runs.c.result)
        .join(enrolments, enrolments.c.id == step_runs.c.enrolment_id)
        .where(enrolments.c.member_id == member_id)
        .order_by(enrolments.c.id, step_runs.c.visit)
    )
    return [f"{step} {result}" for step, result in rows]


def waits_for_the_held(database: Database, member_ids: Sequence[int], act: Callable[[], object]) -> bool:
    """Say whether ``act`` waits while somebody holds these members, and is done once they are let go."""
    done = threading.Event()

    def acting() -> None:
        act()
        done.set()

    with database.transaction() as connection:
        hold_members(connection, member_ids)
        thread = threading.Thread(target=acting)
        thread.start()
        waited = not done.wait(0.3)
    thread.join(10)
    return waited and done.is_set()
