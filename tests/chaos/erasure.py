"""Members with a word of their own in every place that can hold one are erased in the middle of their journeys.

The word, a canary, must then be found nowhere: not in a dump, not in Redis, not in what is left of
yesterday's dump once the log of erasures was applied to it again.
"""

import random
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from redis import Redis
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from campaigns.campaign import CampaignDefinition
from campaigns.publishing import apply_campaigns
from campaigns.rules import PlanningRules
from database.engine import Database
from database.local_postgres import installed_postgres
from database.member_tables import identifiers
from journeys.advance import advance
from journeys.loader import load_journey
from journeys.parting import erase_members
from journeys.publishing import apply_journeys
from journeys.triggers import enrol
from members.consent import NewConsent, record_consents
from members.erasure.log import Erasure, not_erased
from members.erasure.refusing import erased_keys
from members.events import NewEvent, record
from members.people import find_member, save_people
from members.person import Person
from reports.campaign_report import campaign_report
from reports.export import as_data
from reports.responses import credit
from templates.library import load_library
from tests.makers import SECRET

BEGIN = datetime(2026, 3, 2, 2, tzinfo=UTC)
LATER = BEGIN + timedelta(days=1)
JOURNEY = """
journey: leaving
trigger: {event: member.joined}
steps:
  - send: {campaign: first}
  - wait: {for: 3d}
  - send: {campaign: second}
"""

#: What a provider and an operator leave behind about each member, beyond what the library writes.
LEFT_BEHIND = """
INSERT INTO attempts (send_id, number, provider, address_id, marked_at, outcome, code, provider_ref)
    SELECT id, 1, 'sms.aliyun', address_id, :now, 'accepted', 'answer to ' || m.name, 'ref-' || s.id
    FROM (SELECT sends.* FROM sends JOIN campaigns c ON c.id = campaign_id AND c.name = 'first') s
    JOIN (SELECT id AS whose, name FROM members WHERE name LIKE 'canary%') m ON m.whose = s.member_id;
INSERT INTO receipts (provider, key, send_id, provider_ref, status, code, raw)
    SELECT 'sms.aliyun', 'k-' || m.name, CASE WHEN s.id % 2 = 0 THEN s.id END, 'ref-' || s.id, 'delivered', m.name,
        jsonb_build_object('phone', m.name)
    FROM sends s JOIN members m ON m.id = s.member_id JOIN attempts a ON a.send_id = s.id WHERE m.name LIKE 'canary%';
INSERT INTO imports (kind, digest, file_name) VALUES ('members', 'd', 'members.csv');
INSERT INTO import_changes (import_id, member_id, before, after)
    SELECT 1, id, jsonb_build_object('name', name), jsonb_build_object('name', name) FROM members WHERE name LIKE 'canary%';
INSERT INTO survey_answers (survey, member_id, occasion, score, comment, answered_at)
    SELECT 'after-purchase', id, 'send:1', 9, name, :now FROM members WHERE name LIKE 'canary%';
INSERT INTO points (member_id, kind, amount, source, key, occurred_at)
    SELECT id, 'earn', 10, 'orders', name, :now FROM members WHERE name LIKE 'canary%';
INSERT INTO merges (kept_id, gone_id, matched_by, moved, merged_at)
    SELECT id, (SELECT max(id) FROM members), 'person', jsonb_build_object('name', name), :now
    FROM members WHERE name LIKE 'canary%' ORDER BY id LIMIT 1;
"""


def word_of(number: int) -> str:
    """Return what must be found nowhere in the end; letters and digits survive every way of writing."""
    return f"canary{number:05d}zq"


def settle_in(database: Database, folder: Path, count: int, others: int) -> list[int]:
    """Make ``count`` canaries and some others, all in the middle of a journey; return the canaries' ids."""
    with database.transaction() as connection:
        save_people(connection, [_person(number) for number in range(count)], now=BEGIN, secret=SECRET)
        plain = [Person(key=f"plain{number}", phone=f"139{number:08d}", email=f"p{number}@example.com") for number in range(others)]
        save_people(connection, plain, now=BEGIN, secret=SECRET)
        ids = [_id(connection, f"k-{word_of(number)}") for number in range(count)]
        everyone = [*ids, *(_id(connection, person.key) for person in plain)]
        record_consents(connection, [_consent(member_id) for member_id in everyone], now=BEGIN)
        cards = [{"member_id": each, "kind": "card", "value": word_of(place)} for place, each in enumerate(ids)]
        connection.execute(identifiers.insert(), cards)
        _publish(connection, folder)
        _happen(connection, "member.joined", BEGIN)
        while enrol(connection, now=BEGIN).events:
            pass
        advance(connection, now=BEGIN, rules=PlanningRules(quiet_hours=None))
        for statement in LEFT_BEHIND.split(";\n")[:-1]:
            connection.execute(text(statement), {"now": BEGIN})
        _settle(connection)
        _happen(connection, "order.paid", LATER)
        credit(connection, now=LATER + timedelta(hours=1))
        connection.execute(text("DELETE FROM touched_members"))
    return ids


def _person(number: int) -> Person:
    word = word_of(number)
    return Person(
        key=f"k-{word}", name=word, phone=f"138{number:08d}", email=f"{word}@example.com", openid=f"o{word:0>27}",
        tier=word, birth_month=3, birth_day=4, attributes={"city": word},
    )  # fmt: skip


def _id(connection: Connection, key: str) -> int:
    found = find_member(connection, key)
    assert found is not None
    return found.id


def _consent(member_id: int) -> NewConsent:
    proof = {"signed by": f"canary{member_id - 1:05d}zq"}
    return NewConsent(member_id=member_id, channel="sms", purpose="marketing", granted=True, source="checkout", proof=proof)


def _publish(connection: Connection, folder: Path) -> None:
    path = folder / "leaving.yaml"
    path.write_text(JOURNEY, encoding="utf-8")
    goal = {"event": "order.paid", "within": "14d", "value": "amount"}
    terms = [{"campaign": name, "template": "we-miss-you", "channels": ["sms"], "caps": [], "goal": goal} for name in ("first", "second")]
    apply_campaigns(connection, [CampaignDefinition.model_validate(each) for each in terms], load_library(), now=BEGIN)
    apply_journeys(connection, [load_journey(path)], now=BEGIN)


def _happen(connection: Connection, kind: str, at: datetime) -> None:
    told = connection.execute(text("SELECT key, name FROM members ORDER BY id")).all()
    batch = [
        NewEvent(source="shop", key=f"{kind}-{row.key}", member_key=row.key, kind=kind, occurred_at=at,
                 value=Decimal(99) if kind == "order.paid" else None, properties={"note": row.name})
        for row in told
    ]  # fmt: skip
    record(connection, batch, now=at)


def _settle(connection: Connection) -> None:
    """Let every second message of the first campaign have gone, the rest wait."""
    connection.execute(
        text("UPDATE sends SET state = 'accepted', attempts = 1, accepted_at = :now, counted_at = :now "
             "WHERE EXISTS (SELECT FROM attempts WHERE send_id = sends.id) AND member_id % 2 = 1"), {"now": BEGIN},
    )  # fmt: skip


def dump(database: Database, file: Path) -> str:
    """Write the whole database to a file that can be restored; return it as text too."""
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    programs = installed_postgres() / "bin"
    subprocess.run([programs / "pg_dump", "--format=custom", f"--file={file}", f"--dbname={url}"], check=True)
    told = subprocess.run([programs / "pg_restore", "--file=-", file], check=True, capture_output=True, text=True)
    return told.stdout


def hits(written: str, count: int) -> int:
    """Count canaries whose word, phone number or what is left of them is in the text."""
    return sum(word_of(number) in written or f"+86138{number:08d}" in written for number in range(count))


def in_redis(url: str) -> str:
    """Return everything a Redis holds as text."""
    client = Redis.from_url(url)
    found = b" ".join(key + b" " + (client.dump(key) or b"") for key in client.scan_iter())
    client.close()
    return found.decode("latin-1")


def erase_all(database: Database, ids: Sequence[int], *, now: datetime, at_once: int = 200) -> list[Erasure]:
    """Erase members in batches, in no order."""
    mixed = random.Random(7).sample(list(ids), len(ids))
    log: list[Erasure] = []
    for start in range(0, len(mixed), at_once):
        with database.transaction() as connection:
            log += erase_members(connection, mixed[start : start + at_once], reason="asked for", secret=SECRET, now=now)
    return log


def totals(database: Database) -> object:
    """Return what the report on the first campaign says of those whose messages were on their way, and of responses."""
    with database.transaction() as connection:
        told = as_data(campaign_report(connection, "first", now=LATER + timedelta(days=30)))
        money = connection.execute(text("SELECT count(*), sum(value), count(DISTINCT send_id) FROM responses")).one()
    return [{name: told[name] for name in ("planned", "accepted", "delivered", "withheld")}, *money]


def restored(database: Database, file: Path, name: str) -> Database:
    """Restore a dump into a database of its own."""
    admin = create_engine(database.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    url = database.url.set(database=name)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([installed_postgres() / "bin" / "pg_restore", f"--dbname={plain}", file], check=True)
    return Database(make_url(url))


def every_canary(database: Database, redis_url: str, folder: Path, *, count: int, others: int, logs: Path | None = None) -> dict[str, object]:
    """Do all of it, and look into the logs of the folder ``logs``; ``hits`` of every kind must be 0 and the totals the same."""
    ids = settle_in(database, folder, count, others)
    yesterday = folder / "yesterday.dump"
    before, was = hits(dump(database, yesterday), count), totals(database)
    log = erase_all(database, ids, now=LATER + timedelta(hours=2))
    after = hits(dump(database, folder / "today.dump"), count)
    with database.transaction() as connection:
        saved = save_people(connection, [_person(number) for number in range(count)], now=LATER, secret=SECRET)
        refused = len(erased_keys(connection, [f"k-{word_of(number)}" for number in range(count)], secret=SECRET))
        waiting = connection.execute(text("SELECT count(*) FROM sends WHERE member_id = ANY(:ids) AND state = 'waiting'"), {"ids": ids})
        left = waiting.scalar_one()
    again = restored(database, yesterday, f"yesterday_{make_url(database.url).database}")
    try:
        with again.transaction() as connection:
            missing = not_erased(connection, log, secret=SECRET)
        erase_all(again, missing, now=LATER + timedelta(hours=3))
        old = hits(dump(again, folder / "again.dump"), count)
    finally:
        again.close()
        admin = create_engine(database.url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE yesterday_{make_url(database.url).database} WITH (FORCE)"))
        admin.dispose()
    written = "".join(file.read_text(encoding="utf-8", errors="replace") for file in (logs or folder).rglob("*.log"))
    return {
        "hits before": before, "hits in a dump": after, "hits in redis": hits(in_redis(redis_url), count),
        "hits in logs": hits(written, count), "found in yesterday's dump": len(missing), "hits after erasing again": old,
        "taken in again": len(ids) - refused + saved.new, "messages still waiting": left, "totals are the same": was == totals(database),
        "logged": len(log), "in the log": any("canary" in str(asdict(entry)) for entry in log),
    }  # fmt: skip


def is_complete(seen: dict[str, object], count: int) -> bool:
    """Say whether erasure kept every promise, and whether the canaries were there to be found at first."""
    nothing = ("hits in a dump", "hits in redis", "hits in logs", "hits after erasing again", "taken in again", "messages still waiting")
    there = seen["hits before"] == seen["found in yesterday's dump"] == seen["logged"] == count
    return there and not any(seen[name] for name in nothing) and bool(seen["totals are the same"]) and not seen["in the log"]
