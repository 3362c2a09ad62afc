"""One worker process: an application, a connection to the bells, and threads that answer them."""

import dramatiq
import structlog

import workers.actors as _actors
from config.wiring import open_application
from workers.broker import broker, connect
from workers.ending import wait_for_end
from workers.forking import keep_workers
from workers.hearing import Listener
from workers.installation import install

log = structlog.get_logger("workers")

#: Milliseconds the threads have to finish the window in hand after the process was asked to end.
GRACE = 15_000

#: Milliseconds after which a queue that nobody spoke of is looked into all the same.
LOOK_MILLISECONDS = 500

#: Every actor there is, by name; what a worker process answers to.
ACTORS = {actor.actor_name: actor for actor in vars(_actors).values() if isinstance(actor, dramatiq.Actor)}


def run_worker(*, threads: int) -> None:
    """Answer bells in ``threads`` threads until the process is asked to end.

    On the way out nothing new is claimed; the window that is with a provider is
    finished and written down, and the rest of the claim is given back.
    """
    with open_application() as application:
        connect(application.redis_url)
        installation = install(application)
        listener = Listener(broker)
        listener.start()
        worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=LOOK_MILLISECONDS)
        worker.start()
        log.info("worker started", threads=threads)
        wait_for_end()
        installation.stopping = True
        worker.stop(timeout=GRACE)
        listener.stop()


def keep_working(*, processes: int, threads: int) -> None:
    """Keep ``processes`` worker processes answering bells until this one is asked to end."""
    keep_workers(processes, lambda: run_worker(threads=threads))
