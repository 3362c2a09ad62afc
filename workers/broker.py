"""The queue of bells.  The only module that acts when it is imported: dramatiq binds actors to a broker then.

The connection is made when the first bell is rung, by the address that ``connect`` was
given.  No middleware raises in an actor's thread: an exception between a provider's yes
and our own record of it would be a lost answer.
"""

import dramatiq
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.hearing import WakefulBroker
from workers.middleware import LogFailures

NAMESPACE = "tidings"

#: A silent second call of one of the broker's scripts could take a bell and drop it; nothing is retried here.
_client = redis.Redis(connection_pool=redis.ConnectionPool(retry=Retry(NoBackoff(), 0)))
broker = WakefulBroker(client=_client, namespace=NAMESPACE, middleware=[LogFailures()], heartbeat_timeout=10_000)
dramatiq.set_broker(broker)


def connect(redis_url: str) -> redis.Redis:
    """Point the broker at a Redis and return the client it uses; call once, before anything is rung."""
    _client.connection_pool = redis.ConnectionPool.from_url(redis_url, retry=Retry(NoBackoff(), 0))
    return _client
