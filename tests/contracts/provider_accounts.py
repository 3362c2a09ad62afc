"""One pretend account of every provider, for the cases all of them have to pass."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from channels.message import Channel, Message, Outcome
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.faults import Fault
from channels.simulator.record import RecordedMessage, read_record
from channels.simulator.running import SimulatorProcess
from tests.carriers import steer


@dataclass(frozen=True)
class Account:
    """How a provider is opened for a simulator, and what may be handed to it."""

    name: str
    #: Called with the HTTP address, the SMTP port and how many seconds to wait for an answer.
    open: Callable[[str, int, float], Provider]
    message: Callable[[int], Message]
    secret: str


def sms(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "access_key_id": "simulated-key",
        "access_key_secret": "simulated-secret",
        "sign_name": "示例商城",
        "template_codes": {"*": "SMS_123456789"},
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("sms.aliyun", settings)


def tencent(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "secret_id": "simulated-key",
        "secret_key": "simulated-secret",
        "app_id": "1400006666",
        "sign_name": "示例商城",
        "templates": {"birthday": {"id": "1110", "variables": ["name"]}},
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("sms.tencent", settings)


def twilio(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "account_sid": "AC00000000000000000000000000000000",
        "auth_token": "simulated-auth-token",
        "sender": "+15005550006",
        "callback_url": "https://crm.example.com/callbacks/sms.twilio/hush",
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("sms.twilio", settings)


def kannel(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "username": "simulated-user",
        "password": "simulated-password",
        "callback_url": "https://crm.example.com/callbacks/sms.kannel/hush",
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("sms.kannel", settings)


def wechat(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "app_id": "wx5151515151515151",
        "app_secret": "simulated-app-secret",
        "template_ids": {"birthday": "Tm0_birthdayNotice-AbCdEfGhIjKlMnOpQrStUvWx"},
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("wechat.official_account", settings)


def mini_program(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "app_id": "wx6262626262626262",
        "app_secret": "simulated-mini-secret",
        "template_ids": {"*": "Tm0_birthdayNotice-AbCdEfGhIjKlMnOpQrStUvWx"},
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("wechat.mini_program", settings)


def wecom(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "corp_id": "ww7373737373737373",
        "secret": "simulated-corp-secret",
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("wechat.wecom", settings)


def wecom_application(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "corp_id": "ww7373737373737373",
        "secret": "simulated-corp-secret",
        "agent_id": 1000002,
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("wechat.wecom_application", settings)


def mail(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "host": "127.0.0.1",
        "port": smtp_port,
        "security": "none",
        "sender_address": "crm@example.com",
        "reply_timeout": patience,
    }
    return open_provider("email.smtp", settings)


def ses(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "access_key_id": "simulated-key",
        "secret_access_key": "simulated-secret",
        "region": "us-east-1",
        "sender_address": "crm@example.com",
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("email.ses", settings)


def sendgrid(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "api_key": "simulated-mail-key",
        "sender_address": "crm@example.com",
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("email.sendgrid", settings)


def mailgun(http_url: str, smtp_port: int, patience: float) -> Provider:
    settings = {
        "domain": "example.com",
        "api_key": "simulated-mail-key",
        "sender_address": "crm@example.com",
        "endpoint": http_url,
        "read_timeout": patience,
    }
    return open_provider("email.mailgun", settings)


def mailed(number: int) -> Message:
    parts = {"subject": "生日快乐", "text": "王小明，生日快乐", "html": "<p>王小明，生日快乐</p>"}
    return message(Channel.EMAIL, f"m{number}@members.example.com", number, parts)


def message(channel: Channel, address: str, number: int, parts: dict[str, str]) -> Message:
    return Message(
        reference=f"send-{number}",
        channel=channel,
        address=address,
        parts=parts,
        template="birthday",
        variables={"name": "王小明"},
    )


ACCOUNTS = (
    Account(
        "sms.aliyun",
        sms,
        lambda number: message(Channel.SMS, f"+86138{number:08d}", number, {"text": "王小明，生日快乐"}),
        "simulated-secret",
    ),
    Account(
        "sms.tencent",
        tencent,
        lambda number: message(Channel.SMS, f"+86139{number:08d}", number, {"text": "王小明，生日快乐"}),
        "simulated-secret",
    ),
    Account(
        "sms.twilio",
        twilio,
        lambda number: message(Channel.SMS, f"+86139{number:08d}", number, {"text": "王小明，生日快乐"}),
        "simulated-auth-token",
    ),
    Account(
        "sms.kannel",
        kannel,
        lambda number: message(Channel.SMS, f"+86137{number:08d}", number, {"text": "王小明，生日快乐"}),
        "simulated-password",
    ),
    Account(
        "wechat.official_account",
        wechat,
        lambda number: message(Channel.WECHAT, f"oMember{number:021d}", number, {"thing1": "王小明，生日快乐"}),
        "simulated-app-secret",
    ),
    Account("email.mailgun", mailgun, mailed, "simulated-mail-key"),
    Account("email.sendgrid", sendgrid, mailed, "simulated-mail-key"),
    Account("email.ses", ses, mailed, "simulated-secret"),
    Account(
        "wechat.mini_program",
        mini_program,
        lambda number: message(Channel.WECHAT, f"oMini{number:023d}", number, {"thing1": "王小明，生日快乐"}),
        "simulated-mini-secret",
    ),
    Account(
        "wechat.wecom",
        wecom,
        lambda number: message(Channel.WECHAT, f"wmCustomer{number:020d}", number, {"text": "王小明，生日快乐"}),
        "simulated-corp-secret",
    ),
    Account(
        "wechat.wecom_application",
        wecom_application,
        lambda number: message(Channel.WECHAT, f"staff{number:08d}", number, {"text": f"王小明，第 {number} 位，生日快乐"}),
        "simulated-corp-secret",
    ),
    Account(
        "email.smtp",
        mail,
        lambda number: message(
            Channel.EMAIL,
            f"m{number}@members.example.com",
            number,
            {"subject": "生日快乐", "text": "王小明，生日快乐", "html": "<p>王小明，生日快乐</p>"},
        ),
        "no password here",
    ),
)


class Stage:
    """A running simulator and one account's provider, with what the simulator took since the stage was set."""

    def __init__(self, simulator: SimulatorProcess, account: Account) -> None:
        self.account = account
        self._simulator = simulator
        self._before = len(read_record(simulator.record_path))
        self.provider = self.open(patience=10.0)

    def open(self, *, patience: float) -> Provider:
        """Open another provider for the same account."""
        return self.account.open(self._simulator.http_url, self._simulator.smtp_port, patience)

    def messages(self, count: int) -> list[Message]:
        """Return messages to addresses nobody has written to before."""
        return [self.account.message(self._before + number) for number in range(count)]

    def deliver(self, messages: list[Message], *, seconds: float = 20.0) -> list[Outcome]:
        return self.provider.deliver(messages, deadline=time.monotonic() + seconds)

    def order(self, *faults: Fault) -> None:
        steer(self._simulator, {"next": faults})

    def rule(self, **shares: float) -> None:
        steer(self._simulator, shares)

    def recorded(self) -> list[RecordedMessage]:
        return read_record(self._simulator.record_path)[self._before :]

    def taken(self) -> list[RecordedMessage]:
        return [each for each in self.recorded() if each.accepted]
