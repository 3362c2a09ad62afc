"""A bell is heard when it is rung, and still heard when nobody said that it was."""

import threading
import time
from collections.abc import Iterator

import dramatiq
import pytest
import redis

from workers.hearing import Listener, WakefulBroker

#: Far longer than any test waits: who answers sooner was woken.
SELDOM = 30_000


class Heard:
    """A broker of its own with one actor that notes when it ran."""

    def __init__(self, redis_url: str, namespace: str) -> None:
        self.client = redis.Redis.from_url(redis_url)
        self.broker = WakefulBroker(client=self.client, namespace=namespace, middleware=[], heartbeat_timeout=10_000)
        self.at: list[float] = []
        self.once = threading.Semaphore(0)

        def note() -> None:
            self.at.append(time.monotonic())
            self.once.release()

        self.actor = dramatiq.actor(note, broker=self.broker, queue_name="told", actor_name="note")

    def put(self, *, say: bool) -> None:
        self.broker.enqueue(self.actor.message())
        if say:
            self.broker.say("told")


@pytest.fixture
def heard(redis_url: str, request: pytest.FixtureRequest) -> Iterator[Heard]:
    made = Heard(redis_url, f"test-{request.node.name[:40]}-{time.time_ns()}")
    yield made
    for key in made.client.scan_iter(f"{made.broker.namespace}*"):
        made.client.delete(key)
    made.client.close()


def run(heard: Heard, *, look_every: int, listening: bool) -> tuple[dramatiq.Worker, Listener]:
    listener = Listener(heard.broker)
    worker = dramatiq.Worker(heard.broker, worker_threads=2, worker_timeout=look_every)
    worker.start()
    if listening:
        listener.start()
        time.sleep(0.5)  # The first look, and the listener's own first word, are over.
    return worker, listener


def end(heard: Heard, worker: dramatiq.Worker, listener: Listener, *, listening: bool) -> None:
    ending = threading.Thread(target=worker.stop, kwargs={"timeout": 1_000})  # Its threads look as seldom, and are no matter here.
    ending.start()
    while ending.is_alive():  # Who is woken before it is told to stop sleeps again.
        heard.broker.wake_all()
        ending.join(timeout=0.02)
    if listening:
        listener.stop()


def test_a_bell_that_was_spoken_of_is_heard_at_once(heard: Heard) -> None:
    worker, listener = run(heard, look_every=SELDOM, listening=True)
    waits = []
    for _ in range(5):
        begun = time.monotonic()
        heard.put(say=True)
        assert heard.once.acquire(timeout=10)
        waits.append(heard.at[-1] - begun)
    end(heard, worker, listener, listening=True)

    assert sorted(waits)[2] < 0.2


def test_more_bells_than_are_fetched_at_once_are_all_heard(heard: Heard) -> None:
    worker, listener = run(heard, look_every=SELDOM, listening=True)
    for _ in range(60):
        heard.put(say=True)
    answered = [heard.once.acquire(timeout=10) for _ in range(60)]
    end(heard, worker, listener, listening=True)

    assert all(answered)


def test_a_bell_nobody_spoke_of_is_found_at_the_next_look(heard: Heard) -> None:
    worker, listener = run(heard, look_every=200, listening=False)
    heard.put(say=False)
    found = heard.once.acquire(timeout=10)
    end(heard, worker, listener, listening=False)

    assert found


def test_the_listener_comes_back_after_its_connection_was_cut(heard: Heard) -> None:
    worker, listener = run(heard, look_every=SELDOM, listening=True)
    heard.client.client_kill_filter(_type="pubsub")
    time.sleep(1.5)
    heard.put(say=True)
    found = heard.once.acquire(timeout=10)
    end(heard, worker, listener, listening=True)

    assert found
