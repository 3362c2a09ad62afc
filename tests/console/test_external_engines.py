"""The whole road on the system's own PostgreSQL and Redis, where they are installed: two settings, nothing else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from database.server_user import ServerUser, server_user

ROOT = Path(__file__).resolve().parents[2]


def programs(name: str) -> list[str]:
    """Return where a program of this name is installed, the newest version last."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return [found for found in (shutil.which(name), *map(str, versions)) if found]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[Path, ServerUser]]:
    """A short folder in which the servers' user may write: a socket's path has a limit."""
    user = server_user()
    made = Path("/tmp") / f"engines-{os.getpid()}"
    user.private_folder(made)
    yield made, user
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def postgres(folder: tuple[Path, ServerUser]) -> Iterator[str]:
    if not programs("initdb") or not programs("pg_ctl"):
        pytest.skip("no PostgreSQL is installed on this system")
    place, user = folder
    initdb, control, data = programs("initdb")[-1], programs("pg_ctl")[-1], place / "data"
    user.run([initdb, "--auth=trust", "--username=shop", "--pgdata", data], folder=place, timeout=120)
    options = f"-c listen_addresses= -c unix_socket_directories={place} -c max_connections=60"
    user.run([control, "start", "--wait", "--pgdata", data, "--log", place / "log", "--options", options], folder=place, timeout=60)
    yield f"postgresql://shop@/postgres?host={place}"
    user.run([control, "stop", "--mode=fast", "--pgdata", data], folder=place, timeout=60)


@pytest.fixture
def redis_socket(folder: tuple[Path, ServerUser]) -> Iterator[str]:
    found = programs("redis-server")
    if not found:
        pytest.skip("no Redis is installed on this system")
    place, _ = folder
    command = [found[0], "--port", "0", "--unixsocket", str(place / "redis.sock"), "--dir", str(place), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    yield f"unix://{place / 'redis.sock'}"
    server.terminate()
    server.wait(timeout=20)


def walk(tmp_path: Path, **settings: str) -> dict[str, object]:
    """Run a small demo under these settings and return everything it wrote."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")}
    environment |= {"TIDINGS_HOME": str(tmp_path / "home"), "TIDINGS_LANGUAGE": "en", **settings}
    command = [sys.executable, "-m", "console.command", "demo", "--members-count", "150", "--days", "5", "--out", str(tmp_path / "told")]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    found: dict[str, object] = json.loads((tmp_path / "told" / "demo.json").read_text(encoding="utf-8"))
    return found


def holds_engines(tmp_path: Path) -> bool:
    """Say whether engines of our own were started under the home."""
    return (tmp_path / "home" / "engines.lock").exists()


def test_the_road_is_walked_on_both(postgres: str, redis_socket: str, tmp_path: Path) -> None:
    told = walk(tmp_path, TIDINGS_DATABASE_URL=postgres, TIDINGS_REDIS_URL=redis_socket)

    oracle = told["oracle"]
    assert isinstance(oracle, dict)
    assert (oracle["lost"], oracle["doubled"]) == (0, 0)
    assert not holds_engines(tmp_path)


def test_one_of_them_may_be_embedded(postgres: str, tmp_path: Path) -> None:
    told = walk(tmp_path, TIDINGS_DATABASE_URL=postgres)

    oracle = told["oracle"]
    assert isinstance(oracle, dict)
    assert (oracle["lost"], oracle["doubled"]) == (0, 0)
    assert holds_engines(tmp_path)
