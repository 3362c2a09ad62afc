"""Tick: find work whose bell was lost, and ring.  APScheduler only ticks; any number may run."""

from collections.abc import Callable

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from config.wiring import Application, open_application
from workers.bells import Work, ring
from workers.broker import connect
from workers.ending import wait_for_end
from workers.overnight import Overnight
from workers.ringing import ring_due

log = structlog.get_logger("workers")

POLL_SECONDS = 1
CALENDAR_SECONDS = 15
RESPONSE_SECONDS = 30
INBOX_SECONDS = 60
BALANCE_SECONDS = 10
UPKEEP_SECONDS = 60
NIGHT_SECONDS = 60
PULL_SECONDS = 30


def _safely(tick: Callable[[], None]) -> Callable[[], None]:
    def ticked() -> None:
        try:
            tick()
        except SQLAlchemyError as error:
            # The database is away for a moment; the next tick asks again.
            log.warning("a tick found no database", exception=type(error).__name__)

    return ticked


def start_ticking(application: Application, overnight: Overnight) -> BackgroundScheduler:
    """Start the ticks in a thread of their own and return them, to be shut down by the caller."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    scheduler.add_job(_safely(lambda: ring_due(application, list(Work))), "interval", seconds=POLL_SECONDS)
    scheduler.add_job(lambda: ring(Work.CALENDAR), "interval", seconds=CALENDAR_SECONDS)
    scheduler.add_job(lambda: ring(Work.RESPONSES), "interval", seconds=RESPONSE_SECONDS)
    scheduler.add_job(lambda: ring(Work.INBOX), "interval", seconds=INBOX_SECONDS)
    scheduler.add_job(lambda: ring(Work.BALANCE), "interval", seconds=BALANCE_SECONDS)
    scheduler.add_job(lambda: ring(Work.UPKEEP), "interval", seconds=UPKEEP_SECONDS)
    scheduler.add_job(_safely(overnight.look), "interval", seconds=NIGHT_SECONDS)
    scheduler.add_job(lambda: ring(Work.PULLS), "interval", seconds=PULL_SECONDS)
    scheduler.start()
    return scheduler


def run_scheduler() -> None:
    """Tick until the process is asked to end."""
    with open_application() as application:
        connect(application.redis_url)
        overnight = Overnight(application)
        scheduler = start_ticking(application, overnight)
        log.info("scheduler started")
        wait_for_end()
        scheduler.shutdown()
        overnight.end()
