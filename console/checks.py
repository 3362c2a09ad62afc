"""What ``tidings doctor`` looks at; each finding says how to mend what it found."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from redis import Redis, RedisError
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from config.carriers import carriers
from config.foundation import SECRET_FILE
from config.settings import Settings
from config.spoken import preferred_language
from console.backlog import oldest_unprocessed
from console.output import in_words
from database.engine import Database
from database.migrations.revisions import current_revision, newest_revision
from database.tables import receipts, sends, simulated_clock
from language.problems import InputRefused
from members.consent_chain import check_chain

OLDEST_POSTGRES = 150_000  #: as server_version_num says it
OLDEST_REDIS = (6, 2)
MOST_SKEW = timedelta(seconds=2)
LATE = timedelta(minutes=5)
MOST_FLAWS = 5  #: of the consent log that are told


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at.  ``sentence`` and ``mend`` are translated with ``values`` filled in."""

    name: str
    level: str  #: ok, warning or error
    sentence: str
    values: Mapping[str, object] = field(default_factory=dict)
    mend: str = ""  #: what to do; empty where nothing is wrong


def examine(settings: Settings, database_url: str, redis_url: str) -> list[Finding]:
    """Look at everything; a part that cannot be reached is a finding, not a failure."""
    return [*_settings_findings(settings), *_database_findings(database_url), *_redis_findings(redis_url)]


def _fine(name: str, sentence: str, /, **values: object) -> Finding:
    return Finding(name=name, level="ok", sentence=sentence, values=values)


def _wrong(name: str, sentence: str, mend: str, /, *, level: str = "error", **values: object) -> Finding:
    return Finding(name=name, level=level, sentence=sentence, values=values, mend=mend)


def _settings_findings(settings: Settings) -> Iterator[Finding]:
    for zone in ("Asia/Shanghai", "UTC", settings.time_zone):
        try:
            ZoneInfo(zone)
        except ZoneInfoNotFoundError:
            yield _wrong("time zones", "Time zone data for {zone} is missing.", "Install the package tzdata: pip install tzdata", zone=zone)
            break
    else:
        yield _fine("time zones", "Time zone data is there.")
    try:
        chosen = ", ".join(f"{channel} {choice.name}" for channel, choices in carriers(settings).items() for choice in choices)
        yield _fine("providers", "Configured: {chosen}.", chosen=chosen)
    except InputRefused as refused:
        yield _wrong("providers", "A provider's settings cannot be used: {reason}", "Mend tidings.toml; see docs/configuration.md", reason=refused)
    simulated = sorted({"sms", "email", "wechat"} - set(settings.providers))
    if simulated:
        yield _wrong(
            "simulator", "The simulator carries {channels}: nobody gets these messages.", "Name a provider in tidings.toml",
            level="warning", channels=", ".join(simulated),
        )  # fmt: skip
    if settings.public_url.scheme != "https" and settings.public_url.host not in ("127.0.0.1", "localhost"):
        yield _wrong("public_url", "Links in messages would travel unencrypted.", "Put a proxy with TLS in front and set public_url to https", level="warning")
    yield from _secret_findings(settings.home / SECRET_FILE)


def _secret_findings(file: Path) -> Iterator[Finding]:
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield _wrong("secret", "Others on this machine can read {file}.", "Run: chmod 600 {file}", file=str(file))
    else:
        yield _fine("secret", "The signing secret is private.")


def _database_findings(url: str) -> Iterator[Finding]:
    database = Database(url)
    try:
        with database.transaction() as connection:
            yield from _server_findings(connection)
            yield from _schema_findings(connection)
            is_current = current_revision(connection) == newest_revision()
        yield from _consent_findings(database) if is_current else ()
    except SQLAlchemyError as error:
        yield _wrong(
            "database", "The database cannot be used ({reason}).", "Start it, or mend database_url; leave it out to use the embedded one",
            reason=type(getattr(error, "orig", error)).__name__,
        )  # fmt: skip
    finally:
        database.close()


def _consent_findings(database: Database) -> Iterator[Finding]:
    chain = check_chain(database)
    if chain.is_whole:
        yield _fine("consent log", "{consents} consents are as they were written.", consents=chain.consents)
    for flaw in chain.flaws[:MOST_FLAWS]:
        yield _wrong("consent log", "{flaw}", "Compare with a backup; see docs/consent.md. Run: tidings consent verify", flaw=flaw.told(preferred_language()))


def _server_findings(connection: Connection) -> Iterator[Finding]:
    shown = {name: str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in ("server_version", "server_version_num")}
    if int(shown["server_version_num"]) < OLDEST_POSTGRES:
        yield _wrong("database", "PostgreSQL {version} is too old.", "Use PostgreSQL 15 or newer", version=shown["server_version"])
    else:
        yield _fine("database", "PostgreSQL {version} answers.", version=shown["server_version"])
    encoding = str(connection.execute(text("SHOW server_encoding")).scalar_one())
    if encoding != "UTF8":
        yield _wrong("encoding", "The database is encoded in {encoding}.", "Make it anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", encoding=encoding)
    for name, harm in (
        ("fsync", "a crash of the machine loses and repeats messages"),
        ("full_page_writes", "a crash of the machine can damage the tables"),
        ("synchronous_commit", "a crash can repeat messages that were sent already"),
    ):
        value = str(connection.execute(text(f"SHOW {name}")).scalar_one())
        if value == "off":
            yield _wrong(name, "{setting} is off: {harm}.", "Set {setting} = on in postgresql.conf and reload", setting=name, harm=in_words(harm))
        else:
            yield _fine(name, "{setting} is {value}.", setting=name, value=value)
    there = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    skew = abs(datetime.now(UTC) - there)
    if skew > MOST_SKEW:
        yield _wrong("clock", "This clock and the database's differ by {seconds} s.", "Let both machines keep time by NTP", seconds=round(skew.total_seconds(), 1))
    else:
        yield _fine("clock", "This clock agrees with the database's.")


def _schema_findings(connection: Connection) -> Iterator[Finding]:
    found, newest = current_revision(connection), newest_revision()
    if found != newest:
        yield _wrong("tables", "The tables are at revision {found}; this version needs {newest}.", "Run: tidings db upgrade", found=found or "-", newest=newest)
        return
    yield _fine("tables", "The tables are at revision {found}.", found=found)
    simulated = connection.execute(select(simulated_clock.c.now_at)).scalar_one_or_none()
    if simulated is not None:
        yield _wrong(
            "simulated clock", "The road believes it is {moment}.", "A demo or replay left it on. Run: tidings doctor --real-clock",
            moment=simulated.isoformat(),
        )  # fmt: skip
        return
    yield from _queue_findings(connection)


def _queue_findings(connection: Connection) -> Iterator[Finding]:
    waiting_since = {
        "events": oldest_unprocessed(connection),
        "delivery reports": connection.execute(select(func.min(receipts.c.received_at)).where(receipts.c.applied_at.is_(None))).scalar_one(),
        "sends": connection.execute(select(func.min(sends.c.not_before)).where(sends.c.state == "waiting")).scalar_one(),
    }
    now = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    for name, since in waiting_since.items():
        if since is not None and now - since > LATE:
            minutes = round((now - since).total_seconds() / 60)
            mend = "See that workers and a scheduler run: tidings up"
            yield _wrong(f"queue of {name}", "The oldest has been waiting for {minutes} minutes.", mend, level="warning", minutes=minutes)
        else:
            yield _fine(f"queue of {name}", "Nothing is waiting for long.")


def _redis_findings(url: str) -> Iterator[Finding]:
    client = Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        info = client.info()
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "unknown")
    except RedisError as error:
        yield _wrong("redis", "The Redis cannot be used ({reason}).", "Start it, or mend redis_url; leave it out to use the embedded one", reason=type(error).__name__)
        return
    finally:
        client.close()
    version = str(info["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < OLDEST_REDIS:
        yield _wrong("redis", "Redis {version} is too old.", "Use Redis 6.2 or newer, or Valkey", version=version)
    else:
        yield _fine("redis", "Redis {version} answers.", version=version)
    if policy != "noeviction":
        yield _wrong("redis eviction", "Redis drops bells without an error (maxmemory-policy {policy}).", "Run: redis-cli config set maxmemory-policy noeviction", policy=policy)
    else:
        yield _fine("redis eviction", "Redis never drops what it was given.")
