"""Draw the borders between clusters, put every member into one, and tell who crossed a border that stood still."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, column, func, select, table, text

from database.loyalty_tables import member_clusters
from language.problems import refuse
from members.derived_events import tell
from members.insight.cluster_words import called, marks
from members.insight.clustering import Scaling, group, learn_scaling, nearest, recognised
from members.insight.clusters import Clusters, Measured, measure_members
from members.insight.nights import Fit, definition_due, forget_problem, load_fit, noting_problems, save_fit
from members.insight.occasions import occasion
from members.insight.sending import AT_ONCE, send_lines

MOVED = "cluster.moved"

_PREPARE = text(
    """
DROP TABLE IF EXISTS fresh_clusters;
CREATE TEMPORARY TABLE fresh_clusters (member_id bigint PRIMARY KEY, cluster text NOT NULL) ON COMMIT DROP
"""
)
_COPY = "COPY fresh_clusters FROM STDIN"
_KEEP = text(
    """
WITH gone AS (
    DELETE FROM member_clusters
    WHERE NOT EXISTS (SELECT FROM fresh_clusters AS fresh WHERE fresh.member_id = member_clusters.member_id)
    RETURNING member_id
), changed AS (
    INSERT INTO member_clusters (member_id, cluster, since)
    SELECT member_id, cluster, :now
    FROM fresh_clusters AS fresh JOIN members ON members.id = fresh.member_id
    WHERE members.erased_at IS NULL AND members.merged_into IS NULL ORDER BY member_id
    ON CONFLICT (member_id) DO UPDATE SET (cluster, since) = (excluded.cluster, excluded.since)
    WHERE member_clusters.cluster <> excluded.cluster
    RETURNING member_id
), touched AS (
    INSERT INTO touched_members (member_id) SELECT member_id FROM gone UNION ALL SELECT member_id FROM changed
)
SELECT (SELECT count(*) FROM changed) + (SELECT count(*) FROM gone)
"""
)

_fresh = table("fresh_clusters", column("member_id"), column("cluster"))


@dataclass(frozen=True, kw_only=True)
class Clustered:
    """What a night's look brought."""

    members: int
    moved: int  #: told as ``cluster.moved``
    changed: int  #: whose cluster is new or another, for whatever reason
    refitted: bool


def cluster_when_due(connection: Connection, *, since: datetime | None, now: datetime, zone: tzinfo) -> None:
    """Look at everybody where the hour has struck since then; where nothing can be learnt, say why and keep all."""
    definition = definition_due(connection, Clusters, since=since, now=now, zone=zone)
    if definition is not None:
        with noting_problems(connection, definition, now=now):
            cluster_members(connection, definition, now=now, zone=zone)


def cluster_members(
    connection: Connection, definition: Clusters, *, now: datetime, zone: tzinfo, refit: bool = False
) -> Clustered:
    """Put everybody into the nearest cluster, telling who moved; then draw the borders anew where it is time.

    A move is told by borders that stood still.  Those drawn anew move members who did nothing, and tell nobody.

    Raises:
        InputRefused: the facts do not tell enough; what was known stays.
    """
    fit = load_fit(connection, Clusters.kind)
    standing = fit if fit is not None and fit.parameters.get("learnt_by") == _learnt_by(definition) else None
    measured = measure_members(connection, definition, _current(connection), now=now)
    moved = changed = 0
    if standing is not None:
        places = _placed(standing, measured)
        _send(connection, measured, places)
        moved = tell(connection, _movements(now, zone), now=now)
        changed = connection.execute(_KEEP, {"now": now}).scalar_one()
        measured = Measured(member_ids=measured.member_ids, values=measured.values, cluster=places)
        if not refit and now < standing.fitted_at + definition.refit:
            forget_problem(connection, Clusters.kind)
            return Clustered(members=len(places), moved=moved, changed=changed, refitted=False)
    changed += _refit(connection, definition, fit, measured, now=now)
    return Clustered(members=len(measured.member_ids), moved=moved, changed=changed, refitted=True)


def _refit(connection: Connection, definition: Clusters, fit: Fit | None, measured: Measured, *, now: datetime) -> int:
    """Draw the borders anew, recognise the clusters there were, and return for how many members theirs is another."""
    scaling = learn_scaling(measured.values, [measure.scale == "log" for measure in definition.facts])
    points = scaling.apply(measured.values)
    found = group(points, definition.numbers, seed=definition.seed)
    labels = nearest(points, found.centres)
    same = recognised(labels, len(found.centres), measured.cluster)
    next_number = fit.parameters.get("next", 1) if fit else 1
    ids: list[str] = []
    for index in range(len(found.centres)):
        if index not in same:
            same[index], next_number = f"c{next_number}", next_number + 1
        ids.append(same[index])
    latest = load_fit(connection, Clusters.kind, for_update=True)  # Somebody may have given names meanwhile.
    known = {each["id"]: each for each in (latest.parameters.get("clusters", ()) if latest else ())}
    described = [_described(definition, measured, labels == place, found.centres[place], known.get(one), one) for place, one in enumerate(ids)]
    learnt = {
        "learnt_by": _learnt_by(definition), "scaling": asdict(scaling), "next": next_number, "clusters": described,
        "silhouettes": {str(number): value for number, value in found.silhouettes.items()}, "members": len(labels),
    }  # fmt: skip
    save_fit(connection, Clusters.kind, definition.name, learnt, now=now)
    _send(connection, measured, [ids[label] for label in labels])
    return int(connection.execute(_KEEP, {"now": now}).scalar_one())


def _described(
    definition: Clusters, measured: Measured, inside: NDArray[np.bool_], centre: NDArray[np.float64],
    known: dict[str, Any] | None, name: str,
) -> dict[str, Any]:  # fmt: skip
    found = marks([measure.fact for measure in definition.facts], centre, measured.values[inside], measured.values)
    return {
        "id": name, "centre": centre.tolist(), "marks": [asdict(mark) for mark in found],
        "name": known["name"] if known else None, "called": known["called"] if known else called(found),
    }  # fmt: skip


def _learnt_by(definition: Clusters) -> dict[str, Any]:
    """Return what of a definition the borders depend on."""
    return definition.model_dump(mode="json", by_alias=True, include={"facts", "k", "seed"})


def _placed(fit: Fit, measured: Measured) -> list[str]:
    scaling = Scaling(**fit.parameters["scaling"])
    clusters = fit.parameters["clusters"]
    labels = nearest(scaling.apply(measured.values), np.array([each["centre"] for each in clusters]))
    return [clusters[label]["id"] for label in labels]


def _current(connection: Connection) -> Sequence[tuple[int, str]]:
    return [(row[0], row[1]) for row in connection.execute(select(member_clusters.c.member_id, member_clusters.c.cluster))]


def _send(connection: Connection, measured: Measured, clusters: Sequence[str]) -> None:
    connection.execute(_PREPARE)
    send_lines(connection, _COPY, _in_lines(measured.member_ids.tolist(), clusters))
    connection.execute(text("ANALYZE fresh_clusters"))


def _in_lines(ids: Sequence[int], clusters: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(ids), AT_ONCE):
        rows = zip(ids[start : start + AT_ONCE], clusters[start : start + AT_ONCE], strict=True)
        yield "".join(f"{member}\t{cluster}\n" for member, cluster in rows)


def _movements(now: datetime, zone: tzinfo) -> Select[Any]:
    """Return who was in one cluster and is in another, one occasion a local day."""
    ways = func.jsonb_build_object("from", member_clusters.c.cluster, "to", _fresh.c.cluster)
    return (
        occasion(MOVED, member_clusters.c.member_id, ways, now=now, zone=zone)
        .join(_fresh, _fresh.c.member_id == member_clusters.c.member_id)
        .where(_fresh.c.cluster != member_clusters.c.cluster)
    )


def name_cluster(connection: Connection, cluster: str, name: str) -> None:
    """Give a cluster the name people know it by; it keeps it for as long as it is recognised.

    Raises:
        InputRefused: there is no such cluster, or the name is none.
    """
    fit = load_fit(connection, Clusters.kind, for_update=True)
    clusters = fit.parameters.get("clusters", []) if fit else []
    if not 0 < len(name.strip()) <= 100:
        raise refuse("a name has 1 to 100 characters")
    if fit is None or cluster not in [each["id"] for each in clusters]:
        listed = ", ".join(each["id"] for each in clusters) or "—"
        raise refuse("there is no cluster {cluster}; expected one of {known}", cluster=cluster, known=listed)
    renamed = [each | ({"name": name.strip()} if each["id"] == cluster else {}) for each in clusters]
    save_fit(connection, Clusters.kind, fit.name, {**fit.parameters, "clusters": renamed}, now=fit.fitted_at)
