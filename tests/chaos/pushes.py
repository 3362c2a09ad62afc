"""Delivery reports in the providers' own words, worded and signed by the simulator, which shares no code with the readers."""

import asyncio
import base64
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from channels.email.ses import Ses, SesSettings
from channels.message import Channel, Message
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.aliyun_desk import AliyunDesk
from channels.simulator.faults import FaultRules, Faults
from channels.simulator.kannel_desk import KannelDesk
from channels.simulator.mailgun_desk import MailgunDesk
from channels.simulator.receipts import Push, Receipt, Receipts, Wording
from channels.simulator.record import Record
from channels.simulator.sendgrid_desk import SendGridDesk
from channels.simulator.ses_desk import SesDesk
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from channels.simulator.tencent_desk import TencentDesk
from channels.simulator.twilio_desk import TwilioDesk
from channels.simulator.webhook_keys import event_public_key
from channels.simulator.wechat_desk import WechatDesk
from channels.simulator.world import World
from channels.sms.batches import Limits, batches, message_id
from config.callback_addresses import callback_token
from tests.makers import SECRET

PUBLIC_URL = "https://crm.example"
NAMES = (
    "sms.aliyun", "sms.tencent", "sms.twilio", "sms.kannel", "email.ses", "email.sendgrid", "email.mailgun", "wechat.official_account",
)  # fmt: skip
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
TOGETHER = 40  #: messages of one Alibaba Cloud batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """One send as its provider knows it."""

    send_id: int
    provider: str
    address: str
    reference: str
    label: str  #: what the provider was given for a reference; a batch's label stands for several
    provider_ref: str | None  #: as our attempt keeps it
    told_ref: str  #: as the provider's own words call it


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request to our public side."""

    provider: str
    raw: bytes  #: all of it, as it goes over the wire
    reports: int  #: how many reports it holds; 0: it is garbage


class _Words(Receipts):
    """Only the wordings of the desks."""

    def __init__(self) -> None:
        super().__init__(ReceiptRules(), seed=0)
        self.wordings: dict[str, tuple[Wording, int]] = {}

    def word(self, provider: str, wording: Wording, *, batch: int) -> None:
        self.wordings[provider] = wording, batch


class PretendProviders:
    """Every provider that reports, as the simulator is it, and our own adapters with the accounts that fit."""

    def __init__(self, folder: Path) -> None:
        self.settings = SimulatorSettings(record=folder / "never-written.jsonl", encoding_aes_key=AES_KEY)
        self._words = _Words()
        record = Record(self.settings.record)
        world = World(settings=self.settings, record=record, faults=Faults(FaultRules()), receipts=self._words)
        for desk in (AliyunDesk, TencentDesk, TwilioDesk, KannelDesk, SendGridDesk, MailgunDesk, WechatDesk):
            desk(world)
        self._ses = SesDesk(world)
        record.close()

    def adapters(self) -> dict[str, Provider]:
        """Open our own side of each account."""
        own, sender = self.settings, {"sender_address": "crm@example.com"}
        keys = {"access_key_id": own.access_key_id, "access_key_secret": own.access_key_secret}
        accounts: Mapping[str, Mapping[str, object]] = {
            "sms.aliyun": {**keys, "sign_name": "示例商城", "template_codes": {"*": "SMS_1"}},
            "sms.tencent": {
                "secret_id": own.access_key_id, "secret_key": own.access_key_secret, "app_id": own.sms_app_id,
                "sign_name": "示例商城", "templates": {},
            },
            "sms.twilio": {"account_sid": own.account_sid, "auth_token": own.auth_token, "sender": "+15005550006"},
            "sms.kannel": {"endpoint": "http://127.0.0.1:1", "username": "u", "password": "its-word"},
            "email.sendgrid": {**sender, "api_key": "k", "webhook_key": event_public_key(own.mail_signing_key)},
            "email.mailgun": {**sender, "domain": "example.com", "api_key": "k", "webhook_signing_key": own.mail_signing_key},
            "wechat.official_account": {
                "app_id": own.app_id, "app_secret": own.app_secret, "template_ids": {}, "callback_token": own.callback_token,
                "encoding_aes_key": AES_KEY,
            },
        }  # fmt: skip
        certificate = bytes(asyncio.run(self._ses.certificate(None)).body)  # type: ignore[arg-type]
        ses = SesSettings.model_validate(
            {**sender, "access_key_id": "k", "secret_access_key": "s", "region": "us-east-1", "topics": [own.sns_topic]}
        )
        opened: dict[str, Provider] = {name: open_provider(name, settings) for name, settings in accounts.items()}
        return opened | {Ses.name: Ses(ses, fetch=lambda _address: certificate)}

    def pushes(self, told: Sequence[tuple[Carried, bool]]) -> list[Push]:
        """Word reports, each a send and whether it arrived, as many to a push as the provider puts there."""
        found: list[Push] = []
        for provider, (wording, batch) in self._words.wordings.items():
            mine = [_receipt(carried, arrived) for carried, arrived in told if carried.provider == provider]
            found += [wording(mine[start : start + batch]) for start in range(0, len(mine), batch)]
        return found


def carried_by(provider: str, sends: Sequence[tuple[int, str]], mark: str) -> list[Carried]:
    """Say how a provider knows sends, each an id and an address."""
    found = []
    for start in range(0, len(sends), TOGETHER):
        some = sends[start : start + TOGETHER]
        labels = _labels(some, mark) if provider == "sms.aliyun" and start // TOGETHER % 2 else {}
        for send_id, address in some:
            reference = f"{mark}-{send_id}"
            label = labels.get(send_id, reference)
            told = _told_ref(provider, some[0][0] if send_id in labels else send_id)
            ref: str | None = message_id(told, reference) if send_id in labels else told
            found.append(
                Carried(
                    send_id=send_id, provider=provider, address=address.removeprefix("+86") if provider == "sms.aliyun" else address,
                    reference=reference, label=label, provider_ref=None if provider == "sms.kannel" else ref, told_ref=told,
                )
            )  # fmt: skip
    return found


def _labels(some: Sequence[tuple[int, str]], mark: str) -> dict[int, str]:
    messages = [
        Message(reference=f"{mark}-{send_id}", channel=Channel.SMS, address=address, parts={})
        for send_id, address in some
    ]
    planned = batches(messages, ["one"] * len(messages), Limits(messages=100, label=255))
    return {some[place][0]: batch.label for batch in planned for place in batch.places}


def _told_ref(provider: str, number: int) -> str:
    return {
        "sms.aliyun": f"{number:018d}^0",
        "sms.tencent": f"5000:{number:028d}",
        "sms.twilio": f"SM{number:032x}",
        "sms.kannel": f"sms.kannel:{number}",
        "email.ses": f"0100{number:012x}-51a0517e-000000",
        "email.sendgrid": f"Sim-{number:018d}",
        "email.mailgun": f"mail-{number}@example.com",
        "wechat.official_account": str(1_700_000_000_000_000_000 + number),
    }[provider]


def _receipt(carried: Carried, arrived: bool) -> Receipt:
    address = f"{PUBLIC_URL}{path_of(carried.provider)}"
    calls = {
        "sms.twilio": f"{address}?m={carried.reference}",
        "sms.kannel": f"{address}?reference={quote(carried.reference, safe='')}&status=%d&answer=%A&at=%T",
    }
    return Receipt(
        provider=carried.provider,
        address=carried.address,
        reference=carried.label,
        provider_ref=carried.told_ref,
        template="T",
        # The same however often it is told; a later word comes a second later.
        sent_at=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=arrived),
        arrived=arrived,
        callback=calls.get(carried.provider, ""),
        event="TEMPLATESENDJOBFINISH" if carried.send_id % 2 else "subscribe_msg_sent_event",
    )


def path_of(provider: str) -> str:
    """Return the path of a provider's callback address."""
    return f"/callbacks/{provider}/{callback_token(SECRET, provider)}"


def as_request(
    push: Push, *, path: str | None = None, body: bytes | None = None, reports: int | None = None
) -> Request:
    """Write a push as the request that makes it."""
    words = push.body if body is None else body
    target = (path or path_of(push.provider)) + (f"?{push.query}" if push.query else "")
    headers = {"Host": "crm.example", **push.headers}
    if push.method == "POST":
        headers |= {"Content-Type": push.content_type, "Content-Length": str(len(words))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    raw = f"{push.method} {target} HTTP/1.1\r\n{head}\r\n".encode() + (words if push.method == "POST" else b"")
    return Request(provider=push.provider, raw=raw, reports=len(push.receipts) if reports is None else reports)


def garbage(good: Sequence[Push], count: int, chance: random.Random) -> list[Request]:
    """Spoil pushes so that none of them says anything that is true of a send of ours."""
    return [_spoiled(chance.choice(good), chance) for _ in range(count)]


def _spoiled(push: Push, chance: random.Random) -> Request:
    other = callback_token(b"another secret, of 32 characters.", push.provider)
    bodies = (
        push.body[: len(push.body) // 2], b"", b"[" * 50_000, chance.randbytes(300), b"<html>Welcome</html>", b"null", b'[{"a":1}]',
        b"{" + b'"a":' * 3000,
    )  # fmt: skip
    if push.method == "GET":  # Its words are in the address.
        broken = push.query.replace("status=", "status=9")
        return as_request(Push(**{**_fields(push), "query": broken}), reports=0)
    if chance.random() < 0.2:
        return as_request(push, path=f"/callbacks/{push.provider}/{other}", reports=0)
    return as_request(push, body=chance.choice(bodies), reports=0)


def _fields(push: Push) -> dict[str, object]:
    return {
        name: getattr(push, name)
        for name in ("provider", "query", "content_type", "body", "receipts", "method", "headers")
    }
