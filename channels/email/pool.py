"""The connections of one account, lent out one at a time."""

import ssl
import threading
import time
from collections import deque

from channels.email.connection import Connection
from channels.email.settings import SmtpSettings


class ConnectionPool:
    """At most ``max_connections`` to one server, open or lent.  Safe to use from several threads.

    A place is reserved first and a connection taken for it afterwards, so that a caller
    whose connection broke can take another without queueing again.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._context = None if settings.security == "none" else ssl.create_default_context(cafile=settings.ca_file)
        self._places = threading.BoundedSemaphore(settings.max_connections)
        self._idle: deque[Connection] = deque()
        self._closed = False

    def reserve(self, *, seconds: float) -> bool:
        """Wait so long for a place; say whether there is one now."""
        return self._places.acquire(timeout=max(0.0, seconds))

    def free(self) -> None:
        """Give a reserved place back."""
        self._places.release()

    def take(self, *, fresh: bool) -> Connection:
        """Return a connection ready for mail; ``fresh`` wants a new one.

        Raises:
            DeliveryError: no connection can be had.
        """
        while not fresh and self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # Another thread was quicker.
                break
            if not connection.stale(time.monotonic()):
                connection.reused = True
                return connection
            connection.quit()
        return Connection(self._settings, self._context)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next caller, or end it where it has done enough."""
        if not connection.open:
            return
        if self._closed or connection.carried >= self._settings.messages_per_connection:
            connection.quit()
            return
        connection.used_at = time.monotonic()
        self._idle.append(connection)

    def close(self) -> None:
        """End every idle connection; those lent out end when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().quit()
