"""What every command stands on: the settings, and the database they name.

``wiring.py`` builds the whole application on it, with its words and its carriers; a command
that needs neither starts sooner without them.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.engine import make_url

from campaigns.rules import PlanningRules
from config.settings import SHORTEST_SECRET, Settings, read_settings
from database.embedded import EmbeddedEngines
from database.engine import Database
from database.migrations.revisions import bring_up_to_date, current_revision, newest_revision
from language.problems import refuse

SECRET_FILE = "secret"  # noqa: S105 - a file name
UPGRADING = 7_205_759_403  #: the advisory lock that lets one process at a time upgrade an embedded database


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """Settings and an open database, and what follows from the settings alone."""

    settings: Settings
    database: Database
    redis_url: str = field(repr=False)
    secret: bytes = field(repr=False)  #: seals links and fingerprints addresses; never logged, never in a URL
    rules: PlanningRules
    public_url: str  #: without a slash at its end

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of days that are no member's own."""
        return ZoneInfo(self.settings.time_zone)

    def source_address(self, name: str) -> str | None:
        """Return the address of a database to pull from, which may hold a password; None: the settings name none."""
        secret = self.settings.sources.get(name)
        return None if secret is None else secret.get_secret_value()


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the two engines are; may hold passwords."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    embedded: EmbeddedEngines | None  #: None: both engines are somebody else's


@contextmanager
def open_engines(settings: Settings) -> Iterator[Addresses]:
    """Start or join the embedded engines that the settings do not replace, and leave them at the end."""
    database_url, redis_url = settings.database_url, settings.redis_url
    with ExitStack() as held:
        embedded = None
        if database_url is None or redis_url is None:
            embedded = held.enter_context(
                EmbeddedEngines(settings.home, postgres=database_url is None, redis=redis_url is None)
            )
        yield Addresses(
            database_url=database_url.get_secret_value() if database_url else embedded.database_url if embedded else "",
            redis_url=redis_url.get_secret_value() if redis_url else embedded.redis_url if embedded else "",
            embedded=embedded,
        )


@contextmanager
def open_foundation(settings: Settings | None = None) -> Iterator[Foundation]:
    """Open the database and close it at the end; None: read the settings first.

    An embedded database is brought up to date here.  Somebody else's is left to
    ``tidings db upgrade``.

    Raises:
        InputRefused: the settings are wrong.
    """
    settings = settings or read_settings()
    with ExitStack() as held:
        addresses = held.enter_context(open_engines(settings))
        if settings.database_url is None:
            upgrade_once(addresses.database_url)
        database = Database(make_url(addresses.database_url), pool_size=settings.workers.threads + 4)
        held.callback(database.close)
        yield Foundation(
            settings=settings,
            database=database,
            redis_url=addresses.redis_url,
            secret=installation_secret(settings),
            rules=planning_rules(settings),
            public_url=str(settings.public_url).rstrip("/"),
        )


def upgrade_once(database_url: str) -> None:
    """Bring the database up to date, one process at a time; cheap where it is already."""
    database = Database(database_url)
    try:
        with database.transaction() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADING})
            if current_revision(connection) != newest_revision():
                bring_up_to_date(database_url)
    finally:
        database.close()


def planning_rules(settings: Settings) -> PlanningRules:
    """Return the installation's answers in the form that planning asks for."""
    return PlanningRules(
        quiet_hours=settings.quiet_hours,
        caps=settings.caps,
        prices=settings.prices.model_dump(),
        default_zone=settings.time_zone,
        february_29=settings.february_29,
        expires_after=settings.expires_after,
        brand=settings.brand.model_dump(),
    )


def installation_secret(settings: Settings) -> bytes:
    """Return the signing secret: the one set, else the one kept in ``home``, made on first use.

    Losing it breaks every link already sent and lets no suppression be found again by
    its fingerprint, so it belongs in the backup.

    Raises:
        InputRefused: the kept secret was cut short.
    """
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    file = settings.home / SECRET_FILE
    settings.home.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        _keep_secret(file)
    kept = file.read_text(encoding="ascii").strip()
    if len(kept) < SHORTEST_SECRET:
        raise refuse("the signing secret is too short; restore the file from a backup", file=str(file))
    return kept.encode()


def _keep_secret(file: Path) -> None:
    # Written aside and linked into place: of two processes that start together one wins, and both read the winner's.
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
    try:
        file.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
