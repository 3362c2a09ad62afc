"""How members react to the messages that reach them: some look, and a few more buy than would have.

What a member does about a message is drawn by a die seeded with the story, the member, the
campaign and the day it was decided: it does not depend on when a worker happened to send
it.  Members who are held back, or whom nothing reached, have their habits and no more.
"""

import heapq
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from console.demo.habits import CATEGORIES, ORDER, Deed


@dataclass(frozen=True, kw_only=True)
class Pull:
    """What one message does to the members it reaches."""

    looks: float  #: share who follow its link
    buys: float  #: share who buy because of it, who would not have
    within: timedelta = timedelta(days=6)  #: and how soon, at the latest


#: By campaign; any other pulls like the last one.
PULLS: Mapping[str, Pull] = {
    "welcome": Pull(looks=0.24, buys=0.075),
    "birthday": Pull(looks=0.26, buys=0.080),
    "we-miss-you": Pull(looks=0.14, buys=0.028),
    "last-look": Pull(looks=0.20, buys=0.060),
    "coupon-20": Pull(looks=0.16, buys=0.035),
    "new-season": Pull(looks=0.15, buys=0.035),
}
OTHERS = Pull(looks=0.12, buys=0.030)

#: A message has reached its member when its delivery was reported; of mail no delivery is ever told.
_REACHED = text("""
SELECT sends.id, sends.channel, members.key, campaigns.name, sends.decided_at, coalesce(sends.delivered_at, sends.accepted_at) AS at
FROM sends JOIN members ON members.id = sends.member_id JOIN campaigns ON campaigns.id = sends.campaign_id
WHERE (sends.state = 'delivered' AND sends.delivered_at > :since AND sends.delivered_at <= :now)
   OR (sends.state = 'accepted' AND sends.channel = 'email' AND sends.accepted_at > :since AND sends.accepted_at <= :now)
""")


@dataclass
class Reactions:
    """What members will yet do about the messages that reached them."""

    seed: int
    reached: Counter[str] = field(default_factory=Counter)  #: messages that arrived, by channel
    _coming: list[tuple[datetime, str, Deed]] = field(default_factory=list)

    def notice(self, connection: Connection, *, since: datetime, now: datetime) -> None:
        """Draw the reactions to every message that arrived after ``since`` and by ``now``."""
        for row in connection.execute(_REACHED, {"since": since, "now": now}):
            self.reached[row.channel] += 1
            for deed in self.draw(row.id, row.key, row.name, row.decided_at, row.at):
                heapq.heappush(self._coming, (deed.at, f"{deed.kind} {deed.key}", deed))

    def until(self, now: datetime) -> list[Deed]:
        """Return, and forget, what members do up to ``now``."""
        deeds = []
        while self._coming and self._coming[0][0] <= now:
            deeds.append(heapq.heappop(self._coming)[2])
        return deeds

    def draw(self, send_id: int, member: str, campaign: str, decided_at: datetime, arrived_at: datetime) -> list[Deed]:
        """Draw what a member does about one message: look at it, buy because of it, or mostly nothing."""
        pull = PULLS.get(campaign, OTHERS)
        die = random.Random(f"reaction {self.seed} {campaign} {member} {decided_at:%Y-%m-%d}")
        looks, buys = die.random() < pull.looks, die.random() < pull.buys
        pause = timedelta(minutes=2 + die.expovariate(1 / 300))
        hesitation = pull.within * die.betavariate(1.2, 3)
        amount, category = round(die.lognormvariate(4.6, 0.5), 2), die.choice(CATEGORIES)
        deeds = []
        if looks or (buys and die.random() < 0.7):
            told: dict[str, object] = {"campaign": campaign, "send": send_id}
            deeds.append(Deed(key=f"{send_id}:0", member=member, kind="message.clicked", at=arrived_at + pause, properties=told))
        if buys:
            key = f"{member}-because-{campaign}-{decided_at:%Y%m%d}"
            at = arrived_at + pause + hesitation
            deeds.append(Deed(key=key, member=member, kind=ORDER, at=at, value=amount, properties={"category": category}))
        return deeds
