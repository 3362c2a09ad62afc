"""``tidings up | worker | scheduler | api``: run everything here, or one part on this machine."""

import contextlib
import signal
import threading
import time
from typing import Annotated

import typer
import uvicorn

from config.environment import is_orphan
from config.foundation import open_engines, upgrade_once
from config.logs import log_for, set_up_logs
from config.settings import Settings, read_settings
from config.wiring import Application, open_application
from console.output import run_command, say
from console.public import build_app
from console.public_side import public_side
from console.supervising import all_parts, keep_alive
from database.embedded import EmbeddedEngines, EngineFailed
from workers.bells import ring
from workers.broker import connect
from workers.running import keep_working
from workers.scheduler import run_scheduler

app = typer.Typer()
log = log_for("up")


@app.command()
@run_command
def up() -> None:
    """Run workers, scheduler and HTTP side on this machine, with embedded engines where none are named."""
    settings = _settings()
    with open_engines(settings) as engines:
        if engines.embedded is not None and settings.database_url is None:
            upgrade_once(engines.database_url)
        say("Tidings is up at {url}; stop it with Ctrl-C.", url=str(settings.public_url).rstrip("/"))
        keep_alive(all_parts(), also=lambda: _mend(engines.embedded))


@app.command()
@run_command
def worker(processes: Annotated[int | None, typer.Option(min=1, help="How many processes; the settings say otherwise")] = None) -> None:
    """Run only the workers that answer bells."""
    settings = _settings()
    wanted = processes or settings.workers.processes
    keep_working(processes=wanted, threads=settings.workers.threads)


@app.command()
@run_command
def scheduler() -> None:
    """Run only the scheduler; any number may run at once."""
    _settings()
    run_scheduler()


@app.command()
@run_command
def api() -> None:
    """Run only the public HTTP side: events, callbacks, clicks and unsubscribes."""
    _settings()
    with open_application() as application:
        connect(application.redis_url)
        serve(application)


def serve(application: Application) -> None:
    """Answer HTTP until the process is asked to end."""
    side = public_side(application, ring)
    listen = application.settings.listen
    server = uvicorn.Server(
        uvicorn.Config(
            build_app(side),
            host=listen.host,
            port=listen.port,
            access_log=False,  # Addresses hold tokens.
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=10,
            limit_concurrency=512,
        )
    )
    threading.Thread(target=_end_with_supervisor, args=(server,), daemon=True).start()
    server.run()


def _end_with_supervisor(server: uvicorn.Server) -> None:
    while not is_orphan():
        time.sleep(1)
    server.should_exit = True


def _settings() -> Settings:
    settings = read_settings()
    set_up_logs(settings.log_level)
    # Being asked to end once is enough; Python's own handler would interrupt the ending itself.
    signal.signal(signal.SIGINT, _end_once)
    signal.signal(signal.SIGTERM, _end_once)
    return settings


def _end_once(number: int, _frame: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0 if number in (signal.SIGTERM, signal.SIGINT) else 128 + number)


def _mend(engines: EmbeddedEngines | None) -> None:
    with contextlib.suppress(EngineFailed):  # Told by the parts, which cannot reach it; the next look tries again.
        if engines is not None:
            engines.ensure_running()


if __name__ == "__main__":
    app()
