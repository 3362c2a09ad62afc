"""Choose which account carries the next window of messages, and learn from what came of it."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import structlog

from campaigns.accounts.account import Account
from campaigns.accounts.balancing import balance
from campaigns.accounts.standing import (
    PATIENCE,
    Standing,
    begin_trial,
    close_breaker,
    give_back,
    open_breaker,
    read_standing,
    reserve,
)
from channels.message import Blame, Channel, Outcome, OutcomeKind
from database.engine import Database, read_clock

log = structlog.get_logger("accounts")

#: Troubles in a row, seen by one worker process, after which an account is left alone.
TROUBLES = 5
#: Seconds for which a worker believes what it read about the accounts.
BELIEVED_FOR = 1.0
#: Seconds of an account's pace that one claim of sends may fill.
CLAIMED_AHEAD = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """Leave to hand messages over."""

    account: Account
    count: int  #: how many messages
    seconds: float = 0.0  #: how long to wait first, so that the account's pace is kept
    day: date  #: whose quota they count in
    is_trial: bool = False  #: whether what comes of it decides if the account is well again


@dataclass(kw_only=True)
class _Seen:
    """What this process knows of one account."""

    troubles: int = 0  #: in a row
    turn: float = 0.0  #: messages it was given for each point of its weight: who has had least is next


@dataclass(kw_only=True)
class Accounts:
    """A channel's accounts, as one worker process sees them.  Safe to use from several threads."""

    database: Database
    accounts: Sequence[Account]  #: at least one, all of one channel, each name once
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))  #: where the quota's day begins at midnight
    _seen: dict[str, _Seen] = field(default_factory=dict, repr=False)
    _standing: dict[str, Standing] = field(default_factory=dict, repr=False)
    _read_at: tuple[float, date] | None = field(default=None, repr=False)
    _turn: float = 0.0  #: the turn at which the last one was chosen; nobody saves up turns from before
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def channel(self) -> Channel:
        """The channel they all carry."""
        return self.accounts[0].provider.channel

    @property
    def _names(self) -> list[str]:
        return [account.name for account in self.accounts]

    def room(self, *, now: datetime, limit: int) -> int:
        """Return how many sends are worth claiming now, ``limit`` at most; 0: no account may be handed anything."""
        day = self._day(now)
        with self._lock:
            standing = self._believed(day)
            rooms = (_room(account, standing[account.name], limit) for account in self.accounts)
            return min(limit, sum(rooms))

    def is_spent(self, *, now: datetime) -> bool:
        """Say whether every account has carried as many messages as it may today."""
        quotas = {account.name: account.per_day for account in self.accounts if account.per_day is not None}
        if len(quotas) < len(self.accounts):
            return False
        day = self._day(now)
        with self._lock:
            standing = self._believed(day)
            return all(standing[name].used >= per_day for name, per_day in quotas.items())

    def admit(self, *, wanted: int, now: datetime) -> Admission | None:
        """Choose an account for up to ``wanted`` messages and take their places; None: nobody may carry now.

        An account whose breaker has been open long enough is tried with one message before all others.  Else they take
        turns by weight and by the share of it they are trusted with; those that stand by are asked last.
        """
        day = self._day(now)
        with self._lock:
            standing = self._believed(day)
            order = self._order(standing)
        for account in order:
            admission = self._admitted(account, standing[account.name], wanted, day)
            if admission is not None:
                with self._lock:
                    self._charge(account, admission.count, standing[account.name].share)
                return admission
        self._read_at = None  # What was believed of them did not hold.
        return None

    def learn(self, admission: Admission, outcomes: Sequence[Outcome]) -> None:
        """Draw conclusions from a window's outcomes: places not used are given back, trouble opens the breaker."""
        account, missing = admission.account, admission.count - len(outcomes)
        if account.per_day is not None and missing:
            with self.database.transaction() as connection:
                give_back(connection, account.name, count=missing, day=admission.day)
        if not outcomes:
            return
        with self._lock:
            seen, standing = self._of(account), self._standing[account.name]
            well = not all(map(is_trouble, outcomes))
            seen.troubles = 0 if well else seen.troubles + len(outcomes)
            in_trouble = seen.troubles >= TROUBLES and not standing.is_open
        if admission.is_trial and well:
            self._write(lambda connection: close_breaker(connection, account.name))
            log.info("an account is well again", account=account.name)
        elif admission.is_trial or in_trouble:
            seconds = max((outcome.retry_after or 0.0 for outcome in outcomes), default=0.0)
            self._write(lambda connection: open_breaker(connection, account.name, seconds=seconds))
            code = next((outcome.code for outcome in outcomes if outcome.code), None)
            log.warning("an account is left alone for a while", account=account.name, code=code)

    def balance(self) -> None:
        """Move the shares of the channel's accounts by a step where the last minute calls for it."""
        if len(self.accounts) < 2:
            return
        with self.database.transaction() as connection:
            day = self._day(read_clock(connection))
            moved = balance(connection, read_standing(connection, self._names, day=day))
        for each in moved:
            log.info("an account is trusted with another share", account=each.name, share=each.share)

    def _admitted(self, account: Account, standing: Standing, wanted: int, day: date) -> Admission | None:
        count, is_trial = min(wanted, account.provider.window), standing.trips > 0
        if is_trial:
            with self.database.transaction() as connection:
                if not begin_trial(connection, account.name):
                    return None
            count = 1
        if not account.has_limits:
            return Admission(account=account, count=count, day=day, is_trial=is_trial)
        if account.per_second is not None:
            count = min(count, max(1, int(account.per_second * PATIENCE)))
        with self.database.transaction() as connection:
            count, seconds = reserve(
                connection, account.name, wanted=count, per_second=account.per_second, per_day=account.per_day, day=day
            )
        if not count:
            return None
        return Admission(account=account, count=count, seconds=seconds, day=day, is_trial=is_trial)

    def _order(self, standing: dict[str, Standing]) -> list[Account]:
        """List the accounts that may be asked, the one whose turn it is first."""
        usable = [account for account in self.accounts if not standing[account.name].is_open]
        trials = [account for account in usable if standing[account.name].trips]
        sound = [account for account in usable if not standing[account.name].trips]
        turns = [account for account in sound if account.weight * standing[account.name].share]
        turns.sort(key=lambda account: max(self._of(account).turn, self._turn))
        return [*trials, *turns, *(account for account in sound if account not in turns)]

    def _charge(self, account: Account, count: int, share: int) -> None:
        seen = self._of(account)
        self._turn = max(seen.turn, self._turn) if account.weight * share else self._turn
        seen.turn = max(seen.turn, self._turn) + count / (account.weight * share or math.inf)

    def _of(self, account: Account) -> _Seen:
        return self._seen.setdefault(account.name, _Seen())

    def _believed(self, day: date) -> dict[str, Standing]:
        if self._read_at is None or self._read_at[1] != day or time.monotonic() - self._read_at[0] >= BELIEVED_FOR:
            with self.database.transaction() as connection:
                self._standing = read_standing(connection, self._names, day=day)
            self._read_at = (time.monotonic(), day)
        return self._standing

    def _write(self, change: Callable[..., None]) -> None:
        """Change the standing in the database, and read it again before it is next believed."""
        with self.database.transaction() as connection:
            change(connection)
        self._read_at = None

    def _day(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()


def is_trouble(outcome: Outcome) -> bool:
    """Say whether an outcome speaks against the account, and not against a message or its address."""
    return outcome.kind in (OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN) and outcome.blame is not Blame.ADDRESS


def _room(account: Account, standing: Standing, limit: int) -> int:
    if standing.is_open or standing.queue > PATIENCE:
        return 0
    if standing.trips:
        return 1
    room = limit if account.per_second is None else max(1, int(account.per_second * CLAIMED_AHEAD))
    return room if account.per_day is None else min(room, max(account.per_day - standing.used, 0))

