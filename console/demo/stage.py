"""Where the story is told: engines, a database of its own, a simulator, workers and the HTTP side.

Everything runs in processes of its own, exactly as an installation would, with a settings
file of its own: whatever real providers are set up here are not even known on the stage.
"""

import contextlib
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import requests
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from channels.registry import PROVIDERS
from channels.simulator.faults import FaultRules
from channels.simulator.running import ROOT, SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from config.callback_addresses import callback_address
from config.environment import environment_with_file, supervised
from config.foundation import open_engines
from config.settings import Settings
from console.supervising import Part, program, stop
from database.engine import Database, set_clock
from database.migrations.running import upgrade
from language.problems import refuse
from workers.broker import connect

DATABASE = "tidings_demo"
REDIS_DATABASE = 9  #: so that the bells of the stage and of an installation beside it never mix
PATIENCE = 60.0  #: seconds a part may take to answer after it was started
SERVED_PORTS = (8300, 8310, 8325)  #: tried first; another free one is taken where one is in use

#: A share of answers is lost, a share of calls is turned away; reports come late, some twice, in no order.
FAULTS = FaultRules(answer_lost=0.01, unavailable=0.01)
UNDELIVERED, DOUBLED = 0.02, 0.05


@dataclass(kw_only=True)
class Stage:
    """A running installation made for one story."""

    database: Database
    secret: bytes
    folder: Path
    file: Path  #: the settings of every process on the stage
    api_url: str
    simulator: SimulatorProcess
    workers: int
    parts: list[Part] = field(default_factory=list)

    @property
    def record(self) -> Path:
        """The simulator's own record of every message it took."""
        return self.simulator.record_path

    def release_receipts(self) -> None:
        """Let the simulator tell every delivery report it holds; return when all were told."""
        requests.post(f"{self.simulator.http_url}/_simulator/release", timeout=120).raise_for_status()

    def check_alive(self) -> None:
        """Make sure that every process still runs.

        Raises:
            RuntimeError: one ended.
        """
        for part in self.parts:
            if part.process is not None and part.process.poll() is not None:
                raise RuntimeError(f"{part.name} ended with {part.process.returncode}; see {self.folder / (part.name + '.log')}")

    def start(self, name: str, *words: str) -> None:
        """Start one of our own commands as a process of the stage; its log is NAME.log."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                program(*words), cwd=ROOT, env=supervised(environment_with_file(self.file)), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.parts.append(Part(name=name, command=program(*words), process=process, since=time.monotonic()))


@contextlib.contextmanager
def set_stage(settings: Settings, folder: Path, *, seed: int, workers: int = 2, name: str = DATABASE) -> Iterator[Stage]:
    """Put everything up in ``folder`` with an empty database called ``name``, and take it down at the end.

    The engines are those of ``settings``, embedded or not; the database stays for whoever wants to look.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        engines = held.enter_context(open_engines(settings))
        database_url = make_anew(engines.database_url, name)
        redis_url = _other_redis_database(engines.redis_url)
        connect(redis_url)
        database = Database(database_url)
        held.callback(database.close)
        api_port, http_port, smtp_port = free_ports(SERVED_PORTS)
        secret, api_url = secrets.token_hex(32), f"http://127.0.0.1:{api_port}"
        record = folder / "simulator.jsonl"
        record.unlink(missing_ok=True)
        callbacks = {provider: callback_address(secret.encode(), provider, public_url=api_url) for provider in PROVIDERS}
        simulator = SimulatorProcess(
            SimulatorSettings(
                record=record, http_port=http_port, smtp_port=smtp_port, seed=seed, faults=FAULTS,
                receipts=ReceiptRules(callback_urls=callbacks, held=True, failed=UNDELIVERED, doubled=DOUBLED),
            )
        )  # fmt: skip
        file = folder / "tidings.toml"
        _write_settings(
            file,
            home=folder, database_url=database_url, redis_url=redis_url, secret=secret, public_url=api_url,
            ports=(api_port, http_port, smtp_port), workers=workers,
        )  # fmt: skip
        stage = Stage(
            database=database, secret=secret.encode(), folder=folder, file=file, api_url=api_url, simulator=simulator, workers=workers
        )
        held.callback(lambda: stop(stage.parts))
        stage.start("api", "api")
        stage.start("workers", "worker")
        held.callback(lambda: _stop_simulator(stage))
        simulator.start()
        yield stage


def open_to_visitors(stage: Stage) -> None:
    """Give the road the real clock back, start the scheduler, and let the simulator tell reports by itself and misbehave no more."""
    with stage.database.transaction() as connection:
        set_clock(connection, None)
    old = stage.simulator.settings
    rules = ReceiptRules(callback_urls=old.receipts.callback_urls, failed=UNDELIVERED)
    stage.simulator.stop()
    stage.simulator = SimulatorProcess(replace(old, receipts=rules, faults=FaultRules())).start()
    stage.start("scheduler", "scheduler")


def _stop_simulator(stage: Stage) -> None:
    stage.simulator.stop()  # By then it may be another than at the start.


def make_anew(engine_url: str, name: str) -> str:
    """Drop the database called ``name`` beside the one the address leads to, make it anew, and return its address.

    Raises:
        InputRefused: this user may not make databases.
    """
    given = make_url(engine_url).set(drivername="postgresql+psycopg")
    if given.database == name:
        raise refuse("the demo makes the database {name} anew and so cannot run inside it; name another in database_url", name=name)
    engine = create_engine(given, isolation_level="AUTOCOMMIT", connect_args={"client_encoding": "utf8"})
    try:
        with engine.connect() as connection:
            may = connection.execute(text("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")).scalar()
            if not may:
                raise refuse("the demo needs a database of its own; let this user create databases, or leave database_url out")
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
            connection.execute(text(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0"))
    finally:
        engine.dispose()
    url = given.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    upgrade(url)
    return url


def wait_for_http(stage: Stage) -> None:
    """Return once the HTTP side answers.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        stage.check_alive()
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{stage.api_url}/health", timeout=2).ok:
                return
        time.sleep(0.05)
    raise RuntimeError("the HTTP side did not answer in time")


def free_ports(wanted: tuple[int, ...]) -> list[int]:
    """Return the wanted ports where they are free, and any free ones instead of those that are not."""
    with contextlib.ExitStack() as held:
        return [held.enter_context(_listening(port)).getsockname()[1] for port in wanted]


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


def _other_redis_database(url: str) -> str:
    if url.startswith("unix:"):
        return url.partition("?")[0] + f"?db={REDIS_DATABASE}"
    return make_url(url).set(database=str(REDIS_DATABASE)).render_as_string(hide_password=False)


def _write_settings(
    file: Path, *, home: Path, database_url: str, redis_url: str, secret: str, public_url: str, ports: tuple[int, int, int], workers: int
) -> None:
    """Write the stage's settings file; doubt is settled in seconds there, since a simulated day takes less than one."""
    api_port, http_port, smtp_port = ports
    top = {"home": str(home.absolute()), "database_url": database_url, "redis_url": redis_url, "secret": secret, "public_url": public_url}
    sections: Mapping[str, Mapping[str, object]] = {
        "listen": {"port": api_port},
        "simulator": {"http_port": http_port, "smtp_port": smtp_port},
        "settling": {"after": "1s", "close_after": "3s"},
        "workers": {"processes": workers, "threads": 6},
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in (top | {"log_level": "warning"}).items()]
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
