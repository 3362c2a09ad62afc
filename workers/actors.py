"""The hands that answer the bells: open a transaction, call one function, ring the next bell.

An actor works until nothing is left or its turn is over, and then rings for the rest, so
that no kind of work keeps a thread for itself.
"""

import time
from collections.abc import Callable
from datetime import timedelta

import dramatiq
import structlog

from campaigns.delivery import deliver
from campaigns.launching import launch_due
from campaigns.sends import apply_reports, fall_back
from campaigns.settling import settle, sweep
from database.engine import read_clock
from journeys.advance import advance
from journeys.merging import carry_strays
from journeys.triggers import enrol, enrol_scheduled
from members.reckoning import reckon_next
from members.upkeep import CHORES, Chore, keep_up
from reports.responses import credit
from workers.asking import ask_providers
from workers.bells import DELIVERY, Work, heard, queue_of, ring
from workers.broker import broker
from workers.installation import Installation, installed
from workers.pulling import pull_next
from workers.ringing import ring_due

log = structlog.get_logger("workers")

#: Seconds an actor may keep its thread before it rings for the rest and lets others in.
TURN = 10.0

#: Seconds in which more delivery reports may come before those that are there are applied together.
GATHERING = 0.2

#: How many are taken together; fewer than that were all there were.
EVENTS_AT_ONCE, MOVED_AT_ONCE, REPORTS_AT_ONCE, TOUCHED_AT_ONCE = 5_000, 20_000, 2_000, 5_000

#: The members' own chores, and what waits at rows that were merged.
ALL_CHORES = (*CHORES, Chore("strays of merges", timedelta(minutes=1), lambda at, turn: carry_strays(at, now=turn.now)))

ROAD = queue_of(Work.EVENTS)
ONWARDS = (Work.JOURNEYS, *DELIVERY)


def _work(kind: Work, lane: int, once: Callable[[Installation], bool]) -> None:
    """Do ``once`` until it says that nothing is left, for one turn at most."""
    heard(kind, lane=lane)
    installation, end = installed(), time.monotonic() + TURN
    while once(installation):
        if installation.stopping:
            return
        if time.monotonic() > end:
            ring(kind, lane=lane)
            return


def _ring_onwards() -> None:
    """Ring for what may have become due by what was just done: steps, and messages."""
    ring_due(installed().application, ONWARDS)


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.EVENTS)
def events(lane: int) -> None:
    """Let the triggers look at new events."""

    def once(installation: Installation) -> bool:
        with installation.application.database.transaction() as connection:
            done = enrol(connection, now=read_clock(connection), limit=EVENTS_AT_ONCE)
        return done.events == EVENTS_AT_ONCE

    _work(Work.EVENTS, lane, once)
    _ring_onwards()


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.CALENDAR)
def calendar(lane: int) -> None:
    """Enrol for birthdays, quiet days and schedules."""

    def once(installation: Installation) -> bool:
        rules = installation.application.rules
        with installation.application.database.transaction() as connection:
            enrol_scheduled(connection, now=read_clock(connection), february_29=rules.february_29)
        return False

    _work(Work.CALENDAR, lane, once)
    _ring_onwards()


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.JOURNEYS)
def journeys(lane: int) -> None:
    """Take every enrolment that is due to its next step."""

    def once(installation: Installation) -> bool:
        with installation.application.database.transaction() as connection:
            rules = installation.application.rules
            done = advance(connection, now=read_clock(connection), rules=rules, limit=MOVED_AT_ONCE)
        return done.claimed == MOVED_AT_ONCE

    _work(Work.JOURNEYS, lane, once)
    _ring_onwards()


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.LAUNCHES)
def launches(lane: int) -> None:
    """Launch the campaigns whose hour has come."""

    def once(installation: Installation) -> bool:
        with installation.application.database.transaction() as connection:
            launch_due(connection, now=read_clock(connection), rules=installation.application.rules)
        return False

    _work(Work.LAUNCHES, lane, once)
    _ring_onwards()


def _deliver(kind: Work, lane: int) -> None:
    def once(installation: Installation) -> bool:
        carrier = installation.carriers[kind.value]
        with carrier.database.transaction() as connection:
            now = read_clock(connection)
        done = deliver(carrier, now=now, stopped=installation.is_stopping)
        if done.may_fall_back or (done.turned_away and carrier.accounts.is_spent(now=now)):
            ring(Work.FALLBACK)
        return done.claimed > 0 and not done.turned_away

    _work(kind, lane, once)


@dramatiq.actor(broker=broker, queue_name=queue_of(Work.SMS), actor_name=Work.SMS)
def sms(lane: int) -> None:
    """Deliver text messages."""
    _deliver(Work.SMS, lane)


@dramatiq.actor(broker=broker, queue_name=queue_of(Work.EMAIL), actor_name=Work.EMAIL)
def email(lane: int) -> None:
    """Deliver emails."""
    _deliver(Work.EMAIL, lane)


@dramatiq.actor(broker=broker, queue_name=queue_of(Work.WECHAT), actor_name=Work.WECHAT)
def wechat(lane: int) -> None:
    """Deliver WeChat notices."""
    _deliver(Work.WECHAT, lane)


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.RECEIPTS)
def receipts(lane: int) -> None:
    """Apply delivery reports: providers tell them one by one, and together they cost a fraction."""
    time.sleep(GATHERING)

    def once(installation: Installation) -> bool:
        with installation.application.database.transaction() as connection:
            return apply_reports(connection, now=read_clock(connection), limit=REPORTS_AT_ONCE) == REPORTS_AT_ONCE

    _work(Work.RECEIPTS, lane, once)
    ring_due(installed().application, (Work.FALLBACK,))


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.DOUBT)
def doubt(lane: int) -> None:
    """Take back what dead workers held, and ask providers about lost answers."""

    def once(installation: Installation) -> bool:
        left = False
        sweep(installation.application.database, installation.settling)
        with installation.application.database.transaction() as connection:
            now = read_clock(connection)
        for carrier in installation.carriers.values():
            asked = settle(carrier, now=now)
            left = left or asked.found + asked.waiting_again > 0
        return left

    _work(Work.DOUBT, lane, once)


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.FALLBACK)
def fallback(lane: int) -> None:
    """Let sends go on to the next channel where one refused them, is used up for today, or confirmed no arrival."""

    def once(installation: Installation) -> bool:
        with installation.application.database.transaction() as connection:
            now = read_clock(connection)
        spent = [name for name, carrier in installation.carriers.items() if carrier.accounts.is_spent(now=now)]
        with installation.application.database.transaction() as connection:
            went = fall_back(connection, now=now, spent=spent)
        if went.moved:  # Where nothing moved, ringing a channel that turned its sends away would go round in a ring.
            ring_due(installation.application, DELIVERY)
        return went.looked_at > 0

    _work(Work.FALLBACK, lane, once)


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.INBOX)
def inbox(lane: int) -> None:
    """Ask each provider for what it tells only when asked."""

    def once(installation: Installation) -> bool:
        ask_providers(installation.application)
        return False

    _work(Work.INBOX, lane, once)
    ring_due(installed().application, (Work.RECEIPTS, Work.EVENTS))


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.BALANCE)
def shares(lane: int) -> None:
    """Trust accounts in trouble with less of their channel, and those that are well again with more."""

    def once(installation: Installation) -> bool:
        for carrier in installation.carriers.values():
            carrier.accounts.balance()
        return False

    _work(Work.BALANCE, lane, once)


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.RESPONSES)
def responses(lane: int) -> None:
    """Credit events to the sends whose windows they fall in."""

    def once(installation: Installation) -> bool:
        with installation.application.database.transaction() as connection:
            credit(connection, now=read_clock(connection))
        return False

    _work(Work.RESPONSES, lane, once)


def _let_go(member_id: int) -> None:
    log.error("a member could not be reckoned", member=member_id)


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.RECKONING)
def reckoning(lane: int) -> None:
    """Work out what follows for members of whom something new was told."""

    def once(installation: Installation) -> bool:
        return reckon_next(installation.application.database, limit=TOUCHED_AT_ONCE, refused=_let_go)

    _work(Work.RECKONING, lane, once)
    ring_due(installed().application, (Work.EVENTS,))


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.UPKEEP)
def chores(lane: int) -> None:
    """See to what time alone brings about."""

    def once(installation: Installation) -> bool:
        application = installation.application
        rules = application.rules
        keep_up(application.database, zone=application.zone, february_29=rules.february_29, chores=ALL_CHORES)
        return False

    _work(Work.UPKEEP, lane, once)
    ring_due(installed().application, (Work.EVENTS, Work.RECKONING))


@dramatiq.actor(broker=broker, queue_name=ROAD, actor_name=Work.PULLS)
def pulls(lane: int) -> None:
    """Read what is new in other people's databases, one after the other; one that hangs has this thread alone."""
    _work(Work.PULLS, lane, lambda installation: pull_next(installation.application, stopped=installation.is_stopping))
    ring_due(installed().application, (Work.EVENTS, Work.RECKONING))
