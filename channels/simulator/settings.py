"""What a simulator is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

from channels.simulator.faults import FaultRules


@dataclass(frozen=True, kw_only=True)
class ReceiptRules:
    """How delivery reports come back; shares are from 0 to 1, lengths of time in seconds."""

    #: The whole callback address by provider's name; a provider without one tells nothing.
    callback_urls: dict[str, str] = field(default_factory=dict)
    held: bool = False  #: kept until ``POST /_simulator/release``, for tests and demos whose clock is their own
    delay: float = 0.2
    shuffled: bool = True  #: each waits between half and one and a half times the delay, so order is lost
    failed: float = 0.02  #: share of taken messages which never arrive
    doubled: float = 0.0  #: share of reports told twice
    late: float = 0.0  #: share of reports that come ``late_by`` later
    late_by: float = 5.0
    batch: int = 100  #: most reports in one push, where the provider pushes lists
    #: Waits before a push that was not answered with 200 is made again; the providers wait minutes instead.
    again_after: tuple[float, ...] = (1.0, 5.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """One simulator: where it listens, what it knows its customers by, how it misbehaves."""

    record: Path  #: the file that remembers every message
    host: str = "127.0.0.1"
    http_port: int = 8480  #: 0: any free one
    smtp_port: int = 8425  #: 0: any free one
    seed: int = 0
    faults: FaultRules = field(default_factory=FaultRules)
    receipts: ReceiptRules = field(default_factory=ReceiptRules)
    access_key_id: str = "simulated-key"
    access_key_secret: str = "simulated-secret"  # noqa: S105 - It guards nothing.
    sms_app_id: str = "1400006666"  #: the application within the same account, where a provider knows applications
    app_id: str = "wx5151515151515151"
    app_secret: str = "simulated-app-secret"  # noqa: S105 - It guards nothing.
    callback_token: str = "simulated-callback-token"  # noqa: S105 - It guards nothing.
    account_sid: str = "AC00000000000000000000000000000000"
    auth_token: str = "simulated-auth-token"  # noqa: S105 - It guards nothing.
    kannel_username: str = "simulated-user"
    kannel_password: str = "simulated-password"  # noqa: S105 - It guards nothing.
    encoding_aes_key: str = ""  #: with it WeChat's pushes are encrypted
    token_lasts: int = 7200  #: seconds a WeChat access token is good for
    token_delay: float = 0.0  #: seconds a WeChat access token takes to be handed out
    grants_needed: bool = False  #: whether nobody has allowed any WeChat notice until they are said to have
    mini_app_id: str = "wx6262626262626262"
    mini_app_secret: str = "simulated-mini-secret"  # noqa: S105 - It guards nothing.
    corp_id: str = "ww7373737373737373"
    corp_secret: str = "simulated-corp-secret"  # noqa: S105 - It guards nothing.
    agent_id: int = 1000002
