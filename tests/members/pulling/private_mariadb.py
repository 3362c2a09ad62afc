"""A MariaDB or MySQL of this system, run for a while in a folder of its own, and a shop's database in it."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

PLACES = "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"
#: What keeps it small and quick; a crash of the machine, not of the server, would cost it its data.
SMALL = ["--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M", "--innodb-flush-method=nosync", "--aria-log-file-size=8M"]
PASSWORD = "geheim#1@水"  #: as somebody might choose it


def _found(name: str) -> str | None:
    return shutil.which(name, path=":".join(PLACES))


def why_not() -> str | None:
    """Say why no server can be run here, or None."""
    if _found("mariadbd") and _found("mariadb-install-db"):
        return None
    return None if _found("mysqld") else "neither MariaDB nor MySQL is installed"


@dataclass
class Server:
    """A server, started as often as it is wanted on the same port and the same data."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def socket(self) -> str:
        return str(self.folder / "socket")

    def address(self, password: str = PASSWORD, database: str = "shop", **query: str) -> str:
        """Return what somebody would write into the settings."""
        url = URL.create("mysql", "reader", password, "127.0.0.1", self.port, database, query)
        return url.render_as_string(hide_password=False)

    def start(self) -> None:
        """Start it, and wait until it answers; one that still runs is killed first."""
        self.kill()
        known = ["--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.socket}", f"--port={self.port}"]
        known += ["--bind-address=127.0.0.1", "--skip-name-resolve", f"--pid-file={self.folder / 'pid'}", *_as_whom()]
        known += ["--default-time-zone=+05:30", "--character-set-server=utf8mb4", "--skip-log-bin"]
        known += SMALL if _found("mariadbd") else ["--mysqlx=OFF"]
        program = _found("mariadbd") or _found("mysqld") or ""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([program, *known], stdout=log, stderr=log)
        until = time.monotonic() + 30
        while True:
            try:
                self.run("SELECT 1")
            except OperationalError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it as a failing machine does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=30)

    def run(self, *statements: str, database: str | None = None, **values: Any) -> None:
        """Let its owner run statements."""
        with self.owner(database) as connection:
            for statement in statements:
                connection.execute(text(statement), values)

    @contextlib.contextmanager
    def owner(self, database: str | None = None) -> Iterator[Connection]:
        """Open a session of its owner's."""
        query: Mapping[str, str] = {"unix_socket": self.socket}
        url = URL.create("mysql+pymysql", "root", None, "localhost", None, database, query)
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            yield connection


def _as_whom() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


@contextlib.contextmanager
def private_server() -> Iterator[Server]:
    """Run a server with an empty database ``shop``, which the user ``reader`` may read, and kill it at the end."""
    with tempfile.TemporaryDirectory(prefix="tidings-mysql-") as name, socket.create_server(("127.0.0.1", 0)) as taken:
        server = Server(folder=Path(name), port=taken.getsockname()[1])
        taken.close()
        data = f"--datadir={server.folder / 'data'}"
        if program := _found("mariadb-install-db"):
            known = [program, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db", *SMALL]
        else:
            known = [_found("mysqld") or "", "--no-defaults", data, "--initialize-insecure"]
        subprocess.run([*known, *_as_whom()], check=True, capture_output=True, timeout=120)
        server.start()
        try:
            server.run("CREATE DATABASE shop CHARACTER SET utf8mb4", f"CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'")
            # He may write, so that what keeps him from it is the session.
            server.run("GRANT SELECT, INSERT, DELETE, EXECUTE ON shop.* TO reader@'%'")
            yield server
        finally:
            server.kill()
