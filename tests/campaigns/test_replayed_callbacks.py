"""A webhook that is made again changes nothing, also where another process takes it."""

import hmac
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from campaigns.told import store_told
from channels.email.mailgun import Mailgun, MailgunSettings
from channels.message import CallbackRequest
from database.engine import Database
from database.tables import suppressions
from tests.makers import SECRET, make_members

NOW = datetime(2026, 11, 5, 8, 30, tzinfo=UTC)
KEY = "its-signing-key"


def a_process() -> Mailgun:
    """Return the account as a process of its own has it, which has seen no token yet."""
    settings = {
        "domain": "mail.example.org", "api_key": "key", "webhook_signing_key": KEY, "sender_address": "news@example.org",
    }  # fmt: skip
    return Mailgun(MailgunSettings.model_validate(settings), clock=lambda: NOW)


def webhook(event: str) -> CallbackRequest:
    at, token = str(int(NOW.timestamp())), "a" * 50
    signature = hmac.digest(KEY.encode(), f"{at}{token}".encode(), "sha256").hex()
    said = {
        "signature": {"timestamp": at, "token": token, "signature": signature},
        "event-data": {"id": "ev-1", "event": event, "recipient": "m1@example.com", "timestamp": NOW.timestamp(),
                       "message": {"headers": {"message-id": "1@mail.example.org"}}},
    }  # fmt: skip
    return CallbackRequest(method="POST", url="https://crm.example/c", headers={}, body=json.dumps(said).encode())


@pytest.mark.parametrize(
    ("event", "receipts", "stops"), [("delivered", 1, 0), ("complained", 1, 0), ("unsubscribed", 0, 1)]
)
def test_a_webhook_taken_by_two_processes_is_kept_once(
    database: Database, event: str, receipts: int, stops: int
) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
    kept = []
    for _ in range(2):
        provider = a_process()
        store_told(database, [provider.read_callback(webhook(event))], secret=SECRET)
        provider.close()
        with database.transaction() as connection:
            kept.append(
                (
                    connection.execute(text("SELECT id, key, status FROM receipts")).all(),
                    connection.execute(select(suppressions.c.fingerprint, suppressions.c.created_at)).all(),
                    connection.execute(text("SELECT count(*) FROM consents")).scalar_one(),
                    connection.execute(text("SELECT count(*) FROM events")).scalar_one(),
                )
            )

    assert kept[0] == kept[1]
    assert (len(kept[0][0]), len(kept[0][1])) == (receipts, stops)
