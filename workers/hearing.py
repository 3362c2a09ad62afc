"""Hear a bell when it is rung, and not at the next look.

Dramatiq's consumers look into Redis again and again, more and more seldom while nothing
is there: a bell waits a tenth of a second on every hop, and an idle worker is never
idle.  Here whoever puts a bell into a queue also says so on a Redis channel; a thread of
each worker process listens there and wakes the consumer of that queue.  A word that is
lost costs time only: each consumer still looks by itself every ``timeout``.
"""

import threading
from collections.abc import Iterable

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer

log = structlog.get_logger("workers")

#: Seconds before the listener tries again to reach a Redis that went away.
PAUSE = 0.5
#: Seconds after which the listener looks whether it should end.
LOOK_UP = 1.0


class WakefulConsumer(_RedisConsumer):
    """A consumer that sleeps until its queue is spoken of, or for its timeout."""

    broker: "WakefulBroker"

    def __next__(self) -> dramatiq.MessageProxy | None:
        """Return the next message; None: there was none when the consumer woke."""
        if not self.message_cache:
            spoken_of = self.broker.spoken_of(self.queue_name)
            spoken_of.wait(timeout=self.timeout / 1000)
            spoken_of.clear()
            self.misses = 0  # after this look it sleeps above, not in dramatiq's growing pauses
        found: dramatiq.MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        return found

    def ack(self, message: dramatiq.MessageProxy) -> None:
        """Tell Redis that the message is done with, and look for the one after it."""
        super().ack(message)  # type: ignore[no-untyped-call]
        self.broker.spoken_of(self.queue_name).set()

    def nack(self, message: dramatiq.MessageProxy) -> None:
        """Tell Redis that the message came to nothing, and look for the one after it."""
        super().nack(message)  # type: ignore[no-untyped-call]
        self.broker.spoken_of(self.queue_name).set()


class WakefulBroker(RedisBroker):
    """A Redis broker that says aloud what it puts into a queue."""

    def __init__(
        self, *, client: redis.Redis, namespace: str, middleware: Iterable[dramatiq.Middleware], heartbeat_timeout: int
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            client=client, namespace=namespace, middleware=list(middleware), heartbeat_timeout=heartbeat_timeout
        )
        self._spoken_of: dict[str, threading.Event] = {}

    @property
    def consumer_class(self) -> type[WakefulConsumer]:
        """The kind of consumer that dramatiq makes for each queue."""
        return WakefulConsumer

    def spoken_of(self, queue_name: str) -> threading.Event:
        """Return what is set when a queue is spoken of."""
        return self._spoken_of.get(queue_name) or self._spoken_of.setdefault(queue_name, threading.Event())

    def wake_all(self) -> None:
        """Let every consumer of this process look now."""
        for queue_name in list(self._spoken_of):
            self.spoken_of(queue_name).set()

    @property
    def channel(self) -> str:
        """The Redis channel on which queues are spoken of."""
        return f"{self.namespace}:spoken-of"

    def say(self, queue_name: str) -> None:
        """Say that there is something in a queue."""
        self.client.publish(self.channel, queue_name)


class Listener:
    """A thread that wakes this process's consumers when their queues are spoken of."""

    def __init__(self, broker: WakefulBroker) -> None:
        self._broker = broker
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End within a second or so."""
        self._ended.set()
        self._thread.join(timeout=2 * LOOK_UP)

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                self._follow()
            except redis.RedisError as error:
                log.warning("bells are heard late", exception=type(error).__name__)
                self._ended.wait(PAUSE)

    def _follow(self) -> None:
        with self._broker.client.pubsub(ignore_subscribe_messages=True) as heard:
            heard.subscribe(self._broker.channel)
            self._broker.wake_all()  # for what was said while nobody listened
            while not self._ended.is_set():
                message = heard.get_message(timeout=LOOK_UP)
                if message is not None:
                    self._broker.spoken_of(message["data"].decode()).set()
