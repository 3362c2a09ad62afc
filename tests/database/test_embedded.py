"""The embedded engines start, are shared, stop, and mend themselves."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from database.embedded import EmbeddedEngines
from database.server_user import is_running, server_user, short_folder

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from database.embedded import EmbeddedEngines
with EmbeddedEngines(Path(sys.argv[1])):
    print("holding", flush=True)
    sys.stdin.readline()
"""


def holder(home: Path) -> subprocess.Popen[str]:
    """Start another process that holds the engines until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == "holding\n"
    return process


def let_go(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def rows(engines: EmbeddedEngines) -> int:
    with psycopg.connect(engines.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visits (at timestamptz)")
        connection.execute("INSERT INTO visits VALUES (now())")
        found = connection.execute("SELECT count(*) FROM visits").fetchone()
    return int(found[0]) if found else 0


def ask_redis(engines: EmbeddedEngines, *words: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(engines.redis_url.removeprefix("unix://").partition("?")[0])
        line.sendall((" ".join(words) + "\r\n").encode())
        return line.recv(1000)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_data_outlives_a_stop_and_nothing_is_left_running(home: Path) -> None:
    with EmbeddedEngines(home) as first:
        before = rows(first)
        ask_redis(first, "SET", "kept", "yes")
        pids = [first.postgres.pid(), first.redis.pid()]
    assert None not in pids
    assert not any(is_running(pid, "") for pid in pids if pid)

    with EmbeddedEngines(home) as second:
        assert rows(second) == before + 1
        assert b"yes" in ask_redis(second, "GET", "kept")


def test_the_engines_are_safe_by_their_own_account_and_open_no_port(home: Path) -> None:
    with EmbeddedEngines(home) as engines, psycopg.connect(engines.database_url) as connection:
        told = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "listen_addresses", "full_page_writes", "timezone")
        }
        assert told == {
            "fsync": ("on",), "synchronous_commit": ("on",), "listen_addresses": ("",), "full_page_writes": ("on",), "timezone": ("UTC",),
        }
        assert b"noeviction" in ask_redis(engines, "CONFIG", "GET", "maxmemory-policy")
        assert b"$1\r\n0" in ask_redis(engines, "CONFIG", "GET", "port")
        assert b"yes" in ask_redis(engines, "CONFIG", "GET", "appendonly")


def test_whoever_leaves_last_stops_the_engines(home: Path) -> None:
    other = holder(home)
    with EmbeddedEngines(home) as mine:
        pid = mine.postgres.pid()
        assert sorted(mine.holders()) == sorted([other.pid, os.getpid()])

    assert mine.postgres.pid() == pid, "the other process still holds them"
    let_go(other)
    assert mine.postgres.pid() is None
    assert mine.redis.pid() is None


def test_a_killed_holder_leaves_engines_that_the_next_one_adopts_and_stops(home: Path) -> None:
    killed = holder(home)
    killed.kill()
    killed.wait()

    with EmbeddedEngines(home) as adopted:
        assert adopted.holders() == [os.getpid()]
        assert rows(adopted) > 0
    assert adopted.postgres.pid() is None


def test_a_crashed_postgres_comes_back_with_what_was_committed(home: Path) -> None:
    with EmbeddedEngines(home) as engines:
        before = rows(engines)
        pid = engines.postgres.pid()

        engines.crash_postgres()

        assert engines.postgres.pid() not in (None, pid)
        assert rows(engines) == before + 1


def test_engines_that_died_are_started_again_by_their_supervisor(home: Path) -> None:
    with EmbeddedEngines(home) as engines:
        for pid in (engines.postgres.pid(), engines.redis.pid()):
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)

        engines.ensure_running()

        assert rows(engines) > 0
        assert ask_redis(engines, "PING").startswith(b"+PONG")


def test_a_left_over_process_id_of_somebody_else_does_not_stop_a_start(home: Path) -> None:
    with EmbeddedEngines(home) as engines:
        data = engines.postgres.data
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n", encoding="ascii")

    with EmbeddedEngines(home) as engines:
        assert rows(engines) > 0


def test_a_deep_home_gets_its_sockets_in_a_short_private_folder(tmp_path: Path) -> None:
    folder = short_folder(server_user(), tmp_path / ("deep" * 30), longest=85)

    assert len(str(folder)) < 85
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
