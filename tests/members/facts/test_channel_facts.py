"""How members answer on each channel follows from the ledger and from what they did themselves."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert, text

from database.engine import Database
from database.tables import attempts, sends
from members.events import NewEvent, record
from members.facts.reckoned import read_channel_facts, touch_receivers
from members.reckoning import reckon, touch
from tests.makers import make_campaign, make_members

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def sent(connection: Connection, number: int, channel: str | None, *, state: str = "delivered", days_ago: float = 1, member: int = 1) -> int:
    """Write a send as the ledger would leave it; return its id."""
    at = NOW - days_ago * DAY
    row = {
        "campaign_id": 1, "member_id": member, "occasion": str(number), "channel": channel, "template_version_id": 1,
        "purpose": "marketing", "state": state, "decided_at": at, "not_before": at, "accepted_at": at, "reason": "x",
        "experiment_id": 1, "arm": "control" if state == "withheld" else "treated",
    }  # fmt: skip
    return connection.execute(insert(sends).returning(sends.c.id), row).scalar_one()


def did(key: str, kind: str, *, days_ago: float = 0, member: str = "m1", **properties: object) -> NewEvent:
    at = NOW - days_ago * DAY
    return NewEvent(source="links", key=key, member_key=member, kind=f"message.{kind}", occurred_at=at, properties=properties)


def reckoned(connection: Connection, *batch: NewEvent) -> dict[str, dict[str, Any]]:
    """Record what was done, reckon member 1, and return the facts by channel."""
    record(connection, batch, now=NOW)
    touch(connection, [1])
    reckon(connection, now=NOW)
    return {row["channel"]: row for row in read_channel_facts(connection, 1)}


def prepare(connection: Connection) -> None:
    make_members(connection, 2)
    make_campaign(connection)
    connection.execute(text("SET LOCAL session_replication_role = replica"))  # A send alone, without the draw behind it.


def test_what_was_received_and_answered_is_counted_by_channel(database: Database) -> None:
    with database.transaction() as connection:
        prepare(connection)
        first, second = sent(connection, 1, "email", days_ago=5), sent(connection, 2, "email", state="accepted", days_ago=2)
        sent(connection, 3, "sms", days_ago=3)
        for number, state in enumerate(("failed", "refused", "withheld", "in_doubt", "cancelled"), 10):
            sent(connection, number, "email", state=state)
        clicks = [did(f"{first}:{link}", "clicked", send=first, days_ago=link) for link in range(3)]

        known = reckoned(connection, *clicks, did("o", "opened", send=second, days_ago=1))

    assert known["email"] == {
        "channel": "email", "received": 2, "answered": 2, "last_received_at": NOW - 2 * DAY, "last_opened_at": NOW - DAY,
        "last_clicked_at": NOW, "last_replied_at": None, "response_rate": Decimal(1),
    }  # fmt: skip
    assert (known["sms"]["received"], known["sms"]["answered"], known["sms"]["response_rate"]) == (1, 0, 0)


def test_what_a_machine_opens_is_nobodys_answer(database: Database) -> None:
    with database.transaction() as connection:
        prepare(connection)
        send = sent(connection, 1, "email")
        known = reckoned(connection, did("o", "opened", send=send, machine=True), did("c", "clicked", send=send, machine=True))
        assert (known["email"]["answered"], known["email"]["last_opened_at"], known["email"]["last_clicked_at"]) == (0, None, None)

        assert reckoned(connection, did("o2", "opened", send=send, machine=False))["email"]["answered"] == 1


def test_a_reply_answers_the_last_message_on_its_channel(database: Database) -> None:
    with database.transaction() as connection:
        prepare(connection)
        sent(connection, 1, "sms", days_ago=20)
        sent(connection, 2, "sms", days_ago=3)
        known = reckoned(connection, did("r1", "replied", days_ago=1, channel="sms"), did("r2", "replied", days_ago=1, channel="sms"))
        assert (known["sms"]["answered"], known["sms"]["response_rate"]) == (1, Decimal("0.5"))

        known = reckoned(connection, did("r3", "replied", days_ago=12, channel="sms"), did("r4", "replied", channel="wechat"))
        assert known["sms"]["answered"] == 1  # Eight days after a message nobody speaks of it.
        assert (known["wechat"]["received"], known["wechat"]["response_rate"], known["wechat"]["last_replied_at"]) == (0, None, NOW)


def test_an_answer_that_names_another_members_send_or_none_counts_for_nothing(database: Database) -> None:
    with database.transaction() as connection:
        prepare(connection)
        other, own = sent(connection, 1, "email", member=2), sent(connection, 2, "sms")
        strange = [did(str(n), "clicked", send=send) for n, send in enumerate((other, "x", "9" * 30, None, [1], -1, 10**17))]

        known = reckoned(connection, *strange, did("own", "clicked", send=str(own)))

    assert {channel: row["answered"] for channel, row in known.items()} == {"sms": 1}


def test_rows_go_with_what_they_were_about(database: Database) -> None:
    with database.transaction() as connection:
        prepare(connection)
        sent(connection, 1, "email")
        sent(connection, 2, "sms")
        assert set(reckoned(connection)) == {"email", "sms"}
        connection.execute(text("UPDATE sends SET state = 'failed' WHERE channel = 'sms'"))

        assert set(reckoned(connection)) == {"email"}


def test_whoever_was_handed_a_message_is_touched_once_its_answer_is_in(database: Database) -> None:
    with database.transaction() as connection:
        prepare(connection)
        connection.execute(text("DELETE FROM touched_members"))
        send = sent(connection, 1, "email", days_ago=0)
        connection.execute(insert(attempts), {"send_id": send, "number": 1, "provider": "x", "marked_at": NOW})
        moments = [NOW + timedelta(minutes=minute) for minute in (0, 4, 5, 6, 7)]

        touched = [touch_receivers(connection, since=since, now=now) for since, now in zip([None, *moments], moments, strict=False)]

    assert touched == [0, 0, 1, 0, 0]
