"""A simulator, and carriers whose providers talk to it."""

import json
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from campaigns.accounts import Account, Accounts
from campaigns.carrier import Carrier
from campaigns.rules import PlanningRules
from campaigns.sends import SettlingRules
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.faults import FaultRules
from channels.simulator.record import read_record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from database.engine import Database
from tests.makers import SECRET

QUICK = SettlingRules(settle_after=timedelta(milliseconds=300), close_after=timedelta(hours=1))


def a_simulator(folder: Path, *, faults: FaultRules | None = None, receipts: ReceiptRules | None = None) -> SimulatorProcess:
    """Return a simulator on free ports, not yet started."""
    return SimulatorProcess(
        SimulatorSettings(
            record=folder / "record.jsonl",
            http_port=0,
            smtp_port=0,
            faults=faults or FaultRules(),
            receipts=receipts or ReceiptRules(held=True),
        )
    )


def steer(simulator: SimulatorProcess, asked: Mapping[str, object]) -> None:
    """Order what the next messages meet, or how often messages meet it from now on."""
    body = json.dumps(asked).encode()
    urllib.request.urlopen(f"{simulator.http_url}/_simulator/faults", body, timeout=10).close()


def account_settings(simulator: SimulatorProcess) -> dict[str, dict[str, object]]:
    """Return what an installation would enter for accounts at the simulator, by channel, provider's name included."""
    return {
        "sms": {
            "provider": "sms.aliyun", "access_key_id": "simulated-key", "access_key_secret": "simulated-secret",
            "sign_name": "示例商城", "template_codes": {"*": "SMS_123456789"}, "endpoint": simulator.http_url,
            "read_timeout": 2.0,
        },
        "email": {
            "provider": "email.smtp", "host": "127.0.0.1", "port": simulator.smtp_port, "security": "none",
            "sender_address": "crm@example.com", "reply_timeout": 2.0,
        },
        "wechat": {
            "provider": "wechat.official_account", "app_id": "wx5151515151515151", "app_secret": "simulated-app-secret",
            "template_ids": {"*": "Tm0_birthdayNotice-AbCdEfGhIjKlMnOpQrStUvWx"}, "endpoint": simulator.http_url,
            "read_timeout": 2.0,
        },
    }  # fmt: skip


def a_carrier(
    database: Database, simulator: SimulatorProcess, channel: str, *, lease: timedelta = timedelta(seconds=60), **more: object
) -> Carrier:
    """Return the carrier of a channel; ``more`` are settings of its account."""
    given = {**account_settings(simulator)[channel], **more}
    provider = open_provider(str(given.pop("provider")), given)
    return a_carrier_of(database, Account(name=provider.name, provider=provider), lease=lease)


def a_carrier_of(database: Database, *accounts: Account, lease: timedelta = timedelta(seconds=60)) -> Carrier:
    """Return the carrier of a channel whose accounts these are."""
    return Carrier(
        database=database,
        accounts=Accounts(database=database, accounts=accounts),
        rules=PlanningRules(quiet_hours=None),
        secret=SECRET,
        public_url="http://127.0.0.1:8300",
        settling=QUICK,
        lease=lease,
    )


def carried_by(carrier: Carrier, provider: Provider) -> Carrier:
    """Return the same carrier with another provider's account."""
    accounts = [Account(name=provider.name, provider=provider)]
    return replace(carrier, accounts=Accounts(database=carrier.database, accounts=accounts))


def trusted_again(carrier: Carrier) -> Carrier:
    """Return the carrier of an hour later: whatever trouble its accounts were in is forgotten."""
    with carrier.database.transaction() as connection:
        connection.execute(text("UPDATE accounts SET trips = 0, open_until = NULL"))
    return replace(carrier, accounts=Accounts(database=carrier.database, accounts=carrier.accounts.accounts))


def taken(simulator: SimulatorProcess) -> Counter[str]:
    """Count what the simulator accepted, by our reference, or by address where the protocol carries none."""
    return Counter(
        message.reference or message.address for message in read_record(simulator.record_path) if message.accepted
    )
