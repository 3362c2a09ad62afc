"""What this installation may be told: read once, from ``tidings.toml`` and the environment.

A variable ``TIDINGS_PUBLIC_URL`` sets ``public_url``; two underscores step inward, as in
``TIDINGS_PRICES__SMS``.  The environment wins over the file.  ``TIDINGS_FILE`` names
another file.  This is the only folder that looks at the environment.
"""

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from campaigns.rules import DEFAULT_PRICES, Cap, QuietHoursText, parse_quiet_hours
from config.refusals import file_is_readable, is_worthless, problems_in, unknown_variables
from language.problems import InputRefused, refuse
from members.durations import Duration

FILE = "tidings.toml"
SHORTEST_SECRET = 32  #: characters

ChannelName = Literal["sms", "email", "wechat"]
Port = Annotated[int, Field(ge=1, le=65535)]


class _Part(BaseModel):
    """A group of settings: closed, and never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Brand(_Part):
    """Who the messages say they come from."""

    zh: str = Field("晨光生活", description="the brand's name in Chinese messages and in the 【】 of text messages")
    en: str = Field("Morning Light", description="the brand's name in English messages")
    phone: str = Field("400-000-0000", description="the telephone number members may call")
    address: str = Field("上海市黄浦区示例路 1 号", description="the postal address below every email")


class Prices(_Part):
    """What one billed part costs, in the installation's currency; for estimates until the bill is known."""

    sms: Decimal = Field(DEFAULT_PRICES["sms"], ge=0, description="one part of a text message")
    email: Decimal = Field(DEFAULT_PRICES["email"], ge=0, description="one email")
    wechat: Decimal = Field(DEFAULT_PRICES["wechat"], ge=0, description="one WeChat notice")


class ProviderChoice(BaseModel):
    """An account that carries a channel; every other key is its provider's own setting."""

    model_config = ConfigDict(extra="allow", frozen=True)

    provider: str = Field(description="the provider's name, such as sms.aliyun")
    account: str | None = Field(
        None, pattern="^[a-z0-9][a-z0-9-]{0,31}$", description="what tells several accounts with one provider apart, such as backup"
    )
    weight: int = Field(
        100, ge=0, le=1000, description="its share of the channel's messages, beside the weights of the others; 0: it stands by for them"
    )
    per_second: float | None = Field(None, gt=0, description="messages a second at most, by all workers together; left out: no limit")
    per_day: int | None = Field(None, ge=1, description="messages a day at most, midnight to midnight in time_zone; left out: no limit")
    prices: dict[Annotated[str, Field(pattern=r"^(\*|\d{1,15})$")], Annotated[Decimal, Field(ge=0)]] = Field(
        {}, description="what one part costs by the first digits of the number, country code first; \"*\" is every other address"
    )

    @property
    def name(self) -> str:
        """The account's name here: its provider's, and its own where it has one."""
        return self.provider if self.account is None else f"{self.provider}.{self.account}"

    def own_settings(self) -> dict[str, object]:
        """Return the provider's own settings, as written."""
        return dict(self.model_extra or {})

    def __repr__(self) -> str:
        return f"ProviderChoice(name={self.name!r})"  # Its settings hold secrets.


def _one_or_several(accounts: object) -> object:
    return accounts if isinstance(accounts, list | tuple) else (accounts,)


class Listening(_Part):
    """Where the public HTTP side is reached on this machine."""

    host: str = Field("127.0.0.1", description="address to listen on; a proxy with TLS belongs in front of any other than loopback")
    port: Port = Field(8300, description="port to listen on")


class Ingest(_Part):
    """How events are taken in over HTTP."""

    kinds: dict[str, str] = Field(
        {"Order Completed": "order.paid"}, description="our kind of event for each name a sender uses; others keep their name"
    )
    values: tuple[str, ...] = Field(("revenue", "total", "value"), description="properties looked at, in order, for an event's amount")
    busy_after: Duration = Field(
        timedelta(minutes=5), description="answer 503 while the oldest event not yet looked at is older than this"
    )


class Working(_Part):
    """How many hands the workers have on this machine."""

    processes: int = Field(2, ge=1, le=64, description="worker processes")
    threads: int = Field(8, ge=1, le=128, description="threads in each worker process")
    lease: Duration = Field(
        timedelta(seconds=60), description="how long a worker may hold a send; calls begin in its first three quarters only"
    )


class Settling(_Part):
    """What happens to sends whose answer was lost."""

    after: Duration = Field(timedelta(minutes=10), description="how long after a lost answer the provider is asked, and asked again")
    close_after: Duration = Field(timedelta(hours=72), description="when doubt nobody could settle is closed as unknown")


class Simulating(_Part):
    """Where the provider simulator listens, always on this machine only."""

    http_port: Port = Field(8480, description="its HTTP port, for the SMS and WeChat endpoints")
    smtp_port: Port = Field(8425, description="its SMTP port")


class Settings(BaseSettings):
    """Everything an installation decides; each has a default with which a first run works."""

    model_config = SettingsConfigDict(
        env_prefix="TIDINGS_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    home: Path = Field(Path(".tidings"), description="folder for the embedded engines' data and the signing secret")
    database_url: SecretStr | None = Field(
        None, description="postgresql://… of a PostgreSQL 15 or newer; left out: one is started here from its wheel"
    )
    redis_url: SecretStr | None = Field(
        None, description="redis://… of a Redis 6.2 or newer, or a Valkey; left out: one is started here from its wheel"
    )
    secret: SecretStr | None = Field(
        None, description="signs links and fingerprints addresses, at least 32 characters; left out: made once and kept in home"
    )
    public_url: HttpUrl = Field(HttpUrl("http://127.0.0.1:8300"), description="how members and providers reach the public HTTP side")
    listen: Listening = Field(Listening(), description="where the public HTTP side listens")
    language: Literal["zh", "en"] | None = Field(None, description="zh or en for people who work here; left out: the locale's")
    time_zone: str = Field("Asia/Shanghai", description="the zone of members who name none, and of dates without a time")
    region: str = Field("CN", pattern="^[A-Z]{2}$", description="the country whose telephone numbers may be written without a code")
    currency: str = Field("CNY", pattern="^[A-Z]{3}$", description="of all amounts; an installation has one")
    brand: Brand = Field(Brand(), description="who the messages say they come from")
    february_29: Literal["feb28", "mar1"] = Field("feb28", description="the day that birthday is kept in common years")
    quiet_hours: QuietHoursText = Field(
        parse_quiet_hours("21:00-09:00"), description="no marketing in these hours of the member's own zone; none: any hour"
    )
    caps: tuple[Cap, ...] = Field(
        (Cap(count=2, per=timedelta(days=1)), Cap(count=6, per=timedelta(days=7))),
        description="most marketing messages to one member; an empty list: no limit",
    )
    segment_timeout: Duration = Field(
        timedelta(seconds=30), description="how long one question about a segment may take, asked by hand"
    )
    expires_after: Duration = Field(timedelta(days=3), description="how long a planned send may wait before it is given up")
    prices: Prices = Field(Prices(), description="what one part costs")
    providers: dict[ChannelName, Annotated[tuple[ProviderChoice, ...], BeforeValidator(_one_or_several), Field(min_length=1)]] = Field(
        {}, description="the accounts that carry each channel, one table or several; left out: the simulator"
    )
    templates: Path | None = Field(
        None, description="folder of your own templates, beside the built-in ones; one that has the name of one of those takes its place"
    )
    sources: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")], SecretStr] = Field(
        {}, description="addresses of the databases that tidings sources pulls from, such as pos = \"mysql://reader:…@pos.internal/shop\""
    )
    sensitive_words: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="words that carriers are known to turn down; tidings campaigns preflight says where one would go out"
    )
    simulator: Simulating = Field(Simulating(), description="where the provider simulator listens")
    ingest: Ingest = Field(Ingest(), description="how events are taken in over HTTP")
    workers: Working = Field(Working(), description="how many hands the workers have")
    settling: Settling = Field(Settling(), description="what happens to sends whose answer was lost")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least grave line that is logged")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the caller says wins over the environment, and that over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("not a time zone; write one such as Asia/Shanghai")
        return name

    @field_validator("secret")
    @classmethod
    def _secret_is_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and (is_worthless(secret.get_secret_value()) or len(secret.get_secret_value()) < SHORTEST_SECRET):
            raise ValueError("too short or too well known; left out, one is made")
        return secret

    @model_validator(mode="after")
    def _databases_are_databases(self) -> Self:
        for name, url, schemes in (
            ("database_url", self.database_url, ("postgresql:", "postgres:", "postgresql+psycopg:")),
            ("redis_url", self.redis_url, ("redis:", "rediss:", "unix:")),
        ):
            if url is not None and not url.get_secret_value().startswith(schemes):
                raise ValueError(f"{name} must begin with one of {', '.join(schemes)}")
        return self


def settings_file() -> Path:
    """Return the settings file's place; it need not exist."""
    return Path(os.environ.get("TIDINGS_FILE", FILE))


def read_settings(**given: object) -> Settings:
    """Read the settings; what is ``given`` wins over the environment, and that over the file.

    Raises:
        InputRefused: with every mistake of file and environment together, by name.
    """
    file_is_readable(settings_file())
    problems = unknown_variables(os.environ, Settings.model_fields)
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except SettingsError as error:
        raise refuse("this setting cannot be used: {reason}", reason=error) from None
    except ValidationError as error:
        raise InputRefused([*problems, *problems_in(error, file=settings_file(), environment=os.environ)]) from None
    if problems:
        raise InputRefused(problems)
    return settings
