"""What is learnt at night with libraries that are too heavy for workers; done by a process of its own.

The order matters: clusters may compare members by what was predicted of them.
"""

from datetime import timedelta

from members.insight.cluster_keeping import cluster_when_due
from members.insight.predicting import predict_when_due
from members.insight.together import count_when_due
from members.upkeep import Chore

#: How often it is looked whether a definition's hour has struck.
EVERY = timedelta(minutes=5)


#: Their names are those of the kinds of definitions (``members.insight.nights.LEARNT``).
NIGHTLY: tuple[Chore, ...] = (
    Chore("predictions", EVERY, lambda at, turn: predict_when_due(at, since=turn.since, now=turn.now, zone=turn.zone)),
    Chore("together", EVERY, lambda at, turn: count_when_due(at, since=turn.since, now=turn.now, zone=turn.zone)),
    Chore("clusters", EVERY, lambda at, turn: cluster_when_due(at, since=turn.since, now=turn.now, zone=turn.zone)),
)
