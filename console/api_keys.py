"""Keys for machines that tell us events: made once, shown once, kept only as a digest.

A key is ``tidings_<id>_<secret>``.  The secret half is 256 random bits, so one SHA-256
protects it as well as a slow hash would.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from database.engine import Database
from database.tables import api_keys
from language.problems import refuse

PREFIX = "tidings"
TRUSTED_FOR = 1.0  #: seconds for which a looked-up key is believed; a revoked one is dead after that


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key just made; ``key`` is never to be seen again."""

    id: str
    key: str


def create_key(connection: Connection, name: str) -> NewKey:
    """Make a key for whoever ``name`` says."""
    key_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    connection.execute(insert(api_keys).values(id=key_id, name=name, digest=_digest(secret)))
    return NewKey(id=key_id, key=f"{PREFIX}_{key_id}_{secret}")


def list_keys(connection: Connection) -> Sequence[RowMapping]:
    """Return id, name, created_at and revoked_at of every key, oldest first."""
    columns = (api_keys.c.id, api_keys.c.name, api_keys.c.created_at, api_keys.c.revoked_at)
    return connection.execute(select(*columns).order_by(api_keys.c.created_at)).mappings().all()


def revoke_key(connection: Connection, key_id: str, *, now: datetime) -> None:
    """Let a key open nothing from now on.

    Raises:
        InputRefused: there is no such key.
    """
    ended = update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=now).returning(api_keys.c.id)
    if connection.execute(ended).one_or_none() is None:
        raise refuse("there is no API key {id}", id=key_id)


class KeyRing:
    """Says whether a key opens, asking the database at most once a second for each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, bytes | None]] = {}
        self._lock = threading.Lock()

    def opens(self, key: str) -> bool:
        """Say whether the key exists, is whole and is not revoked."""
        parts = key.split("_")
        if len(parts) != 3 or parts[0] != PREFIX or not parts[1].isalnum() or len(parts[1]) > 32:
            return False
        return hmac.compare_digest(self._expected(parts[1]) or b"-" * 32, _digest(parts[2]))

    def _expected(self, key_id: str) -> bytes | None:
        known = self._known.get(key_id)
        if known is not None and time.monotonic() - known[0] < TRUSTED_FOR:
            return known[1]
        with self._database.transaction() as connection:
            living = select(api_keys.c.digest).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            digest = connection.execute(living).scalar_one_or_none()
        with self._lock:
            if len(self._known) > 1000:  # Guessed names must not fill the memory.
                self._known.clear()
            self._known[key_id] = (time.monotonic(), digest)
        return digest


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
