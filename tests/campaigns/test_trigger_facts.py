"""Words of a journey may say what its event told; those without a journey say their default."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text, update

from campaigns.campaign import CampaignDefinition
from campaigns.publishing import apply_campaigns, load_campaign
from campaigns.rules import PlanningRules
from campaigns.sends import Unwritten, claim, release
from campaigns.trigger_facts import triggers_of
from campaigns.writing import terms_by_campaign, write_words
from channels.simulator.running import SimulatorProcess
from database.engine import Database
from database.tables import enrolments, events, members
from journeys.advance import advance
from journeys.loader import load_journey
from journeys.publishing import apply_journeys
from journeys.triggers import enrol
from members.events import NewEvent, record
from templates.library import Library, load_library
from tests.campaigns.test_planning import plan_all
from tests.carriers import a_carrier
from tests.makers import NOON, make_members

WORDS = "还有{{ trigger.points }}分，{{ trigger.value }}，{{ trigger.ends_on|date('short') }}，{{ trigger.note }}。 拒收请回复R"
SHEET = """
title: {zh: 到期, en: Expiring}
purpose: marketing
facts: {trigger.points: 0, trigger.value: 0, trigger.ends_on: "2030-01-01", trigger.note: 无}
"""
JOURNEY = "journey: expiry\ntrigger: {event: points.expire_soon}\nsteps:\n  - send: {campaign: expiry}\n"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Return a library with one template, which speaks of the event."""
    folder = tmp_path / "messages" / "expiry"
    folder.mkdir(parents=True)
    (folder / "template.yaml").write_text(SHEET, encoding="utf-8")
    (folder / "sms.zh.txt").write_text(WORDS, encoding="utf-8")
    return load_library(tmp_path / "messages")


def publish(connection: Connection, library: Library, folder: Path) -> None:
    definition = CampaignDefinition.model_validate(
        {"campaign": "expiry", "template": "expiry", "channels": ["sms"], "caps": [], "quiet_hours": "none"}
    )
    apply_campaigns(connection, [definition], library, now=NOON)
    (folder / "expiry.yaml").write_text(JOURNEY, encoding="utf-8")
    apply_journeys(connection, [load_journey(folder / "expiry.yaml")], now=NOON)


def tell(connection: Connection, **properties: object) -> None:
    """Tell every member's event, and take the journeys it begins to their send."""
    told = [
        NewEvent(
            source="test", key=key, member_key=key, kind="points.expire_soon", occurred_at=NOON, value=Decimal(12),
            properties=properties,
        )
        for key in connection.execute(select(members.c.key)).scalars()
    ]  # fmt: skip
    record(connection, told, now=NOON)
    enrol(connection, now=NOON)
    advance(connection, now=NOON, rules=PlanningRules(quiet_hours=None))


def words(database: Database, simulator: SimulatorProcess) -> list[str]:
    """Return what the messages that wait would say."""
    carrier = a_carrier(database, simulator, "sms")
    with database.transaction() as connection:
        token, claimed = claim(connection, "sms", now=NOON, limit=100, lease=timedelta(minutes=1))
        terms = terms_by_campaign(connection, {send.campaign_id for send in claimed}, carrier.rules)
        written, refused = write_words(connection, carrier, claimed, terms, NOON)
        release(connection, token)
    assert refused == []
    return [each.message.parts["text"] for each in written]


def test_a_journeys_words_say_what_its_event_told(
    database: Database, simulator: SimulatorProcess, library: Library, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        publish(connection, library, tmp_path)
        make_members(connection, 3)
        tell(connection, points=80, ends_on="2026-12-31T16:00:00+00:00", note="{{ name }}")

    assert words(database, simulator) == ["还有80分，12.00，2026-12-31，{{ name }}。 拒收请回复R"] * 3


def test_lists_objects_and_blanked_properties_say_their_default(
    database: Database, simulator: SimulatorProcess, library: Library, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        publish(connection, library, tmp_path)
        make_members(connection, 2)
        tell(connection, points=[80], note={"a": 1}, ends_on=None)
        first = select(events.c.id).order_by(events.c.id).limit(1).scalar_subquery()
        connection.execute(update(events).where(events.c.id == first).values(properties={}, value=None))

    assert sorted(words(database, simulator)) == [
        "还有0分，0，2030-01-01，无。 拒收请回复R", "还有0分，12.00，2030-01-01，无。 拒收请回复R"
    ]  # fmt: skip


def test_a_campaign_without_a_journey_says_its_defaults(
    database: Database, simulator: SimulatorProcess, library: Library, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
        publish(connection, library, tmp_path)
        plan_all(connection, load_campaign(connection, "expiry"))

    assert words(database, simulator) == ["还有0分，0，2030-01-01，无。 拒收请回复R"]


def test_nobody_is_told_of_somebody_elses_event(database: Database, library: Library, tmp_path: Path) -> None:
    with database.transaction() as connection:
        publish(connection, library, tmp_path)
        make_members(connection, 1)
        tell(connection, points=80)
        rows = connection.execute(text("SELECT id, member_id, campaign_id, template_version_id FROM sends")).mappings().all()
        waiting = [Unwritten(**row, language="zh", address="") for row in rows]
        assert [row["points"] for row in triggers_of(connection, waiting).values()] == [80]
        connection.execute(insert(members).values(id=999, key="other"))
        connection.execute(update(events).values(member_id=999))

        assert triggers_of(connection, waiting) == {}
        connection.execute(update(enrolments).values(trigger_event_id=None))
        assert triggers_of(connection, waiting) == {}
