"""Access tokens that all processes of an installation share, sealed in its database.

A provider may let an account have one good token at a time: whoever fetches another one ends
everybody else's.  The row can be read by whoever reads the database, and the token in it only
with the installation's secret.
"""

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import asdict

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from channels.errors import ProviderUnavailable
from channels.wechat.tokens import KeptToken
from database.engine import Database
from database.tables import access_tokens

NONCE = 12  #: bytes, as AES-GCM wants them
LOCK_NOT_AVAILABLE = "55P03"


class SharedTokens:
    """The ``TokenStore`` of an installation.  What the database fails to do is told as a provider that is away."""

    def __init__(self, database: Database, *, secret: bytes) -> None:
        self._database = database
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"access tokens").derive(secret)
        self._cipher = AESGCM(derived)

    def get(self, account: str) -> KeptToken:
        """Return what was last kept; what was sealed with another secret counts as nothing."""
        with _as_unavailable(), self._database.transaction() as connection:
            sealed = connection.scalar(select(access_tokens.c.sealed).where(access_tokens.c.account == account))
        if sealed is None:
            return KeptToken()
        try:
            opened = self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], account.encode())
            return msgspec.json.decode(opened, type=KeptToken)
        except (InvalidTag, msgspec.DecodeError):
            return KeptToken()

    def put(self, account: str, kept: KeptToken) -> None:
        """Keep this for everybody who asks from now on."""
        nonce = secrets.token_bytes(NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(asdict(kept)), account.encode())
        row = upsert(access_tokens).values(account=account, sealed=sealed, updated_at=func.clock_timestamp())
        fresh = {"sealed": row.excluded.sealed, "updated_at": row.excluded.updated_at}
        with _as_unavailable(), self._database.transaction() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["account"], set_=fresh))

    @contextlib.contextmanager
    def lock(self, account: str, *, patience: float) -> Iterator[bool]:
        """Hold an advisory lock on a connection of its own, which PostgreSQL takes back if this process dies."""
        key = int.from_bytes(hashlib.sha256(f"access token\x1f{account}".encode()).digest()[:8], "big", signed=True)
        with contextlib.ExitStack() as held:
            with _as_unavailable():
                connection = held.enter_context(self._database.engine.connect())
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                taken = _take(connection, key, patience)
            if taken:
                held.callback(_give_back, connection, key)
            yield taken


def _take(connection: Connection, key: int, patience: float) -> bool:
    milliseconds = max(1, round(patience * 1000))  # 0 would mean to wait for ever.
    connection.execute(text("SELECT set_config('lock_timeout', :limit, false)"), {"limit": f"{milliseconds}ms"})
    try:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    finally:
        connection.execute(text("RESET lock_timeout"))
    return True


def _give_back(connection: Connection, key: int) -> None:
    with contextlib.suppress(SQLAlchemyError):  # A connection that broke has given it back.
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


@contextlib.contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise ProviderUnavailable(
            f"the shared access token cannot be reached ({type(error).__name__})", provider="token store"
        ) from None
