"""What is learnt at night with libraries that are too heavy for workers; done by a process of its own.

The order matters: clusters may compare members by what was predicted of them.
"""

from datetime import timedelta

from sqlalchemy import Connection

from members.insight.cluster_keeping import cluster_when_due
from members.insight.predicting import predict_when_due
from members.insight.together import count_when_due
from members.upkeep import Chore, Turn

#: How often it is looked whether a definition's hour has struck.
EVERY = timedelta(minutes=5)


def _predict(connection: Connection, turn: Turn) -> None:
    predict_when_due(connection, since=turn.since, now=turn.now, zone=turn.zone)


def _count_pairs(connection: Connection, turn: Turn) -> None:
    count_when_due(connection, since=turn.since, now=turn.now, zone=turn.zone)


def _cluster(connection: Connection, turn: Turn) -> None:
    cluster_when_due(connection, since=turn.since, now=turn.now, zone=turn.zone)


NIGHTLY: tuple[Chore, ...] = (
    Chore(name="predictions", every=EVERY, do=_predict),
    Chore(name="together", every=EVERY, do=_count_pairs),
    Chore(name="clusters", every=EVERY, do=_cluster),
)
