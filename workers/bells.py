"""Ring: tell the workers that there is work of a kind.  A bell may be lost, doubled or late."""

import enum

import dramatiq
import redis
import structlog

from workers.broker import broker

log = structlog.get_logger("workers")

#: How long a bell that nobody answered keeps the same bell from being rung again.
SILENCE = 3


class Work(enum.StrEnum):
    """The kinds of work there are; each has an actor of the same name."""

    EVENTS = "events"  #: events no trigger has looked at
    CALENDAR = "calendar"  #: birthdays, quiet days, schedules
    JOURNEYS = "journeys"  #: enrolments whose next step is due
    LAUNCHES = "launches"  #: campaigns whose hour has come
    SMS = "sms"  #: sends due on that channel
    EMAIL = "email"
    WECHAT = "wechat"
    RECEIPTS = "receipts"  #: delivery reports not applied
    DOUBT = "doubt"  #: sends in doubt, and what dead workers left
    FALLBACK = "fallback"  #: sends that their channel refused, or that nobody confirmed in time
    INBOX = "inbox"  #: what providers tell only when asked
    BALANCE = "balance"  #: how far each account is trusted with its channel
    RESPONSES = "responses"  #: events to credit to sends
    RECKONING = "reckoning"  #: members of whom something new was told
    UPKEEP = "upkeep"  #: what time alone brings about
    PULLS = "pulls"  #: what is new in other people's databases


DELIVERY = (Work.SMS, Work.EMAIL, Work.WECHAT)


def ring(kind: str, *, lane: int = 0) -> None:
    """Tell the workers that there is work of this kind; does nothing where they have been told.

    ``lane`` lets several hands work at one kind.  A Redis that is away is no failure: the
    poll rings again until the work is done.
    """
    name = f"tidings:bell:{kind}:{lane}"
    try:
        client = broker.client
        if client.set(name, 1, nx=True, ex=SILENCE):
            broker.enqueue(_message(kind, lane))
            broker.say(queue_of(kind))
    except (redis.RedisError, dramatiq.BrokerError):
        log.warning("a bell could not be rung", kind=kind)


def ring_all(kind: Work, *, lanes: int) -> None:
    """Ring for one kind of work on every lane it has: as many as there are processes for deliveries, else one."""
    for lane in range(lanes if kind in DELIVERY else 1):
        ring(kind, lane=lane)


def heard(kind: str, *, lane: int = 0) -> None:
    """Let the same bell be rung again: its work begins now."""
    try:
        broker.client.delete(f"tidings:bell:{kind}:{lane}")
    except redis.RedisError:
        log.warning("a bell could not be silenced", kind=kind)


def _message(kind: str, lane: int) -> dramatiq.Message[object]:
    return dramatiq.Message(queue_name=queue_of(kind), actor_name=Work(kind).value, args=(lane,), kwargs={}, options={})


def queue_of(kind: str) -> str:
    """Return the queue on which a kind's bells ring; each channel has its own, so that none starves another."""
    return f"deliver-{kind}" if kind in DELIVERY else "road"
