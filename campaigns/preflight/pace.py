"""How long a channel's accounts take for so many messages, and whether a day's quotas suffice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.accounts import Account, Standing


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a channel's messages would leave, beside nothing else."""

    per_second: float | None  #: all accounts together; None: one of them has no limit
    left: int | None  #: places of the quotas on the day the first message goes; None: one of the accounts has no quota
    per_day: int | None  #: places of a whole day
    takes: timedelta | None  #: how long the accounts are busy at their pace; None: no pace is set
    spread: timedelta  #: from the first message's turn to the last one's, as throttle and quiet hours have it
    days: int  #: days on which messages go, by quota and zone; 0: there are no messages
    late: int  #: messages whose time would be over before an account had room for them


def pace_of(
    messages: int,
    accounts: Sequence[Account],
    standing: Mapping[str, Standing],
    *,
    now: datetime,
    first_at: datetime,
    last_at: datetime,
    lasts: timedelta,
    zone: ZoneInfo,
) -> Pace:
    """Work out how messages planned for ``first_at`` to ``last_at`` would leave, each good for ``lasts``.

    ``standing`` is that of the day of ``now``; a later day's quotas are whole.
    """
    speeds = [account.per_second for account in accounts]
    quotas = [account.per_day for account in accounts]
    per_second = None if None in speeds else sum(speed for speed in speeds if speed is not None)
    per_day = None if None in quotas else sum(quota for quota in quotas if quota is not None)
    over_at = last_at + lasts
    today, first_day, last_day = (moment.astimezone(zone).date() for moment in (now, first_at, over_at))
    used = sum(_used(account, standing) for account in accounts) if first_day == today else 0
    left = None if per_day is None else per_day - used
    room = messages
    if per_second is not None:
        room = min(room, int(per_second * (over_at - first_at).total_seconds()))
    if per_day is not None and left is not None:
        room = min(room, left + per_day * (last_day - first_day).days)
    takes = None if per_second is None else timedelta(seconds=round(messages / per_second, 3))
    return Pace(
        per_second=per_second,
        left=left,
        per_day=per_day,
        takes=takes,
        spread=last_at - first_at,
        days=_days(messages, left, per_day),
        late=messages - max(room, 0),
    )


def _used(account: Account, standing: Mapping[str, Standing]) -> int:
    return min(standing[account.name].used, account.per_day or 0)


def _days(messages: int, left: int | None, per_day: int | None) -> int:
    if messages == 0:
        return 0
    if left is None or per_day is None or messages <= left:
        return 1
    later = messages - left
    return (1 if left else 0) + -(-later // per_day)
