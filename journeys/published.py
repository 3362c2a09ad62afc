"""Journeys as they stand in the database, each version with its steps ready to walk."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, bindparam, select

from database.tables import journeys
from journeys.journey import Journey, Step, following, walk_steps

#: States in which people who are inside still move on.
MOVING = ("active", "draining")


@dataclass(frozen=True, kw_only=True)
class Published:
    """One version of a journey."""

    id: int
    name: str
    version: int
    state: str
    experiment_id: int | None  #: None: nobody is held back
    published_at: datetime
    journey: Journey
    steps: Mapping[str, Step]  #: by path
    following: Mapping[str, str]  #: path to the path after it; empty: the journey is over


@lru_cache(maxsize=512)
def _read(definition: str) -> tuple[Journey, Mapping[str, Step], Mapping[str, str]]:
    journey = Journey.model_validate_json(definition)
    return journey, dict(walk_steps(journey.steps)), following(journey)


_IN_STATES = (
    select(journeys)
    .where(journeys.c.state.in_(bindparam("states", expanding=True)))
    .order_by(journeys.c.name, journeys.c.version)
)


def load_published(connection: Connection, states: Collection[str]) -> list[Published]:
    """Return every version that is in one of ``states``, by name and version."""
    rows = connection.execute(_IN_STATES, {"states": list(states)})
    found = []
    for row in rows:
        journey, steps, after = _read(json.dumps(row.definition, sort_keys=True))
        found.append(
            Published(
                id=row.id,
                name=row.name,
                version=row.version,
                state=row.state,
                experiment_id=row.experiment_id,
                published_at=row.published_at,
                journey=journey,
                steps=steps,
                following=after,
            )
        )
    return found


def lock_published(connection: Connection, ids: Collection[int]) -> list[Published]:
    """Hold these versions until the transaction ends and return them as they are now, ordered by name.

    Entries of one journey are thereby decided one batch at a time, so that two batches
    cannot both let the same member in.  Every caller locks by name first and enrolments
    afterwards, which keeps them from waiting for each other in a ring.  The lock does not
    hinder rows that refer to a version.
    """
    connection.execute(
        select(journeys.c.id)
        .where(journeys.c.id.in_(ids))
        .order_by(journeys.c.name, journeys.c.version)
        .with_for_update(key_share=True)
    ).all()
    return [
        version for version in load_published(connection, ("active", "paused", "draining")) if version.id in set(ids)
    ]
