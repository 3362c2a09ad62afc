"""A real PostgreSQL and a real Redis, started from wheels, kept under one folder, shared by processes.

The first process starts the engines, others join them, and the last one out stops
them.  A holder is a file locked for as long as its process lives, so that the kernel itself
lets go for one that was killed.  Neither engine opens a TCP port.
"""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from database.local_postgres import LocalPostgres
from database.local_redis import LocalRedis
from database.server_user import EngineFailed, reachable_folder, server_user, short_folder

LONGEST_SOCKET_FOLDER = 85  #: bytes; a socket's whole path may have 104 (macOS) or 108 (Linux)
PATIENCE = 180.0  #: seconds to wait while another process starts or stops the engines

__all__ = ["EmbeddedEngines", "EngineFailed"]


class EmbeddedEngines:
    """The engines of one home; a context manager that holds them.

    Entering starts or joins them; leaving stops them unless another process holds
    them too.  After a crash of a holder, or of an engine, the next to enter mends what it finds.
    """

    def __init__(self, home: Path, *, postgres: bool = True, redis: bool = True) -> None:
        self._home = home.absolute()
        self._home.mkdir(parents=True, exist_ok=True)
        user = server_user()
        folder = reachable_folder(user, self._home)
        sockets = short_folder(user, folder / "run", longest=LONGEST_SOCKET_FOLDER)
        self.postgres = LocalPostgres(folder, sockets, user)
        self.redis = LocalRedis(folder, sockets, user)
        self._wanted = [engine for engine, wanted in ((self.postgres, postgres), (self.redis, redis)) if wanted]
        self._holders = self._home / "holders"
        self._held: int | None = None  #: the open, locked holder file
        self._holder: Path | None = None

    @property
    def database_url(self) -> str:
        """Address of the database ``tidings``."""
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        """Address of the Redis database 0."""
        return self.redis.url

    def __enter__(self) -> Self:
        with self._alone():
            self._take_hold()
            try:
                self._start_wanted()
            except BaseException:
                self._let_go()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._alone():
            self._let_go()
            if not self.holders():
                self._stop_all()

    def ensure_running(self) -> None:
        """Start again whatever has died; for whoever supervises.

        Raises:
            EngineFailed: it cannot be started.
        """
        if not all(engine.answers() for engine in self._wanted):
            with self._alone():
                self._start_wanted()

    def stop(self) -> None:
        """Stop both engines, whoever holds them."""
        with self._alone():
            self._stop_all()

    def crash_postgres(self) -> None:
        """Kill PostgreSQL as a failing machine would and start it again; for tests of recovery."""
        with self._alone():
            self.postgres.kill()
            self.postgres.start()

    def crash_redis(self) -> None:
        """Kill the Redis as a failing machine would and start it again; for tests of recovery."""
        with self._alone():
            self.redis.kill()
            self.redis.start()

    def holders(self) -> list[int]:
        """Return the process ids of everybody who holds the engines now."""
        living = []
        for file in sorted(self._holders.glob("*.holder")):
            if file == self._holder or _is_locked(file):
                living.append(int(file.name.partition("-")[0]))
            else:
                file.unlink(missing_ok=True)
        return living

    def _start_wanted(self) -> None:
        for engine in self._wanted:
            engine.start()

    def _stop_all(self) -> None:
        self.redis.stop()
        self.postgres.stop()

    def _take_hold(self) -> None:
        if self._held is not None:
            raise EngineFailed("these engines are held already; make a second EmbeddedEngines")
        self._holders.mkdir(exist_ok=True)
        self._holder = self._holders / f"{os.getpid()}-{secrets.token_hex(4)}.holder"
        self._held = os.open(self._holder, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX)

    def _let_go(self) -> None:
        if self._held is not None and self._holder is not None:
            # Removed first: a child that was forked while we held must not keep the lock alive.
            self._holder.unlink(missing_ok=True)
            os.close(self._held)
        self._held = self._holder = None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time start or stop the engines of this home."""
        door = os.open(self._home / "engines.lock", os.O_CREAT | os.O_RDWR, 0o600)
        deadline = time.monotonic() + PATIENCE
        try:
            while not _try_lock(door):
                if time.monotonic() > deadline:
                    raise EngineFailed(f"another process has been starting or stopping the engines of {self._home} for too long")
                time.sleep(0.05)
            yield
        finally:
            os.close(door)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(file: Path) -> bool:
    try:
        opened = os.open(file, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(opened)
    finally:
        os.close(opened)
